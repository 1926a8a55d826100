import base64

from markupsafe import Markup
from odoo import api, fields, models

from ..models.integration_portable_mixin import PARTS

SHOWN = 50
"""What could not be carried, of one export, that is shown by name."""


class IntegrationPortableExportWizard(models.TransientModel):
    """Say what a document of the configuration would hold, and give it out."""

    _name = "integration.portable.export.wizard"
    _description = "Export the configuration"

    part = fields.Selection([("all", "Everything"), *PARTS], "What", required=True, default="all")
    summary = fields.Html(compute="_compute_summary", sanitize=False)
    file = fields.Binary(readonly=True, attachment=False)

    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = self.env._("Export configuration")

    @api.depends("part")
    def _compute_summary(self):
        for wizard in self:
            outgoing = self.env["integration.portable"]._outgoing(self.env.companies, wizard.part or "all")
            wizard.summary = wizard._in_words(outgoing)

    def _in_words(self, outgoing):
        rows = [
            Markup("<tr><td>%s</td><td class='text-end'>%s</td></tr>")
            % (self.env["integration.portable"]._label(name), len(items))
            for name, items in outgoing.content.items()
        ]
        table = Markup("<table class='table table-sm w-auto'>%s</table>") % Markup().join(rows)
        if not outgoing.omitted:
            return table
        items = [
            Markup("<li>%s: %s. %s</li>") % (self.env["integration.portable"]._label(name), told, why)
            for name, told, why in outgoing.omitted[:SHOWN]
        ]
        if len(outgoing.omitted) > SHOWN:
            items.append(Markup("<li>%s</li>") % self.env._("… and %s more.", len(outgoing.omitted) - SHOWN))
        head = self.env._(
            "%s cannot be carried, because another database could not tell what is meant:", len(outgoing.omitted)
        )
        return table + Markup("<div class='alert alert-warning'><strong>%s</strong><ul class='mb-0'>%s</ul></div>") % (
            head,
            Markup().join(items),
        )

    def action_export(self):
        """Have the browser save the configuration of the companies that are chosen."""
        self.ensure_one()
        data, _omitted = self.env["integration.portable"]._export(self.env.companies, self.part)
        self.file = base64.b64encode(data)
        name = self.env["integration.portable"]._file_name()
        address = f"/web/content/{self._name}/{self.id}/file/{name}"
        query = "?download=true&mimetype=application/octet-stream"
        return {"type": "ir.actions.act_url", "url": f"{address}{query}", "target": "self"}
