from odoo import models


class IntegrationCharge(models.Model):
    _inherit = "integration.charge"

    # The charges of a claim that no control total tells are looked for by the days of the system, in any company.
    _claim_day_idx = models.Index("(system_id, performed_at) WHERE claim IS NOT NULL AND current")
