import time

from odoo import api, fields, models
from odoo.tools import SQL

from .. import tools
from ..domain.retention import LANES, lanes_of

LOOK_SECONDS = 900
"""Seconds between two looks."""
_looked = {}  # {database: when this process has looked last}
LOCK_CLASS = 0x1AF  # any constant that no other advisory lock of this database uses
OFFICER = "integration_core.group_privacy_officer"


class IntegrationRetentionAlarm(models.Model):
    """That contents are past their clock and stay, because something of them is still open.

    What is open is never removed: a parked line needs its message. So that such contents do not stay unseen, a company
    has an alarm for as long as there are some. Its privacy officers are told once when it begins and once when it ends.
    """

    _name = "integration.retention.alarm"
    _description = "Contents past their clock"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "ended_at desc, id desc"
    _rec_name = "company_id"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    began_at = fields.Datetime("Since", required=True, readonly=True)
    ended_at = fields.Datetime("Ended", readonly=True)
    looked_at = fields.Datetime("As of", readonly=True)
    count = fields.Integer("Contents", readonly=True, help="Past the days of their rule and still open.")
    parked_count = fields.Integer("Parked", readonly=True)
    dead_count = fields.Integer("Dead letters", readonly=True)
    waiting_count = fields.Integer("Waiting", readonly=True)
    refused_count = fields.Integer("Refused messages", readonly=True)
    oldest_at = fields.Datetime("Oldest received", readonly=True)
    state = fields.Selection([("on", "Open"), ("ended", "Ended")], compute="_compute_state")
    next_step = fields.Text("What to do", compute="_compute_next_step")

    _one_open = models.UniqueIndex("(company_id) WHERE ended_at IS NULL", "A company has one open alarm.")

    @api.depends("ended_at")
    def _compute_state(self):
        for alarm in self:
            alarm.state = "ended" if alarm.ended_at else "on"

    @api.depends("company_id", "began_at")
    def _compute_display_name(self):
        for alarm in self:
            alarm.display_name = self.env._("Contents past their clock: %s", alarm.company_id.name)

    @api.depends("parked_count", "dead_count", "waiting_count", "refused_count")
    def _compute_next_step(self):
        for alarm in self:
            turns = [
                (alarm.parked_count, self.env._("Parked: finance or the mapping steward settles what it waits for.")),
                (alarm.dead_count, self.env._("Dead letters: the operator retries or skips them.")),
                (alarm.waiting_count, self.env._("Waiting: finance bills the charges, the operator sees to the rest.")),
                (alarm.refused_count, self.env._("Refused messages: the operator replays or closes them.")),
            ]
            alarm.next_step = "\n".join(text for count, text in turns if count)

    # -- looking
    # --------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_watch(self, limit):
        """Look every quarter of an hour what is past its clock and open."""
        dbname = self.env.cr.dbname
        if time.monotonic() - _looked.get(dbname, -LOOK_SECONDS) < LOOK_SECONDS:
            return 0
        tools.begin_read_committed(self.env.cr)
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (LOCK_CLASS,))
        if self.env.cr.fetchone()[0]:
            self._watch()
            _looked[dbname] = time.monotonic()
        return 0

    @api.model
    def _watch(self):
        """Begin, go on with and end the alarms of all companies."""
        found = self._figures()
        # sudo: alarms are the engine's to write
        alarms = self.sudo()
        running = {alarm.company_id.id: alarm for alarm in alarms.search([("ended_at", "=", False)])}
        for company, figures in found.items():
            if company in running:
                running[company].write(figures)
            else:
                alarms._begin(company, figures)
        for company, alarm in running.items():
            if company not in found:
                alarm._end()

    @api.model
    def _figures(self):
        """Return {company's id: figures} of what is past its clock and still open."""
        rows = self._rows()
        found = {}
        for company, kind, count, oldest in rows:
            figures = found.setdefault(
                company,
                {
                    **dict.fromkeys(("count", "parked_count", "dead_count", "waiting_count", "refused_count"), 0),
                    "oldest_at": oldest,
                    "looked_at": fields.Datetime.now(),
                },
            )
            figures["count"] += count
            figures[f"{kind}_count"] += count
            figures["oldest_at"] = min(figures["oldest_at"], oldest)
        return found

    @api.model
    def _rows(self):
        """Return (company's id, kind, how many, oldest moment) rows; for addons that keep contents of their own.

        A content that is open for several reasons counts once, for what most needs a person.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT company_id, kind, count(*), min(received_at) FROM (
                    SELECT e.id, e.company_id, e.received_at,
                           CASE WHEN bool_or(o.kind = 'parked') THEN 'parked' WHEN bool_or(o.kind = 'dead') THEN 'dead'
                                ELSE 'waiting' END AS kind
                      FROM (%s) AS o (event_id, kind)
                      JOIN integration_event e ON e.id = o.event_id
                     WHERE %s GROUP BY e.id, e.company_id, e.received_at) AS late
                 GROUP BY company_id, kind
                """,
                self.env["integration.retention"]._open_events(),
                self._past_clock(),
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _past_clock(self):
        """SQL over ``e`` (event): its content is kept beyond the days of its rule."""
        # sudo: how long contents are kept is no secret
        rules = self.env["integration.retention"].sudo()._rules().values()
        parts = [
            SQL(
                "(t.lane = ANY (%s) AND e.received_at < %s)",
                list(lanes_of(rule, rules)),
                fields.Datetime.subtract(fields.Datetime.now(), days=rule.days),
            )
            for rule in rules
            if rule.what == "payload" and set(lanes_of(rule, rules)) & set(LANES)
        ]
        return SQL(
            """
            EXISTS (SELECT FROM integration_payload p WHERE p.event_id = e.id)
            AND EXISTS (SELECT FROM integration_event_type t WHERE t.id = e.event_type_id AND (%s))
            """,
            SQL(" OR ").join([*parts, SQL("FALSE")]),
        )

    # -- telling
    # --------------------------------------------------------------------------------------------------------

    def _officers(self):
        """Return the privacy officers of the company."""
        self.ensure_one()
        # sudo: who they are, to tell them
        people = self.env.ref(OFFICER).sudo().all_user_ids
        return people.filtered(lambda user: user.active and self.company_id in user.company_ids)

    @api.model
    def _begin(self, company, figures):
        now = fields.Datetime.now()
        # The screen tells; no mail per alarm.
        alarm = self.with_context(mail_activity_quick_update=True, mail_notrack=True).create(
            {**figures, "company_id": company, "began_at": now}
        )
        for officer in alarm._officers():
            alarm.activity_schedule(
                "mail.mail_activity_data_todo",
                user_id=officer.id,
                summary=self.env._("Contents of messages are past their clock"),
                note=self.env._(
                    "Something of them is still open, so they stay. The alarm says how many, and whose turn it is."
                ),
            )
        self.env["integration.audit"]._record("retention.alarm", alarm, detail=f"{alarm.count} contents")
        return alarm

    def _end(self):
        zero = dict.fromkeys(("count", "parked_count", "dead_count", "waiting_count", "refused_count"), 0)
        now = fields.Datetime.now()
        self.write({**zero, "oldest_at": False, "ended_at": now, "looked_at": now})
        self.activity_ids.unlink()
        # Once, to whoever was told of its beginning; mails go with Odoo's own queue.
        self.message_notify(
            partner_ids=self._officers().partner_id.ids,
            subject=self.display_name,
            body=self.env._("It has ended: nothing open is past its clock any more."),
            force_send=False,
        )
        self.env["integration.audit"]._record("retention.alarm_end", self)

    def action_open_events(self):
        """Show the messages behind the figures, to those who may read the journal."""
        self.env["integration.event"].check_access("read")
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Past their clock and still open"),
            "res_model": "integration.event",
            "view_mode": "list,form",
            "domain": [("is_past_clock", "=", True), ("company_id", "=", self.company_id.id)],
        }
