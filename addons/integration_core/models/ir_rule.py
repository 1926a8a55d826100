from odoo import models


class IrRule(models.Model):
    """Record rules of what belongs to no company say ``integration_shared``: who may change that.

    What a rule refuses is named by its number alone: a name may be a patient's.
    """

    _inherit = "ir.rule"

    def _eval_context(self):
        # Cached with the rules' domains; Odoo forgets those when companies or a user's companies change.
        shared = [False] if self.env.user._is_in_every_company() else []
        return {**super()._eval_context(), "integration_shared": shared}

    def _make_access_error(self, operation, records):
        error = super()._make_access_error(operation, records)
        # Odoo names what it refuses to whoever has switched the debug mode on, and logs the text.
        if self.env.user.has_group("base.group_no_one"):
            text = str(error)
            for one in records.sudo():
                text = text.replace(f", {one.display_name} ({one._name}: ", f" ({one._name}: ")
            records.invalidate_recordset()
            error.args = (text, *error.args[1:])
        return error
