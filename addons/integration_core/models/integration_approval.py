from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

# Room in an id for the models that are approved; their number is small and fixed by the installed addons.
SLOTS = 32


class IntegrationApproval(models.Model):
    """The inbox of approvals: what waits for a second person, of every kind, read from the records themselves."""

    _name = "integration.approval"
    _description = "Waiting for approval"
    _auto = False
    _order = "requested_at, id"

    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    requested_by_id = fields.Many2one("res.users", "Asked by", readonly=True)
    requested_at = fields.Datetime("Since", readonly=True)
    kind = fields.Char(compute="_compute_record")
    record_name = fields.Char("What", compute="_compute_record")
    can_approve = fields.Boolean("My turn", compute="_compute_record")

    @property
    def _table_query(self):
        parts = [self._part(index, name) for index, name in enumerate(self._approved_models())]
        return SQL(" UNION ALL ").join(parts)

    @api.model
    def _approved_models(self):
        """Return the names of the stored models that are approved, in an order that lasts as long as the registry."""
        names = self.env.registry.descendants(["integration.approval.mixin"], "_inherit")
        return sorted(name for name in names if not self.env[name]._abstract)

    @api.model
    def _part(self, index, name):
        model = self.env[name]
        model.flush_model(["approval_state", "requested_by_id", "requested_at"])
        company = (
            SQL("company_id")
            if model._fields.get("company_id") and model._fields["company_id"].store
            else SQL("NULL::int")
        )
        return SQL(
            """
            SELECT id * %(slots)s + %(index)s AS id, %(name)s AS res_model, id AS res_id, %(company)s AS company_id,
                   requested_by_id, requested_at
              FROM %(table)s WHERE approval_state = 'requested'
            """,
            slots=SLOTS,
            index=index,
            name=name,
            company=company,
            table=SQL.identifier(model._table),
        )

    def _record(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id)

    @api.depends_context("uid")
    def _compute_record(self):
        for row in self:
            record = row._record()
            readable = record.has_access("read")
            row.kind = record._description
            row.record_name = record.display_name if readable else False
            row.can_approve = readable and record.can_approve

    def action_open(self):
        """Open the record itself, to look before deciding."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    def action_approve(self):
        """Approve each; refused where somebody else must."""
        self.check_access("read")
        for row in self:
            if not row._record().exists():
                raise UserError(self.env._("Some of these were decided meanwhile. Reload the list."))
            row._record().action_approve()
        return True

    def action_reject(self, reason=None):
        """Send each back to its author."""
        self.check_access("read")
        for row in self:
            row._record().action_reject(reason)
        return True
