from odoo import models


class IntegrationSystem(models.Model):
    _inherit = "integration.system"

    def _code_system(self, kind):
        """Return the code system that this system's codes of ``kind`` are in, unless a line names another.

        Glue addons that let an administrator declare one override it.

        :param str kind: a kind of canonical entity, such as ``service``
        :return: a text, never empty; by default the system's own code, since its codes are then its own
        """
        self.ensure_one()
        return self.code
