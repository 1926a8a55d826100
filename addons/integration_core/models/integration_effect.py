from odoo import api, fields, models

STATUSES = [
    ("applied", "Applied"),
    ("waiting", "Waiting"),
    ("parked", "Parked"),
    ("duplicate", "Duplicate"),
    ("rejected", "Rejected"),
]


class IntegrationEffect(models.Model):
    """What became of one unit of one accepted event, and which record carries the effect."""

    _name = "integration.effect"
    _description = "Effect"
    _order = "id"
    _log_access = False

    event_id = fields.Many2one("integration.event", required=True, readonly=True, index=True, ondelete="cascade")
    unit = fields.Char("Line", readonly=True)
    status = fields.Selection(STATUSES, required=True, readonly=True)
    reason = fields.Char(readonly=True)
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    changed_at = fields.Datetime(required=True, readonly=True)

    _unit_uniq = models.UniqueIndex("(event_id, unit)", "A unit of an event has one effect.")
    _record_idx = models.Index("(res_model, res_id) WHERE res_id IS NOT NULL")
    _open_idx = models.Index("(status) WHERE status IN ('waiting', 'parked')")

    @api.model
    def _put(self, rows):
        """Insert or replace effects.

        :param rows: list of (event id, unit, status, reason or None, record or None)
        """
        if not rows:
            return
        values = [
            (event_id, unit or "", status, reason, record._name if record else None, record.id if record else None)
            for event_id, unit, status, reason, record in rows
        ]
        self.env.cr.execute_values(
            """
            INSERT INTO integration_effect (event_id, unit, status, reason, res_model, res_id, changed_at) VALUES %s
            ON CONFLICT (event_id, unit) DO UPDATE
               SET status = EXCLUDED.status, reason = EXCLUDED.reason, res_model = EXCLUDED.res_model,
                   res_id = EXCLUDED.res_id, changed_at = EXCLUDED.changed_at
            """,
            values,
            template="(%s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC')",
            page_size=1000,
        )
        self.invalidate_model()

    @api.model
    def _restate(self, records, status, reason=None):
        """Say that the effects carried by ``records`` now have ``status``."""
        if not records:
            return
        self.env.cr.execute(
            """
            UPDATE integration_effect SET status = %s, reason = %s, changed_at = now() AT TIME ZONE 'UTC'
             WHERE res_model = %s AND res_id IN %s AND status NOT IN ('duplicate', 'rejected')
               AND (status <> %s OR reason IS DISTINCT FROM %s)
            """,
            (status, reason, records._name, tuple(records.ids), status, reason),
        )
        self.invalidate_model()
