from odoo import fields, models


class IntegrationBenchBackend(models.Model):
    """A backend as OCA's connector wants one: what the suite calls a system."""

    _name = "integration.bench.backend"
    _inherit = "connector.backend"
    _description = "Backend of the benchmark"

    name = fields.Char(required=True)


class IntegrationBenchBinding(models.Model):
    """A binding as OCA's connector wants one: a product and what a backend calls it."""

    _name = "integration.bench.binding"
    _inherit = "external.binding"
    _inherits = {"product.product": "odoo_id"}
    _description = "Product of the benchmark's backend"

    backend_id = fields.Many2one("integration.bench.backend", required=True)
    odoo_id = fields.Many2one("product.product", required=True, ondelete="cascade")
    external_id = fields.Char(index=True)
