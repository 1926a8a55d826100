from dataclasses import dataclass

from odoo import api, fields, models


@dataclass(frozen=True)
class Seen:
    """An accepted message: the digest (hex) of its body and the event it became."""

    digest: str
    event_uuid: str


class IntegrationEventKey(models.Model):
    """What makes a message the same message. Keys outlive their events, so that a very late copy is still a copy."""

    _name = "integration.event.key"
    _description = "Message identity"
    _log_access = False

    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict")
    webhook_id = fields.Char(required=True, readonly=True)
    source = fields.Char(required=True, readonly=True)
    source_event_id = fields.Char(required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True)
    event_uuid = fields.Char(required=True, readonly=True)
    seen_at = fields.Datetime(required=True, readonly=True)

    _webhook_uniq = models.UniqueIndex("(system_id, webhook_id)", "This message id was accepted before.")
    _source_uniq = models.UniqueIndex("(system_id, source, source_event_id)", "This event was accepted before.")

    @api.model
    def _seen_webhook(self, system, webhook_id):
        """Return :class:`Seen` for a message id that was accepted, else None."""
        self.env.cr.execute(
            "SELECT digest, event_uuid FROM integration_event_key WHERE system_id = %s AND webhook_id = %s",
            (system.id, webhook_id),
        )
        row = self.env.cr.fetchone()
        return Seen(*row) if row else None

    @api.model
    def _seen_source(self, system, source, source_event_id):
        """Return :class:`Seen` for a CloudEvents ``source`` and ``id`` that were accepted, else None."""
        self.env.cr.execute(
            """
            SELECT digest, event_uuid FROM integration_event_key
             WHERE system_id = %s AND source = %s AND source_event_id = %s
            """,
            (system.id, source, source_event_id),
        )
        row = self.env.cr.fetchone()
        return Seen(*row) if row else None

    @api.model
    def _take(self, system, *, webhook_id, source, source_event_id, digest, event_uuid):
        """Claim an identity for a new event; return :class:`Seen` when somebody had it before, else None.

        The unique indexes decide, never a search before the insert.
        """
        self.env.cr.execute(
            """
            INSERT INTO integration_event_key
                (system_id, webhook_id, source, source_event_id, digest, event_uuid, seen_at)
            VALUES (%s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING
            """,
            (system.id, webhook_id, source, source_event_id, digest, event_uuid),
        )
        if self.env.cr.rowcount:
            return None
        return self._seen_webhook(system, webhook_id) or self._seen_source(system, source, source_event_id)
