from odoo import fields, models

KINDS = [("payload", "Message"), ("refused", "Refused message")]
STATES = [
    ("found", "To be erased"),
    ("open", "Waits: still open"),
    ("held", "Waits: legal hold"),
    ("erased", "Erased"),
]


class IntegrationErasureLine(models.Model):
    """A content that a request for erasure is about. The lines go when the request is done; certificates stay."""

    _name = "integration.erasure.line"
    _description = "Content to be erased"
    _order = "state desc, id"
    _log_access = False
    _rec_name = "name"

    erasure_id = fields.Many2one("integration.erasure", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="erasure_id.company_id")
    kind = fields.Selection(KINDS, "What", required=True, readonly=True)
    row_id = fields.Integer(required=True, readonly=True)
    name = fields.Char("Message ID", readonly=True)
    type_name = fields.Char("Type", readonly=True)
    received_at = fields.Datetime("Received", readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True)

    _once = models.UniqueIndex("(erasure_id, kind, row_id)", "A content is found once.")
    _state_idx = models.Index("(erasure_id, kind, state)")
