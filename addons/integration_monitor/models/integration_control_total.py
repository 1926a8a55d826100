from datetime import timezone
from decimal import Decimal

from odoo import api, fields, models

from ..domain import control_totals, reconciliation

MEASURES = [
    ("key", "Day, cost center and event type"),
    ("claim", "Claim, against Odoo's charges"),
    ("ledger", "Claim, charges against payments"),
]
STATES = [
    ("current", "In force"),
    ("superseded", "Replaced by a newer one"),
    ("stale", "Came after a newer one"),
    ("conflict", "Same version, other figures"),
    ("test", "Test"),
]


class IntegrationControlTotal(models.Model):
    """What a system says it sent in a period: posted by itself, or imported by a person. Never edited.

    Of one system, period and measure one statement is in force. A newer one takes its place and both stay; one that
    comes after a newer one, or says otherwise under the same version, is kept and told, and changes nothing.
    """

    _name = "integration.control.total"
    _description = "Control total"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict")
    date_from = fields.Date("From", required=True, readonly=True)
    date_to = fields.Date("To", required=True, readonly=True)
    measure = fields.Selection(MEASURES, "Compared by", required=True, readonly=True)
    source = fields.Selection([("posted", "Posted"), ("imported", "Imported")], required=True, readonly=True)
    version = fields.Integer(readonly=True, aggregator=None, help="Counts the statements about one period.")
    sent_version = fields.Integer("Version as sent", readonly=True, aggregator=None, help="0: the sender counts none.")
    taken_at = fields.Datetime("Taken", required=True, readonly=True, help="What arrives after it is known as late.")
    state = fields.Selection(STATES, required=True, readonly=True, default="current")
    digest = fields.Char("SHA-256 of what it says", required=True, readonly=True)
    event_id = fields.Many2one(
        "integration.event", "Message", readonly=True, ondelete="set null", index="btree_not_null"
    )
    line_ids = fields.One2many(
        "integration.control.total.line",
        "total_id",
        "Lines",
        readonly=True,
        groups="integration_core.group_finance_viewer,integration_core.group_auditor",
    )
    line_count = fields.Integer("Lines used", readonly=True, aggregator=None)
    refused_count = fields.Integer("Rows refused", readonly=True, aggregator=None)
    refused_text = fields.Text("Refused rows", readonly=True)
    left_out_count = fields.Integer(
        "Rows left out", readonly=True, aggregator=None, help="Such as transfers between the payers of one claim."
    )

    _current_uniq = models.UniqueIndex(
        "(system_id, date_from, date_to, measure) WHERE state = 'current'",
        "Another control total of this period was stored at the same time. Try again.",
    )
    _period_idx = models.Index("(system_id, date_from, date_to, measure)")
    _days_check = models.Constraint("CHECK (date_from <= date_to)", "A period ends on or after its first day.")

    @api.depends("system_id", "date_from", "date_to", "version")
    def _compute_display_name(self):
        for total in self:
            total.display_name = self.env._(
                "%(system)s %(days)s, version %(version)s",
                system=total.system_id.name or "",
                days=self._days_text(total.date_from, total.date_to),
                version=total.version,
            )

    @api.model
    def _days_text(self, first, last):
        return str(first) if first == last else f"{first} – {last}"

    @api.model
    def _same_period(self, system, first, last, measure):
        return self.search(
            [
                ("system_id", "=", system.id),
                ("date_from", "=", first),
                ("date_to", "=", last),
                ("measure", "=", measure),
                ("state", "!=", "test"),
            ]
        )

    @api.model
    def _judge(self, system, measure, first, last, digest, *, taken_at, number=None):
        """Return (the statement in force, what another one is beside it, see :func:`reconciliation.judge`)."""
        standing = self._same_period(system, first, last, measure).filtered(lambda total: total.state == "current")
        new = reconciliation.Version(number, taken_at.replace(tzinfo=timezone.utc), digest)
        return standing, reconciliation.judge(new, standing._version())

    @api.model
    def _store(self, system, measure, first, last, lines, *, source, taken_at, number=None, is_test=False, **more):
        """Store a statement; return (record, what it is beside the one in force, see :func:`reconciliation.judge`).

        What says what is there already is not stored again: the record is then the one in force.

        :param lines: list of :class:`control_totals.TotalLine`
        :param datetime taken_at: naive UTC
        :param int number: version as the sender counts, or None
        :param is_test: of a test message: kept to be looked at, compared with nothing
        :param more: further values of the record
        """
        digest = control_totals.digest(lines)
        standing, verdict = self._judge(system, measure, first, last, digest, taken_at=taken_at, number=number)
        if is_test:
            verdict = "test"
        if verdict == "same":
            return standing, verdict
        earlier = self._same_period(system, first, last, measure)
        if verdict == "newer":
            standing.write({"state": "superseded"})
            standing.flush_recordset()
        total = self.create(
            {
                "company_id": system.company_id.id,
                "system_id": system.id,
                "date_from": first,
                "date_to": last,
                "measure": measure,
                "source": source,
                "version": max(earlier.mapped("version"), default=0) + 1,
                "sent_version": number or 0,
                "taken_at": taken_at,
                "state": "current" if verdict == "newer" else verdict,
                "digest": digest,
                "line_count": len(lines),
                **more,
            }
        )
        self.env["integration.control.total.line"]._append(total, lines)
        if verdict == "newer":
            self.env["integration.reconciliation"]._expect(total)
        return total, verdict

    def _version(self):
        if not self:
            return None
        taken_at = self.taken_at.replace(tzinfo=timezone.utc)
        return reconciliation.Version(self.sent_version or None, taken_at, self.digest)

    def _lines(self):
        """Return what it says as :class:`control_totals.TotalLine`, amounts exact."""
        self.ensure_one()
        self.env["integration.control.total.line"].flush_model()
        self.env.cr.execute(
            """
            SELECT side, day, COALESCE(cost_center, ''), COALESCE(kind, ''), COALESCE(claim, ''), count, amount::text,
                   COALESCE(currency, ''), COALESCE(reference, '')
              FROM integration_control_total_line WHERE total_id = %s ORDER BY id
            """,
            (self.id,),
        )
        return [
            control_totals.TotalLine(*row[:6], Decimal(row[6]) if row[6] is not None else None, *row[7:])
            for row in self.env.cr.fetchall()
        ]

    def action_lines(self):
        """Open the lines of this statement."""
        self.check_access("read")
        self.env["integration.control.total.line"].check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": "integration.control.total.line",
            "views": [(False, "list")],
            "domain": [("total_id", "=", self.id)],
        }
