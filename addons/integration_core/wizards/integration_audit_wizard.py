import base64
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_datetime

from .. import tools
from ..domain import sealing, trail
from ..models.integration_audit_export import FORMATS

MOST_ROWS = 500_000
"""Rows that are verified while somebody waits before a screen; beyond, the command line does it."""
MOST_EXPORTED = 100_000
SHOWN = 100
"""Findings that are shown; the command line tells all."""


class IntegrationAuditVerifyWizard(models.TransientModel):
    """Verify the audit trail of the person's companies, and say where it stands."""

    _name = "integration.audit.verify.wizard"
    _description = "Verify the audit trail"

    anchors_now = fields.Text("Anchors of now", readonly=True, default=lambda self: self._anchors_now())
    anchors_kept = fields.Text(
        "Anchors kept elsewhere", help="What this page showed earlier, one line per company; the trail must contain it."
    )
    waiting = fields.Char("Not sealed yet", readonly=True, default=lambda self: self._waiting_now())
    state = fields.Selection([("draft", "Not verified"), ("sound", "Sound"), ("wrong", "Wrong")], default="draft")
    result = fields.Html(readonly=True, sanitize=False)
    file = fields.Binary(readonly=True, attachment=False)

    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = self.env._("Verify the trail")

    @api.model
    def _chains(self):
        """Return the ids of the companies whose chains are this person's, None for rows without a company."""
        self.env["integration.audit"]._check_reader()
        return [*self.env.companies.ids, None]

    @api.model
    def _anchors_now(self):
        # sudo: whoever reads the trail may know its seals; the companies are the person's own
        anchors = self.env["integration.audit.seal"].sudo()._anchors(self._chains())
        return "\n".join(anchor.text() for anchor in anchors)

    @api.model
    def _waiting_now(self):
        self.env.cr.execute(
            """
            SELECT count(*), min(a.at) FROM integration_audit_queue q JOIN integration_audit a ON a.id = q.id
             WHERE COALESCE(q.company_id, 0) = ANY (%s)
            """,
            ([one or 0 for one in self._chains()],),
        )
        count, since = self.env.cr.fetchone()
        if not count:
            return self.env._("Nothing: every row is sealed.")
        return self.env._(
            "%(count)s rows, the oldest for %(age)s. The engine seals them.",
            count=count,
            age=tools.age_in_words(self.env, since),
        )

    def action_verify(self):
        """Verify, tell the trail about it, and show what was found."""
        self.ensure_one()
        chains = self._chains()
        self._check_size(chains)
        try:
            anchors = sealing.read_anchors(self.anchors_kept or "")
        except ValueError as error:
            raise UserError(self.env._("Anchors kept elsewhere: %s", error)) from None
        # sudo: a verification reads what nobody may read one by one; the companies are the person's own
        report, found = self.env["integration.audit.verification"].sudo()._verify(chains, anchors)
        self.write(
            {
                "state": "sound" if report.is_sound else "wrong",
                "result": self._in_words(report, found, len(anchors)),
                "anchors_now": self._anchors_now(),
                "waiting": self._waiting_now(),
            }
        )
        self.env["integration.audit"]._record("audit.verify", detail=f"{self.state}, {report.findings} findings")
        return True

    def action_download(self):
        """Have the browser save where the trail stands."""
        self.ensure_one()
        self.anchors_now = self._anchors_now()
        self.file = base64.b64encode(f"{self.anchors_now}\n".encode())
        self.env["integration.audit"]._record("audit.anchor")
        name = f"audit-anchors-{fields.Date.today()}.txt"
        address = f"/web/content/{self._name}/{self.id}/file/{name}?download=true"
        return {"type": "ir.actions.act_url", "url": address, "target": "self"}

    def _check_size(self, chains):
        self.env.cr.execute(
            "SELECT COALESCE(sum(count), 0) FROM integration_audit_seal"
            " WHERE certificate IS NULL AND COALESCE(company_id, 0) = ANY (%s)",
            ([one or 0 for one in chains],),
        )
        (rows,) = self.env.cr.fetchone()
        if rows > MOST_ROWS:
            raise UserError(
                self.env._(
                    "There are %s rows, too many to verify while you wait. Have an administrator of the server run:"
                    " odoo integration_audit verify",
                    rows,
                )
            )

    def _in_words(self, report, found, anchors):
        rows = [self._chain_in_words(chain) for chain in report.chains.values() if chain.seals or chain.unsealed]
        items = [Markup("<li>%s</li>") % self._finding_in_words(one) for one in found[:SHOWN]]
        if report.findings > SHOWN:
            items.append(Markup("<li>%s</li>") % self.env._("… and %s more.", report.findings - SHOWN))
        compared = self.env._("Compared with %s anchors.", anchors) if anchors else ""
        return Markup("<ul class='text-danger'>%s</ul><table class='table table-sm'>%s%s</table><p>%s</p>") % (
            Markup().join(items),
            self._head(),
            Markup().join(rows),
            compared,
        )

    def _head(self):
        names = [
            self.env._("Company"),
            self.env._("Rows as they were"),
            self.env._("Removed by retention"),
            self.env._("Seals"),
            self.env._("Newest seal"),
            self.env._("Not sealed yet"),
            self.env._("Wrong"),
        ]
        return Markup("<tr>%s</tr>") % Markup().join(Markup("<th>%s</th>") % name for name in names)

    def _chain_in_words(self, chain):
        newest = chain.newest and format_datetime(self.env, chain.newest.sealed_at, dt_format="short")
        waiting = str(chain.unsealed)
        if chain.unsealed_since:
            waiting += f" ({tools.age_in_words(self.env, chain.unsealed_since)})"
        label = self.env["integration.audit.seal"]._label(chain.company)
        values = [label, chain.rows, chain.removed, chain.seals, newest or "", waiting, chain.findings]
        return Markup("<tr>%s</tr>") % Markup().join(Markup("<td>%s</td>") % value for value in values)

    def _finding_in_words(self, finding):
        text = finding.text(tools.in_words(self.env, trail.TEXTS[finding.code]))
        label = self.env["integration.audit.seal"]._label(finding.company)
        return text if finding.code == "guard_off" else f"{label}: {text}"


class IntegrationAuditExportWizard(models.TransientModel):
    """Give the audit trail of a period to others."""

    _name = "integration.audit.export.wizard"
    _description = "Export the audit trail"

    kind = fields.Selection(FORMATS, "Format", required=True, default="fhir")
    day_from = fields.Date("From", default=lambda self: fields.Date.context_today(self) - timedelta(days=30))
    day_to = fields.Date("Until", default=fields.Date.context_today, help="This day included.")
    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)

    def action_export(self):
        """Export the rows of the person's companies, and have the browser save them."""
        self.ensure_one()
        self.env["integration.audit"]._check_reader()
        chains = [*self.env.companies.ids, None]
        begin, end = self._moment(self.day_from), self._moment(self.day_to and self.day_to + timedelta(days=1))
        self._check_size(chains, begin, end)
        # sudo: seals are exported as bytes that no screen shows; the companies are the person's own
        lines = self.env["integration.audit.export"].sudo()._export(self.kind, chains, begin, end)
        self.file = base64.b64encode("".join(lines).encode())
        self.file_name = self.env["integration.audit.export"]._file_name(self.kind)
        address = f"/web/content/{self._name}/{self.id}/file/{self.file_name}"
        # As it is: Odoo would append an ending to names that it does not know.
        query = "?download=true&mimetype=application/octet-stream"
        return {"type": "ir.actions.act_url", "url": f"{address}{query}", "target": "self"}

    def _moment(self, day):
        """Return when a day begins where the person is, as naive UTC."""
        if not day:
            return None
        local = datetime.combine(day, time(), tzinfo=ZoneInfo(self.env.user.tz or "UTC"))
        return local.astimezone(timezone.utc).replace(tzinfo=None)

    def _check_size(self, chains, begin, end):
        condition = self.env["integration.audit.export"]._condition(chains, begin, end)
        count = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT 1 FROM integration_audit WHERE %s LIMIT %s) AS few",
                condition,
                MOST_EXPORTED + 1,
            )
        )[0][0]
        if count > MOST_EXPORTED:
            raise UserError(
                self.env._(
                    "There are more than %s rows. Choose a shorter period, or have an administrator of the server run:"
                    " odoo integration_audit export",
                    MOST_EXPORTED,
                )
            )
