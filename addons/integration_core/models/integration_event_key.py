from dataclasses import dataclass

from odoo import api, fields, models
from odoo.tools import SQL

from ..fields import UncheckedMany2one


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

    system_id = UncheckedMany2one("integration.system", required=True, readonly=True)
    webhook_id = fields.Char(required=True, readonly=True)
    source = fields.Char(required=True, readonly=True)
    source_event_id = fields.Char(required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True)
    event_uuid = fields.Char(required=True, readonly=True)
    seen_at = fields.Datetime(required=True, readonly=True)

    _webhook_uniq = models.UniqueIndex("(system_id, webhook_id)", "This message id was accepted before.")
    _source_uniq = models.UniqueIndex("(system_id, source, source_event_id)", "This event was accepted before.")

    @api.model
    def _seen_webhook(self, system_id, webhook_id):
        """Return :class:`Seen` for a message id that was accepted, else None."""
        self.env.cr.execute(
            "SELECT digest, event_uuid FROM integration_event_key WHERE system_id = %s AND webhook_id = %s",
            (system_id, webhook_id),
        )
        row = self.env.cr.fetchone()
        return Seen(*row) if row else None

    @api.model
    def _seen_source(self, system_id, source, source_event_id):
        """Return :class:`Seen` for a CloudEvents ``source`` and ``id`` that were accepted, else None."""
        self.env.cr.execute(
            """
            SELECT digest, event_uuid FROM integration_event_key
             WHERE system_id = %s AND source = %s AND source_event_id = %s
            """,
            (system_id, source, source_event_id),
        )
        row = self.env.cr.fetchone()
        return Seen(*row) if row else None

    @api.model
    def _seen(self, system_id, webhook_id, source, source_event_id):
        """Return :class:`Seen` of what was accepted under a message id, else under an event's source and id."""
        self.env.cr.execute(
            """
            SELECT digest, event_uuid FROM integration_event_key
             WHERE system_id = %(system)s
               AND (webhook_id = %(webhook_id)s OR (source = %(source)s AND source_event_id = %(id)s))
             ORDER BY webhook_id = %(webhook_id)s DESC LIMIT 1
            """,
            {"system": system_id, "webhook_id": webhook_id, "source": source, "id": source_event_id},
        )
        row = self.env.cr.fetchone()
        return Seen(*row) if row else None

    @api.model
    def _take_sql(self, values, stamp):
        """SQL that claims an identity for a new event and returns a row, or none when somebody had it before.

        :param values: SQL of the columns of the event's row, by name
        :param stamp: SQL of the configuration that must hold, else nothing is claimed; NULL for any
        """
        return SQL(
            """
            INSERT INTO integration_event_key
                (system_id, webhook_id, source, source_event_id, digest, event_uuid, seen_at)
            SELECT %s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC'
              FROM integration_configuration WHERE stamp = COALESCE(%s, stamp)
            ON CONFLICT DO NOTHING RETURNING id
            """,
            values["system_id"],
            values["webhook_id"],
            values["source"],
            values["source_event_id"],
            values["body_digest"],
            values["uuid"],
            stamp,
        )
