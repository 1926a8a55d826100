from collections import Counter

from odoo import models


class Base(models.AbstractModel):
    """Lists of the suite that leave Odoo by its own export are in the trail."""

    _inherit = "base"

    def export_data(self, fields_to_export):
        exported = super().export_data(fields_to_export)
        if self and self._name.startswith("integration."):
            self._tell_of_export(fields_to_export)
        return exported

    def _tell_of_export(self, names):
        """Record which fields of how many records of each company left, never what they said."""
        trail, fields_told = self.env["integration.audit"], ", ".join(sorted(names))
        trail._append(
            "list.export",
            [
                {
                    **trail._about(None, company),
                    "res_model": self._name,
                    "detail": f"{count} records; fields: {fields_told}",
                }
                for company, count in self._count_by_company().items()
            ],
        )

    def _count_by_company(self):
        """Return how many of the records each company has; what is of none, or of one that is gone, is this one's."""
        field = self._fields.get("company_id")
        if field is None or not field.store:
            return {self.env.company: len(self)}
        counts, companies = Counter(), self.env["res.company"]
        # sudo: whose a record is may be hidden from somebody who reads the record
        every = self.sudo().with_context(active_test=False)
        for company, count in every._read_group([("id", "in", self.ids)], ["company_id"], ["__count"]):
            known = companies.browse(int(company)).exists()  # the trail keeps values, which outlive a company
            counts[known or self.env.company] += count
        return counts
