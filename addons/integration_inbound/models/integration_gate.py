import contextlib
import logging
import time
from dataclasses import dataclass

from odoo import api, models
from odoo.addons.integration_core.domain import keyring
from odoo.addons.integration_core.engine.claims import IN_ORDER
from odoo.addons.integration_core.engine.plan import ALL_LANES
from odoo.addons.integration_core.tools import Statement

from .. import door
from ..controllers.nodb import serve_without_database
from ..domain import admission

_logger = logging.getLogger(__name__)

BACKLOG_LIMIT = 200_000  # deliveries that handlers have yet to work off; above, senders are asked to wait
BACKLOG_SECONDS = 5.0  # for how long a process believes its last count
MAX_ATTEMPTS = 5  # to judge one message while the configuration changes under it

# When this process last counted what is waiting, and whether it was too much; per database.
_backlogs = {}

# What messages of other systems have caused inside, and handlers could go on with: what is due, and what stands behind
# another of its ordering key, unless that is a dead letter. Each part reads at most twice as many rows as may wait.
_BACKLOG = Statement(
    """
    SELECT (
        SELECT count(*) FROM (
            SELECT d.system_id FROM unnest(%(subscriptions)s::int[]) AS s (id)
             CROSS JOIN unnest(%(lanes)s::smallint[]) AS l (lane)
             CROSS JOIN LATERAL (
                SELECT system_id FROM integration_due
                 WHERE subscription_id = s.id AND lane = l.lane AND tier IN (0, 1, 5)
                   AND due_at <= (SELECT clock_timestamp() AT TIME ZONE 'UTC') OFFSET 0) d
             LIMIT 2 * %(limit)s::bigint) AS due
         WHERE system_id IS NOT NULL AND system_id <> ALL (%(held)s::int[])
    ) + (
        SELECT COALESCE(sum(k.behind), 0)::bigint FROM (
            SELECT id, order_key, count(*) FILTER (
                       WHERE tier IN (2, 3) AND lane = ANY (%(lanes)s::smallint[])
                         AND system_id IS NOT NULL AND system_id <> ALL (%(held)s::int[])) AS behind
              FROM (
                SELECT s.id, d.* FROM unnest(%(subscriptions)s::int[]) AS s (id)
                 CROSS JOIN LATERAL (
                    SELECT order_key, tier, lane, system_id FROM integration_due
                     WHERE subscription_id = s.id AND order_key IS NOT NULL OFFSET 0) d
                 LIMIT 2 * %(limit)s::bigint) AS ordered
             GROUP BY id, order_key) AS k
          LEFT JOIN LATERAL (
            SELECT id FROM integration_due
             WHERE subscription_id = k.id AND order_key = k.order_key AND tier = 4 LIMIT 1) AS dead ON TRUE
         WHERE dead.id IS NULL
    )
    """,
    settings=IN_ORDER,
)

# By code or segment of the refusal, code first.
_TURNED_AWAY = {
    admission.UNUSABLE_SCHEMA: admission.UNUSABLE_SCHEMA,
    "rate-limited": "rate_limited",
    "body-too-large": "body_too_large",
    "not-ready": "backlog",
}


def believed_backlog(dbname):
    """Tell whether more deliveries wait than may wait, as this process last counted; None when that is too long ago."""
    counted_at, backlogged = _backlogs.get(dbname, (-BACKLOG_SECONDS, False))
    return backlogged if time.monotonic() - counted_at < BACKLOG_SECONDS else None


@dataclass(frozen=True)
class Verdict:
    """What the gate made of a request.

    How admission ended, the headers that tell the sender its allowance, and the id of a verified message.
    """

    admission: admission.Admission
    headers: dict
    message_id: str = ""

    @property
    def event_uuid(self):
        """The event that a message became or is a copy of."""
        return self.admission.event_uuid

    @property
    def code(self):
        """Why it was refused."""
        return self.admission.refusal.code if self.admission.refusal else None


class IntegrationGate(models.AbstractModel):
    """Where messages come in: every request of a partner passes here, in the one transaction that answers it.

    Refusals are returned, never raised, so that what is recorded about them is committed.
    """

    _name = "integration.gate"
    _description = "Gate"

    def _register_hook(self):
        super()._register_hook()
        serve_without_database()

    @api.model
    def _is_ready(self):
        """Tell whether a message could be verified and stored: there is a master key for this database."""
        return self._book() is not None

    @api.model
    def _book(self):
        """Return the :class:`book.Book` of the configuration as it is now; None without a usable master key."""
        try:
            return self.env["integration.configuration"]._current()
        except keyring.KeyringError:
            return None

    @api.model
    def _is_backlogged(self):
        """Tell whether handlers have more to work off than may wait.

        Counted at most every few seconds. What waits for somebody or something else does not count: for receivers
        outside, for a person who holds it, paused a subscription or has to look at a dead letter, or for its next try.
        """
        dbname = self.env.cr.dbname
        backlogged = believed_backlog(dbname)
        if backlogged is None:
            limit = self._setting("integration_inbound.backlog_limit", BACKLOG_LIMIT)
            backlogged = self._count_backlog(limit) >= limit
            _backlogs[dbname] = (time.monotonic(), backlogged)
        return backlogged

    def _count_backlog(self, limit):
        """Count what messages have caused inside and handlers could go on with, not far beyond ``limit``."""
        everything, lanes, systems = self.env["integration.hold"]._held()
        if everything:
            return 0
        lines = self.env["integration.delivery"]._plan_handlers()
        values = {
            "subscriptions": [line.subscription_id for line in lines],
            "lanes": sorted(ALL_LANES - lanes),
            "held": sorted(systems),
            "limit": limit,
        }
        with self.env.cr.savepoint(flush=False) as counting:
            _BACKLOG.execute(self.env.cr, values)
            (count,) = self.env.cr.fetchone()
            counting.rollback()  # what the planner may not use is for this statement alone
        return count

    @api.model
    def _setting(self, name, default):
        # sudo: an operator's setting, read for a sender whom nobody logged in
        value = self.env["ir.config_parameter"].sudo().get_param(name, "")
        return int(value) if value.isdecimal() else default

    @api.model
    def _published_type(self, name):
        """Return the event type whose schema is public under ``name``, or an empty recordset."""
        event_type = self.env["integration.event.type"]._named(name) if name.isprintable() else None
        return event_type if event_type and event_type.state != "draft" and event_type.schema_json else None

    # -- one request ---------------------------------------------------------------------------------------------------

    @api.model
    def _receive(self, request, sent, *, book, address):
        """Take in a message: check it in the contract's order, store it or record why not.

        Call it first thing in a READ COMMITTED transaction. A message that is accepted is committed on return, where
        there is a standing connection for that; for all else the caller commits.

        :param request: the :class:`admission.Request`
        :param sent: the same as :class:`door.Sent`
        :param book: what :meth:`_book` returned
        :param str address: where it came from
        :return: :class:`Verdict`
        """
        gate = door.CursorDoor(self.env, sent, book, apart=True)
        ended = self._judge(request, gate)
        self._note_use(gate)
        if ended.outcome != "accepted":  # of what was accepted the journal tells
            self._record(ended, gate, claimed=request.system, address=address)
            code = ended.party.code if ended.party else "nobody"
            _logger.info("request %s of %s: %s", sent.request_id, code, self._told(ended, gate))
        return Verdict(ended, gate.quota.headers() if gate.quota else {}, gate.sent.webhook_id)

    def _note_use(self, gate):
        if gate.key_id:
            self.env["integration.credential.use"]._note(gate.key_id, gate.sent.received_at.replace(microsecond=0))

    @api.model
    def _look_at(self, request):
        """Find out, without storing anything, whether the gate would take a request for its system's own.

        :param request: the :class:`admission.Request`
        :return: why not, as a cause of refusals; None when it would
        :raises KeyringError: without a usable master key
        """
        book = self.env["integration.configuration"]._current()
        gate = door.CursorDoor(self.env, door.sent_by(request, None, ""), book)
        return None if gate.authenticate(request) else gate.cause

    @api.model
    def _try(self, request, *, request_id):
        """Judge a message as :meth:`_receive` does, but as one that a person sends to try: it is always a test.

        What is accepted is in the journal like any other test event; of what is refused nothing is recorded, for the
        person sees it at once.

        :param request: the :class:`admission.Request`
        :return: (:class:`Verdict`, why the signature was not accepted or None); None without a usable master key
        """
        book = self._book()
        if book is None:
            return None
        gate = door.TrialDoor(self.env, door.sent_by(request, None, request_id), book, apart=True)
        ended = self._judge(request, gate)
        return Verdict(ended, gate.quota.headers() if gate.quota else {}, gate.sent.webhook_id), gate.cause

    def _judge(self, request, gate):
        """Judge a request, and anew where the configuration changes meanwhile.

        The book was of the configuration when the request was there; a message is stored by a statement that sees for
        itself whether it still holds. So whatever was revoked, suspended or granted before the request counts. Where a
        schema cannot be used nothing is stored, so then it is asked here whether the book still holds.
        """
        for _attempt in range(MAX_ATTEMPTS):
            with contextlib.suppress(door.Outdated):
                ended = admission.admit(request, gate)
                if not self._is_unusable(ended) or self.env["integration.configuration"]._stamp() == gate.book.stamp:
                    return ended
            gate.reopen(self.env["integration.configuration"]._current())
        return admission.Admission("refused", refusal=admission.not_ready("configuration"))

    @staticmethod
    def _is_unusable(ended):
        return ended.refusal is not None and ended.refusal.code == admission.UNUSABLE_SCHEMA

    @staticmethod
    def _told(ended, gate):
        return (
            f"refused, {gate.cause or ended.refusal.code}" if ended.refusal else f"{ended.outcome}, {ended.event_uuid}"
        )

    def _record(self, ended, gate, *, claimed, address):
        if ended.is_received:
            self._append_receipts(ended, gate)
        if ended.is_kept and self._keep(ended, gate):
            return
        if ended.refusal:
            told = ended.refusal
            cause = gate.cause or _TURNED_AWAY.get(told.code) or _TURNED_AWAY.get(told.segment, "not_kept")
            known = claimed in gate.book.parties
            self._turn_away(cause, claimed=claimed, known=known, address=address, request_id=gate.sent.request_id)

    @api.model
    def _turn_away(self, cause, *, claimed, known, address, request_id):
        """Count a request that is refused without anything of it being kept; ``known``: ``claimed`` is a system."""
        self.env["integration.refusal"]._note(
            cause, claimed=claimed, known=known, address=address, request_id=request_id
        )

    def _system(self, party):
        return self.env["integration.system"].browse(party.id)

    def _append_receipts(self, ended, gate):
        glimpse = gate.glimpse(ended.body)
        self.env["integration.receipt"]._append(
            self._system(ended.party),
            glimpse.message_units,
            outcome="duplicate" if ended.outcome == "duplicate" else "rejected",
            webhook_id=gate.sent.webhook_id,
            received_at=gate.sent.received_at,
            mode=ended.party.mode_at(gate.sent.received_at),
            event_uuid=ended.event_uuid,
            event_type=self.env["integration.event.type"]._named(glimpse.type_name or ""),
            encounter=glimpse.encounter,
            reason=ended.refusal.code if ended.refusal else None,
            request_id=gate.sent.request_id,
        )

    def _keep(self, ended, gate):
        return self.env["integration.refused.message"]._keep(
            self._system(ended.party), gate.sent, ended.refusal, gate.glimpse(ended.body)
        )

    @api.model
    def _inquire(self, request, message_id, *, address, request_id):
        """Tell a verified system what became of one of its messages.

        :param request: the :class:`admission.Request`, signed over an empty body with an id of its own
        :param str message_id: the message asked about
        :return: (:class:`Verdict`, status document or None when no such message is known)
        """
        gate = door.CursorDoor(
            self.env, door.sent_by(request, None, request_id), self.env["integration.configuration"]._current()
        )
        verified = gate.authenticate(request)
        party = verified.party if verified else None
        self._note_use(gate)
        if party is None:
            refusal = admission.Refusal("signature-rejected", "signature_rejected")
        else:
            refusal = gate.take_rate(party)
        ended = admission.Admission("refused" if refusal else "accepted", refusal=refusal, party=party)
        if refusal:
            self._record(ended, gate, claimed=request.system, address=address)
        document = None if refusal else self.env["integration.event"]._status_of(self._system(party), message_id)
        return Verdict(ended, gate.quota.headers() if gate.quota else {}), document

    @api.model
    def _readmit(self, message):
        """Judge a refused message again, from its content type on, by what holds now.

        :param message: the record of ``integration.refused.message``
        :return: :class:`Verdict`
        :raises KeyringError: when its body cannot be opened
        """
        raw = self.env["integration.refused.payload"]._load(message)
        if raw is None:
            return Verdict(admission.Admission("refused", refusal=admission.Refusal("not-ready", "body_gone")), {})
        sent = door.Sent(
            webhook_id=message.webhook_id,
            raw=raw,
            content_type=message.content_type or None,
            content_encoding=message.content_encoding or None,
            traceparent=message.traceparent or None,
            request_id=message.request_id,
            received_at=door.now(),
        )
        system = message.system_id
        gate = door.CursorDoor(self.env, sent, self.env["integration.configuration"]._current())
        party = gate.book.parties.get(system.code) or system._as_party()
        ended = admission.readmit(sent.as_verified(party), gate)
        if ended.is_kept:
            self._keep(ended, gate)
        return Verdict(ended, {})
