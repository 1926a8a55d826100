from odoo import api, fields, models

from .integration_identifier_impact import MONEY_READERS


class IntegrationApproval(models.Model):
    _inherit = "integration.approval"

    touches_money = fields.Char(
        "Reaches, with money",
        compute="_compute_touches_money",
        groups=MONEY_READERS,
        help="Lines and money that the decision reaches, as of now.",
    )

    @api.depends("res_model", "res_id")
    def _compute_touches_money(self):
        mappings = self.filtered(lambda request: request.res_model == "integration.identifier")
        # sudo: a request may be shown to who does not read the mapping; its reach is for those who see money
        found = self.env["integration.identifier"].sudo().browse(mappings.mapped("res_id")).exists()
        texts = {one.id: one.impact_money for one in found}
        for request in self:
            request.touches_money = request in mappings and texts.get(request.res_id)
