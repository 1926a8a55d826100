import json

from odoo import api, fields, models

from .. import later
from ..domain import uses


class _Uses(uses.KeyUses):
    """The uses of keys of one database that this process has to store."""

    def store(self, cr, batch):
        """Store {key id: last use}; where another process has just stored one, nothing is written."""
        cr.execute(
            """
            INSERT INTO integration_credential_use AS u (credential_id, last_used_at)
            SELECT c.id, used.at
              FROM jsonb_to_recordset(%s::jsonb) AS used (name text, at timestamp)
              JOIN integration_credential c ON c.name = used.name
             ORDER BY c.id  -- everybody locks in one order
            ON CONFLICT (credential_id) DO UPDATE SET last_used_at = EXCLUDED.last_used_at
             WHERE EXCLUDED.last_used_at >= u.last_used_at + make_interval(secs => %s)
            """,
            (
                json.dumps([{"name": name, "at": at.isoformat()} for name, at in batch.items()]),
                uses.EVERY.total_seconds(),
            ),
        )


def note_use(dbname, key_id, at):
    """Note that the key called ``key_id`` verified a message at ``at`` (naive UTC); it is stored a moment later."""
    if later.writer.notes(dbname, _Uses).note(key_id, at):
        later.writer.store_soon(dbname, _Uses)


class IntegrationCredentialUse(models.Model):
    """When a key last verified a message.

    Not a column of the key: a person who edits the key must never meet the one who notes its use, and the use changes
    nothing of what the gate believes.
    """

    _name = "integration.credential.use"
    _description = "Use of a credential"
    _log_access = False
    _rec_name = "credential_id"

    credential_id = fields.Many2one(
        "integration.credential", required=True, readonly=True, index=True, ondelete="cascade"
    )
    last_used_at = fields.Datetime(required=True, readonly=True)

    _credential_uniq = models.UniqueIndex("(credential_id)", "A key has one last use.")

    @api.model
    def _note(self, key_id, at):
        """Do what :func:`note_use` does, so that a test sees it at once."""
        cr = self.env.cr
        if later.writer.notes(cr.dbname, _Uses).note(key_id, at):
            later.writer.store(cr, _Uses)


class IntegrationCredential(models.Model):
    _inherit = "integration.credential"

    use_ids = fields.One2many("integration.credential.use", "credential_id", readonly=True)
    last_used_at = fields.Datetime(
        "Last used",
        compute="_compute_last_used_at",
        search="_search_last_used_at",
        help="When it last verified a message; to the minute.",
    )

    @api.depends("use_ids.last_used_at")
    def _compute_last_used_at(self):
        # sudo: who may see the key may see when it was used
        found = self.env["integration.credential.use"].sudo().search_fetch([("credential_id", "in", self.ids)])
        used = {use.credential_id.id: use.last_used_at for use in found}
        for key in self:
            key.last_used_at = used.get(key._origin.id, False)

    def _search_last_used_at(self, operator, value):
        if operator == "in" and not any(value):
            return [("use_ids", "=", False)]
        if operator == "not in" and not any(value):
            return [("use_ids", "!=", False)]
        return [("use_ids.last_used_at", operator, value)]
