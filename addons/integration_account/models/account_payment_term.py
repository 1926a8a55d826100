from odoo import api, models
from odoo.addons.integration_core.tools import transaction_data

CHANGED = "masterdata.payment_term.changed.v1"
_WATCHED = ("name", "note", "active", "line_ids", "early_discount", "discount_percentage", "discount_days")
_NAMES = "integration_account.payment_terms"


class AccountPaymentTerm(models.Model):
    """Payment terms tell others when they change. New ones are no news before somebody has them."""

    _name = "account.payment.term"
    _inherit = ["account.payment.term", "integration.emitter.mixin"]

    def write(self, vals):
        names = [name for name in _WATCHED if name in vals]
        result = super().write(vals)
        self._integration_note(names)
        return result

    def _integration_note(self, names):
        """Journal that these terms changed, with all that changed in this transaction."""
        if not names or not self.env.registry.ready:
            return  # what a release brings along is no news
        noted = transaction_data(self.env.cr).setdefault(_NAMES, {})
        for term in self:
            first = term._emit_event(CHANGED)
            noted[term.id] = {*names} if first else {*names, *noted.get(term.id, ())}

    def _event_subject(self, type_name):
        return f"payment_term/{self.id}"

    def _event_data(self, type_name):
        self.ensure_one()
        changed = transaction_data(self.env.cr).get(_NAMES, {}).get(self.id, ())
        return {
            "company": str(self._event_company().id),
            "id": str(self.id),
            "number": None,
            "date": None,
            "name": self.name,
            "attributes": {"active": self.active, "lines": [line._integration_text() for line in self.line_ids]},
            "changed": sorted("lines" if name == "line_ids" else name for name in changed),
        }


class AccountPaymentTermLine(models.Model):
    _inherit = "account.payment.term.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        # Lines that come with their terms are as new as these.
        old = lines.payment_id.filtered(lambda term: not self.env.context.get("install_mode") and _is_old(term))
        old._integration_note(["line_ids"])
        return lines

    def write(self, vals):
        result = super().write(vals)
        self.payment_id._integration_note(["line_ids"])
        return result

    def unlink(self):
        terms = self.payment_id
        result = super().unlink()
        terms.exists()._integration_note(["line_ids"])
        return result

    def _integration_text(self):
        unit = "%" if self.value == "percent" else ""
        return f"{self.value_amount:g}{unit} {self.delay_type} {self.nb_days}"


def _is_old(term):
    return term.create_date and term.create_date < term.env.cr.now()
