from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core.tools import money_in_digits
from odoo.exceptions import UserError

from ..domain.reconciliation import MOST_RECORDS, OPEN, Key, Tally, next_state

STATES = [("open", "Open"), ("explained", "Explained"), ("resolved", "Resolved"), ("accepted", "Accepted")]
OUTCOMES = [
    ("matched", "Equal"),
    ("within", "Within tolerance"),
    ("break", "Differs"),
    ("only_told", "Only in the control total"),
    ("only_found", "Only here"),
    ("uncounted", "Here, and not counted"),
    ("gone", "Neither side has it any more"),
]
GONE = "gone"
BESIDE = ("parked", "waiting", "rejected")
"""What is here and does not count, shown beside what does."""


class IntegrationReconciliationLine(models.Model):
    """One row of a comparison, and the work item where its sides differ.

    It stays the same record from one comparison to the next, so that a break keeps its owner, its age and what people
    said of it, as long as both sides say the same.
    """

    _name = "integration.reconciliation.line"
    _description = "Reconciled row"
    _order = "is_break desc, weight desc, day desc, id"

    reconciliation_id = fields.Many2one(
        "integration.reconciliation", "Period", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict")
    measure = fields.Selection(related="reconciliation_id.measure")
    day = fields.Date("Day of service", readonly=True)
    cost_center = fields.Char(readonly=True)
    kind = fields.Char("Type", readonly=True)
    claim = fields.Char(readonly=True, index="btree_not_null")
    currency = fields.Char(readonly=True)
    outcome = fields.Selection(OUTCOMES, required=True, readonly=True)
    is_break = fields.Boolean(readonly=True)
    compares_count = fields.Boolean(readonly=True)
    compares_amount = fields.Boolean(readonly=True)
    told_count = fields.Integer("Pieces told", readonly=True)
    found_count = fields.Integer("Pieces found", readonly=True)
    difference_count = fields.Integer("Pieces apart", readonly=True, help="Found less told.")
    told_amount = fields.Float("Told", readonly=True, min_display_digits=2, aggregator=None)
    found_amount = fields.Float("Found", readonly=True, min_display_digits=2, aggregator=None)
    difference = fields.Float(readonly=True, min_display_digits=2, aggregator=None, help="Found less told.")
    weight = fields.Float(readonly=True, min_display_digits=2, aggregator=None, help="How big the difference is.")
    parked_count = fields.Integer("Parked", readonly=True)
    parked_amount = fields.Float("Amount parked", readonly=True, min_display_digits=2, aggregator=None)
    waiting_count = fields.Integer("Waiting", readonly=True)
    waiting_amount = fields.Float("Amount waiting", readonly=True, min_display_digits=2, aggregator=None)
    rejected_count = fields.Integer("Rejected", readonly=True)
    rejected_amount = fields.Float("Amount rejected", readonly=True, min_display_digits=2, aggregator=None)
    candidate_ids = fields.One2many(
        "integration.reconciliation.candidate", "line_id", "What explains it", readonly=True
    )
    candidate_text = fields.Char("Likeliest cause", compute="_compute_candidate_text")
    searched = fields.Selection(
        [("part", "500 of its records"), ("none", "None of its records: 200 breaks are bigger")],
        "Searched for what explains it",
        readonly=True,
        help="Empty: all of its records.",
    )
    state = fields.Selection(STATES, "Break", readonly=True, help="Empty: its sides never differed.")
    owner_id = fields.Many2one("res.users", readonly=True)
    since = fields.Datetime(readonly=True, help="Since when its sides differ.")
    turned = fields.Selection(
        [("agrees", "Both sides agree"), ("again", "Open again")],
        "Turned by a comparison",
        readonly=True,
        help="What the last comparison that changed the break said of it; empty: a person did, or none.",
    )
    reason = fields.Char(readonly=True, help="What a person said of it last.")
    reason_text = fields.Char("Why", compute="_compute_reason_text")
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True)
    decided_at = fields.Datetime("Decided", readonly=True)
    decided_total_id = fields.Many2one("integration.control.total", readonly=True, ondelete="set null")

    _key_uniq = models.UniqueIndex(
        "(reconciliation_id, COALESCE(day, '0001-01-01'), COALESCE(cost_center, ''), COALESCE(kind, ''),"
        " COALESCE(claim, ''), COALESCE(currency, ''))",
        "This row is there already.",
    )
    _todo_idx = models.Index("(company_id, since) WHERE state IN ('open', 'explained')")
    _decided_total_idx = models.Index("(decided_total_id) WHERE decided_total_id IS NOT NULL")

    @api.depends_context("lang")
    @api.depends("day", "cost_center", "kind", "claim")
    def _compute_display_name(self):
        # sudo: how event types are called is no secret
        types = self.env["integration.event.type"].sudo().search([("name", "in", self.mapped("kind"))])
        titles = {one.name: one.title for one in types}
        for line in self:
            line.display_name = line._name_text(titles.get(line.kind, line.kind))

    def _name_text(self, kind):
        return " · ".join(filter(None, (self.claim, self.day and str(self.day), self.cost_center, kind)))

    def _key_text(self):
        """Return the name of this row in a later change: the same in each language."""
        return f"{self._name_text(self.kind)} · {self.currency or ''}"

    @api.depends_context("lang")
    @api.depends("turned", "reason", "outcome")
    def _compute_reason_text(self):
        for line in self:
            line.reason_text = line._reason_in_words()

    def _reason_in_words(self):
        if self.turned == "agrees" and self.outcome == GONE:
            return self.env._("Neither side has it any more.")
        if self.turned == "agrees":
            return self.env._("Both sides agree now.")
        if self.turned == "again" and self.reason:
            return self.env._("Open again, for the figures are others than when it was said: %s", self.reason)
        if self.turned == "again":
            return self.env._("Open again, for the sides differ anew.")
        return self.reason

    @api.depends_context("lang")
    @api.depends("candidate_ids.text", "is_break", "state", "difference_count", "difference", "searched")
    def _compute_candidate_text(self):
        for line in self:
            text = line.candidate_ids[:1].text
            if not text and line.searched:
                text = self.env._("Nothing found, and not all of its records were searched")
            elif not text and line.is_break and (line.difference_count < 0 or line.difference < 0):
                text = self.env._("Nothing here explains it: ask the sender")
            line.candidate_text = text

    def _key(self):
        return Key(self.day or None, self.cost_center or "", self.kind or "", self.claim or "", self.currency or "")

    def _money_text(self):
        """Return what the differences of these rows come to, per currency."""
        sums = {}
        for line in self.filtered("compares_amount"):
            sums[line.currency] = sums.get(line.currency, Decimal(0)) + Decimal(str(line.difference))
        parts = (
            f"{currency} {money_in_digits(self.env, currency, amount)}"
            for currency, amount in sorted(sums.items())
            if amount
        )
        return "; ".join(parts) or False

    # -- what a comparison leaves -------------------------------------------------------------------------------------

    @api.model
    def _keep(self, period, results, records):
        """Write the results of a comparison of a period; return {key: row}.

        :param results: every result
        :param records: {key: list of :class:`Record`}, of the breaks that are looked into
        """
        rows = {line._key(): line for line in period.line_ids}
        told = {result.key: self._values_of(result, records) for result in results}
        self.union(*(line for key, line in rows.items() if key not in told))._leave(period)
        new = []
        for key, values in told.items():
            if key in rows:
                rows[key]._take(values)
            else:
                new.append({**self._names(period, key), **values, **self._begun(values)})
        created = self.create(new)
        period._tell_new(created)
        rows.update({line._key(): line for line in created})
        return rows

    def _leave(self, period):
        """Take leave of rows that neither side has any more.

        They go, unless somebody had to do with them, or signed them off: then they stay and say so.
        """
        nothing = self._values_of(None, {})
        # Whoever decides about a break owns it from then on.
        kept = self if period.signoff_ids else self.filtered("owner_id")
        for line in kept:
            line._take(nothing)
        (self - kept).unlink()

    def _names(self, period, key):
        return {
            "reconciliation_id": period.id,
            "company_id": period.company_id.id,
            "system_id": period.system_id.id,
            "day": key.day,
            "cost_center": key.cost_center,
            "kind": key.kind,
            "claim": key.claim,
            "currency": key.currency,
        }

    def _begun(self, values):
        return {"state": "open", "since": fields.Datetime.now()} if values["is_break"] else {}

    @api.model
    def _values_of(self, result, records):
        told, found = (result and result.told) or Tally(), (result and result.found) or Tally()
        values = {
            "outcome": result.outcome.value if result else GONE,
            "searched": self._searched(result, records),
            "is_break": bool(result and result.outcome.is_break),
            "compares_count": bool(result and result.count is not None),
            "compares_amount": bool(result and result.amount is not None),
            "told_count": told.count or 0,
            "found_count": found.count or 0,
            "difference_count": (result and result.count) or 0,
            "told_amount": float(told.amount or 0),
            "found_amount": float(found.amount or 0),
            "difference": float((result and result.amount) or 0),
            "weight": float(abs((result and result.amount) or 0)),
        }
        for status in BESIDE:
            tally = (result and result.rest.get(status)) or Tally()
            values[f"{status}_count"] = tally.count or 0
            values[f"{status}_amount"] = float(tally.amount or 0)
        return values

    def _searched(self, result, records):
        if not (result and result.outcome.is_break):
            return False
        if result.key not in records:
            return "none"
        return "part" if len(records[result.key]) > MOST_RECORDS else False

    def _figures(self, values=None):
        """Return what both sides say, of these values or of the row as it is."""
        values = values or self
        return {name: values[name] for name in ("told_count", "found_count", "told_amount", "found_amount")}

    def _take(self, values):
        """Take over the result of a new comparison."""
        self.ensure_one()
        moved = self._figures() != self._figures(values)
        # That a comparison resolved it says that the sides agreed, by the tolerance of then; no person said anything.
        by_itself = self.state == "resolved" and not self.decided_by_id
        period = self.reconciliation_id
        newer = bool(self.decided_total_id) and self.decided_total_id != period.total_id
        state = next_state(self.state or "", is_break=values["is_break"], moved=moved or by_itself, newer=newer)
        if moved or values["outcome"] != self.outcome:
            period._tell_change(self, values)
        if state != (self.state or ""):
            values = {**values, **self._turned(state)}
        had = {name: self._fields[name].convert_to_write(self[name], self) for name in values}
        if news := {name: value for name, value in values.items() if had[name] != value}:
            self.write(news)

    def _turned(self, state):
        """Return what a comparison by itself says of a work item that it opens or ends."""
        if state == "resolved":
            return {
                "state": state,
                "turned": "agrees",
                "reason": False,
                "decided_by_id": False,
                "decided_at": fields.Datetime.now(),
                "decided_total_id": self.reconciliation_id.total_id.id,
            }
        since = self.since if self.state in OPEN else fields.Datetime.now()
        again = self.state in ("explained", "resolved", "accepted")
        said = {"turned": "again" if again else False, "reason": again and self.reason}
        return {"state": state, "since": since, **said, "decided_by_id": False, "decided_at": False}

    # -- what people do -----------------------------------------------------------------------------------------------

    def action_take(self):
        """Make these breaks one's own work."""
        self._check_decides()
        # sudo: rows are written by comparing and by these buttons alone
        self.sudo().write({"owner_id": self.env.user.id})
        self.env["integration.audit"]._record("reconciliation.take", self)
        return True

    def action_explain(self, reason=None):
        """Say what caused these breaks; they stay to do until both sides agree or somebody accepts them."""
        return self._decide("explained", reason)

    def action_resolve(self, reason=None):
        """Say that they were mended at their source; the next control total will show it."""
        return self._decide("resolved", reason)

    def action_accept(self, reason=None):
        """Accept the difference as it is."""
        return self._decide("accepted", reason)

    def action_reopen(self, reason=None):
        """Take back what was said of these breaks."""
        return self._decide("open", reason)

    def action_records(self):
        """Open the records of this row, those that count and those that do not."""
        self.check_access("read")
        self.ensure_one()
        model, domain = self._records()
        self.env[model].check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": model,
            "views": [(False, "list"), (False, "form")],
            "domain": domain,
        }

    def _records(self):
        total = self.reconciliation_id.total_id
        match self.measure:
            case "ledger":
                return "integration.control.total.line", [("total_id", "=", total.id), ("claim", "=", self.claim)]
            case "claim":
                facts = self.env["integration.reconciliation.facts"]
                return "integration.charge", facts._domain_of_claim(total, self.claim, self.day)
        own = [("company_id", "=", self.company_id.id), ("system_id", "=", self.system_id.id), ("mode", "=", "live")]
        day = ["|", ("service_day", "=", self.day), "&", ("service_day", "=", False), ("received_day", "=", self.day)]
        center = [("money_center", "=", self.cost_center)] if self.cost_center else []
        return "integration.receipt", [*own, *day, *center, ("event_type_id.name", "=", self.kind)]

    def _check_decides(self):
        self.check_access("read")
        self.env["integration.reconciliation"]._check_reviewer()
        if self.filtered(lambda line: not line.is_break):
            raise UserError(self.env._("Nothing differs here: there is nothing to decide."))

    def _decide(self, state, reason):
        self._check_decides()
        if reason is None:
            return self.env["integration.reason.wizard"]._ask(state, self)
        if not reason.strip():
            raise UserError(self.env._("Say why: the reason stays with the break."))
        now = fields.Datetime.now()
        # sudo: rows are written by comparing and by these buttons alone
        self.sudo().reconciliation_id._lock()
        for line in self.sudo():
            line.reconciliation_id._tell_decision(line, state)
            line.write(
                {
                    "state": state,
                    "turned": False,
                    "reason": reason.strip(),
                    "owner_id": line.owner_id.id or self.env.user.id,
                    "decided_by_id": self.env.user.id,
                    "decided_at": now,
                    "decided_total_id": line.reconciliation_id.total_id.id,
                }
            )
        self.env["integration.audit"]._record(f"reconciliation.{state}", self, reason=reason.strip())
        for period in self.sudo().reconciliation_id:
            period._count_up()
        return True
