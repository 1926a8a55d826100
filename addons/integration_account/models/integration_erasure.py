from odoo import api, models


class IntegrationErasure(models.Model):
    _inherit = "integration.erasure"

    def _stays(self, encounters):
        """Charges and invoices stay: accounting law keeps them (GDPR article 17(3)(b))."""
        # sudo: how many there are, which the request tells; their content stays with finance
        charges = self.env["integration.charge"].sudo().with_context(active_test=False)
        found = charges.search([("system_id", "=", self.system_id.id), ("encounter", "in", [*encounters])])
        return [
            *super()._stays(encounters),
            ["encounters", len(encounters)],
            ["charges", len(found)],
            ["invoices", len(found.invoice_id)],
        ]

    @api.model
    def _stay_words(self):
        return {
            **super()._stay_words(),
            "encounters": self.env._("%(count)s encounters, with a keyed hash in the patient's place (pseudonym)."),
            "charges": self.env._("%(count)s charges, without name or number of the patient (accounting records)."),
            "invoices": self.env._("%(count)s invoices (accounting law says for how long they are kept)."),
        }
