import base64
from collections import Counter
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.addons.integration_core.tools import money_in_digits
from odoo.addons.integration_mapping.domain.table_file import TableError, read
from odoo.exceptions import AccessError, UserError

from ..domain import control_totals
from ..models.integration_control_total import MEASURES

MOST_ROWS = 200_000
MOST_BYTES = 32 * 1024 * 1024
MOST_SHOWN = 100


class IntegrationControlTotalImport(models.TransientModel):
    """Take control totals out of a file. First a dry run says what is in it; nothing is stored before."""

    _name = "integration.control.total.import"
    _description = "Import control totals"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    system_id = fields.Many2one("integration.system", "Totals of", required=True, check_company=True)
    measure = fields.Selection(MEASURES, "Compare by", required=True, default="key")
    date_from = fields.Date("From", required=True, help="First day of service that the file is of.")
    date_to = fields.Date("To", required=True, help="Last day, included.")
    currency = fields.Char(
        required=True, size=3, default=lambda self: self.env.company.currency_id.name, help="Where no column says it."
    )
    decimal_comma = fields.Boolean("Decimal comma", help="Amounts are written 1.234,56.")
    file = fields.Binary(attachment=False)
    file_name = fields.Char()
    checked = fields.Boolean(readonly=True)
    good_count = fields.Integer("Rows to be used", readonly=True)
    refused_count = fields.Integer("Rows refused", readonly=True)
    refused_text = fields.Text("Why", readonly=True)
    left_out_count = fields.Integer("Rows left out", readonly=True)
    told_text = fields.Char("It says", readonly=True)
    known_text = fields.Char("Beside what is there", readonly=True)

    @api.onchange("system_id", "measure", "date_from", "date_to", "currency", "decimal_comma", "file")
    def _onchange_what(self):
        self.checked = False

    def action_check(self):
        """Read the file and say what is in it. Nothing is stored."""
        reading = self._read()
        shown = [f"{one.number}: {self._why(one.reason)}" for one in reading.refused[:MOST_SHOWN]]
        if len(reading.refused) > MOST_SHOWN:
            shown.append(self.env._("… and %s more", len(reading.refused) - MOST_SHOWN))
        self.write(
            {
                "checked": True,
                "good_count": len(reading.lines),
                "refused_count": len(reading.refused),
                "refused_text": "\n".join(shown) or False,
                "left_out_count": sum(reading.left_out.values()),
                "told_text": self._told(reading.lines),
                "known_text": self._beside(reading.lines),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import control totals"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_import(self):
        """Store what the file says, and let the period be compared."""
        reading = self._read()
        if not reading.lines:
            raise UserError(self.env._("The file has no row that can be used: nothing was stored."))
        # sudo: statements are stored by this button and by the engine alone
        total, verdict = self._totals()._store(
            *self._period(),
            list(reading.lines),
            source="imported",
            taken_at=self._now(),
            refused_count=len(reading.refused),
            refused_text="\n".join(f"{one.number}: {self._why(one.reason)}" for one in reading.refused) or False,
            left_out_count=sum(reading.left_out.values()),
        )
        if verdict == "same":
            raise UserError(self.env._("%s says the same already: nothing was stored.", total.display_name))
        if verdict != "newer":
            raise UserError(self.env._("What holds for this period was taken later than now: nothing was stored."))
        self.env["integration.audit"]._record(
            "control_total.import", total, detail=f"lines: {total.line_count}, refused: {total.refused_count}"
        )
        self.env["integration.engine"]._wake()
        return {
            "type": "ir.actions.act_window",
            "res_model": "integration.control.total",
            "res_id": total.id,
            "views": [(False, "form")],
        }

    def _totals(self):
        return self.env["integration.control.total"].sudo()

    def _now(self):
        """Return the moment, naive UTC and exact: what came earlier in the same second is older than the file."""
        return datetime.now(timezone.utc).replace(tzinfo=None)

    def _period(self):
        return self.system_id, self.measure, self.date_from, self.date_to

    def _read(self):
        self.ensure_one()
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only an operator imports control totals."))
        self.system_id.check_access("read")
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        if fault := control_totals.fault_of(self.date_from, self.date_to, self.measure):
            words = {
                "period_reversed": self.env._("The period ends before it begins."),
                "period_too_long": self.env._("The period has more than %s days.", control_totals.MOST_DAYS),
            }
            raise UserError(words[fault])
        content = base64.b64decode(self.file)
        if len(content) > MOST_BYTES:
            raise UserError(self.env._("The file has more than %s MB.", MOST_BYTES // 1024**2))
        try:
            table = read(content, most=MOST_ROWS)
            reading = control_totals.of_table(
                table,
                self.measure,
                first=self.date_from,
                last=self.date_to,
                currency=self.currency or "",
                zone=ZoneInfo(self.system_id.timezone),
                signs=self._signs(),
                kinds=self.env["integration.event.type"].search([("direction", "=", "inbound")]).mapped("name"),
                decimal_comma=self.decimal_comma,
            )
        except TableError as error:
            raise UserError(self.env._("The file cannot be read as a table (%s).", error.code)) from None
        except control_totals.TotalsError as error:
            words = {
                "missing": self.env._("No column says the %s.", self._called(error.detail)),
                "twice": self.env._("Two columns could be the %s.", self._called(error.detail)),
            }
            raise UserError(words[error.code]) from None
        if control_totals.counts_too_much(control_totals.told_of(reading.lines, self.measure)):
            raise UserError(
                self.env._("A row of the comparison would have more than %s pieces.", f"{control_totals.MOST_COUNT:,}")
            )
        return reading

    def _signs(self):
        """Return {code: sign} of all currencies, whether somebody uses them or not."""
        everyone = self.env["res.currency"].with_context(active_test=False)
        return {one.name: one.symbol for one in everyone.search([("symbol", "!=", False)])}

    def _called(self, name):
        return {
            "day": self.env._("day of service"),
            "kind": self.env._("type (event type, or charge and payment)"),
            "claim": self.env._("claim"),
            "count": self.env._("count or the amount"),
            "amount": self.env._("amount"),
        }.get(name, name)

    def _why(self, reason):
        return {
            "too_long": self.env._("a field has more than 255 characters"),
            "bad_day": self.env._("its day is none, or not written as 2026-11-27"),
            "no_day": self.env._("it names no day"),
            "other_period": self.env._("its day is outside the period"),
            "unknown_type": self.env._("its type is not known"),
            "bad_count": self.env._("its count is no whole number from 0 up"),
            "bad_amount": self.env._("its amount is no number, or could be read in two ways"),
            "no_amount": self.env._("it has no amount"),
            "no_figure": self.env._("it has neither count nor amount"),
            "no_claim": self.env._("it names no claim"),
            "bad_currency": self.env._("its currency is no code of three letters, or its amount names another one"),
            "other_width": self.env._("it has other fields than the header: a separator too many or too few"),
        }[reason]

    def _told(self, lines):
        """Return how much the lines come to, both sides of a ledger apart."""
        words = {"told": self.env._("told"), "found": self.env._("settled")}
        parts = Counter()
        for line in lines:
            if line.amount is not None:
                parts[line.side, line.currency] += line.amount
        texts = [
            f"{words[side]} {currency} {money_in_digits(self.env, currency, amount)}"
            for (side, currency), amount in sorted(parts.items())
        ]
        pieces = sum(line.count or 0 for line in lines) if self.measure == "key" else len(lines)
        return "; ".join([self.env._("%s pieces", pieces), *texts])

    def _beside(self, lines):
        """Say what there is of the period already."""
        digest = control_totals.digest(lines)
        standing, verdict = self._totals()._judge(*self._period(), digest, taken_at=self._now())
        if not standing:
            return self.env._("The first statement of this period.")
        if verdict == "newer":
            return self.env._("It takes the place of version %s, which is kept.", standing.version)
        if verdict == "same":
            return self.env._("The same as version %s: nothing would be stored.", standing.version)
        return self.env._("Version %s was taken later than now: nothing would be stored.", standing.version)
