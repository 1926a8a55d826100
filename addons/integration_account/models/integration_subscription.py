from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IntegrationSubscription(models.Model):
    _inherit = "integration.subscription"

    journal_ids = fields.Many2many(
        "account.journal",
        "integration_subscription_journal_rel",
        "subscription_id",
        "journal_id",
        string="Only journals",
        check_company=True,
        help="Only events about entries of these journals; an event about none is not delivered. Empty: every event.",
    )

    @api.constrains("journal_ids", "company_id")
    def _check_journals(self):
        for subscription in self:
            # Journals of two companies may have one code.
            if subscription.journal_ids and not subscription.company_id:
                raise ValidationError(self.env._("Choose the company whose journals these are."))

    @api.model
    def _portable_fields(self):
        return [*super()._portable_fields(), "journal_ids"]

    @api.model
    def _facet_filter_depends(self):
        return [*super()._facet_filter_depends(), "journal_ids.code"]

    def _chosen_facets(self):
        # sudo: whoever sees the subscription need not see the accounting
        return {**super()._chosen_facets(), "journal": set(self.sudo().journal_ids.mapped("code"))}
