import psycopg2
from odoo import api, fields, models


class IntegrationRefusedPayload(models.Model):
    """The body of a refused message as it was sent, as encrypted bytes that nobody reads through the ORM."""

    _name = "integration.refused.payload"
    _description = "Payload of a refused message"
    _log_access = False

    refused_id = fields.Many2one("integration.refused.message", required=True, readonly=True, ondelete="cascade")
    data_key_id = fields.Many2one("integration.data.key", required=True, readonly=True, ondelete="restrict")
    algorithm = fields.Char(required=True, readonly=True)
    sealed = fields.Binary(attachment=False, required=True, readonly=True, groups=fields.NO_ACCESS)

    _refused_uniq = models.UniqueIndex("(refused_id)", "A refused message has one payload.")

    @api.model
    def _store(self, message, raw):
        """Seal ``raw`` (bytes) as the body of ``message``.

        :raises KeyringError: without a usable master key
        """
        data_key_id, sealed = self.env["integration.keyring"]._seal(raw, aad=self._aad(message))
        self.env.cr.execute(
            """
            INSERT INTO integration_refused_payload (refused_id, data_key_id, algorithm, sealed)
            VALUES (%s, %s, 'AES-256-GCM', %s) ON CONFLICT DO NOTHING
            """,
            (message.id, data_key_id, psycopg2.Binary(sealed)),
        )

    @api.model
    def _load(self, message):
        """Return the body of ``message`` as it was sent, or None when it is no longer kept.

        :raises KeyringError: without a usable master key, or when the bytes were tampered with
        """
        self.env.cr.execute(
            "SELECT data_key_id, sealed FROM integration_refused_payload WHERE refused_id = %s", (message.id,)
        )
        row = self.env.cr.fetchone()
        if not row:
            return None
        return self.env["integration.keyring"]._open(row[0], bytes(row[1]), aad=self._aad(message))

    @api.model
    def _is_kept(self, message):
        """Tell whether the body of ``message`` is still kept."""
        self.env.cr.execute("SELECT FROM integration_refused_payload WHERE refused_id = %s", (message.id,))
        return bool(self.env.cr.rowcount)

    @staticmethod
    def _aad(message):
        return f"integration.refused.payload:{message.id}"
