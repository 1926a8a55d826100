import time

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, mute_logger
from psycopg2.errors import QueryCanceled

from .. import tools
from ..engine import claims
from .integration_event_type import LANE_RANK, LANES

WINDOW = 1000
"""Events that one transaction looks at."""
OPEN_LIMIT = 10_000
"""Deliveries of one replay that may wait at the same time: more are made as they leave, so that the work list stays
small however large the replay is."""
PREVIEW_HOLDS = 10
"""Minutes for which a preview is what a person decided on: counting a million events again takes half a minute. What
is delivered is decided anew for each event in any case."""
LONGEST_LOOK = 60
"""Seconds that counting may take: a request lasts for two minutes at most."""
SLOW_LOOK = 0.05
LOOK_SHARE = 0.05
"""A look for open deliveries that took longer than ``SLOW_LOOK`` seconds is repeated such that looking takes at most
this share of the time."""
FROM_PEOPLE = {
    "scope",
    "reason",
    "company_id",
    "chosen_ids",
    "subscription_ids",
    "event_type_ids",
    "origin_system_id",
    "date_from",
    "date_to",
    "with_done",
    "with_dead",
    "with_skipped",
    "lane",
}
"""What a person says of a replay, as long as it has not begun; the rest is the suite's own."""

_SEE_DELIVERIES = "integration_core.group_operator,integration_core.group_auditor,integration_core.group_engine"


class IntegrationReplay(models.Model):
    """A request to deliver events again to endpoints outside, with who asked and why.

    draft (a preview says what it would do) → running → done, or cancelled. It says *which* events, and the engine makes
    their deliveries window by window; how far it is stands in ``last_event_id``, written in the transaction that made
    the deliveries, so that a crash at any instruction neither loses nor doubles one. Deliveries of a replay are outside
    the order of their subscription and go, unless somebody chooses otherwise, in the bulk lane.

    One that goes in the critical lane, or has events of it, begins when a second person has approved it: it stays a
    draft until then, and is asked for anew when anybody changes it.

    What a handler did inside Odoo is never done again, and nothing is delivered that the subscription would not get
    today: the condition is that of the fan-out.
    """

    _name = "integration.replay"
    _inherit = ["integration.approval.mixin", "integration.company.mixin"]
    _description = "Replay"
    _order = "id desc"

    _approval_guarded = tuple(sorted(FROM_PEOPLE - {"reason"}))
    _approval_shown = ("reason",)

    state = fields.Selection(
        [("draft", "Preview"), ("running", "Running"), ("done", "Done"), ("cancelled", "Cancelled")],
        default="draft",
        required=True,
        readonly=True,
    )
    scope = fields.Selection(
        [
            ("filter", "Deliveries by a filter"),
            ("missed", "What was missed since a moment"),
            ("chosen", "Chosen deliveries"),
        ],
        "What",
        default="filter",
        required=True,
    )
    reason = fields.Char("Why", help="Kept in the audit trail with your name.")
    user_id = fields.Many2one(
        "res.users", "Asked by", required=True, readonly=True, default=lambda self: self.env.user
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
        help="Only events of this company.",
    )
    chosen_ids = fields.Many2many(
        "integration.delivery",
        "integration_replay_chosen_rel",
        "replay_id",
        "delivery_id",
        string="Deliveries",
        groups=_SEE_DELIVERIES,
    )
    chosen_count = fields.Integer("Chosen", compute="_compute_chosen_count", compute_sudo=True)
    subscription_ids = fields.Many2many(
        "integration.subscription",
        "integration_replay_subscription_rel",
        "replay_id",
        "subscription_id",
        string="To",
        ondelete="restrict",
        help="Subscriptions of endpoints. Empty: every one that had such a delivery.",
    )
    event_type_ids = fields.Many2many(
        "integration.event.type",
        "integration_replay_event_type_rel",
        "replay_id",
        "event_type_id",
        string="Event types",
        ondelete="restrict",
        help="Empty: all.",
    )
    origin_system_id = fields.Many2one(
        "integration.system",
        "Caused by",
        ondelete="restrict",
        help="Only what followed from messages of this system.",
    )
    date_from = fields.Datetime("From", help="Events journalled at or after this moment.")
    date_to = fields.Datetime("To before", help="Events journalled before this moment. Empty: up to the start.")
    with_done = fields.Boolean("Delivered ones", help="Also what the receiver has confirmed.")
    with_dead = fields.Boolean("Dead letters too", default=True)
    with_skipped = fields.Boolean("Skipped ones", default=True)
    lane = fields.Selection(
        LANES, default="bulk", required=True, help="Bulk: fresh work of other lanes never waits for the replay."
    )

    preview_at = fields.Datetime("Looked at", readonly=True)
    line_ids = fields.One2many("integration.replay.line", "replay_id", readonly=True)
    total = fields.Integer("To deliver", readonly=True)
    waiting_count = fields.Integer("Already waiting", readonly=True, help="Left out: these will arrive anyway.")
    gone_count = fields.Integer("Content no longer kept", readonly=True, help="Left out: there is nothing to send.")
    inside_count = fields.Integer("Inside Odoo", readonly=True, help="Refused: an effect in Odoo is never repeated.")
    refused_count = fields.Integer(
        "Not granted", readonly=True, help="Left out: it is no longer subscribed to them, or may not get them."
    )
    first_at = fields.Datetime("First event", readonly=True)
    last_at = fields.Datetime("Last event", readonly=True)

    started_at = fields.Datetime(readonly=True)
    ended_at = fields.Datetime(readonly=True)
    made = fields.Integer("Deliveries made", readonly=True)
    # As the superuser: who reads a replay sees how far it is, whether or not they read deliveries and holds.
    done_count = fields.Integer("Delivered", compute="_compute_progress", compute_sudo=True)
    open_count = fields.Integer("Waiting", compute="_compute_progress", compute_sudo=True)
    dead_count = fields.Integer("Dead letters", compute="_compute_progress", compute_sudo=True)
    progress = fields.Integer("Progress (%)", compute="_compute_progress", compute_sudo=True)
    held_by = fields.Char(
        compute="_compute_held_by", compute_sudo=True, help="The holds that keep its deliveries back now."
    )
    last_event_id = fields.Integer(readonly=True, help="Every event up to this one has been looked at.")
    until_event_id = fields.Integer(readonly=True, help="The last event that is looked at.")
    open_from_id = fields.Integer(readonly=True, help="No delivery of the replay below this one is waiting.")
    look_after = fields.Datetime(readonly=True, help="When it is looked at again; empty: at once.")
    settled = fields.Boolean(readonly=True, help="The engine has nothing more to do for it.")
    delivery_ids = fields.One2many("integration.delivery", "replay_id", readonly=True, groups=_SEE_DELIVERIES)

    _open_idx = models.Index("(id) WHERE state IN ('running', 'cancelled') AND settled IS NOT TRUE")

    @api.depends("scope", "user_id")
    def _compute_display_name(self):
        for replay in self:
            replay.display_name = self.env._("Replay %s", replay.id) if replay.id else self.env._("New replay")

    @api.depends("chosen_ids")
    def _compute_chosen_count(self):
        for replay in self:
            replay.chosen_count = len(replay.chosen_ids)

    @api.depends("made", "state")
    def _compute_progress(self):
        counts = {}
        for replay, state, count in self.env["integration.delivery"]._read_group(
            [("replay_id", "in", self.ids)], ["replay_id", "state"], ["__count"]
        ):
            counts[replay.id, state] = count
        for replay in self:
            replay.done_count = counts.get((replay.id, "done"), 0)
            replay.dead_count = counts.get((replay.id, "dead"), 0)
            replay.open_count = counts.get((replay.id, "waiting"), 0)
            ended = replay.made - replay.open_count
            replay.progress = 100 if replay.state == "done" else min(99, 100 * ended // (replay.total or 1))

    @api.depends("lane", "state")
    def _compute_held_by(self):
        holds = self.env["integration.hold"].search([("scope", "in", ("all", "lane"))])
        for replay in self:
            ours = holds.filtered(lambda hold, lane=replay.lane: hold.scope == "all" or hold.lane == lane)
            replay.held_by = ", ".join(ours.mapped("display_name")) or False

    @api.constrains(
        "scope", "chosen_ids", "date_from", "date_to", "subscription_ids", "with_done", "with_dead", "with_skipped"
    )
    def _check_scope(self):
        for replay in self:
            if replay.date_from and replay.date_to and replay.date_from >= replay.date_to:
                raise ValidationError(self.env._("The span of time ends before it begins."))
            if replay.scope == "chosen" and not replay.chosen_ids:
                raise ValidationError(self.env._("Choose the deliveries in their list, and press Replay… there."))
            if replay.scope == "missed" and not (replay.date_from and replay.subscription_ids):
                raise ValidationError(self.env._("Say who missed events, and since when."))
            states = replay.with_done or replay.with_dead or replay.with_skipped
            if replay.scope == "filter" and not states:
                raise ValidationError(
                    self.env._("Choose at least one of delivered, dead letters and skipped: nothing else is replayed.")
                )

    # -- who may ask
    # -----------------------------------------------------------------------------------------------------------

    @api.model
    def _check_operator(self):
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators replay deliveries."))

    def _check_values(self, vals):
        if self.env.su or self._is_approving():
            return
        self._check_operator()
        if set(vals) - FROM_PEOPLE:
            raise AccessError(self.env._("How far a replay is cannot be set by hand."))
        if any(replay.state != "draft" for replay in self):
            raise UserError(self.env._("This replay has begun. Make a new one to deliver something else."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_values(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_values(vals)
        if not self.env.su and not self._is_approving() and set(vals) - {"reason", "lane"}:
            # sudo: what was looked at is no longer what would be done
            self.sudo().write({"preview_at": False, "total": 0, "line_ids": [fields.Command.clear()]})
        return super().write(vals)

    # -- which events
    # ----------------------------------------------------------------------------------------------------------

    def _event_condition(self, *, after, until):
        """SQL over ``e`` (event): what this replay looks at between two events, the first left out."""
        parts = [SQL("e.id > %s AND e.id <= %s AND e.company_id = %s", after, until, self.company_id.id)]
        if self.scope != "chosen":
            if self.date_from:
                parts.append(SQL("e.received_at >= %s", self.date_from))
            if self.date_to:
                parts.append(SQL("e.received_at < %s", self.date_to))
            if self.event_type_ids:
                parts.append(SQL("e.event_type_id IN %s", tuple(self.event_type_ids.ids)))
            if self.origin_system_id:
                parts.append(SQL("e.origin_system_id = %s", self.origin_system_id.id))
        return SQL(" AND ").join(parts)

    def _granted(self):
        """SQL over ``e``, ``t`` and ``s``: the subscription would get the event if it happened now."""
        return SQL(
            """
            COALESCE(s.active AND e.held_reason IS NULL AND (s.company_id IS NULL OR s.company_id = e.company_id)
                     AND EXISTS (SELECT 1 FROM integration_subscription_event_type_rel r
                                  WHERE r.subscription_id = s.id AND r.event_type_id = t.id)
                     AND (%s), FALSE)
            """,
            self.env["integration.event"]._fan_out_condition(),
        )

    def _pairs(self, events):
        """SQL for the pairs (event_id, subscription_id) that the scope names.

        :param SQL events: condition over ``e``
        """
        if self.scope == "chosen":
            return SQL(
                """
                SELECT DISTINCT d.event_id, d.subscription_id
                  FROM integration_replay_chosen_rel c JOIN integration_delivery d ON d.id = c.delivery_id
                  JOIN integration_event e ON e.id = d.event_id WHERE c.replay_id = %s AND (%s)
                """,
                self.id,
                events,
            )
        to = SQL("s.id IN %s", tuple(self.subscription_ids.ids)) if self.subscription_ids else SQL("TRUE")
        if self.scope == "missed":
            return SQL(
                """
                SELECT e.id AS event_id, s.id AS subscription_id
                  FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id
                  JOIN integration_subscription s ON %(to)s
                 WHERE (%(events)s) AND (%(granted)s)
                   AND (%(with_done)s OR NOT EXISTS (
                        SELECT 1 FROM integration_delivery o
                         WHERE o.event_id = e.id AND o.subscription_id = s.id AND o.state = 'done'))
                """,
                to=to,
                events=events,
                granted=self._granted(),
                with_done=bool(self.with_done),
            )
        chosen = [name for name in ("done", "dead", "skipped") if self[f"with_{name}"]]
        return SQL(
            """
            SELECT DISTINCT d.event_id, d.subscription_id
              FROM integration_event e JOIN integration_delivery d ON d.event_id = e.id
              JOIN integration_subscription s ON s.id = d.subscription_id
             WHERE (%(events)s) AND %(to)s AND d.state IN %(states)s AND d.replay_id IS DISTINCT FROM %(replay)s
            """,
            events=events,
            to=to,
            states=tuple(chosen),
            replay=self.id,
        )

    def _verdicts(self, *, after, until):
        """SQL for (event_id, subscription_id, company, consumer, system, type, time, verdict) of each pair.

        The verdict is ``deliver`` or why not: ``inside`` (an effect in Odoo is never repeated), ``refused`` (no longer
        subscribed or granted), ``waiting`` (will arrive anyway), ``gone`` (no content any more).
        """
        return SQL(
            """
            SELECT e.id AS event_id, s.id AS subscription_id, e.company_id, s.consumer, e.system_id, e.event_type_id,
                   e.received_at,
                   CASE WHEN s.consumer = 'handler' THEN 'inside'
                        WHEN NOT %(granted)s THEN 'refused'
                        WHEN EXISTS (SELECT 1 FROM integration_delivery o
                                      WHERE o.event_id = e.id AND o.subscription_id = s.id AND o.state = 'waiting'
                                        AND o.replay_id IS DISTINCT FROM %(replay)s) THEN 'waiting'
                        WHEN NOT EXISTS (SELECT 1 FROM integration_payload p WHERE p.event_id = e.id) THEN 'gone'
                        ELSE 'deliver' END AS verdict
              FROM (%(pairs)s) AS pair
              JOIN integration_event e ON e.id = pair.event_id
              JOIN integration_event_type t ON t.id = e.event_type_id
              JOIN integration_subscription s ON s.id = pair.subscription_id
            """,
            granted=self._granted(),
            replay=self.id,
            pairs=self._pairs(self._event_condition(after=after, until=until)),
        )

    # -- preview
    # ----------------------------------------------------------------------------------------------------------

    def action_preview(self):
        """Count what the replay would do now; it changes nothing."""
        self._check_operator()
        self.ensure_one()
        self.check_access("write")
        if self.state != "draft":
            raise UserError(self.env._("This replay has begun."))
        self._look()
        return True

    def _look(self):
        self.env.flush_all()
        found = self._count_verdicts()
        lines = {}
        for event_type_id, verdict, count, first, last, _low, _high in found:
            line = lines.setdefault(event_type_id, {"event_type_id": event_type_id})
            line[f"{verdict}_count"] = count
            if verdict == "deliver":
                line.update(first_at=first, last_at=last)
        todo = [row for row in found if row[1] == "deliver"]

        def count_of(verdict):
            return sum(row[2] for row in found if row[1] == verdict)

        # sudo: the preview is the suite's to write; callers have checked the operator's right
        self.sudo().write(
            {
                "preview_at": fields.Datetime.now(),
                "line_ids": [fields.Command.clear(), *(fields.Command.create(line) for line in lines.values())],
                "total": count_of("deliver"),
                **{f"{name}_count": count_of(name) for name in ("waiting", "gone", "inside", "refused")},
                "first_at": min((row[3] for row in todo), default=False),
                "last_at": max((row[4] for row in todo), default=False),
                "last_event_id": min((row[5] for row in todo), default=1) - 1,
                "until_event_id": max((row[6] for row in todo), default=0),
            }
        )

    def _count_verdicts(self):
        """Return rows (type, verdict, count, first and last moment, lowest and highest event).

        :raises UserError: where it would take longer than a request may
        """
        cr = self.env.cr
        cr.execute("SELECT COALESCE(max(id), 0) FROM integration_event")
        verdicts = self._verdicts(after=0, until=cr.fetchone()[0])
        try:
            with cr.savepoint(flush=False), mute_logger("odoo.sql_db"):
                cr.execute(SQL("SET LOCAL statement_timeout = %s", int(LONGEST_LOOK * 1000)))
                cr.execute(
                    SQL(
                        """
                        SELECT event_type_id, verdict, count(*), min(received_at), max(received_at),
                               min(event_id), max(event_id)
                          FROM (%s) AS v GROUP BY 1, 2
                        """,
                        verdicts,
                    )
                )
                found = cr.fetchall()
                cr.execute("SET LOCAL statement_timeout = DEFAULT")
        except QueryCanceled as error:
            raise UserError(
                self.env._(
                    "That is more than can be counted in %s seconds. Choose days, subscriptions or event types, and "
                    "deliver it again in parts.",
                    LONGEST_LOOK,
                )
            ) from error
        return found

    def action_show_gone(self):
        """Open the events that cannot be delivered again, because their content is no longer kept (1,000 at most)."""
        self._check_operator()
        self.check_access("read")
        self.ensure_one()
        self.env.cr.execute(
            SQL(
                "SELECT DISTINCT event_id FROM (%s) AS v WHERE verdict = 'gone' ORDER BY event_id LIMIT 1000",
                self._verdicts(after=0, until=2**31 - 1),
            )
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Content no longer kept"),
            "res_model": "integration.event",
            "view_mode": "list,form",
            "domain": [("id", "in", [row[0] for row in self.env.cr.fetchall()])],
        }

    # -- running
    # ----------------------------------------------------------------------------------------------------------

    def action_start(self):
        """Begin: the first deliveries are made at once, the rest by the engine."""
        self._check_operator()
        self.check_access("write")
        self.ensure_one()
        self._start()
        return True

    def _start(self):
        """Begin at once, or ask for the approval that it needs; where nobody else could approve, that is the asker."""
        self._check_may_start()
        if not self._approval_needed():
            self._begin()
            return
        self.action_request_approval()
        if self.can_approve:
            self.action_approve()

    def _check_may_start(self):
        self._check_operator()
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        if self.state != "draft":
            raise UserError(self.env._("This replay has begun."))
        if self.approval_state == "requested":
            raise UserError(self.env._("This replay waits for the approval of a second person."))
        self._look_if_old()

    def _look_if_old(self):
        since = fields.Datetime.subtract(fields.Datetime.now(), minutes=PREVIEW_HOLDS)
        if not self.preview_at or self.preview_at < since:
            self._look()
        if not self.total:
            raise UserError(self.env._("There is nothing to deliver. The preview says what was left out, and why."))

    def _begin(self):
        asker = self.requested_by_id or self.env.user
        # sudo: as in _look
        self.sudo().write({"state": "running", "user_id": asker.id, "started_at": fields.Datetime.now()})
        detail = f"events: {self.total}, scope: {self.scope}, asked by: {asker.id}"
        self.env["integration.audit"]._record("delivery.replay", self, reason=self.reason, detail=detail)
        self.flush_recordset()
        self._make()
        self.env["integration.engine"]._wake()

    # -- approval
    # -----------------------------------------------------------------------------------------------------------

    def _approval_needed(self):
        """Only what the critical lane has to do with needs a second person; the preview says whether it has."""
        critical = self.line_ids.filtered(lambda line: line.deliver_count and line.event_type_id.lane == "critical")
        return self.lane == "critical" or bool(critical)

    def action_request_approval(self):
        """Ask for the approval of replays as their previews are now."""
        for replay in self:
            replay._check_may_start()
        return super().action_request_approval()

    def _approval_text(self, name):
        return str(self.chosen_count) if name == "chosen_ids" else super()._approval_text(name)

    def _approval_effects(self):
        return [(self._fields["total"]._description_string(self.env), "", str(self.total))]

    def _on_approved(self):
        for replay in self:
            replay._look_if_old()
            replay._begin()

    def action_cancel(self):
        """Make no more deliveries; those that have not left yet are skipped."""
        self._check_operator()
        self.check_access("read")
        self.ensure_one()
        if self.state not in ("draft", "running"):
            raise UserError(self.env._("This replay has ended."))
        # sudo: as in _look
        self.sudo().write(
            {
                "state": "cancelled",
                "ended_at": fields.Datetime.now(),
                "settled": self.state == "draft",
                "look_after": False,
            }
        )
        if self.approval_state == "requested":
            self._approval_end("withdrawn", {"approval_state": "draft"})
        self.env["integration.audit"]._record("delivery.replay_cancel", self, reason=self.reason)
        self.env["integration.engine"]._wake()
        return True

    def action_deliveries(self):
        """Open the deliveries that the replay has made."""
        self.env["integration.delivery"].check_access("read")
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Deliveries of %s", self.display_name),
            "res_model": "integration.delivery",
            "view_mode": "list,form",
            "domain": [("replay_id", "=", self.id)],
        }

    def _make(self):
        """Make the deliveries of the next window of events; return whether more windows are left.

        One statement inserts deliveries and their rows on the engine's list and moves the cursor on.
        """
        until = self._window_end()
        if until is None:
            return False
        self.env.cr.execute(
            SQL(
                """
                WITH v AS (%(verdicts)s),
                -- Nobody removes an event while deliveries of it are made.
                there AS (
                    SELECT e.id FROM integration_event e
                     WHERE e.id IN (SELECT event_id FROM v WHERE verdict = 'deliver') ORDER BY e.id FOR KEY SHARE),
                made AS (
                    INSERT INTO integration_delivery
                        (event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at,
                         attempts, crashes, replay_id)
                    SELECT v.event_id, v.subscription_id, v.company_id, v.consumer, %(lane)s, 'waiting', n.now, n.now,
                           0, 0, %(replay)s
                      FROM v, (SELECT %(now)s AS now) n
                     WHERE v.verdict = 'deliver' AND v.event_id IN (SELECT id FROM there)
                     ORDER BY v.event_id, v.subscription_id
                    ON CONFLICT DO NOTHING
                    RETURNING id, event_id, subscription_id, company_id, due_at),
                listed AS (
                    -- Outside the order: without an ordering key.
                    INSERT INTO integration_due
                        (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at)
                    SELECT m.id, m.event_id, m.subscription_id, m.company_id, e.system_id, %(lane)s, %(fresh)s, m.due_at
                      FROM made m JOIN integration_event e ON e.id = m.event_id)
                UPDATE integration_replay
                   SET last_event_id = %(until)s, made = COALESCE(made, 0) + (SELECT count(*) FROM made)
                 WHERE id = %(replay)s
                RETURNING last_event_id < until_event_id
                """,
                verdicts=self._verdicts(after=self.last_event_id, until=until),
                lane=LANE_RANK[self.lane],
                now=tools.utc_now(),
                replay=self.id,
                fresh=claims.FRESH,
                until=until,
            )
        )
        left = self.env.cr.fetchone()[0]
        self.invalidate_recordset()
        return left

    def _window_end(self):
        """Return the id of the last event of the next window, or None at the end."""
        if self.scope == "chosen":
            events = SQL(
                """
                SELECT DISTINCT d.event_id AS id FROM integration_replay_chosen_rel c
                  JOIN integration_delivery d ON d.id = c.delivery_id
                 WHERE c.replay_id = %s AND d.event_id > %s AND d.event_id <= %s
                """,
                self.id,
                self.last_event_id,
                self.until_event_id,
            )
        else:
            events = SQL(
                "SELECT id FROM integration_event WHERE id > %s AND id <= %s", self.last_event_id, self.until_event_id
            )
        self.env.cr.execute(SQL("SELECT max(id) FROM (%s ORDER BY id LIMIT %s) AS w", events, WINDOW))
        return self.env.cr.fetchone()[0]

    # -- the engine's chore
    # -----------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_advance(self, limit):
        """Go on with every replay that has begun or was cancelled, a window each; return how many have more to do now.

        Processes share the replays: one that another process is at is left to it.
        """
        self.env.cr.execute(
            "SELECT 1 FROM integration_replay WHERE state IN ('running', 'cancelled') AND settled IS NOT TRUE LIMIT 1"
        )
        if not self.env.cr.fetchone():
            return 0
        # The engine's claims write the rows that a cancelled replay takes away: wait for them and see them.
        tools.begin_read_committed(self.env.cr)
        return self._go_on(limit)

    @api.model
    def _go_on(self, limit):
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM integration_replay
                 WHERE state IN ('running', 'cancelled') AND settled IS NOT TRUE
                   AND (look_after IS NULL OR look_after <= %s)
                 ORDER BY id FOR UPDATE SKIP LOCKED
                """,
                tools.utc_now(),
            )
        )
        # sudo: the engine's user carries out what an operator asked for
        replays = self.sudo().browse(row[0] for row in self.env.cr.fetchall())
        return sum(replay._withdraw(limit) if replay.state == "cancelled" else replay._advance() for replay in replays)

    def _advance(self):
        """Make one window, or end the replay when everything has left; return whether more can be made now."""
        room = self._open_count() < OPEN_LIMIT
        if self.last_event_id < self.until_event_id:
            if not room or self._make():
                return room
            self._finish_making()
        if not self._open_count():
            self.write({"state": "done", "settled": True, "ended_at": fields.Datetime.now()})
            self.flush_recordset()
        return False

    def _finish_making(self):
        """Remember that there is no further window: events at the end may have gone by retention."""
        self.write({"last_event_id": self.until_event_id})
        self.flush_recordset()

    def _open_count(self):
        """Return how many deliveries of the replay wait, counted up to ``OPEN_LIMIT``."""
        began = time.monotonic()
        self.env.cr.execute(
            """
            SELECT count(*), min(id) FROM (
                SELECT id FROM integration_delivery
                 WHERE replay_id = %s AND id >= %s AND state = 'waiting' ORDER BY id LIMIT %s) AS open
            """,
            (self.id, self.open_from_id, OPEN_LIMIT),
        )
        count, first = self.env.cr.fetchone()
        took = time.monotonic() - began
        values = {}
        if first and first != self.open_from_id:
            values["open_from_id"] = first
        if took > SLOW_LOOK:
            values["look_after"] = fields.Datetime.add(fields.Datetime.now(), seconds=int(took / LOOK_SHARE) + 1)
        if values:
            self.write(values)
            self.flush_recordset()
        return count

    def _withdraw(self, limit):
        """Skip what a cancelled replay had made and what has not left; return whether more is left to skip now.

        A delivery that a process is trying just now is left to it.
        """
        self.env.cr.execute(
            SQL(
                """
                WITH open AS (
                    SELECT q.id FROM integration_delivery d JOIN integration_due q ON q.id = d.id
                     WHERE d.replay_id = %(replay)s AND d.id >= %(open_from)s AND d.state = 'waiting'
                       AND q.lease_until IS NULL
                     ORDER BY q.id LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED),
                gone AS (DELETE FROM integration_due q USING open WHERE q.id = open.id RETURNING q.id)
                UPDATE integration_delivery d
                   SET state = 'skipped', skip_reason = %(reason)s, done_at = %(now)s FROM gone WHERE d.id = gone.id
                """,
                replay=self.id,
                open_from=self.open_from_id,
                limit=limit,
                reason=self.env._("The replay was cancelled."),
                now=tools.utc_now(),
            )
        )
        skipped = self.env.cr.rowcount
        if not self._open_count():
            self.write({"settled": True})
            self.flush_recordset()
            return False
        return bool(skipped)


class IntegrationReplayLine(models.Model):
    """What a replay would do with the events of one type, as its preview counted them."""

    _name = "integration.replay.line"
    _description = "Preview of a replay"
    _order = "deliver_count desc, id"
    _log_access = False

    replay_id = fields.Many2one("integration.replay", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="replay_id.company_id")
    event_type_id = fields.Many2one("integration.event.type", required=True, ondelete="cascade")
    deliver_count = fields.Integer("To deliver", readonly=True)
    waiting_count = fields.Integer("Already waiting", readonly=True)
    gone_count = fields.Integer("Content no longer kept", readonly=True)
    inside_count = fields.Integer("Inside Odoo", readonly=True)
    refused_count = fields.Integer("Not granted", readonly=True)
    first_at = fields.Datetime("First event", readonly=True)
    last_at = fields.Datetime("Last event", readonly=True)
