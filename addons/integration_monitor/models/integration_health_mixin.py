from datetime import timedelta

from odoo import api, fields, models
from odoo.addons.integration_core.domain import latency
from odoo.tools import SQL

from ..domain import objectives
from ..domain.objectives import Tally

CRITICALITIES = [("critical", "Critical"), ("standard", "Standard"), ("reporting", "Reporting")]
HEALTH = [("bad", "Bad"), ("warning", "Warning"), ("idle", "Idle"), ("good", "Good")]
PARAMETER = "integration_monitor.objective_%s"
"""System parameter: percentage of tries that are to go well, for systems and endpoints of that criticality."""
CHANGES = 20
"""Entries of the audit trail, and of breakers, that are shown."""
WATCHERS = "integration_core.group_operator,integration_core.group_auditor"
TRAIL = "integration_core.group_admin,integration_core.group_auditor,integration_core.group_privacy_officer"


class IntegrationHealthMixin(models.AbstractModel):
    """Who looks after a system or endpoint, how much of what is tried may fail, and how it stands against that.

    Figures are read from the counts of tries (``integration.delivery.count``), from the engine's work list and from
    entries of small indexes; no history is searched. They are the suite's own facts, so they are read as the superuser,
    and shown to those alone who watch over deliveries.
    """

    _name = "integration.health.mixin"
    _inherit = ["integration.runbook.mixin"]
    _description = "Has a state of health"

    criticality = fields.Selection(
        CRITICALITIES,
        required=True,
        default="standard",
        help="How much of what is tried may fail: see Settings for the objective of each.",
    )
    deputy_id = fields.Many2one(
        "res.users", help="Who is asked when the owner is away, and told of alerts together with them."
    )
    support_hours = fields.Char("Support hours", help="When and how the partner can be reached.")
    health = fields.Selection(HEALTH, compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    health_reason = fields.Char("Because", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    objective = fields.Float("Objective (%)", compute="_compute_objective", digits=(6, 3))
    success_share = fields.Float(
        "Went well (%)", compute="_compute_health", compute_sudo=True, groups=WATCHERS, digits=(6, 2)
    )
    tries_counted = fields.Integer("Tries in 30 days", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    budget_left = fields.Float(
        "Error budget left (%)",
        compute="_compute_health",
        compute_sudo=True,
        groups=WATCHERS,
        digits=(9, 1),
        help="How much of what may fail in 30 days has not failed yet. Below 0: more has.",
    )
    burn_rate = fields.Float(
        "Burn rate (1 h)",
        compute="_compute_health",
        compute_sudo=True,
        groups=WATCHERS,
        digits=(9, 2),
        help="How many times as fast as it may the budget was spent within the last hour. At 1 it lasts 30 days.",
    )
    latency_text = fields.Char(
        "Latency",
        compute="_compute_health",
        compute_sudo=True,
        groups=WATCHERS,
        help="From the event on, of deliveries within 30 days.",
    )
    last_good_at = fields.Datetime("Last good", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    next_retry_at = fields.Datetime("Next retry", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    dead_count = fields.Integer("Dead letters", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    retry_count = fields.Integer("Waiting for a retry", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    key_text = fields.Char("Key", compute="_compute_health", compute_sudo=True, groups=WATCHERS)
    change_ids = fields.Many2many(
        "integration.audit", compute="_compute_change_ids", string="Last changes", groups=TRAIL
    )

    # -- what holds of both kinds, to be said by models ---------------------------------------------------------------

    def _health_endpoints(self):
        """Return {record id: its endpoints}."""
        raise NotImplementedError

    def _health_signs(self, known, *, has_key, last_good):
        """Return the :class:`objectives.Signs` of this record.

        :param dict known: the part that is alike for all: arguments of ``Signs``
        :param bool has_key: whether a key of it holds now
        :param last_good: what :meth:`_health_last_good` says of it, or None
        """
        raise NotImplementedError

    def _health_next_retry(self, due):
        """Return when the first of what failed is tried again.

        :param due: when the first of it is due; False: nothing waits
        """
        return due

    def _health_last_good(self):
        """Return {record id: moment} of what went well last, where it is not a delivery."""
        return {}

    # -- figures ------------------------------------------------------------------------------------------------------

    @api.depends("criticality")
    def _compute_objective(self):
        # sudo: a setting of the suite's own
        told = self.env["ir.config_parameter"].sudo()
        for record in self:
            record.objective = objectives.objective(record.criticality, told.get_param(PARAMETER % record.criticality))

    def _compute_change_ids(self):
        trail = self.env["integration.audit"]
        for record in self:
            about = [("res_model", "=", record._name), ("res_id", "=", record._origin.id)]
            record.change_ids = trail.search(about, order="id desc", limit=CHANGES)

    @api.depends("criticality")
    def _compute_health(self):
        endpoints = self._health_endpoints()
        figures = self._health_figures([one for ids in endpoints.values() for one in ids])
        last_good = self._health_last_good()
        for record in self:
            mine = [figures[one] for one in endpoints.get(record.id, ()) if one in figures]
            record._put_health(mine, last_good.get(record.id))

    def _put_health(self, mine, last_good):
        """Store the figures of this record.

        :param mine: of each of its endpoints, as :meth:`_health_figures` has it
        """
        month = sum((one["month"] for one in mine), Tally())
        hour = sum((one["hour"] for one in mine), Tally())
        left = objectives.budget(month, self.objective).left
        rate = objectives.burn_rate(hour, self.objective)
        key, key_days = self._health_key()
        dead, retrying = sum(one["dead"] for one in mine), sum(one["retrying"] for one in mine)
        known = {"dead": dead, "retrying": retrying, "key_days": key_days, "left": left, "rate": rate}
        cause = objectives.judge(self._health_signs(known, has_key=bool(key), last_good=last_good))
        self.health = cause.health.value
        self.health_reason = self.env["integration.trace"]._words(cause.words)
        self.success_share = month.success
        self.tries_counted = month.tries
        self.budget_left = left
        self.burn_rate = rate
        self.latency_text = self._latency_words(mine)
        goods = [moment for moment in (last_good, *(one["good"] for one in mine)) if moment]
        self.last_good_at = max(goods, default=False)
        self.next_retry_at = self._health_next_retry(min((one["retry"] for one in mine if one["retry"]), default=False))
        self.dead_count, self.retry_count = dead, retrying
        self.key_text = key

    def _latency_words(self, mine):
        slots = {}
        for one in mine:
            for slot, count in one["slots"].items():
                slots[slot] = slots.get(slot, 0) + count
        if not slots:
            return False
        bounds = self.env["integration.delivery.count"]._slot_bounds()
        span = self.env["integration.overview"]._span
        half, most = (span(latency.quantile(slots, bounds, share)) for share in (0.5, 0.95))
        return self.env._("half within %(half)s, 95 %% within %(most)s", half=half, most=most)

    def _health_key(self):
        """Return (what is told of the last key, days until it ends or None)."""
        self.ensure_one()
        now = fields.Datetime.now()
        working = self.credential_ids.filtered(lambda key: key._is_valid_at(now))
        if not working:
            return False, None
        last = max(working, key=lambda key: (key.valid_to or fields.Datetime.to_datetime("9999-01-01"), key.id))
        version = dict(last._fields["version"]._description_selection(self.env)).get(last.version, last.version)
        if not last.valid_to:
            return self.env._("%s, until it is revoked", version), None
        days = (last.valid_to - now) / timedelta(days=1)
        until = fields.Datetime.to_string(last.valid_to)
        return self.env._("%(version)s, until %(until)s UTC", version=version, until=until), days

    @api.model
    def _health_figures(self, endpoint_ids):
        """Return {endpoint id: figures} of the last 30 days: three statements, whatever the history."""
        if not endpoint_ids:
            return {}
        empty = {"dead": 0, "retrying": 0, "good": None, "retry": None}
        found = {one: {**empty, "month": Tally(), "hour": Tally(), "slots": {}} for one in sorted(set(endpoint_ids))}
        ids = tuple(found)
        for endpoint, outcome, done, slot, tries, recent, last in self._count_rows(ids):
            mine, bad = found[endpoint], outcome not in latency.GOOD
            mine["month"] += Tally(tries, tries if bad else 0)
            mine["hour"] += Tally(recent, recent if bad else 0)
            if done:
                mine["slots"][slot] = mine["slots"].get(slot, 0) + tries
                mine["good"] = max(filter(None, (mine["good"], last)))
        for endpoint, dead in self._dead_rows(ids):
            found[endpoint]["dead"] = dead
        for endpoint, retrying, due in self._retry_rows(ids):
            found[endpoint].update(retrying=retrying, retry=due)
        return found

    @api.model
    def _count_rows(self, endpoint_ids):
        now = fields.Datetime.now()
        return self.env.execute_query(
            SQL(
                """
                SELECT s.endpoint_id, c.outcome, c.state = 'done', c.slot, sum(c.tries)::bigint,
                       COALESCE(sum(c.tries) FILTER (WHERE c.minute >= %(hour)s), 0)::bigint, max(c.minute)
                  FROM integration_delivery_count c JOIN integration_subscription s ON s.id = c.subscription_id
                 WHERE s.endpoint_id IN %(ids)s AND s.for_tests IS NOT TRUE AND c.minute >= %(month)s
                 GROUP BY 1, 2, 3, 4
                """,
                ids=endpoint_ids,
                hour=now - timedelta(hours=1),
                month=now - timedelta(days=objectives.DAYS),
            )
        )

    @api.model
    def _dead_rows(self, endpoint_ids):
        return self.env.execute_query(
            SQL(
                """
                SELECT s.endpoint_id, count(*)
                  FROM integration_delivery d JOIN integration_subscription s ON s.id = d.subscription_id
                 WHERE d.dead_since IS NOT NULL AND d.state = 'dead' AND s.endpoint_id IN %s GROUP BY 1
                """,
                endpoint_ids,
            )
        )

    @api.model
    def _retry_rows(self, endpoint_ids):
        return self.env.execute_query(
            SQL(
                """
                SELECT s.endpoint_id, count(*), min(d.due_at)
                  FROM integration_due d JOIN integration_subscription s ON s.id = d.subscription_id
                 WHERE s.endpoint_id IN %s AND d.attempts > 0 GROUP BY 1
                """,
                endpoint_ids,
            )
        )
