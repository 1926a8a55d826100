from odoo import fields, models
from odoo.exceptions import UserError

from ..models.integration_entity import BINDINGS


class IntegrationProposalAttach(models.TransientModel):
    """Say what a proposed record is: a record that Odoo has."""

    _name = "integration.proposal.attach"
    _description = "Attach a proposal"
    _check_company_auto = True

    proposal_id = fields.Many2one("integration.proposal", required=True, readonly=True)
    kind = fields.Selection(related="proposal_id.kind")
    company_id = fields.Many2one(related="proposal_id.company_id")
    match_text = fields.Char(related="proposal_id.match_text")
    advice = fields.Char(related="proposal_id.advice")
    told_html = fields.Html(related="proposal_id.told_html")
    partner_id = fields.Many2one("res.partner", "Contact", check_company=True)
    product_id = fields.Many2one("product.product", check_company=True)
    analytic_account_id = fields.Many2one("account.analytic.account", "Cost center", check_company=True)

    def action_confirm(self):
        """Attach it: the system's own id becomes a code of that record, by the ordinary approval."""
        self.ensure_one()
        proposal = self.proposal_id
        proposal._check_deciding()
        target = self[BINDINGS[proposal.kind]]
        if not target:
            raise UserError(self.env._("Choose what it is."))
        proposal._attach(proposal._entity_for(target))
        return {"type": "ir.actions.client", "tag": "soft_reload"}
