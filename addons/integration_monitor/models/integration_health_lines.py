from zoneinfo import ZoneInfo

from odoo import fields, models
from odoo.addons.integration_core.domain import latency
from odoo.exceptions import AccessError
from odoo.tools import SQL, format_date, format_datetime, format_time

from ..domain import health_lines
from .integration_health_mixin import WATCHERS


class IntegrationHealthMixin(models.AbstractModel):
    """How the tries of a system or endpoint went over time: lines for its form, a table for its print.

    Read from the counts of tries, from a moment on by their index, as the figures of a month are. What is older than
    three days is counted by whole hours of UTC: where clocks go by half hours, midnight of such a day is to the hour.
    """

    _inherit = "integration.health.mixin"

    def get_health_lines(self):
        """Return how tries went by hours and by days, as JSON values.

        :return: dict ``{"zone", "objective", "spans"}``; each span is ``{"name", "label", "points"}``, each point
            ``{"label", "tries", "failed", "share", "latency", "latency_text"}``: how many were tried, how many of those
            failed, percentage that went well, and within how many ms 95 % of what was done got there (None: nothing)
        :raises AccessError: for who does not watch over deliveries, or does not see the record
        """
        self.ensure_one()
        return {
            "zone": str(self.env.tz),
            "objective": self.objective,
            "spans": [
                {"name": "hours", "label": self.env._("24 hours"), "points": self._health_points("hours")},
                {"name": "days", "label": self.env._("30 days"), "points": self._health_points("days")},
            ],
        }

    def _health_points(self, span):
        """Return the points of a line, the oldest first.

        :param str span: ``hours`` or ``days``
        :raises AccessError: as :meth:`get_health_lines`
        """
        self.check_access("read")
        if not any(self.env.user.has_group(group) for group in WATCHERS.split(",")):
            raise AccessError(self.env._("Figures of deliveries are for those who watch over them."))
        zone = ZoneInfo(str(self.env.tz))
        find, say = {
            "hours": (health_lines.hours, self._health_hour),
            "days": (health_lines.days, self._health_day),
        }[span]
        starts = find(fields.Datetime.now(), zone)
        return [self._health_point(one, say) for one in health_lines.points(starts, self._line_rows(starts))]

    def _health_printed(self):
        return format_datetime(self.env, fields.Datetime.now())

    def _health_point(self, point, say):
        bounds = self.env["integration.delivery.count"]._slot_bounds()
        most = latency.quantile(point.slots, bounds, 0.95)
        return {
            "label": say(fields.Datetime.context_timestamp(self, point.at)),
            "tries": point.tally.tries,
            "failed": point.tally.failed,
            "share": point.share,
            "latency": None if most is None else round(most),
            "latency_text": self.env["integration.overview"]._span(most),
        }

    def _health_hour(self, local):
        return format_time(self.env, local.time(), time_format="short")

    def _health_day(self, local):
        return format_date(self.env, local.date(), date_format="d MMM")

    def _line_rows(self, starts):
        """Return the rows that :func:`health_lines.points` takes.

        :param starts: naive UTC, rising
        """
        # sudo: as the figures of its health are read, for those who may see these
        endpoints = self.sudo()._health_endpoints().get(self.id)
        if not endpoints:
            return []
        return self.env.execute_query(
            SQL(
                """
                SELECT width_bucket(c.minute, %(starts)s::timestamp[]), c.outcome = ANY (%(good)s), c.state = 'done',
                       c.slot, sum(c.tries)::bigint
                  FROM integration_delivery_count c JOIN integration_subscription s ON s.id = c.subscription_id
                 WHERE s.endpoint_id IN %(ids)s AND s.for_tests IS NOT TRUE
                   AND c.minute >= %(first)s AND c.company_id = %(company)s
                 GROUP BY 1, 2, 3, 4
                """,
                starts=starts,
                good=sorted(latency.GOOD),
                ids=tuple(endpoints),
                first=starts[0],
                company=self.company_id.id,
            )
        )
