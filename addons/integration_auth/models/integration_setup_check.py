from odoo import models
from odoo.addons.integration_core.checks import Fix, setup_check
from odoo.addons.integration_core.domain.verdict import _

from ..domain import setup_rules
from .res_users import ADMINISTERING, DEMANDED

# pylint: disable=prefer-env-translation; a title is marked where no env is, and looked up where it is shown


class IntegrationSetupCheck(models.AbstractModel):
    _inherit = "integration.setup.check"

    @setup_check(
        "second_factor",
        title=_("Second factor"),
        section="people",
        sequence=20,
        fix=Fix(_("General settings"), "base_setup.action_general_configuration"),
    )
    def _check_second_factor(self):
        groups = self.env["res.groups"].union(*(self.env.ref(group) for group in ADMINISTERING))
        users = groups.all_user_ids.filtered(lambda user: user.active and not user._is_superuser())
        demanded = bool(self.env["ir.config_parameter"].get_param(DEMANDED))
        without = [user for user in users if not user._has_second_factor()]
        return setup_rules.second_factor(demanded=demanded, without=len(without))
