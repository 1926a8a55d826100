import base64
import uuid

from odoo import api, fields, models, tools

from ..domain import keyring
from ..fields import refuse_if_used


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
        keys = self.sudo()
        try:
            record_id, name, *wrapped = keys._kept_active()
        except LookupError:
            record = keys.search([("state", "=", "active")], limit=1) or keys._make()
            return record, record._unwrap()
        return keys.browse(record_id), keys._unwrapped(name, *wrapped)

    @api.model
    @tools.ormcache()
    def _kept_active(self):
        """Return (id, name, algorithm, master key, wrapped) of the active key, without asking the database again.

        A key that this transaction made may yet be rolled back: it is not kept (now() is the transaction's beginning).

        :raises LookupError: while no key of an earlier transaction is active
        """
        self.env.cr.execute(
            """
            SELECT id, name, algorithm, master_key, wrapped FROM integration_data_key
             WHERE state = 'active' AND create_date < now() AT TIME ZONE 'UTC'
            """
        )
        row = self.env.cr.fetchone()
        if row is None:
            raise LookupError
        return row

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _refuse_if_used(self):
        """A key that was used stays, retired: what it sealed could never be read again."""
        refuse_if_used(self, [("integration_payload", "data_key_id")])

    @api.model
    def _first(self):
        # sudo: as in _active
        return self.sudo().search([], order="id", limit=1) or self.sudo()._make()

    @api.model
    def _make(self):
        # This and what forgets a master key wait for each other: no key is wrapped by one that is gone.
        self.env.cr.execute("LOCK TABLE integration_data_key IN ROW EXCLUSIVE MODE")
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
        return self._unwrapped(*self._kept(self.id))

    @api.model
    @tools.ormcache("key_id")
    def _kept(self, key_id):
        """Return (name, algorithm, master key, wrapped) of a key, which only a rotation of the master key changes."""
        # sudo: as in _active
        row = self.sudo().browse(key_id)
        return row.name, row.algorithm, row.master_key, row.wrapped

    @api.model
    def _unwrapped(self, name, algorithm, master_key, wrapped):
        ring = self.env["integration.keyring"]._get()
        try:
            return ring.unwrap_data_key(name, keyring.Sealed(algorithm, master_key, base64.b64decode(wrapped)))
        except keyring.KeyringError as error:
            if error.problem is not keyring.Problem.UNKNOWN_KEY:
                raise
        # Another process has wrapped it anew and forgotten the old master key; what is known by heart is outdated.
        self.env.cr.execute("SELECT algorithm, master_key, wrapped FROM integration_data_key WHERE name = %s", (name,))
        algorithm, master_key, wrapped = self.env.cr.fetchone()
        return ring.unwrap_data_key(name, keyring.Sealed(algorithm, master_key, base64.b64decode(wrapped)))

    # -- rotation of the master key -----------------------------------------------------------------------------------

    @api.model
    def _rewrap(self, limit):
        """Wrap up to ``limit`` data keys anew, those that another than the active master key wraps; return how many.

        What they sealed stays as it is. The caller commits.

        :raises KeyringError: when a data key cannot be opened; none of them is changed then
        """
        ring = self.env["integration.keyring"]._get()
        # sudo: as in _active
        self.env.cr.execute(
            "SELECT id, name, algorithm, master_key, wrapped FROM integration_data_key WHERE master_key <> %s"
            " ORDER BY id LIMIT %s FOR UPDATE",
            (ring.active_key_id, limit),
        )
        rows = self.env.cr.fetchall()
        for key_id, name, algorithm, master_key, wrapped in rows:
            opened = ring.unwrap_data_key(name, keyring.Sealed(algorithm, master_key, base64.b64decode(wrapped)))
            anew = ring.rewrap(opened).wrapped
            self.sudo().browse(key_id).write(
                {
                    "master_key": anew.key_id,
                    "algorithm": anew.algorithm,
                    "wrapped": base64.b64encode(anew.data).decode(),
                }
            )
        self.flush_model()
        return len(rows)

    @api.model
    def _count_by_master_key(self):
        """Return {master key id: how many data keys it wraps}."""
        self.env.cr.execute("SELECT master_key, count(*) FROM integration_data_key GROUP BY master_key")
        return dict(self.env.cr.fetchall())

    @api.model
    def _hold_back_new(self):
        """Let nobody make a data key until this transaction ends; what is being made is finished first."""
        self.env.cr.execute("LOCK TABLE integration_data_key IN SHARE ROW EXCLUSIVE MODE")
