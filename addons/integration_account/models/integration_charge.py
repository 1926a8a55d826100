from dataclasses import replace

from odoo import api, fields, models
from odoo.addons.integration_core.domain import approval
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain.states import OPEN
from .integration_approving_role import REVIEWER

MONEY = {
    "quantity",
    "quantity_sent",
    "price_unit",
    "unit_price_sent",
    "currency_id",
    "product_id",
    "partner_id",
    "amount",
}
"""What is billed, and to whom."""

MAY_TRY_AGAIN = (
    "integration_core.group_finance_reviewer",
    "integration_core.group_operator",
    "integration_core.group_steward",
)
"""Whose work it is to mend what parks charges."""
REASONS = [
    ("facility_unmapped", "Facility not mapped"),
    ("service_unmapped", "Code not mapped"),
    ("department_unmapped", "Department not mapped"),
    ("department_without_cost_center", "Department has no cost center"),
    ("cost_center_unmapped", "Cost center not mapped"),
    ("payer_unmapped", "Payer not mapped"),
    ("no_payer", "No payer"),
    ("no_self_pay_customer", "No self-pay customer"),
    ("guarantor_unknown", "Guarantor without a name"),
    ("currency_unknown", "Unknown currency"),
    ("quantity_precision", "Quantity too fine"),
    ("price_precision", "Price too fine"),
    ("unit_unknown", "Unit not mapped"),
    ("unit_unrelated", "Units do not convert"),
    ("amount_inexact", "Converted price loses money"),
    ("no_price", "No price"),
    ("price_differs", "Message and price list differ"),
    ("conflict", "Differs from what was sent before"),
    ("error", "Could not be worked out"),
]
STATES = [
    ("parked", "Parked"),
    ("held", "On hold"),
    ("ready", "Ready"),
    ("approved", "Approved"),
    ("billed", "Invoiced"),
    ("withdrawn", "Withdrawn"),
    ("reversed", "Reversed"),
    ("rejected", "Rejected"),
]


class IntegrationCharge(models.Model):
    """One line of care on its way to an invoice.

    ``parked`` → ``held`` (waits for its billing rule) → ``ready`` → ``approved`` by a finance reviewer → ``billed``
    (on an invoice, draft or posted). A void or a correction ends it as ``withdrawn`` before it was on a posted invoice,
    as ``reversed`` after; a person may end a parked one as ``rejected``. Fields with ``_sent`` hold what the message
    said, to the last digit; the others what Odoo made of it. People change charges by buttons alone.
    """

    _name = "integration.charge"
    _inherit = ["integration.payer.mixin", "integration.charge.reversal", "integration.emitter.mixin"]
    _description = "Charge"
    _order = "id desc"

    # what was sent
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict")
    event_id = fields.Many2one("integration.event", "Message", readonly=True, ondelete="set null", index=True)
    unit = fields.Char(readonly=True)
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True, default="live")
    encounter_id = fields.Many2one(
        "integration.encounter", "Encounter record", required=True, readonly=True, ondelete="restrict", index=True
    )
    encounter = fields.Char(required=True, readonly=True, index=True)
    pseudonym = fields.Char("Patient", related="encounter_id.pseudonym", help="Stands for the patient number; no name.")
    encounter_class = fields.Char("Class", related="encounter_id.encounter_class")
    line = fields.Char(required=True, readonly=True)
    revision = fields.Integer(readonly=True)
    content_digest = fields.Char(required=True, readonly=True)
    current = fields.Boolean(
        default=True, readonly=True, help="Not set: an earlier revision of the line, or a conflicting one."
    )
    service_code = fields.Char("Service", required=True, readonly=True)
    code_system = fields.Char(readonly=True)
    display = fields.Char("Description", readonly=True)
    quantity_sent = fields.Char("Quantity as sent", required=True, readonly=True)
    unit_price_sent = fields.Char("Unit price as sent", readonly=True)
    currency_code = fields.Char("Currency as sent", readonly=True)
    uom_sent = fields.Char("Unit as sent", readonly=True)
    amount_sent = fields.Float(
        "Amount as sent", digits=(30, 10), readonly=True, help="Quantity × unit price, unrounded."
    )
    priced = fields.Boolean(readonly=True, help="The message carried a price.")
    department = fields.Char(readonly=True)
    cost_center = fields.Char("Cost center as sent", readonly=True)
    facility = fields.Char(readonly=True)
    claim = fields.Char(readonly=True, index="btree_not_null")
    performed_at = fields.Datetime("Performed", required=True, readonly=True)
    service_day = fields.Date("Day of service", required=True, readonly=True, help="Local to the facility.")
    received_at = fields.Datetime("Received", required=True, readonly=True)

    # what it means here
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    product_id = fields.Many2one("product.product", readonly=True, ondelete="restrict")
    analytic_account_id = fields.Many2one("account.analytic.account", "Cost center", readonly=True, ondelete="restrict")
    cost_center_source = fields.Selection(
        [
            ("message", "Message"),
            ("rule", "Cost center rule"),
            ("department", "Department"),
            ("above", "Department above"),
        ],
        "Cost center from",
        readonly=True,
    )
    cost_center_rule_id = fields.Many2one("integration.cost.center.rule", readonly=True, ondelete="set null")
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="restrict", index="btree_not_null")
    currency_id = fields.Many2one("res.currency", readonly=True)
    quantity = fields.Float(digits="Product Unit", readonly=True, aggregator=None)
    uom_id = fields.Many2one("uom.uom", "Unit", readonly=True, ondelete="restrict", help="The product's, as invoiced.")
    unit_ratio = fields.Char("One as sent is", readonly=True, help="So many of the product's unit, exactly.")
    unit_factor_id = fields.Many2one("integration.unit.factor", "Unit content", readonly=True, ondelete="set null")
    price_unit = fields.Float("Unit price", readonly=True, min_display_digits="Product Price", aggregator=None)
    price_source = fields.Selection([("message", "Message"), ("price_list", "Price list")], "Price from", readonly=True)
    price_rule_id = fields.Many2one("integration.price.rule", "Price source", readonly=True, ondelete="set null")
    price_item_id = fields.Many2one("product.pricelist.item", "Price list rule", readonly=True, ondelete="set null")
    amount = fields.Monetary(readonly=True, help="Without tax. While parked: the money at risk, as sent.")
    credited_quantity = fields.Float(digits="Product Unit", readonly=True, aggregator=None)

    # where it stands
    state = fields.Selection(STATES, required=True, readonly=True, default="parked", index=True)
    park_reason = fields.Selection(REASONS, "Why parked", readonly=True)
    park_detail = fields.Text("What to do", readonly=True)
    parked_since = fields.Datetime(readonly=True)
    ready_on = fields.Date("Ready on", readonly=True, help="First day on which finance may bill it.")
    ready_at = fields.Datetime("Became ready", readonly=True, help="When it last became ready for review.")
    recheck = fields.Boolean(readonly=True, help="Something it waited for has changed.")
    evaluated_at = fields.Datetime(readonly=True)
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True)
    approved_at = fields.Datetime(readonly=True)
    author_id = fields.Many2one(
        "res.users", "By hand", readonly=True, help="Who entered it or decided about its money; another approves it."
    )
    self_approved = fields.Boolean(
        readonly=True, help="Approved by whoever decided about its money, because there was no other finance reviewer."
    )
    ended_reason = fields.Char("Ended because", readonly=True)
    group_id = fields.Many2one(
        "integration.billing.group", "Billing", readonly=True, ondelete="set null", index="btree_not_null"
    )

    # documents
    invoice_line_id = fields.Many2one("account.move.line", readonly=True, ondelete="set null", index="btree_not_null")
    invoice_id = fields.Many2one("account.move", readonly=True, ondelete="set null", index="btree_not_null")
    credit_line_id = fields.Many2one(
        "account.move.line", "Credit note line", readonly=True, ondelete="set null", index="btree_not_null"
    )
    supersedes_id = fields.Many2one(
        "integration.charge", "Corrects", readonly=True, ondelete="set null", index="btree_not_null"
    )
    void_ids = fields.One2many("integration.charge.void", "charge_id", "Voids")
    conflicts_with_id = fields.Many2one(
        "integration.charge", compute="_compute_conflicts_with_id", help="The line's charge that stands meanwhile."
    )
    followup_event_ids = fields.Many2many("integration.event", compute="_compute_followups", string="What followed")

    _line_uniq = models.UniqueIndex(
        "(system_id, mode, encounter, line) WHERE current", "A line of an encounter names one charge for ever."
    )
    _content_uniq = models.UniqueIndex(
        "(system_id, mode, encounter, line, content_digest, revision) WHERE NOT current",
        "This content is already known.",
    )
    _recheck_idx = models.Index("(id) WHERE recheck")
    _parked_idx = models.Index("(evaluated_at) WHERE state = 'parked'")
    _held_idx = models.Index("(ready_on) WHERE state = 'held'")
    _day_idx = models.Index("(company_id, service_day)")
    # What used a code of a service, of which there are many. Of departments and payers there are few, each with a good
    # part of all charges: an index of theirs would cost each charge and spare nothing.
    _service_idx = models.Index("(system_id, service_code, service_day)")

    @api.depends("encounter", "line")
    def _compute_display_name(self):
        for charge in self:
            charge.display_name = f"{charge.encounter} / {charge.line}"

    @api.depends("park_reason")
    def _compute_conflicts_with_id(self):
        for charge in self:
            charge.conflicts_with_id = charge.park_reason == "conflict" and charge._present()

    def _present(self):
        """Return the current charge of this charge's line."""
        self.ensure_one()
        names = ("mode", "encounter", "line")
        domain = [(name, "=", self[name]) for name in names]
        return self.search([("system_id", "=", self.system_id.id), ("current", "=", True), *domain])

    @api.depends("event_id")
    def _compute_followups(self):
        for charge in self:
            flow = charge.event_id.correlation_id
            domain = Domain("correlation_id", "=", flow) & Domain("id", "!=", charge.event_id.id)
            charge.followup_event_ids = (
                self.env["integration.event"].search(domain, order="id", limit=200) if flow else False
            )

    # -- events -------------------------------------------------------------------------------------------------------

    def _event_subject(self, type_name):
        return f"charge/{self.id}"

    def _event_cause(self):
        return self.event_id or super()._event_cause()

    def _event_data(self, type_name):
        self.ensure_one()
        wanted = "parked" if type_name == "finance.charge.parked.v1" else "rejected"
        if self.state != wanted or self.mode != "live":
            return None
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": None,
            "date": fields.Date.to_string(self.service_day),
            "encounter": self.encounter,
            "line": self.line,
            "reason": self.park_reason or "error",
        }

    def _event_facets(self, type_name):
        return {"document_type": "charge", "facility": self._facilities()}

    def _facilities(self):
        """Return the codes of the facilities where these charges arose.

        Empty when that of any is not known: whoever asks for one facility is told of nothing doubtful.
        """
        codes = set(self.mapped("facility"))
        return sorted(codes) if all(codes) else []

    # -- working out and resuming -------------------------------------------------------------------------------------

    def _evaluate(self):
        """Work out what these charges mean, and let them be parked, held or ready accordingly."""
        charges = self.filtered(lambda charge: charge.state in OPEN and charge.park_reason != "conflict")
        if not charges:
            return
        now = fields.Datetime.now()
        resolutions = self.env["integration.charge.resolver"]._resolve(charges)
        changed, parked = [], []
        for charge in charges:
            values = charge._values_of(resolutions[charge.id], now)
            if values["state"] == "parked" and values["park_reason"] != charge.park_reason:
                parked.append(charge.id)
            if values["state"] != charge.state or values["park_reason"] != charge.park_reason:
                changed.append(charge.id)
            if charge.currency_id.id != values["currency_id"]:
                # The ORM takes an amount for unchanged that rounds to the new one in the new currency.
                charge.amount = 0.0
            charge.write(values)
        self.browse(changed)._state_effects()
        self.browse(parked)._tell_parked()

    def _tell_parked(self):
        """Tell whoever subscribed that these charges wait; of test charges nobody hears."""
        self.filtered(lambda charge: charge.mode == "live")._emit_event("finance.charge.parked.v1")

    def _values_of(self, resolution, now):
        self.ensure_one()
        parked = bool(resolution.problems)
        state = "parked"
        if not parked:
            today = self.env["integration.charge.resolver"]._today(self)
            state = "ready" if resolution.ready_on and resolution.ready_on <= today else "held"
        reason, _detail = resolution.problems[0] if parked else (False, False)
        values = {
            "price_item_id": False,
            **resolution.values,
            "state": state,
            "park_reason": reason,
            "park_detail": "\n".join(detail for _reason, detail in resolution.problems) or False,
            "ready_on": resolution.ready_on,
            "recheck": False,
            "evaluated_at": now,
        }
        if state == "ready" and self.state != "ready":
            values["ready_at"] = now
        if not parked:
            values["parked_since"] = False
        elif not self.parked_since:
            values["parked_since"] = now
        return values

    def _state_effects(self):
        """Write what became of these charges' units into the journal's effects."""
        rows = []
        for charge in self:
            if not charge.event_id:
                continue
            status = charge.state if charge.state in ("parked", "rejected") else "applied"
            reason = charge.park_reason or None if status != "applied" else None
            rows.append((charge.event_id.id, charge.unit or charge.line, status, reason, charge))
        # sudo: effects are bookkeeping of the journal, whoever pressed the button
        self.env["integration.effect"].sudo()._put(rows)

    @api.model
    def _recheck(self, reasons=None, companies=None, systems=None):
        """Mark parked charges for re-evaluation by the engine, because something they may wait for has changed.

        :param reasons: park reasons (list), None for every reason
        :param companies: only theirs (``res.company``)
        :param systems: only what these systems sent (``integration.system``)
        """
        conditions = [SQL("state = 'parked' AND NOT COALESCE(recheck, false) AND park_reason <> 'conflict'")]
        if reasons:
            conditions.append(SQL("park_reason IN %s", tuple(reasons)))
        if companies:
            conditions.append(SQL("company_id IN %s", tuple(companies.ids)))
        if systems:
            conditions.append(SQL("system_id IN %s", tuple(systems.ids)))
        self._mark(SQL(" AND ").join(conditions))

    @api.model
    def _recheck_held(self, companies=None):
        """Mark charges on hold for re-evaluation: a billing rule has changed."""
        condition = SQL("state IN ('held', 'ready') AND NOT COALESCE(recheck, false)")
        if companies:
            condition = SQL("%s AND company_id IN %s", condition, tuple(companies.ids))
        self._mark(condition)

    @api.model
    def _recheck_priced(self, rules):
        """Mark for re-evaluation what governed rules may decide about: not billed or approved yet, on their days.

        :param rules: records of one model of ``integration.scoped.mixin`` or ``integration.unit.factor``
        """
        for rule in rules:
            parts = [
                SQL("state IN %s AND NOT COALESCE(recheck, false) AND park_reason IS DISTINCT FROM 'conflict'", OPEN),
                SQL("company_id = %s", rule.company_id.id),
            ]
            if rule.valid_from:
                # An end moves the last day, not the first: what the rule decided about before lies behind it, too.
                parts.append(SQL("service_day >= %s", rule.valid_from))
            if "categ_id" in rule._fields and rule.categ_id:
                products = self.env["product.product"].sudo().with_context(active_test=False)  # sudo: as in _mark
                below = products._search([("categ_id", "child_of", rule.categ_id.id)])
                parts.append(SQL("product_id IN %s", below.subselect()))
            narrow = [name for name in ("product_id", "partner_id", "system_id") if name in rule._fields and rule[name]]
            parts += [SQL("%s = %s", SQL.identifier(name), rule[name].id) for name in narrow]
            if rule._name == "integration.cost.center.rule":
                parts.append(SQL("department IS NOT NULL AND cost_center IS NULL"))
            if rule._name == "integration.unit.factor":
                parts.append(SQL("uom_sent IS NOT NULL"))
            self._mark(SQL(" AND ").join(parts))

    @api.model
    def _mark(self, condition):
        self.flush_model(
            [
                *("state", "recheck", "park_reason", "company_id", "system_id", "product_id", "partner_id"),
                *("department", "cost_center", "uom_sent", "service_day"),
            ]
        )
        # SQL: whoever mends a price list or a setting has no right to charges, and need not have
        self.env.cr.execute(SQL("UPDATE integration_charge SET recheck = true WHERE %s", condition))
        if self.env.cr.rowcount:
            self.invalidate_model(["recheck"])
            self.env["integration.engine"]._wake()

    @api.model
    def _chore_resume(self, limit):
        """Re-evaluate marked charges, and parked ones not looked at for an hour; return how many are still to do."""
        stale = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        domain = Domain("recheck", "=", True) & Domain("state", "in", OPEN) | (
            Domain("state", "=", "parked")
            & Domain("evaluated_at", "<", stale)
            & Domain("park_reason", "!=", "conflict")
        )
        charges = self._of_all_companies().search(domain, order="id", limit=limit)
        charges._evaluate_safely()
        return self._of_all_companies().search_count(
            Domain("recheck", "=", True) & Domain("state", "in", OPEN), limit=limit
        )

    @api.model
    def _chore_ready(self, limit):
        """Let charges whose hold is over become ready; return how many are still to do."""
        domain = Domain("state", "=", "held") & Domain("ready_on", "<=", fields.Date.add(fields.Date.today(), days=1))
        due = self._of_all_companies().search(domain, order="ready_on, id", limit=limit)
        today = self.env["integration.charge.resolver"]._today
        ripe = due.filtered(lambda charge: charge.ready_on <= today(charge))
        ripe.write({"state": "ready", "ready_at": fields.Datetime.now()})
        return len(ripe) if len(due) == limit else 0

    def _of_all_companies(self):
        """Return these records with every company of the engine's user at work."""
        return self.with_context(allowed_company_ids=self.env.user.company_ids.ids)

    def _evaluate_safely(self):
        """Evaluate all; when one fails, evaluate one by one so that only that one parks."""
        tools = self.env["integration.engine"]
        if tools._contained(self._evaluate) is None:
            return
        for charge in self:
            if tools._contained(charge._evaluate) is not None:
                charge._park(
                    "error",
                    charge.env._("This charge could not be worked out. Ask the integration team, then try again."),
                )

    def _settle_new(self):
        """Work out charges that were just created, and carry out the voids that were here before them."""
        conflicts = self.filtered(lambda charge: not charge.current)
        conflicts._state_effects()
        conflicts._tell_parked()
        fresh = self - conflicts
        withdrawn = self.env["integration.charge.void"]._meet(fresh)
        fresh._evaluate()
        withdrawn._state_effects()

    def _park(self, reason, detail):
        """Park these charges for a person."""
        now = fields.Datetime.now()
        for charge in self:
            charge.write(
                {
                    "state": "parked",
                    "park_reason": reason,
                    "park_detail": detail,
                    "parked_since": charge.parked_since or now,
                    "evaluated_at": now,
                    "recheck": False,
                }
            )
        self._state_effects()
        self._tell_parked()

    def _invoice_line_values(self):
        """Return values of the invoice line; account, taxes and text come from Odoo as on a manual invoice."""
        self.ensure_one()
        values = {"product_id": self.product_id.id, "quantity": self.quantity, "price_unit": self.price_unit}
        if self.uom_id:
            values["product_uom_id"] = self.uom_id.id
        if self.analytic_account_id:
            values["analytic_distribution"] = {str(self.analytic_account_id.id): 100}
        return values

    # -- enter or approve, not both -----------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_author(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._with_author(vals) if MONEY & set(vals) else vals)

    def _with_author(self, vals):
        """Return ``vals`` with the person's name, where a person and not the engine says what is billed."""
        by_hand = not self.env.su and self.env.user.has_group("integration_core.group_finance_viewer")
        return {**vals, "author_id": self.env.uid} if by_hand else vals

    def _review_rulings(self):
        """Judge whether the current user may approve these charges.

        :return: {:class:`approval.Ruling`: charges}
        :raises UserError: where the user, or whom they decide for, entered some of them or decided about their money
        :raises AccessError: where the user decides for somebody who does not work in the company
        """
        roles = self.env["integration.approving.role"]
        roles._look()
        standing, rulings = roles._standing(REVIEWER), {}
        for author, charges in self.grouped("author_id").items():
            for company, members in charges.grouped("company_id").items():
                ruling = approval.decide(self._standing_in(standing, company), authors=author.ids)
                if ruling.decision is approval.Decision.REFUSED_NOT_APPROVER:
                    raise AccessError(self.env._("Whom you decide for approves no charges of %s.", company.name))
                rulings[ruling] = rulings.get(ruling, self.browse()) | members
        own = self.browse().union(*(members for ruling, members in rulings.items() if not ruling.allowed))
        if own:
            names = ", ".join(own[:5].mapped("display_name"))
            raise UserError(
                self.env._(
                    "You, or whom you decide for, entered these charges or decided about their money (%(count)s: "
                    "%(names)s). Another finance reviewer approves them.",
                    count=len(own),
                    names=names,
                )
            )
        return rulings

    @api.model
    def _standing_in(self, standing, company):
        """Return what is left of a standing in one company: a delegate decides only where the delegator works."""
        # sudo: in which companies somebody works, whoever asks
        users = self.env["res.users"].sudo()
        held = (one for one in standing.delegations if company in users.browse(one.delegator).company_ids)
        return replace(standing, delegations=tuple(held))

    def _payer_code(self):
        """Return the code of the payer who came first, as sent: the line's own, else its encounter's; None for none."""
        self.ensure_one()
        # sudo: the encounter may have been opened for another company
        told = self if self.payer_told else self.encounter_id.sudo()
        return next(iter(told.coverage or ()), None)

    # -- buttons ------------------------------------------------------------------------------------------------------

    def _as_reviewer(self):
        """Return these charges writable, after proving that the user may decide about them.

        :raises AccessError: for anybody but a finance reviewer of these companies
        """
        if not self.env.user.has_group("integration_core.group_finance_reviewer"):
            raise AccessError(self.env._("Only a finance reviewer can decide about charges."))
        self.check_access("read")
        # sudo: nobody may write charges directly; the group and the record rules were checked just above
        return self.sudo()

    def _as_approver(self):
        """Return these charges writable, after proving that the user may approve charges, be it for somebody else.

        :raises AccessError: for whoever is neither a finance reviewer nor the delegate of one
        """
        if not self._may_approve():
            raise AccessError(
                self.env._("Only finance reviewers, and whom they have delegated it to, approve charges.")
            )
        self.check_access("read")
        # sudo: nobody may write charges directly; the right and the record rules were checked just above
        return self.sudo()

    @api.model
    def _may_approve(self):
        """Tell whether the user is a finance reviewer, or decides for one who is away."""
        if self.env.user.has_group(REVIEWER):
            return True
        return bool(self.env["integration.approving.role"]._standing(REVIEWER).delegations)

    def action_approve(self):
        """Approve ready charges; their draft invoices are made in the background.

        :return: an action that shows the progress
        """
        charges = self._as_approver().filtered(lambda charge: charge.state == "ready" and charge.mode == "live")
        if not charges:
            raise UserError(self.env._("None of these charges is ready for review. Test charges are never billed."))
        runs = self.env["integration.billing.run"]
        for ruling, members in charges._review_rulings().items():
            runs |= members._approve_under(ruling)
        return runs.action_open()

    def _approve_under(self, ruling):
        """Approve charges as a ruling allows; return the runs that bill them."""
        if ruling.decision is approval.Decision.SELF_APPROVED:
            self.write({"self_approved": True})
            self.env["integration.audit"]._record("charge.self_approve", self)
        if not ruling.delegation:
            return self.env["integration.billing.run"]._start(self)
        # sudo: the name of whom somebody decides for
        delegator = self.env["res.users"].sudo().browse(ruling.delegation.delegator)
        runs = self.env["integration.billing.run"]._start(self, delegator)
        detail = f"on behalf of {delegator.name} ({delegator.id})"
        self.env["integration.audit"]._record("charge.approve", self, detail=detail)
        return runs

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        # Not by their groups alone: a delegate has the button, too, for as long as the delegation holds.
        return (*super()._get_view_cache_key(view_id, view_type, **options), self._may_approve())

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Take the button away from whoever may not approve charges."""
        arch, view = super()._get_view(view_id, view_type, **options)
        if not self._may_approve():
            for button in arch.xpath("//button[@name='action_approve']"):
                button.getparent().remove(button)
        return arch, view

    def action_try_again(self):
        """Look again at parked charges, now.

        :raises AccessError: for those who may only look at charges
        """
        self.check_access("read")
        if not self.env.su and not any(self.env.user.has_group(group) for group in MAY_TRY_AGAIN):
            raise AccessError(self.env._("Finance reviewers, operators and mapping stewards try charges again."))
        parked = self.filtered(lambda charge: charge.state == "parked" and charge.park_reason != "conflict")
        if not parked:
            raise UserError(self.env._("Nothing to try again: choose parked charges."))
        # sudo: working out again decides nothing; nobody may write charges, and who may ask was seen to above
        parked.sudo()._evaluate_safely()
        return True

    def action_back_to_review(self):
        """Take approved charges back to review, when they are on no invoice yet."""
        charges = self._as_reviewer().filtered(lambda charge: charge.state == "approved")
        charges.write({"state": "ready", "approved_by_id": False, "approved_at": False, "group_id": False})
        return True

    def action_reject(self):
        """Ask why, then reject parked charges for good."""
        self._as_reviewer()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Reject charges"),
            "res_model": "integration.charge.reject",
            "view_mode": "form",
            "target": "new",
            "context": {"default_charge_ids": self.ids},
        }

    def _reject(self, reason):
        """Reject parked charges: they will never be billed."""
        charges = self._as_reviewer().filtered(lambda charge: charge.state == "parked")
        if not charges:
            raise UserError(self.env._("Only parked charges can be rejected."))
        charges.write({"state": "rejected", "ended_reason": reason, "recheck": False})
        charges._state_effects()
        charges.filtered(lambda charge: charge.mode == "live")._emit_event("finance.charge.rejected.v1")
        self.env["integration.audit"]._record("charge.reject", charges, reason=reason)

    def action_accept_conflict(self):
        """Let a conflicting content replace the charge it conflicts with: reversal and new, linked."""
        for charge in self._as_reviewer().filtered(lambda charge: charge.park_reason == "conflict"):
            charge._present()._replace_by(charge)
            charge.author_id = self.env.user
            self.env["integration.audit"]._record("charge.accept_conflict", charge)
        return True

    def _replace_by(self, newer):
        """Reverse this charge and make ``newer`` the line's current one."""
        self._reverse(newer.event_id, self.env._("Corrected"))
        self.current = False
        self.flush_recordset()
        newer.write({"current": True, "supersedes_id": self.id, "park_reason": False, "park_detail": False})
        newer._evaluate()

    def action_open_invoice(self):
        """Open the invoice this charge is on."""
        self.check_access("read")
        self.ensure_one()
        return self.invoice_id._integration_open()

    def action_open_credit_note(self):
        """Open the credit note that reverses this charge."""
        self.check_access("read")
        self.ensure_one()
        return self.credit_line_id.move_id._integration_open()
