from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL

from .integration_event_type import LANE_RANK, LANES, lane_ranks

COUNT_LIMIT = 100_000


class IntegrationHold(models.Model):
    """A person's order to hold deliveries back: everything, one lane, or all of one system.

    What is held keeps waiting, spends no attempt and leaves when the hold is lifted. Endpoints and subscriptions have
    a pause of their own. A hold ends by being deleted; the audit trail keeps who, when and why.
    """

    _name = "integration.hold"
    _description = "Hold"
    _order = "id desc"

    scope = fields.Selection(
        [("all", "Everything"), ("lane", "One lane"), ("system", "One system")], required=True, readonly=True
    )
    lane = fields.Selection(LANES, readonly=True)
    system_id = fields.Many2one("integration.system", readonly=True, ondelete="cascade")
    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Held by", required=True, readonly=True, default=lambda self: self.env.user)
    since = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    count = fields.Integer("Waiting", compute="_compute_count", help="Deliveries that it holds back now.")

    _once = models.UniqueIndex(
        "(scope, COALESCE(lane, ''), COALESCE(system_id, 0))", "This is already held. Reload the page."
    )

    def init(self):
        self.env["integration.configuration"]._follow(self._table)

    @api.constrains("scope", "lane", "system_id")
    def _check_scope(self):
        for hold in self:
            if (hold.scope == "lane") != bool(hold.lane) or (hold.scope == "system") != bool(hold.system_id):
                raise ValidationError(self.env._("Name the lane or the system that is to be held, and nothing else."))

    @api.depends("scope", "lane", "system_id")
    def _compute_display_name(self):
        lanes = dict(self._fields["lane"]._description_selection(self.env))
        for hold in self:
            match hold.scope:
                case "lane":
                    hold.display_name = self.env._("Lane: %s", lanes[hold.lane])
                case "system":
                    hold.display_name = self.env._("System: %s", hold.system_id.name)
                case _:
                    hold.display_name = self.env._("Everything")

    @api.depends("scope", "lane", "system_id")
    def _compute_count(self):
        for hold in self:
            hold.count = hold._count_held()

    def _count_held(self):
        """Return how many deliveries of the user's companies this hold is about, counted up to ``COUNT_LIMIT``."""
        self.env.cr.execute(
            SQL(
                "SELECT count(*) FROM"
                " (SELECT 1 FROM integration_due d WHERE d.company_id IN %s AND (%s) LIMIT %s) AS held",
                tuple(self.env.companies.ids),
                self._due_condition(),
                COUNT_LIMIT,
            )
        )
        return self.env.cr.fetchone()[0]

    def _due_condition(self):
        """SQL over ``d`` (integration_due): what this hold is about."""
        match self.scope:
            case "lane":
                return SQL("d.lane = %s", LANE_RANK.get(self.lane, -1))
            case "system":
                return SQL("d.system_id = %s", self.system_id.id or 0)
            case _:
                return SQL("TRUE")

    @api.model
    def _check_operator(self):
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators hold and release deliveries."))

    @api.model
    def _check_order(self, scopes, reason):
        """Refuse an order of somebody who may not give it, or who does not say why.

        :param scopes: names of the scopes that it is about
        """
        self._check_operator()
        if set(scopes) - {"system"} and not self.env.user._is_in_every_company():
            raise AccessError(
                self.env._(
                    "This holds for every company, and you are not allowed in all of them. Hold or release the systems "
                    "of your own companies instead."
                )
            )
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: the reason is kept with your name."))

    @api.model
    def _hold(self, scope, reason, *, lane=None, system=None):
        """Hold deliveries back from this transaction's commit on; return the hold.

        :param str lane: name of the lane, for the scope ``lane``
        :param system: the system, for the scope ``system``
        :raises UserError: without a reason
        :raises AccessError: to all but operators; for everything or a lane, to those not allowed in every company
        """
        self._check_order([scope], reason)
        if system:
            system.check_access("read")
        # sudo: a hold is nobody's to edit; this method has checked the operator's right
        hold = self.sudo().create(
            {"scope": scope, "lane": lane, "system_id": system and system.id, "reason": reason, "user_id": self.env.uid}
        )
        self.env["integration.audit"]._record("hold.begin", hold, reason=reason)
        self.env["integration.engine"]._wake(plan=True)
        return hold.with_env(self.env)

    def _release(self, reason):
        """Lift these holds: what waited leaves at once."""
        self._check_order(self.mapped("scope"), reason)
        self.check_access("read")
        for hold in self:
            self.env["integration.audit"]._record("hold.end", hold, reason=reason)
        # sudo: as in _hold
        self.sudo().unlink()
        self.env["integration.engine"]._wake(plan=True)

    def action_release(self):
        """Ask why, then release."""
        self._check_operator()
        self.check_access("read")
        return self.env["integration.reason.wizard"]._ask("release", self)

    @api.model
    def _let_go(self):
        """SQL over ``d`` (integration_due): what no hold keeps back."""
        everything, lanes, systems = self._held()
        if everything:
            return SQL("FALSE")
        return SQL(
            "d.lane <> ALL (%s) AND (d.system_id IS NULL OR d.system_id <> ALL (%s))",
            [*lanes, -1],
            [*systems, 0],
        )

    @api.model
    def _let_go_now(self):
        """SQL over ``d`` (integration_due): what no hold keeps back when it is asked; for a statement that is kept."""
        return SQL(
            """
            NOT EXISTS (SELECT FROM integration_hold h
                         WHERE CASE h.scope WHEN 'lane' THEN d.lane = CASE h.lane %s END
                                            WHEN 'system' THEN d.system_id = h.system_id
                                            ELSE TRUE END)
            """,
            lane_ranks(),
        )

    @api.model
    def _held(self):
        """Return (everything is held, ranks of held lanes, ids of held systems) for the engine's plan."""
        self.env.cr.execute(
            """
            SELECT bool_or(scope = 'all'),
                   array_agg(CASE lane WHEN 'critical' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END)
                       FILTER (WHERE scope = 'lane'),
                   array_agg(system_id) FILTER (WHERE scope = 'system')
              FROM integration_hold
            """
        )
        everything, lanes, systems = self.env.cr.fetchone()
        return bool(everything), frozenset(lanes or ()), frozenset(systems or ())
