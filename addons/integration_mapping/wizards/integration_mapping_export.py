import base64

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..domain.import_columns import EXPORTED
from ..domain.table_file import TableError, write_csv, write_xlsx
from ..models.integration_entity import KINDS


class IntegrationMappingExport(models.TransientModel):
    """Export codes into the very columns that an import reads: exporting and importing again changes nothing."""

    _name = "integration.mapping.export"
    _description = "Export codes"
    _check_company_auto = True

    identifier_ids = fields.Many2many("integration.identifier", string="Chosen codes", readonly=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    system_id = fields.Many2one("integration.system", "Codes of", help="Empty: of every system.")
    kind = fields.Selection(KINDS, help="Empty: of every kind.")
    file_format = fields.Selection(
        [("xlsx", "Workbook (XLSX)"), ("csv", "Text (CSV)")], "Format", required=True, default="xlsx"
    )
    count = fields.Integer("Codes", compute="_compute_count")
    left_out = fields.Integer(compute="_compute_count", help="Proposed or revoked: they answer for no day.")
    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if self.env.context.get("active_model") == "integration.identifier" and "identifier_ids" in fields:
            values["identifier_ids"] = [Command.set(self.env.context.get("active_ids") or [])]
        return values

    @api.depends("identifier_ids", "company_id", "system_id", "kind")
    def _compute_count(self):
        for wizard in self:
            wizard.count = self.env["integration.identifier"].search_count(wizard._domain())
            wizard.left_out = len(wizard.identifier_ids) - wizard.count if wizard.identifier_ids else 0

    def _domain(self):
        domain = Domain("state", "in", ("approved", "retired"))
        if self.identifier_ids:
            return domain & Domain("id", "in", self.identifier_ids.ids)
        domain &= Domain("company_id", "=", self.company_id.id)
        if self.system_id:
            domain &= Domain("system_id", "=", self.system_id.id)
        return domain & Domain("kind", "=", self.kind) if self.kind else domain

    def action_export(self):
        """Write the file and hand it out; the audit trail tells of it."""
        self.ensure_one()
        identifiers = self.env["integration.identifier"].search(self._domain())
        identifiers.check_access("read")
        rows = [EXPORTED, *(self._row(identifier) for identifier in identifiers)]
        try:
            content = write_xlsx(rows) if self.file_format == "xlsx" else write_csv(rows)
        except TableError as error:
            raise UserError(
                self.env._("A code or text has a control character, which a workbook cannot hold. Export as CSV.")
            ) from error
        self.write({"file": base64.b64encode(content), "file_name": f"codes.{self.file_format}"})
        self.env["integration.audit"]._record(
            "identifier.export", company=self.company_id, detail=f"codes: {len(identifiers)}, {self.file_format}"
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/file/{self.file_name}?download=true",
            "target": "download",
        }

    @api.model
    def _row(self, identifier):
        """Return the columns of an identifier, as texts."""
        entity = identifier.entity_id
        return (
            identifier.kind,
            identifier.system_id.code,
            identifier.code_system,
            identifier.code,
            identifier.display or "",
            str(entity.id),
            entity.name,
            self.env["integration.mapping.lookup"]._reference(entity),
            fields.Date.to_string(identifier.valid_from) or "",
            fields.Date.to_string(identifier.valid_to) or "",
            identifier.note or "",
        )
