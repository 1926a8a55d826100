import hashlib
import json
from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..domain import control_totals, reconciliation
from ..domain.reconciliation import OPEN
from .integration_control_total import MEASURES
from .integration_reconciliation_line import GONE

EXPLAINED = 200
"""Breaks of one comparison whose candidates are looked for, those of most money first."""
AGAIN = timedelta(hours=1)
AGAIN_SIGNED = timedelta(days=1)
WATCHED_DAYS = 92
"""Days after a period in which it is compared anew by itself; later by its button alone."""


class IntegrationReconciliation(models.Model):
    """One period of one system: what it says it sent, against what is here, and who signed that off.

    Comparing is a chore of the engine: when a control total arrives, when a tolerance changes, each hour while there
    are breaks and the period is recent, and each day once it is signed off, so that later changes are told. Of a ledger
    both sides lie in one file: it is compared when another file or a tolerance comes. Whoever compares, decides or
    signs locks the period first.
    """

    _name = "integration.reconciliation"
    _description = "Reconciled period"
    _order = "date_to desc, system_id, id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict")
    date_from = fields.Date("From", required=True, readonly=True)
    date_to = fields.Date("To", required=True, readonly=True)
    measure = fields.Selection(MEASURES, "Compared by", required=True, readonly=True)
    total_id = fields.Many2one(
        "integration.control.total", "Control total", required=True, readonly=True, ondelete="restrict"
    )
    total_ids = fields.Many2many("integration.control.total", compute="_compute_total_ids", string="Statements")
    state = fields.Selection(
        [
            ("new", "Being compared"),
            ("breaks", "Breaks"),
            ("agrees", "Agrees"),
            ("signed", "Signed off"),
            ("changed", "Changed since signed off"),
        ],
        required=True,
        readonly=True,
        default="new",
    )
    compared_at = fields.Datetime("Compared", readonly=True)
    next_at = fields.Datetime("Compared next", readonly=True, index="btree_not_null")
    failed_at = fields.Datetime("Could not be compared", readonly=True, help="Empty: the last comparison went well.")
    failure = fields.Char("Why not", readonly=True)
    matched_count = fields.Integer("Equal", readonly=True, aggregator=None)
    within_count = fields.Integer("Within tolerance", readonly=True, aggregator=None)
    break_count = fields.Integer("Breaks", readonly=True)
    open_count = fields.Integer("To do", readonly=True, help="Breaks that nobody has resolved or accepted.")
    oldest = fields.Datetime("Oldest to do", readonly=True, help="Since when the oldest of them is there.")
    net_text = fields.Char("Net difference", readonly=True, help="Found less told, of all breaks.")
    open_text = fields.Char("Still open", readonly=True, help="Found less told, of the breaks that are to do.")
    line_ids = fields.One2many("integration.reconciliation.line", "reconciliation_id", "Rows", readonly=True)
    break_ids = fields.One2many(
        "integration.reconciliation.line",
        "reconciliation_id",
        "Breaks to look at",
        domain=[("state", "!=", False)],
        readonly=True,
    )
    signoff_ids = fields.One2many("integration.reconciliation.signoff", "reconciliation_id", "Sign-offs", readonly=True)
    change_ids = fields.One2many(
        "integration.reconciliation.change", "reconciliation_id", "Later changes", readonly=True
    )
    signed_at = fields.Datetime("Signed off", readonly=True)
    signed_by_id = fields.Many2one("res.users", "Signed off by", readonly=True)
    todo = fields.Char("What to do", compute="_compute_todo")

    _period_uniq = models.UniqueIndex(
        "(system_id, date_from, date_to, measure)", "This period of the system is compared already."
    )

    @api.depends("system_id", "date_from", "date_to")
    def _compute_display_name(self):
        for one in self:
            days = self.env["integration.control.total"]._days_text(one.date_from, one.date_to)
            one.display_name = f"{one.system_id.name or ''} {days}"

    @api.depends("total_id")
    def _compute_total_ids(self):
        for one in self:
            one.total_ids = one.total_id._same_period(one.system_id, one.date_from, one.date_to, one.measure)

    @api.depends("state", "open_count", "open_text", "failed_at", "failure")
    def _compute_todo(self):
        words = {
            "new": self.env._("The engine compares it within a minute."),
            "agrees": self.env._("Nothing is open: a finance reviewer can sign it off."),
            "signed": self.env._("Nothing: it is signed off, and nothing has changed since."),
            "changed": self.env._(
                "Something changed after it was signed off: look at the later changes and sign again."
            ),
        }
        for one in self:
            one.todo = (
                one._failure_text()
                or words.get(one.state)
                or self.env._(
                    "Breaks for finance to look at: %(count)s (%(money)s).",
                    count=one.open_count,
                    money=one.open_text or self.env._("pieces only"),
                )
            )

    def _failure_text(self):
        """Say that what stands here was not compared with what both sides say now, and why; empty where it was."""
        return self.failed_at and self.env._(
            "It could not be compared: %(reason)s The engine tries again each hour. Tell an administrator.",
            reason=self.failure,
        )

    # -- when it is compared ------------------------------------------------------------------------------------------

    @api.model
    def _expect(self, total):
        """Let the period of a control total that now holds be compared; return its record."""
        period = {name: total[name] for name in ("date_from", "date_to", "measure")}
        domain = [("system_id", "=", total.system_id.id), *((name, "=", value) for name, value in period.items())]
        now = fields.Datetime.now()
        if one := self.search(domain, limit=1):
            # How it stands, and why it could not be compared, was said beside another total.
            one.write({"total_id": total.id, "next_at": now, "state": "new", "failed_at": False, "failure": False})
            return one
        owners = {"company_id": total.company_id.id, "system_id": total.system_id.id}
        return self.create({**period, **owners, "total_id": total.id, "next_at": now})

    @api.model
    def _recompare(self, companies):
        """Let all periods of these companies that are still watched be compared anew."""
        now = fields.Datetime.now()
        watched = ["|", ("next_at", "!=", False), ("date_to", ">=", self._watched_from(now))]
        self.search([("company_id", "in", companies.ids), *watched]).write({"next_at": now})

    @api.model
    def _watched_from(self, now):
        return fields.Date.subtract(now.date(), days=WATCHED_DAYS)

    def _lock(self):
        """Let nobody else compare these periods, decide about them or sign them, until this transaction ends.

        :raise psycopg2.errors.SerializationFailure: somebody did since this transaction began to look
        """
        self.env.cr.execute(
            SQL("SELECT id FROM integration_reconciliation WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", self.ids)
        )

    @api.model
    def _chore_compare(self, limit):
        """Compare the periods whose turn it is, one a time; return how many are left."""
        self.env.cr.execute(
            "SELECT id FROM integration_reconciliation WHERE next_at <= %s"
            " ORDER BY next_at LIMIT 2 FOR NO KEY UPDATE SKIP LOCKED",
            (fields.Datetime.now(),),
        )
        due = [row[0] for row in self.env.cr.fetchall()]
        # sudo: the engine's user compares what finance reads
        for one in self.sudo().browse(due[:1]):
            if reason := self.env["integration.engine"]._contained(one._compare):
                now = fields.Datetime.now()
                one.write({"next_at": now + AGAIN, "failed_at": now, "failure": reason})
                self.env["integration.audit"]._record("reconciliation.failed", one, reason=reason)
        return len(due[1:])

    def _next(self, now):
        self.ensure_one()
        if self.measure == "ledger" or self._watched_from(now) > self.date_to:
            return False
        return now + (AGAIN_SIGNED if self.state in ("signed", "agrees") else AGAIN)

    # -- comparing ----------------------------------------------------------------------------------------------------

    def _compare(self):
        """Compare both sides anew, and keep what people said of breaks that are as they were."""
        self.ensure_one()
        self._lock()
        # To compile these statements takes longer than to run them, however many rows they are expected to read.
        self.env.cr.execute("SET LOCAL jit = off")
        results, records = self._results()
        rows = self.env["integration.reconciliation.line"]._keep(self, results, records)
        self.env["integration.reconciliation.candidate"]._keep(self, rows, results, records)
        self._count_up(compared=True)
        now = fields.Datetime.now()
        self.write({"compared_at": now, "next_at": self._next(now), "failed_at": False, "failure": False})

    def _results(self):
        """Return (results of every key, {key of one of the biggest breaks: its records})."""
        facts = self.env["integration.reconciliation.facts"]
        lines = self.total_id._lines()
        told = control_totals.told_of(lines, self.measure)
        tolerance = self.env["integration.reconciliation.tolerance"]._of(self.system_id, self.measure)
        found = facts._found(self.total_id, lines, told)
        results = reconciliation.compare(told, found, lambda _key: tolerance)
        breaks = [result for result in results if result.outcome.is_break]
        breaks.sort(key=lambda result: abs(result.amount or 0), reverse=True)
        records = facts._records(self.total_id, lines, told, breaks[:EXPLAINED])
        return results, {result.key: records.get(result.key, []) for result in breaks[:EXPLAINED]}

    def _count_up(self, *, compared=False):
        """Count rows and money anew, and say how it stands: of what waits to be compared that is not known yet."""
        self.ensure_one()
        self.line_ids.flush_recordset()
        outcomes = Counter(self.line_ids.mapped("outcome"))
        breaks = self.line_ids.filtered("is_break")
        to_do = breaks.filtered(lambda line: line.state in OPEN)
        self.write(
            {
                "matched_count": outcomes["matched"],
                "within_count": outcomes["within"],
                "break_count": len(breaks),
                "open_count": len(to_do),
                "oldest": min(to_do.mapped("since"), default=False),
                "net_text": breaks._money_text(),
                "open_text": to_do._money_text(),
                "state": self._standing(to_do) if compared or self.state != "new" else "new",
            }
        )

    def _standing(self, to_do):
        if last := self.signoff_ids.sorted("id")[-1:]:
            return "changed" if self.change_ids.filtered(lambda change: change.signoff_id == last) else "signed"
        return "breaks" if to_do else "agrees"

    def action_compare(self):
        """Compare both sides anew, now."""
        self.check_access("read")
        self._check_reviewer()
        # sudo: rows are written by comparing alone, not by the person who asks for it
        self.sudo()._compare_all()
        return True

    def _compare_all(self):
        self._lock()  # of several in one order, so that nobody waits for whoever waits for him
        for one in self:
            one._compare()

    # -- sign-off -----------------------------------------------------------------------------------------------------

    def _check_reviewer(self):
        if not self.env.user.has_group("integration_core.group_finance_reviewer"):
            raise AccessError(self.env._("Only a finance reviewer decides about reconciliation."))

    def action_sign(self, reason=None):
        """Compare these periods anew and sign them off as they stand; one that is signed is signed again.

        :param str reason: needed while breaks are to do, and then asked for in a dialog when left out
        :raises UserError: while breaks are to do and no reason is given
        """
        self.check_access("read")
        self._check_reviewer()
        # What is signed is what both sides say now, not what they said when they were last compared.
        # sudo: rows are written by comparing alone, as in action_compare
        self.sudo()._compare_all()
        if reason is None and any(one.open_count for one in self):
            return self.env["integration.reason.wizard"]._ask("sign_period", self)
        reason = reason or ""
        for one in self:
            one._check_can_be_signed(reason)
        # sudo: sign-offs are made by this button alone
        for one in self.sudo():
            one._sign(reason.strip())
        return True

    def _check_can_be_signed(self, reason):
        if self.open_count and not reason.strip():
            raise UserError(
                self.env._(
                    "Breaks still to do in %(period)s: %(count)s (%(money)s). Say why it is signed off nevertheless.",
                    period=self.display_name,
                    count=self.open_count,
                    money=self.open_text or self.env._("pieces only"),
                )
            )

    def _sign(self, reason):
        self.env["integration.reconciliation.signoff"].create(
            {
                "reconciliation_id": self.id,
                "company_id": self.company_id.id,
                "total_id": self.total_id.id,
                "user_id": self.env.user.id,
                "signed_at": fields.Datetime.now(),
                "reason": reason,
                "matched_count": self.matched_count,
                "within_count": self.within_count,
                "break_count": self.break_count,
                "open_count": self.open_count,
                "net_text": self.net_text,
                "open_text": self.open_text,
                "digest": self._digest(),
            }
        )
        self.write({"signed_at": fields.Datetime.now(), "signed_by_id": self.env.user.id, "state": "signed"})
        self.env["integration.audit"]._record(
            "reconciliation.sign", self, reason=reason, detail=f"open: {self.open_count}, breaks: {self.break_count}"
        )

    def _digest(self):
        """Return the SHA-256 of both sides of every row that was compared, and of how each stands."""
        rows = sorted(
            [
                line._key_text(),
                line.told_count,
                line.told_amount,
                line.found_count,
                line.found_amount,
                line.outcome,
                line.state or "",
            ]
            for line in self.line_ids
            if line.outcome != GONE
        )
        return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()

    # -- after a sign-off ---------------------------------------------------------------------------------------------

    def _tell_change(self, line, values):
        """Note that a row of a signed period has other figures, or another outcome, than before."""
        self._note("figures", line, line._figures(), line._figures(values))

    def _tell_new(self, lines):
        """Note rows that a signed period did not have."""
        for line in lines:
            self._note("row", line, False, line._figures())

    def _tell_decision(self, line, state):
        """Note that somebody decides otherwise about a break of a signed period."""
        self._note("decision", line, line.state and {"state": line.state}, {"state": state}, self.env.user)

    def _note(self, what, line, was, became, user=None):
        if last := self.signoff_ids.sorted("id")[-1:]:
            self.env["integration.reconciliation.change"].create(
                {
                    "reconciliation_id": self.id,
                    "company_id": self.company_id.id,
                    "signoff_id": last.id,
                    "line_id": line.id,
                    "at": fields.Datetime.now(),
                    "what": what,
                    "was": was,
                    "became": became,
                    "user_id": user.id if user else False,
                }
            )

    # -- what is behind it --------------------------------------------------------------------------------------------

    def action_breaks(self):
        """Open the breaks of this period."""
        return self._open_lines([("state", "!=", False)], {"search_default_todo": 1})

    def action_rows(self):
        """Open every row of this period, those that agree too."""
        return self._open_lines([], {})

    def _open_lines(self, domain, context):
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name if len(self) == 1 else self.env._("Breaks"),
            "res_model": "integration.reconciliation.line",
            "views": [(False, "list"), (False, "form")],
            "domain": [("reconciliation_id", "in", self.ids), *domain],
            "context": context,
        }
