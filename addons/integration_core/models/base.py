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
        trail = self.env["integration.audit"]
        rows = []
        for company, records in self.sudo().grouped(self._whose).items():  # sudo: whose it is may be hidden
            detail = f"{len(records)} records; fields: {', '.join(sorted(names))}"
            rows.append({**trail._about(None, company), "res_model": self._name, "detail": detail})
        trail._append("list.export", rows)

    def _whose(self, record):
        """Return the company that a record is of; else the one that is worked in."""
        company = record.company_id if "company_id" in record._fields else None
        if isinstance(company, int):  # the trail keeps values, which outlive a company
            company = self.env["res.company"].browse(company).exists()
        return company or self.env.company
