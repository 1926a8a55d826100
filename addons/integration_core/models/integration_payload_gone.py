from odoo import api, fields, models
from odoo.tools import format_date

REASONS = [
    ("retention", "Kept for as long as the rules of retention say"),
    ("erasure", "Erased on request"),
]


class IntegrationPayloadGone(models.Model):
    """That the content of an event is no longer kept, since when and why. The event itself is never changed."""

    _name = "integration.payload.gone"
    _description = "Content no longer kept"
    _log_access = False

    event_id = fields.Many2one("integration.event", required=True, readonly=True, ondelete="cascade")
    gone_at = fields.Datetime(required=True, readonly=True)
    reason = fields.Selection(REASONS, required=True, readonly=True)

    _event_uniq = models.UniqueIndex("(event_id)", "A content goes once.")

    @api.model
    def _words(self, events):
        """Return {event id: when and why its content went} of those events whose content is gone."""
        reasons = dict(self._fields["reason"]._description_selection(self.env))
        return {
            row.event_id.id: self.env._(
                "Removed on %(day)s: %(reason)s.", day=format_date(self.env, row.gone_at), reason=reasons[row.reason]
            )
            for row in self.search([("event_id", "in", events.ids)])
        }
