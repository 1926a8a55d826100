from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ..domain.usage import Uses
from ..models.integration_entity import BINDINGS, KINDS
from ..models.integration_identifier import TARGETS


class IntegrationMapCodes(models.TransientModel):
    """Say what one or many codes mean, or from which day on a mapped one means something else."""

    _name = "integration.map.codes"
    _description = "Map codes"
    _check_company_auto = True

    task_ids = fields.Many2many("integration.mapping.task", string="Codes", readonly=True)
    replaces_id = fields.Many2one("integration.identifier", "Now", readonly=True)
    kind = fields.Selection(KINDS, compute="_compute_question")
    company_id = fields.Many2one("res.company", compute="_compute_question")
    codes = fields.Char("What is sent", compute="_compute_question")
    waiting = fields.Char(compute="_compute_waiting")
    impact = fields.Char("Reaches", compute="_compute_impact", help="Lines that would mean something else.")
    approval = fields.Selection(
        [
            ("none", "Takes effect at once: the system is in test mode."),
            ("self", "Takes effect at once, marked as approved by yourself: nobody else may approve yet."),
            ("other", "Takes effect when another steward has approved it."),
        ],
        compute="_compute_approval",
    )
    suggestion_ids = fields.One2many("integration.map.suggestion", "wizard_id", "Suggestions", readonly=True)
    partner_id = fields.Many2one("res.partner", "Contact", check_company=True)
    product_id = fields.Many2one("product.product", check_company=True)
    analytic_account_id = fields.Many2one("account.analytic.account", "Cost center", check_company=True)
    facility_company_id = fields.Many2one("res.company", "Facility")
    uom_id = fields.Many2one("uom.uom", "Unit")
    factor = fields.Char(help="One of theirs is so many of the unit; exact, such as 12 or 0.5. Empty: the same.")
    department_id = fields.Many2one(
        "integration.entity",
        "Known department",
        domain="[('kind', '=', 'department'), ('company_id', '=', company_id)]",
        check_company=True,
    )
    department_name = fields.Char("New department")
    valid_from = fields.Date("From", help="First day of service it holds for. Empty: since ever.")
    valid_to = fields.Date("Until", help="Last day of service it holds for. Empty: until further notice.")
    note = fields.Char()

    @api.depends("task_ids", "replaces_id")
    def _compute_question(self):
        for wizard in self:
            questions = wizard.replaces_id or wizard.task_ids
            wizard.kind = questions[:1].kind
            wizard.company_id = questions[:1].company_id
            wizard.codes = ", ".join(self._code_text(question) for question in questions[:20])
            if len(questions) > 20:
                wizard.codes += " …"

    @staticmethod
    def _code_text(question):
        text = f"{question.system_id.code}: {question.code}"
        return f"{text} ({question.display})" if question.display not in (False, question.code) else text

    @api.depends("task_ids")
    def _compute_waiting(self):
        for wizard in self:
            wizard.waiting = wizard.task_ids._waiting_text()

    def _suggest(self):
        """Look up what the code could mean; only for one code at a time, whose evidence a person can weigh."""
        self.ensure_one()
        if len(self.task_ids) == 1:
            found = self.env["integration.mapping.advice"]._advise(self.task_ids)
            self.suggestion_ids = [Command.create(self._suggestion_vals(one)) for one in found]

    @api.model
    def _suggestion_vals(self, advice):
        model, record_id = advice.candidate
        return {
            "res_model": model,
            "res_id": record_id,
            "name": self.env[model].browse(record_id).display_name,
            "evidence": " ".join(one.text for one in advice.evidence),
        }

    @api.depends("replaces_id", "valid_from")
    def _compute_impact(self):
        currencies = self.env["integration.mapping.task"]._currencies()
        for wizard in self:
            old = wizard.replaces_id._origin
            uses = sum(old._uses({one.id: one._span_from(wizard.valid_from) for one in old}).values(), Uses())
            wizard.impact = old._changed_text(uses, currencies) if old else False

    @api.depends("task_ids", "replaces_id")
    def _compute_approval(self):
        role = self.env["integration.identifier"]._approval_group()
        enforced = self.env["integration.approving.role"]._is_enforced(role)
        for wizard in self:
            questions = wizard.replaces_id or wizard.task_ids
            if all(system.mode != "live" for system in questions.system_id):
                wizard.approval = "none"
            else:
                wizard.approval = "other" if enforced else "self"

    def _choose(self, model, record_id):
        """Fill in what a suggestion proposes; the steward still confirms."""
        self.ensure_one()
        record = self.env[model].browse(record_id)
        if model == "integration.entity" and record.kind == "department":
            self.department_id = record
            return
        target = record[BINDINGS[record.kind]] if model == "integration.entity" else record
        for name in TARGETS:
            if self._fields[name].comodel_name == target._name:
                self[name] = target

    def action_confirm(self):
        """Propose the mapping, and approve it where that needs nobody else."""
        self.ensure_one()
        pending = self.task_ids._proposals().values()
        if pending:
            names = ", ".join(identifier.display_name for identifier in pending)
            raise UserError(self.env._("%s is proposed already and waits for approval.", names))
        identifiers = self.env["integration.identifier"].create(self._identifier_vals())
        identifiers.action_submit()
        return self.env["integration.mapping.task"]._told(identifiers)

    def _identifier_vals(self):
        common = {**self._meaning(), "valid_from": self.valid_from, "valid_to": self.valid_to, "note": self.note}
        if self.replaces_id:
            old = self.replaces_id
            question = {name: old[name] for name in ("kind", "code_system", "code", "display")}
            question |= {"system_id": old.system_id.id, "company_id": old.company_id.id, "replaces_id": old.id}
            return [{**question, **common}]
        return [task._identifier_vals(**common) for task in self.task_ids]

    def _meaning(self):
        """Return the values that say what the codes mean."""
        if self.kind == "department":
            return {"entity_id": self._department().id}
        for name in TARGETS:
            if self[name]:
                factor = {"factor": self.factor} if name == "uom_id" else {}
                return {name: self[name].id, **factor}
        raise UserError(self.env._("Choose what the code means."))

    def _department(self):
        if self.department_id:
            return self.department_id
        if not (self.department_name and self.analytic_account_id):
            raise UserError(self.env._("Choose a known department, or give a name and a cost center for a new one."))
        return self.env["integration.entity"]._for_target(
            "department", self.company_id, self.analytic_account_id, self.department_name
        )
