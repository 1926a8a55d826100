import base64

from odoo import fields, models


class IntegrationMonthExport(models.TransientModel):
    """Holds a month's workbook for as long as it takes to download it; each person reaches their own alone."""

    _name = "integration.month.export"
    _description = "Workbook of a month, to download"

    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)

    def _hand_out(self, name, content):
        """Return the action that downloads a file."""
        one = self.create({"file": base64.b64encode(content), "file_name": name})
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{one.id}/file/{name}?download=true",
            "target": "download",
        }
