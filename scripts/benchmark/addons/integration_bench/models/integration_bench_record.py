from odoo import fields, models


class IntegrationBenchRecord(models.Model):
    """Something that changes and is told of, with the data of a posted invoice."""

    _name = "integration.bench.record"
    _inherit = ["integration.emitter.mixin"]
    _description = "Record of the benchmark"

    name = fields.Char(required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)

    def _event_data(self, type_name):
        self.ensure_one()
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": self.name,
            "date": "2026-11-22",
            "move_type": "out_invoice",
            "payer": "ACME",
            "currency": "USD",
            "amount_untaxed": "120.00",
            "amount_tax": "0.00",
            "amount_total": "120.00",
            "amount_residual": "120.00",
            "payment_state": "not_paid",
            "encounter": "E-1001",
            "reverses": None,
            "lines": [{"charge": "1", "amount": "120.00"}],
        }

    def _event_subject(self, type_name):
        self.ensure_one()
        return f"bench/{self.id}"
