from odoo import api, fields, models


class IntegrationCredential(models.Model):
    _inherit = "integration.credential"

    _approval_shown = ("system_id", "endpoint_id", "use", "version", "made_by", "replaced_ids")

    endpoint_id = fields.Many2one(
        "integration.endpoint", index="btree_not_null", readonly=True, ondelete="cascade", check_company=True
    )

    _outbound_holder = models.Constraint(
        "CHECK (endpoint_id IS NULL OR use = 'outbound')", "A key of an endpoint only signs what leaves."
    )

    @api.depends("endpoint_id")
    def _compute_display_name(self):
        return super()._compute_display_name()

    @api.model
    def _approval_own_fields(self):
        return super()._approval_own_fields() | {"endpoint_id"}

    @api.model
    def _holder_field(self, holder):
        return "endpoint_id" if holder._name == "integration.endpoint" else super()._holder_field(holder)

    def _holder(self):
        self.ensure_one()
        return self.endpoint_id or super()._holder()

    def _approval_needed(self):
        self.ensure_one()
        if self.endpoint_id:
            return self.endpoint_id._approval_needed()
        return super()._approval_needed()

    def _on_approved(self):
        result = super()._on_approved()
        # What waited for a key to sign with can leave now.
        self.endpoint_id.subscription_ids._release_held()
        return result
