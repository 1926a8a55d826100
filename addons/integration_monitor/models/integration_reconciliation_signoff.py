from odoo import fields, models


class IntegrationReconciliationSignoff(models.Model):
    """That somebody signed a period off as it stood. Never edited, as the database sees to: a later one follows it."""

    _name = "integration.reconciliation.signoff"
    _description = "Sign-off"
    _order = "id desc"
    _log_access = False
    _rec_name = "signed_at"

    reconciliation_id = fields.Many2one(
        "integration.reconciliation", "Period", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    total_id = fields.Many2one(
        "integration.control.total", "Control total", required=True, readonly=True, ondelete="restrict"
    )
    user_id = fields.Many2one("res.users", "Signed off by", required=True, readonly=True)
    signed_at = fields.Datetime("Signed off", required=True, readonly=True)
    reason = fields.Char(readonly=True, help="Why, although breaks were to do.")
    matched_count = fields.Integer("Equal", readonly=True, aggregator=None)
    within_count = fields.Integer("Within tolerance", readonly=True, aggregator=None)
    break_count = fields.Integer("Breaks", readonly=True, aggregator=None)
    open_count = fields.Integer("To do", readonly=True, aggregator=None)
    net_text = fields.Char("Net difference", readonly=True)
    open_text = fields.Char("Still open", readonly=True)
    digest = fields.Char("SHA-256 of all rows", required=True, readonly=True)
    change_ids = fields.One2many("integration.reconciliation.change", "signoff_id", "Later changes", readonly=True)

    def init(self):
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION integration_reconciliation_signoff_kept() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'a sign-off is append-only' USING ERRCODE = 'restrict_violation';
            END $$;
            DROP TRIGGER IF EXISTS integration_reconciliation_signoff_kept ON integration_reconciliation_signoff;
            CREATE TRIGGER integration_reconciliation_signoff_kept BEFORE UPDATE OR DELETE
                ON integration_reconciliation_signoff
                FOR EACH ROW EXECUTE FUNCTION integration_reconciliation_signoff_kept();
            """
        )
