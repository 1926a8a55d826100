from odoo import api, fields, models


class IntegrationControlTotalLine(models.Model):
    """One line of a control total. Append-only; what it does not say is empty in the database, not 0."""

    _name = "integration.control.total.line"
    _description = "Control total line"
    _order = "id"
    _log_access = False

    total_id = fields.Many2one(
        "integration.control.total", "Control total", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    side = fields.Selection([("told", "Told"), ("found", "Settled")], required=True, readonly=True, default="told")
    day = fields.Date("Day of service", readonly=True)
    cost_center = fields.Char(readonly=True)
    kind = fields.Char("Type", readonly=True)
    claim = fields.Char(readonly=True)
    count = fields.Integer("Pieces", readonly=True)
    amount = fields.Float(readonly=True, min_display_digits=2, aggregator=None)
    currency = fields.Char(readonly=True)
    reference = fields.Char(readonly=True)

    # By claim first: whether any statement tells it is asked of charges that the one that is compared does not.
    _claim_idx = models.Index("(claim, total_id) WHERE claim IS NOT NULL")

    @api.depends("reference", "claim", "kind")
    def _compute_display_name(self):
        for line in self:
            line.display_name = " / ".join(filter(None, (line.claim or line.cost_center, line.kind, line.reference)))

    @api.model
    def _append(self, total, lines):
        """Append the lines of a control total, amounts to the last digit.

        :param lines: list of :class:`control_totals.TotalLine`
        """
        self.env["integration.control.total"].flush_model()
        self.env.cr.execute_values(
            """
            INSERT INTO integration_control_total_line
                (total_id, company_id, side, day, cost_center, kind, claim, count, amount, currency, reference)
            VALUES %s
            """,
            [
                (
                    total.id,
                    total.company_id.id,
                    one.side,
                    one.day,
                    one.cost_center or None,
                    one.kind or None,
                    one.claim or None,
                    one.count,
                    one.amount,
                    one.currency or None,
                    one.reference or None,
                )
                for one in lines
            ],
            page_size=1000,
        )
        self.invalidate_model()
