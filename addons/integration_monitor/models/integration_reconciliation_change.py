from odoo import fields, models


class IntegrationReconciliationChange(models.Model):
    """What became different in a period after it was signed off. Append-only."""

    _name = "integration.reconciliation.change"
    _description = "Change after sign-off"
    _order = "id desc"
    _log_access = False
    _rec_name = "at"

    reconciliation_id = fields.Many2one(
        "integration.reconciliation", "Period", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    signoff_id = fields.Many2one(
        "integration.reconciliation.signoff", "After the sign-off", required=True, readonly=True, index=True
    )
    line_id = fields.Many2one(
        "integration.reconciliation.line", "Row", required=True, readonly=True, index=True, ondelete="cascade"
    )
    at = fields.Datetime("When", required=True, readonly=True)
    what = fields.Selection(
        [("figures", "Other figures"), ("row", "New row"), ("decision", "Decided otherwise")],
        required=True,
        readonly=True,
    )
    before = fields.Char(readonly=True)
    after = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", "By", readonly=True, help="Empty: a comparison found it.")
