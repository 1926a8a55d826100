from odoo import fields, models

OUTCOMES = [
    ("applied", "Applied"),
    ("delivered", "Delivered"),
    ("retry", "Failed, will be retried"),
    ("configuration", "Configuration error"),
    ("rejected", "Rejected by the receiver"),
    ("gone", "Receiver is gone"),
    ("error", "Handler failed"),
    ("crashed", "Process died"),
]


class IntegrationAttempt(models.Model):
    """One try of one delivery. Append-only: the history of tries is never rewritten."""

    _name = "integration.attempt"
    _description = "Attempt"
    _order = "id"
    _log_access = False
    _rec_name = "number"

    delivery_id = fields.Many2one("integration.delivery", required=True, readonly=True, index=True, ondelete="cascade")
    number = fields.Integer(required=True, readonly=True)
    started_at = fields.Datetime(required=True, readonly=True)
    duration_ms = fields.Integer("Duration (ms)", readonly=True)
    outcome = fields.Selection(OUTCOMES, required=True, readonly=True)
    error_code = fields.Char(readonly=True)
    status_code = fields.Integer("HTTP status", readonly=True)
    excerpt = fields.Text(
        "Receiver's answer",
        readonly=True,
        groups="integration_core.group_operator",
        help="At most 16 KiB of what came back.",
    )
    worker = fields.Char(readonly=True)
