import base64
import uuid

from odoo import api, fields, models

from ..domain import keyring


class IntegrationDataKey(models.Model):
    """A key that payloads and secrets are encrypted with, itself wrapped by the master key."""

    _name = "integration.data.key"
    _description = "Data key"
    _order = "id"

    name = fields.Char(required=True, readonly=True)
    master_key = fields.Char(required=True, readonly=True, help="Which master key wraps it.")
    algorithm = fields.Char(required=True, readonly=True)
    wrapped = fields.Char(required=True, readonly=True, groups=fields.NO_ACCESS)
    state = fields.Selection([("active", "Active"), ("retired", "Retired")], default="active", required=True)

    _name_uniq = models.UniqueIndex("(name)", "A data key has a name of its own.")
    _one_active = models.UniqueIndex("(state) WHERE state = 'active'", "Only one data key is active.")

    def init(self):
        self.env["integration.configuration"]._follow(self._table)

    @api.model
    def _active(self):
        """Return (record, DataKey) to seal with; the first call makes it.

        :raises KeyringError: without a usable master key
        """
        # sudo: keys are nobody's to read; only the keyring uses them
        record = self.sudo().search([("state", "=", "active")], limit=1)
        if not record:
            record = self.sudo()._make()
        return record, record._unwrap()

    @api.model
    def _first(self):
        # sudo: as in _active
        return self.sudo().search([], order="id", limit=1) or self.sudo()._make()

    @api.model
    def _make(self):
        name = uuid.uuid4().hex
        wrapped = self.env["integration.keyring"]._get().new_data_key(name).wrapped
        # ON CONFLICT: of two first requests at once, one makes the key and the other uses it
        self.env.cr.execute(
            """
            INSERT INTO integration_data_key (name, master_key, algorithm, wrapped, state, create_date, write_date)
            VALUES (%s, %s, %s, %s, 'active', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
            ON CONFLICT (state) WHERE state = 'active' DO NOTHING
            """,
            (name, wrapped.key_id, wrapped.algorithm, base64.b64encode(wrapped.data).decode()),
        )
        return self.search([("state", "=", "active")], limit=1)

    def _unwrap(self):
        """Return the usable :class:`keyring.DataKey`.

        :raises KeyringError: when the master key does not open it
        """
        self.ensure_one()
        # sudo: as in _active
        row = self.sudo()
        sealed = keyring.Sealed(row.algorithm, row.master_key, base64.b64decode(row.wrapped))
        return self.env["integration.keyring"]._get().unwrap_data_key(row.name, sealed)
