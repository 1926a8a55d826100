from odoo import models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def unlink(self):
        # sudo: whoever edits a draft need not see the integration app; their charges must not be lost all the same
        charges = (
            self.env["integration.charge"]
            .sudo()
            .search([("invoice_line_id", "in", self.ids), ("state", "=", "billed")])
        )
        self.env["integration.charge.void"]._credit_lines_gone(self)
        result = super().unlink()
        charges._invoice_gone(self.env._("Its invoice line was removed by hand."))
        return result
