from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..domain.objectives import DEFAULTS
from .integration_health_mixin import PARAMETER


class ResConfigSettings(models.TransientModel):
    """The objective of each criticality, and the mail about the month end."""

    _inherit = "res.config.settings"

    integration_objective_critical = fields.Float(
        "Objective of critical ones (%)",
        config_parameter=PARAMETER % "critical",
        default=DEFAULTS["critical"],
        digits=(6, 3),
    )
    integration_objective_standard = fields.Float(
        "Objective of standard ones (%)",
        config_parameter=PARAMETER % "standard",
        default=DEFAULTS["standard"],
        digits=(6, 3),
    )
    integration_objective_reporting = fields.Float(
        "Objective of reporting (%)",
        config_parameter=PARAMETER % "reporting",
        default=DEFAULTS["reporting"],
        digits=(6, 3),
    )

    integration_month_mail = fields.Boolean(related="company_id.integration_month_mail", readonly=False)
    integration_month_user_ids = fields.Many2many(related="company_id.integration_month_user_ids", readonly=False)

    @api.constrains(
        "integration_objective_critical", "integration_objective_standard", "integration_objective_reporting"
    )
    def _check_objectives(self):
        for settings in self:
            told = [settings[f"integration_objective_{one}"] for one in DEFAULTS]
            if not all(0 < value < 100 for value in told):
                raise ValidationError(
                    self.env._("An objective is above 0 % and below 100 %: with 100 % nothing may ever fail.")
                )
