from datetime import timedelta

from odoo import api, fields, models
from odoo.addons.integration_core import tools

SETTLED = timedelta(minutes=2)
"""How long after its end an hour is summed up: processes store what they have counted a moment later."""
LOCK_CLASS = 0x1B1  # any constant that no other advisory lock of this database uses


class IntegrationRefusal(models.Model):
    """What was turned away goes into the audit trail in summary: one row per hour, system and cause.

    What the names of systems that are not registered were is not told there: anybody could write them.
    """

    _inherit = "integration.refusal"

    told = fields.Integer(readonly=True, help="How many of these the audit trail has told of.")

    _untold_idx = models.Index("(minute) WHERE count > COALESCE(told, 0)")

    @api.model
    def _chore_summarize(self, limit):
        """Tell the audit trail of hours that are over; what was counted late is told again by itself."""
        cr = self.env.cr
        cr.execute(
            "SELECT 1 FROM integration_refusal WHERE minute < %s AND count > COALESCE(told, 0) LIMIT 1",
            (self._hours_end(),),
        )
        if not cr.fetchone():
            return 0
        tools.begin_read_committed(cr)
        self._tell_hours()
        return 0

    @api.model
    def _hours_end(self):
        """Return until when hours are over and what was counted in them is stored."""
        return (fields.Datetime.now() - SETTLED).replace(minute=0, second=0)

    @api.model
    def _tell_hours(self):
        """Tell of the hours that are over, unless another process does."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (LOCK_CLASS,))
        if not self.env.cr.fetchone()[0]:
            return
        self.env.cr.execute(
            """
            WITH untold AS (
                SELECT id, date_trunc('hour', minute) AS hour, company_id, cause, count - COALESCE(told, 0) AS times,
                       CASE WHEN company_id IS NULL THEN NULL ELSE claimed END AS claimed
                  FROM integration_refusal WHERE minute < %s AND count > COALESCE(told, 0) FOR UPDATE
            ), marked AS (
                UPDATE integration_refusal r SET told = r.count FROM untold u WHERE u.id = r.id
            )
            SELECT hour, company_id, claimed, cause, sum(times) FROM untold
             GROUP BY hour, company_id, claimed, cause ORDER BY hour, company_id, claimed, cause
            """,
            (self._hours_end(),),
        )
        rows = [self._summary(*row) for row in self.env.cr.fetchall()]
        self.env["integration.audit"]._append("gate.refusals", rows)
        self.invalidate_model(["told"])

    def _summary(self, hour, company_id, claimed, cause, times):
        # sudo: names of the company and the system that the claim was about
        company = self.env["res.company"].sudo().browse(company_id)
        system = self.env["integration.system"].sudo().search([("code", "=", claimed)]) if claimed else None
        return {
            "company_id": company.id,
            "company_name": company.name,
            "res_model": "integration.system" if system else False,
            "res_id": system.id if system else False,
            "res_name": claimed or self.env._("Systems that are not registered"),
            "detail": f"{hour:%Y-%m-%d %H}:00 UTC, {cause}: {times}",
        }
