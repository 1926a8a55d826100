import psycopg2
from odoo import api, fields, models

from ..fields import UncheckedMany2one, go_with


class IntegrationPayload(models.Model):
    """The body of an event as encrypted bytes, in a table of its own that nobody reads through the ORM.

    The row may go by clock or erasure; the digest and the size stay with the event.
    """

    _name = "integration.payload"
    _description = "Payload"
    _log_access = False

    event_id = UncheckedMany2one("integration.event", required=True, readonly=True, ondelete="cascade")
    data_key_id = UncheckedMany2one("integration.data.key", required=True, readonly=True)
    algorithm = fields.Char(required=True, readonly=True)
    sealed = fields.Binary(attachment=False, required=True, readonly=True, groups=fields.NO_ACCESS)

    _event_uniq = models.UniqueIndex("(event_id)", "An event has one payload.")

    def init(self):
        go_with(self.env.cr, self._table, "event_id", "integration_event")

    @api.model
    def _store(self, event, body):
        """Seal ``body`` (bytes) as the payload of ``event``; replaces what this transaction stored before."""
        data_key_id, sealed = self.env["integration.keyring"]._seal(body, aad=f"integration.payload:{event.uuid}")
        self.env.cr.execute(
            """
            INSERT INTO integration_payload (event_id, data_key_id, algorithm, sealed)
            VALUES (%s, %s, 'AES-256-GCM', %s)
            ON CONFLICT (event_id) DO UPDATE SET data_key_id = EXCLUDED.data_key_id, sealed = EXCLUDED.sealed
            """,
            (event.id, data_key_id, psycopg2.Binary(sealed)),
        )

    @api.model
    def _load(self, events):
        """Return {event id: body} of those events whose payload is still kept.

        :raises KeyringError: without a usable master key, or when bytes were tampered with
        """
        if not events:
            return {}
        self.env.cr.execute(
            """
            SELECT p.event_id, e.uuid, p.data_key_id, p.sealed
              FROM integration_payload p JOIN integration_event e ON e.id = p.event_id WHERE p.event_id IN %s
            """,
            (tuple(events.ids),),
        )
        rows = self.env.cr.fetchall()
        sealed = [(data_key_id, content, f"integration.payload:{uuid}") for _id, uuid, data_key_id, content in rows]
        bodies = self.env["integration.keyring"]._open_all(sealed)
        return {row[0]: body for row, body in zip(rows, bodies, strict=True)}
