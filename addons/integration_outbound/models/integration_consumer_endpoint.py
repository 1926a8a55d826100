import json
import logging
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple

from odoo import models
from odoo.addons.integration_core import discreet
from odoo.addons.integration_core.domain import backoff, log_context, signing, strict_json
from odoo.addons.integration_core.domain.keyring import KeyringError
from odoo.addons.integration_core.engine.claims import BY_KEY, Result
from odoo.addons.integration_core.engine.loops import is_connection_error
from odoo.addons.integration_core.tools import Statement, is_in_test, is_real
from odoo.modules.module import get_manifest
from odoo.tools import SQL

from ..breakers import Probe, book_of
from ..domain import breaker
from ..transport import Job, Sent
from .integration_breaker import endpoint_key, origin_key

_logger = logging.getLogger(__name__)

HELD_DELAY_S = 60.0
"""Until a delivery that cannot be tried for want of a key is looked at again; a new key releases it at once."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key to sign with, and from when to when (naive UTC; None: until revoked)."""

    usable: signing.Secret | signing.PrivateKey
    valid_from: datetime
    valid_to: datetime | None

    def is_valid(self, now):
        return self.valid_from <= now and (self.valid_to is None or self.valid_to > now)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the deliveries of one subscription go, as the configuration says."""

    endpoint_id: int
    endpoint: str
    system_id: int
    company_id: int | None  # None when endpoint and subscription disagree: nothing is granted then
    for_tests: bool
    open: bool
    url: str
    origin: str | None
    deadline: float
    schedule: backoff.Schedule
    keys: tuple[Key, ...]

    def keys_at(self, now):
        """Return what to sign with at a moment, newest key first."""
        return tuple(key.usable for key in self.keys if key.is_valid(now))[: signing.MAX_ENTRIES]


@dataclass(frozen=True, slots=True)
class Places:
    """Everything that the configuration of one stamp says of where messages go: {subscription id: Place}."""

    stamp: str
    by_subscription: dict[int, Place]
    allowed: frozenset[str]


_known_places = {}
"""What this process knows by heart: {database: Places}."""


class Message(NamedTuple):
    """What is to be sent: the event of one delivery, its payload opened."""

    event_id: int
    uuid: str
    message_id: str
    company_id: int
    mode: str
    traceparent: str | None
    body: bytes | None
    ids: dict | None
    untried: bool


_MESSAGES = Statement(
    """
    SELECT d.id, e.id, e.uuid, e.source_event_id, e.company_id, e.mode, e.traceparent, p.data_key_id, p.sealed,
           COALESCE(d.wire_ids, CASE WHEN d.replay_id IS NOT NULL THEN (
               SELECT o.wire_ids FROM integration_delivery o
                WHERE o.event_id = d.event_id AND o.subscription_id = d.subscription_id
                  AND o.wire_ids IS NOT NULL ORDER BY o.id LIMIT 1) END),
           d.attempts + d.crashes = 0 AND (d.replay_id IS NULL OR NOT EXISTS (
               SELECT 1 FROM integration_delivery o
                WHERE o.event_id = d.event_id AND o.subscription_id = d.subscription_id
                  AND o.id < d.id AND o.attempts + o.crashes > 0)),
           (SELECT stamp FROM integration_configuration)
      FROM integration_delivery d
      JOIN integration_event e ON e.id = d.event_id
      LEFT JOIN integration_payload p ON p.event_id = e.id
     WHERE d.id = ANY (%(ids)s::int[])
    """,
    settings=BY_KEY,
)


@lru_cache(maxsize=1)
def user_agent():
    return f"odoo-integration/{get_manifest('integration_outbound')['version']}"


@lru_cache(maxsize=256)
def parse_schedule(text):
    return backoff.Schedule.parse(text)


class IntegrationConsumerEndpoint(models.AbstractModel):
    """Sends deliveries to endpoints outside.

    ``_prepare`` does all that needs the database, in a few statements for a whole batch: it loads, opens the seals and
    decides who may be told. The jobs it returns carry everything a thread needs; they sign at the moment of the try.
    """

    _name = "integration.consumer.endpoint"
    _inherit = ["integration.consumer"]
    _description = "Deliveries to endpoints outside"

    def _prepare(self, claimed):
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        messages, stamp = self._messages([one.id for one in claimed])
        places = self._places(stamp)
        of = places.by_subscription
        back = self._hold_behind_breakers(claimed, of)
        claimed = [one for one in claimed if one.id not in {other.id for other, _none in back}]
        self._name_records(claimed, messages, of)
        keys = {number: of[number].keys_at(now) for number in {one.subscription_id for one in claimed} & of.keys()}
        jobs = []
        for one in claimed:
            place, signing_keys = of.get(one.subscription_id), keys.get(one.subscription_id)
            jobs.append((one, self._job(one, messages.get(one.id), place, signing_keys, places.allowed, now)))
        return [*jobs, *back]

    def _hold_behind_breakers(self, claimed, places):
        """Let the first delivery of each endpoint behind an open breaker out as its probe, where none is out.

        :return: list of (Claimed, None): what has to go back
        """
        book = book_of(self.env.cr.dbname)
        behind = defaultdict(list)
        for one in claimed:
            place = places.get(one.subscription_id)
            if place and place.endpoint_id in book.shut:
                behind[place.endpoint_id].append(one)
        if not behind:
            return []
        breakers, back = self.env["integration.breaker"], []
        breakers._read({name for endpoint in behind for name in book.shut[endpoint]}, lock=True)
        for endpoint, (first, *others) in behind.items():
            numbers = breakers._begin_probe(book.shut[endpoint])
            if numbers:
                book.probes[first.id] = Probe(endpoint, numbers)
            back += others if numbers else [first, *others]
        return [(one, None) for one in back]

    def _given_back(self, delivery_ids):
        self._end_probes({number: {} for number in delivery_ids})

    # -- loading -----------------------------------------------------------------------------------------------------

    def _places(self, stamp):
        """Return the :class:`Places` of the configuration with this stamp, which is of now.

        What was read before it changed is read again: a stamp goes with what its transaction changed.
        """
        known = _known_places.get(self.env.cr.dbname)
        if known is None or known.stamp != stamp:
            keys, complete = self._read_keys()
            known = Places(stamp, self._read_places(keys), self.env["integration.egress.allow"]._allowed())
            if complete:
                _known_places[self.env.cr.dbname] = known
        return known

    def _read_places(self, keys):
        self.env.cr.execute(
            SQL(
                """
                SELECT s.id, p.id, p.name, p.system_id, CASE WHEN s.company_id = p.company_id THEN p.company_id END,
                       s.for_tests IS TRUE, (%s), p.url, p.timeout, p.schedule
                  FROM integration_subscription s JOIN integration_endpoint p ON p.id = s.endpoint_id
                """,
                self.env["integration.delivery"]._claim_condition(),
            )
        )
        return {
            subscription: Place(
                endpoint,
                *whose,
                url,
                origin_key(url),
                float(deadline),
                parse_schedule(schedule or ""),
                tuple(keys.get(endpoint, ())),
            )
            for subscription, endpoint, *whose, url, deadline, schedule in self.env.cr.fetchall()
        }

    def _read_keys(self):
        """Return ({endpoint id: [Key]}, whether all could be opened); newest first.

        One that was tampered with signs nothing; the others' deliveries do not wait for it.
        """
        # sudo: the engine signs; the keys are nobody's to read
        credentials = self.env["integration.credential"].sudo()
        by_endpoint, complete = defaultdict(list), True
        for key in credentials.search([("endpoint_id", "!=", False), ("state", "=", "active")], order="id desc"):
            try:
                usable = key._signing_key()
            except KeyringError as error:
                _logger.warning("the key %s cannot be opened: %s", key.name, error.remedy)
                complete = False
                continue
            by_endpoint[key.endpoint_id.id].append(Key(usable, key.valid_from, key.valid_to or None))
        return by_endpoint, complete

    def _messages(self, delivery_ids):
        """Return {delivery id: Message} and the stamp of the configuration.

        Of a replay, the names of records are those of what it replays.
        """
        _MESSAGES.execute(self.env.cr, {"ids": delivery_ids})
        rows = self.env.cr.fetchall()
        sealed = [(row[7], row[8], f"integration.payload:{row[2]}") for row in rows if row[8] is not None]
        bodies = iter(self.env["integration.keyring"]._open_all(sealed))
        messages = {
            row[0]: Message(*(row[1:7]), next(bodies) if row[8] is not None else None, row[9], row[10]) for row in rows
        }
        return messages, rows[0][11] if rows else self.env["integration.configuration"]._stamp()

    def _name_records(self, claimed, messages, places):
        """Decide, at the first try, what the subscriber's system calls the records; later tries repeat it."""
        new = defaultdict(list)
        for one in claimed:
            message, place = messages.get(one.id), places.get(one.subscription_id)
            if message and place and message.untried and message.ids is None:
                new[place.system_id].append((one.id, message.event_id))
        named = []
        for system_id, pairs in new.items():
            events = self.env["integration.event"].browse({event_id for _id, event_id in pairs})
            names = events._subscriber_ids(self.env["integration.system"].browse(system_id))
            named += [(delivery_id, names[event_id]) for delivery_id, event_id in pairs if names.get(event_id)]
        if not named:
            return
        self.env.cr.execute(
            "UPDATE integration_delivery d SET wire_ids = n.ids FROM unnest(%s, %s::jsonb[]) AS n (id, ids)"
            " WHERE d.id = n.id",
            ([row[0] for row in named], [json.dumps(row[1]) for row in named]),
        )
        for delivery_id, ids in named:
            messages[delivery_id] = messages[delivery_id]._replace(ids=ids)

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _job(self, claimed, message, place, keys, allowed, now):
        """Return the :class:`Job` of one delivery, or the :class:`Result` of one that is not sent."""
        hindrance = self._hindrance(message, place)
        if hindrance:
            return self._unsent(claimed, now, "dead", *hindrance)
        if not place.open:
            # It was stopped between the claim and now.
            return self._unsent(claimed, now, "waiting", "endpoint_held", self.env._("The endpoint is not active."))
        if not keys:
            return self._unsent(claimed, now, "waiting", "no_active_key", self.env._("Create a key for the endpoint."))
        return Job(
            claimed,
            sent=Sent(place.endpoint_id, place.for_tests, place.origin),
            url=place.url,
            allowed=allowed,
            message_id=message.message_id,
            body=self._wire_body(message),
            keys=keys,
            schedule=place.schedule,
            deadline=place.deadline,
            headers={"user-agent": user_agent()},
            traceparent=message.traceparent,
            about={
                "event_id": message.uuid,
                "webhook_id": message.message_id,
                "endpoint": place.endpoint,
                "trace_id": log_context.trace_of(message.traceparent),
            },
        )

    def _hindrance(self, message, place):
        """Return (code, text) of why a delivery must never be sent, or None."""
        if message is None or place is None or message.body is None:
            return "payload_gone", self.env._("The event's content is no longer kept.")
        # Fan-out sees to both already; a subscription or an endpoint may have been changed since.
        if message.company_id != place.company_id:
            return "company_not_granted", self.env._("The endpoint or its subscription belongs to another company.")
        if message.mode != "live":
            return "test_event", self.env._("Test events never leave Odoo.")
        return None

    @staticmethod
    def _unsent(claimed, now, state, code, detail):
        return Result(
            claimed, state, "retry", now, delay=HELD_DELAY_S, error_code=code, error_detail=detail, spent=False
        )

    @staticmethod
    def _wire_body(message):
        """Return the bytes to send: the event as it was sealed, with what the subscriber calls its records."""
        if not message.ids:
            return message.body
        content = strict_json.loads(message.body)
        content["data"]["ids"] = message.ids
        return strict_json.dumps(content)

    # -- reacting ----------------------------------------------------------------------------------------------------

    @classmethod
    def _calls_for_reaction(cls, dbname, results, watched):
        """Count successes in memory; what failed, ended badly or is being watched needs the database."""
        book = book_of(dbname)
        sent = [result for result in results if isinstance(result.extra, Sent)]
        real = [result.extra for result in sent if not result.extra.is_test]
        failed = any(result.outcome != "delivered" for result in sent)
        if failed:
            # What failed has an order that counts.
            for one in real:
                book.count(endpoint_key(one.endpoint_id), one.for_endpoint)
                book.count(one.origin, one.for_origin)
        else:
            counts = Counter((endpoint_key(one.endpoint_id), one.for_endpoint) for one in real)
            counts.update((one.origin, one.for_origin) for one in real)
            for (name, count), times in counts.items():
                book.count(name, count, times=times)
        if failed or any(result.claimed.id in book.probes for result in results) or book.ended():
            return "now"
        return "soon" if any(result.extra.endpoint_id in watched for result in sent) else ""

    def _after(self, results):
        """Open and close breakers; then see to the endpoints, and tell their owners.

        What the breakers learn is stored even if the rest fails: a receiver that answers is not to stay shut off
        because something is wrong here.
        """
        closed = self._end_probes({result.claimed.id: self._counts_of(result) for result in results})
        opened = self._tell_breakers(results)
        try:
            with self.env.cr.savepoint():
                self._see_to_endpoints(results, opened, closed)
        except Exception as error:
            if is_connection_error(error):
                raise
            # It is tried again with the next result.
            discreet.failed(_logger, "what follows from %s results could not be done", len(results), error=error)

    def _see_to_endpoints(self, results, opened, closed):
        """Hold an endpoint whose receiver is gone or that needs a change, tell owners what began and what is over.

        :param opened: names of the breakers that have just opened
        :param closed: names of those that have just closed
        """
        by_endpoint = defaultdict(list)
        for result in results:
            if result.spent and isinstance(result.extra, Sent):
                by_endpoint[result.extra.endpoint_id].append(result)
        endpoints = self.env["integration.endpoint"]
        tried = endpoints.browse(sorted(by_endpoint)).exists()
        self._lock_endpoints(tried, by_endpoint, {*opened, *closed})
        for endpoint in tried:
            endpoint._note_results(by_endpoint[endpoint.id])
        endpoints._begin_trouble_of(opened)
        (tried | endpoints._behind(closed))._end_trouble()

    def _lock_endpoints(self, tried, by_endpoint, changed):
        """Lock the endpoints that what follows may write, in one order for all, so that nobody waits in a ring.

        :param changed: names of breakers that have just opened or closed
        """
        endpoints = self.env["integration.endpoint"]
        # Who may come into trouble, or out of it.
        may_change = ["|", ("state", "=", "active"), ("trouble_since", "!=", False)]
        behind = endpoints.search(may_change) if changed else endpoints
        concerned = behind.filtered(lambda one: changed & {endpoint_key(one.id), origin_key(one.url)})
        concerned |= tried.filtered(
            lambda one: one.trouble_since
            or one.configuration_streak
            or any(result.outcome in ("gone", "configuration") for result in by_endpoint[one.id])
        )
        if concerned:
            locking = "SELECT id FROM integration_endpoint WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"
            self.env.cr.execute(locking, (concerned.ids,))
            concerned.invalidate_recordset()

    @staticmethod
    def _counts_of(result):
        """Return {breaker name: what a try means to it}; empty for what was not sent."""
        sent = result.extra
        if not (result.spent and isinstance(sent, Sent)):
            return {}
        return {endpoint_key(sent.endpoint_id): sent.for_endpoint, sent.origin: sent.for_origin}

    def _end_probes(self, counts):
        """Tell the breakers what became of those of these deliveries that were probes; return the names that closed.

        :param counts: {delivery id: {breaker name: count}}, empty for one that was not sent
        """
        book = book_of(self.env.cr.dbname)
        for delivery, became in counts.items():
            book.end(delivery, became)
        ended = book.ended()
        told = [
            (name, number, probe.became.get(name, breaker.Count.NOTHING) if probe.became else None)
            for probe in ended.values()
            for name, number in probe.numbers.items()
        ]
        # By name: whoever locks several breakers does so in this order.
        closed = [
            name
            for name, number, count in sorted(told, key=lambda one: one[0])
            if self.env["integration.breaker"]._end_probe(name, number, count)
        ]
        if is_real(self.env.cr):
            self.env.cr.postcommit.add(lambda: book.forget(ended))
        else:  # the pseudo-cursor of a test is never committed
            book.forget(ended)
        return closed

    def _tell_breakers(self, results):
        """Append what this process saw of receivers that failed now or lately; return the breakers that opened."""
        book, names = book_of(self.env.cr.dbname), set()
        for result in results:
            if isinstance(result.extra, Sent) and not result.extra.is_test:
                for name, count in self._counts_of(result).items():
                    if name and (count is breaker.Count.FAILURE or name in book.failing):
                        names.add(name)
        samples = book.take(names)
        if samples and not is_in_test(self.env.cr):
            self.env.cr.prerollback.add(lambda: book.give_back(samples))
        return self.env["integration.breaker"]._note(samples)
