from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .. import tools
from ..domain import retention
from .integration_event_type import LANE_RANK, LANES

WINDOW = 2000
"""Rows of one kind that one transaction looks at."""
REST = 3600
"""Seconds until a rule is looked at again that has found nothing more to remove."""
ROUND_DAYS = 7
"""After this long a rule begins again at the oldest row: what was open then may be closed by now."""


class IntegrationRetention(models.Model):
    """For how many days one kind of thing is kept; what has no rule is kept for good.

    The engine removes in small batches: each goes on behind the last row that the one before looked at, by primary key,
    so that neither what must stay nor what is young is read again and again. Nothing of an event goes as long as
    something of it is open: a delivery that waits or is a dead letter, an effect that waits or is parked.
    """

    _name = "integration.retention"
    _inherit = ["integration.audited.mixin", "integration.portable.mixin"]
    _description = "Rule of retention"
    _order = "sequence, id"
    _rec_name = "what"

    _audit_name = "retention"
    _audit_silent = ("sequence", "removed", "last_removed_at", "last_id", "round_began_at", "rest_until")

    sequence = fields.Integer(default=10)
    what = fields.Selection(
        [
            ("payload", "Content of messages"),
            ("attempt", "Tries"),
            ("event", "Events with their deliveries"),
            ("count", "Counts of tries"),
            ("key", "Message identities, by which copies are known"),
            ("receipt", "Receipts, the left side of the equation"),
            ("audit", "Audit trail, in whole seals"),
        ],
        required=True,
    )
    lane = fields.Selection(LANES, help="Empty: every lane that has no rule of its own.")
    days = fields.Integer("Kept for (days)", required=True)
    active = fields.Boolean(default=True)
    removed = fields.Integer("Removed so far", readonly=True, copy=False)
    last_removed_at = fields.Datetime("Last removed", readonly=True, copy=False)
    last_id = fields.Integer(readonly=True, copy=False, help="Rows up to this one have been looked at.")
    round_began_at = fields.Datetime(readonly=True, copy=False)
    rest_until = fields.Datetime(readonly=True, copy=False)
    next_at = fields.Datetime("Looks again", compute="_compute_next", help="Until then it has found nothing more.")
    purpose = fields.Text("What goes, and why then", compute="_compute_purpose")

    _once = models.UniqueIndex(
        "(what, COALESCE(lane, '')) WHERE active", "There is a rule for this already: change its days."
    )

    @api.depends("what", "lane")
    def _compute_display_name(self):
        kinds = dict(self._fields["what"]._description_selection(self.env))
        lanes = dict(self._fields["lane"]._description_selection(self.env))
        for rule in self:
            name = kinds.get(rule.what, "")
            rule.display_name = f"{name} ({lanes[rule.lane]})" if rule.lane else name

    @api.depends("rest_until", "active")
    def _compute_next(self):
        now = fields.Datetime.now()
        for rule in self:
            rule.next_at = rule.active and max(rule.rest_until or now, now)

    @api.depends("what")
    def _compute_purpose(self):
        purposes = self._purposes()
        for rule in self:
            rule.purpose = purposes.get(rule.what)

    @api.model
    def _purposes(self):
        """Return what goes by each kind of rule, what stays of it, and why it is kept for that long."""
        return {
            "payload": self.env._(
                "The encrypted body, which may name patients: the shortest clock. Digest, size and reason stay."
            ),
            "attempt": self.env._("When each try was made and how it ended. For operators who look into a failure."),
            "event": self.env._(
                "The journal's row with its deliveries and tries. No patient data; for reconciliation and audit."
            ),
            "count": self.env._("Figures of the Overview. No message, no person."),
            "key": self.env._("By which a late copy is known. Longer than any event."),
            "receipt": self.env._("What was received, by count and amount: finance data. Kept for good at first."),
            "audit": self.env._(
                "Who did what, in whole seals, and the certificates of removal. The longest clock."
            ),
        }

    @api.model
    def _portable_key(self):
        return ("what", "lane")

    @api.model
    def _portable_fields(self):
        return ["days"]

    @api.model
    def _portable_known(self):
        return [("active", "=", True)]

    def _portable_note(self, values):
        if self and values.get("days", self.days) < self.days:
            return self.env._("It holds at once: what is older goes.")
        return self.env._("It holds at once.")

    # -- what may be set
    # -------------------------------------------------------------------------------------------------------

    @api.constrains("what", "lane", "days", "active")
    def _check_rules(self):
        for fault in retention.faults(self._rules().values()):
            raise ValidationError(self._fault_text(fault))

    def _fault_text(self, fault):
        kind = dict(self._fields["what"]._description_selection(self.env))[fault.rule.what]
        match fault.code:
            case "no_lane":
                return self.env._("%s: these know no lane. Leave it empty.", kind)
            case "outlived":
                return self.env._(
                    "%(kind)s must be kept for longer than every event, here for %(least)s days at least: otherwise a "
                    "late copy of a message would be taken for a new one.",
                    kind=kind,
                    least=fault.least,
                )
            case "unaudited":
                return self.env._(
                    "Nothing may be kept for longer than the audit trail, which tells what was done to it: keep the "
                    "trail for %s days at least.",
                    fault.least,
                )
        return self.env._("%(kind)s must be kept for %(least)s days at least.", kind=kind, least=fault.least)

    @api.model
    def _rules(self):
        """Return {id: :class:`retention.Rule`} of the active rules."""
        return {rule.id: retention.Rule(rule.what, rule.lane or None, rule.days) for rule in self.search([])}

    def write(self, vals):
        changes = not self.env.su and bool({"what", "lane", "days", "active"} & set(vals))
        if changes:
            # A rule of other days has other rows to look at: begin at once, at the oldest.
            vals = {**vals, "last_id": 0, "rest_until": False}
        return super().write(vals)

    # -- removing
    # --------------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_purge(self, limit):
        """Remove one batch of each kind that has something to remove.

        The engine calls this once a second and gives all chores half of its time at most, so it never asks to be called
        again at once.
        """
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM integration_retention WHERE active AND (rest_until IS NULL OR rest_until <= %s) LIMIT 1",
                tools.utc_now(),
            )
        )
        if self.env.cr.fetchone():
            # Rows that others work on are waited for and then seen; a snapshot of their past would refuse the DELETE.
            tools.begin_read_committed(self.env.cr)
            self._purge()
        return 0

    @api.model
    def _purge(self):
        """Carry out one batch of each rule that is not at rest; return how many rows were removed."""
        if not self.env["integration.legal.hold"]._may_remove():
            return 0
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM integration_retention
                 WHERE active AND (rest_until IS NULL OR rest_until <= %s) ORDER BY id FOR UPDATE SKIP LOCKED
                """,
                tools.utc_now(),
            )
        )
        # sudo: the engine's user has no right of its own to these; the rules say what goes
        mine = self.sudo().browse(row[0] for row in self.env.cr.fetchall())
        rules = self.sudo()._rules()
        return sum(rule._purge_batch(retention.lanes_of(rules[rule.id], rules.values())) for rule in mine)

    @api.model
    def _begin_again(self):
        """Let every rule look at its oldest rows again."""
        # sudo: where the rules stand is the engine's own note, made on behalf of whoever changed what may go
        self.sudo().search([("active", "=", True)]).write({"last_id": 0, "rest_until": False})

    def _purge_batch(self, lanes):
        """Look at the next window of rows and remove those that are old and closed; return how many went."""
        now = fields.Datetime.now()
        cutoff = fields.Datetime.subtract(now, days=self.days)
        if self.what == "audit":
            return self._purge_audit(now, cutoff)
        values = {}
        if not self.round_began_at or self.round_began_at < fields.Datetime.subtract(now, days=ROUND_DAYS):
            values.update(last_id=0, round_began_at=now)
        rows = self._window(values.get("last_id", self.last_id))
        old = [row_id for row_id, moment, lane in rows if moment < cutoff and (lane is None or lane in lanes)]
        gone = self._remove(self.what, old, reason="retention", days=self.days)
        # Ids rise with time, so that a window that ends with a young row is the last one that is of interest; it is
        # looked at again, because transactions commit out of order.
        if len(rows) == WINDOW and rows[-1][1] < cutoff:
            values["last_id"] = rows[-1][0]
        else:
            values["rest_until"] = fields.Datetime.add(now, seconds=REST)
            values["last_id"] = max((row_id for row_id, moment, _lane in rows if moment < cutoff), default=self.last_id)
        if gone:
            values.update(removed=self.removed + gone, last_removed_at=now)
        self.write(values)
        self.flush_recordset()
        return gone

    @api.model
    def _remove(self, what, ids, *, reason, days=0, erasure=None):
        """Remove those of these rows that are closed and that no legal hold is about; return how many went.

        A certificate tells of them. Call it after
        :meth:`~.integration_legal_hold.IntegrationLegalHold._may_remove`.

        :param str reason: as of ``integration.payload.gone``
        :param erasure: the request that they go by
        """
        ids = self.env["integration.legal.hold"]._spare(what, ids)
        if not ids:
            return 0
        self.env.cr.execute(getattr(self, f"_removal_of_{what}")(ids, reason))
        rows = self.env.cr.fetchall()
        self.env["integration.retention.certificate"]._certify(
            what, rows, reason=reason, days=days, erasure=erasure
        )
        return len(rows)

    def _purge_audit(self, now, cutoff):
        """Remove whole seals of the audit trail, the oldest first."""
        gone = self.env["integration.audit.seal"]._remove(cutoff, self.days)
        gone += self.env["integration.retention.certificate"]._remove_old(cutoff, self.days)
        rest = {} if gone else {"rest_until": fields.Datetime.add(now, seconds=REST)}
        self.write({**rest, **({"removed": self.removed + gone, "last_removed_at": now} if gone else {})})
        self.flush_recordset()
        return gone

    def _window(self, last_id):
        """Return the next (id, its moment, name of its lane or None) rows behind ``last_id``."""
        by_type = SQL(
            "JOIN integration_event e ON e.id = w.event_id JOIN integration_event_type t ON t.id = e.event_type_id"
        )
        names = SQL(" ").join(SQL("WHEN %s THEN %s", rank, name) for name, rank in LANE_RANK.items())
        lane = SQL("(CASE d.lane %s END)", names)
        table, key, columns, joins = self._windows(by_type, lane)[self.what]
        self.env.cr.execute(
            SQL(
                """
                SELECT w.%(key)s, %(columns)s
                  FROM (SELECT * FROM %(table)s WHERE %(key)s > %(last_id)s ORDER BY %(key)s LIMIT %(window)s) AS w
                  %(joins)s ORDER BY w.%(key)s
                """,
                table=SQL.identifier(table),
                key=SQL.identifier(key),
                columns=columns,
                joins=joins,
                last_id=last_id,
                window=WINDOW,
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _windows(self, by_type, lane):
        """Return {kind: (table, column of the id, SQL of moment and lane over ``w``, SQL of what it joins)}.

        :param by_type: SQL that joins ``t``, the event type of ``w.event_id``
        :param lane: SQL of the lane of a delivery ``d``
        """
        return {
            "payload": ("integration_payload", "event_id", SQL("e.received_at, t.lane"), by_type),
            "attempt": (
                "integration_attempt",
                "id",
                SQL("w.started_at, %s", lane),
                SQL("JOIN integration_delivery d ON d.id = w.delivery_id"),
            ),
            "event": (
                "integration_event",
                "id",
                SQL("w.received_at, t.lane"),
                SQL("JOIN integration_event_type t ON t.id = w.event_type_id"),
            ),
            "count": ("integration_delivery_count", "id", SQL("w.minute, NULL"), SQL()),
            "key": ("integration_event_key", "id", SQL("w.seen_at, NULL"), SQL()),
            "receipt": ("integration_receipt", "id", SQL("w.received_at, NULL"), SQL()),
        }

    @api.model
    def _open_condition(self):
        """SQL over ``e`` (event): something of it is still open, so that nothing of it may go.

        Addons whose records go on working with an event add to it.
        """
        return SQL(
            """
            EXISTS (SELECT 1 FROM integration_delivery d WHERE d.event_id = e.id AND d.state IN ('waiting', 'dead'))
            OR EXISTS (SELECT 1 FROM integration_effect f
                        WHERE f.event_id = e.id AND f.status IN ('waiting', 'parked'))
            """
        )

    @api.model
    def _open_events(self):
        """SQL that selects (event's id, kind of what is open) of all that :meth:`_open_condition` is about, by indexes.

        Addons add to it, as to that.
        """
        return SQL(
            """
            SELECT d.event_id, d.state
              FROM integration_due u JOIN integration_delivery d ON d.id = u.id WHERE d.state = 'waiting'
            UNION ALL
            SELECT event_id, 'dead' FROM integration_delivery WHERE dead_since IS NOT NULL AND state = 'dead'
            UNION ALL
            SELECT event_id, status FROM integration_effect WHERE status IN ('waiting', 'parked')
            """
        )

    # Each statement removes what is closed of these rows, and returns id, company, moment and the rest of its identity.

    def _removal_of_payload(self, event_ids, reason):
        return SQL(
            """
            WITH gone AS (
                DELETE FROM integration_payload p USING integration_event e
                 WHERE p.event_id = ANY (%s) AND e.id = p.event_id AND NOT (%s)
                RETURNING p.event_id, e.company_id, e.received_at, e.uuid, e.body_digest
            ), told AS (
                INSERT INTO integration_payload_gone (event_id, gone_at, reason)
                SELECT event_id, %s, %s FROM gone ON CONFLICT DO NOTHING)
            SELECT * FROM gone
            """,
            event_ids,
            self._open_condition(),
            tools.utc_now(),
            reason,
        )

    def _removal_of_attempt(self, attempt_ids, _reason):
        return SQL(
            """
            DELETE FROM integration_attempt a USING integration_delivery d
             WHERE a.id = ANY (%s) AND d.id = a.delivery_id AND d.state NOT IN ('waiting', 'dead')
            RETURNING a.id, d.company_id, a.started_at, a.delivery_id, a.number
            """,
            attempt_ids,
        )

    def _lock_events(self, event_ids):
        """Lock those of these events that nobody else has locked; return their ids.

        Nobody can make a delivery of an event that is locked; what was made before is seen by the next statement.
        """
        self.env.cr.execute(
            SQL("SELECT id FROM integration_event WHERE id = ANY (%s) ORDER BY id FOR UPDATE SKIP LOCKED", event_ids)
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _before_removal(self, event_ids):
        """Keep what is to be known of these events when they are gone; for addons.

        They are locked. Those of which something is open (:meth:`_open_condition`) stay nevertheless.
        """

    def _removal_of_event(self, event_ids, _reason):
        locked = self._lock_events(event_ids)
        self._before_removal(locked)
        return SQL(
            """
            DELETE FROM integration_event e WHERE e.id = ANY (%s) AND NOT (%s)
            RETURNING e.id, e.company_id, e.received_at, e.uuid, e.body_digest
            """,
            locked,
            self._open_condition(),
        )

    def _removal_of_count(self, count_ids, _reason):
        return SQL(
            """
            DELETE FROM integration_delivery_count WHERE id = ANY (%s)
            RETURNING id, company_id, minute, subscription_id, lane, outcome, slot, tries
            """,
            count_ids,
        )

    def _removal_of_key(self, key_ids, _reason):
        """An identity outlives its event, whatever the rules say."""
        return SQL(
            """
            DELETE FROM integration_event_key k WHERE k.id = ANY (%s)
               AND NOT EXISTS (SELECT 1 FROM integration_event e WHERE e.uuid = k.event_uuid)
            RETURNING k.id, (SELECT company_id FROM integration_system s WHERE s.id = k.system_id), k.seen_at,
                      k.webhook_id, k.source, k.source_event_id, k.digest, k.event_uuid
            """,
            key_ids,
        )

    def _removal_of_receipt(self, receipt_ids, _reason):
        """A receipt of an event that is still kept stays: the equation would lose its left side."""
        return SQL(
            """
            DELETE FROM integration_receipt WHERE id = ANY (%s) AND event_id IS NULL
            RETURNING id, company_id, received_at, event_uuid, webhook_id, unit
            """,
            receipt_ids,
        )
