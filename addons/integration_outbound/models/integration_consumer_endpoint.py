import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple

from odoo import models
from odoo.addons.integration_core.domain import backoff, signing, strict_json
from odoo.addons.integration_core.engine.claims import Result
from odoo.modules.module import get_manifest
from odoo.tools import SQL

from ..breakers import book_of
from ..domain import breaker
from ..transport import Job, Sent
from .integration_breaker import endpoint_key, origin_key

HELD_DELAY_S = 60.0
"""Until a delivery that cannot be tried for want of a key is looked at again; a new key releases it at once."""


_opened_keys = {}
"""(database, credential id) → (its sealed form, the usable key)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the deliveries of one subscription go, as the database says at this moment."""

    endpoint_id: int
    system_id: int
    company_id: int | None  # None when endpoint and subscription disagree: nothing is granted then
    for_tests: bool
    open: bool
    url: str
    origin: str | None
    deadline: float
    schedule: backoff.Schedule
    keys: tuple


class Message(NamedTuple):
    """What is to be sent: the event of one delivery, its payload opened."""

    event_id: int
    message_id: str
    company_id: int
    mode: str
    traceparent: str | None
    body: bytes | None
    ids: dict | None
    untried: bool


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
        places = self._places({one.subscription_id for one in claimed}, now)
        messages = self._messages([one.id for one in claimed])
        self._name_records(claimed, messages, places)
        allowed = self.env["integration.egress.allow"]._allowed()
        return [
            (one, self._job(one, messages.get(one.id), places.get(one.subscription_id), allowed, now))
            for one in claimed
        ]

    # -- loading -----------------------------------------------------------------------------------------------------

    def _places(self, subscription_ids, now):
        """Return {subscription id: Place}."""
        self.env.cr.execute(
            SQL(
                """
                SELECT s.id, p.id, p.system_id, CASE WHEN s.company_id = p.company_id THEN p.company_id END,
                       s.for_tests IS TRUE, (%s), p.url, p.timeout, p.schedule
                  FROM integration_subscription s JOIN integration_endpoint p ON p.id = s.endpoint_id
                 WHERE s.id IN %s
                """,
                self.env["integration.delivery"]._claim_condition(),
                tuple(subscription_ids),
            )
        )
        rows = self.env.cr.fetchall()
        keys = self._signing_keys({row[1] for row in rows}, now)
        return {
            subscription: Place(
                endpoint,
                *whose,
                url,
                origin_key(url),
                float(deadline),
                parse_schedule(schedule or ""),
                keys.get(endpoint, ()),
            )
            for subscription, endpoint, *whose, url, deadline, schedule in rows
        }

    def _signing_keys(self, endpoint_ids, now):
        """Return {endpoint id: keys to sign with now}."""
        if not endpoint_ids:
            return {}
        self.env.cr.execute(
            """
            SELECT endpoint_id, id, sealed FROM integration_credential
             WHERE endpoint_id IN %s AND state = 'active' AND valid_from <= %s AND (valid_to IS NULL OR valid_to > %s)
             ORDER BY id DESC
            """,
            (tuple(endpoint_ids), now, now),
        )
        by_endpoint = defaultdict(list)
        for endpoint_id, credential_id, sealed in self.env.cr.fetchall():
            by_endpoint[endpoint_id].append(self._signing_key(credential_id, sealed))
        return {endpoint_id: tuple(keys[: signing.MAX_ENTRIES]) for endpoint_id, keys in by_endpoint.items()}

    def _signing_key(self, credential_id, sealed):
        """Return the usable key of a credential, opened once per process and never longer than its sealed form."""
        place = (self.env.cr.dbname, credential_id)
        known = _opened_keys.get(place)
        if known is None or known[0] != sealed:
            # sudo: the engine signs; the keys are nobody's to read
            credential = self.env["integration.credential"].sudo().browse(credential_id)
            known = _opened_keys[place] = (sealed, credential._signing_key())
        return known[1]

    def _messages(self, delivery_ids):
        """Return {delivery id: Message}. Of a replay, the names of records are those of what it replays."""
        self.env.cr.execute(
            """
            SELECT d.id, e.id, e.uuid, e.source_event_id, e.company_id, e.mode, e.traceparent, p.data_key_id, p.sealed,
                   COALESCE(d.wire_ids, CASE WHEN d.replay_id IS NOT NULL THEN (
                       SELECT o.wire_ids FROM integration_delivery o
                        WHERE o.event_id = d.event_id AND o.subscription_id = d.subscription_id
                          AND o.wire_ids IS NOT NULL ORDER BY o.id LIMIT 1) END),
                   d.attempts + d.crashes = 0 AND (d.replay_id IS NULL OR NOT EXISTS (
                       SELECT 1 FROM integration_delivery o
                        WHERE o.event_id = d.event_id AND o.subscription_id = d.subscription_id
                          AND o.id < d.id AND o.attempts + o.crashes > 0))
              FROM integration_delivery d
              JOIN integration_event e ON e.id = d.event_id
              LEFT JOIN integration_payload p ON p.event_id = e.id
             WHERE d.id = ANY (%s)
            """,
            (delivery_ids,),
        )
        rows = self.env.cr.fetchall()
        sealed = [(row[7], row[8], f"integration.payload:{row[2]}") for row in rows if row[8] is not None]
        bodies = iter(self.env["integration.keyring"]._open_all(sealed))
        return {
            row[0]: Message(
                row[1], row[3], row[4], row[5], row[6], next(bodies) if row[8] is not None else None, row[9], row[10]
            )
            for row in rows
        }

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

    def _job(self, claimed, message, place, allowed, now):
        """Return the :class:`Job` of one delivery, or the :class:`Result` of one that is not sent."""
        hindrance = self._hindrance(message, place)
        if hindrance:
            return self._unsent(claimed, now, "dead", *hindrance)
        if not place.open:
            # It was stopped between the claim and now.
            return self._unsent(claimed, now, "waiting", "endpoint_held", self.env._("The endpoint is not active."))
        if not place.keys:
            return self._unsent(claimed, now, "waiting", "no_active_key", self.env._("Create a key for the endpoint."))
        headers = {"user-agent": user_agent()}
        if message.traceparent:
            headers["traceparent"] = message.traceparent
        return Job(
            claimed,
            sent=Sent(place.endpoint_id, place.for_tests, place.origin),
            url=place.url,
            allowed=allowed,
            message_id=message.message_id,
            body=self._wire_body(message),
            keys=place.keys,
            schedule=place.schedule,
            deadline=place.deadline,
            headers=headers,
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
        book, needed, counts = book_of(dbname), False, Counter()
        for result in results:
            sent = result.extra
            if not isinstance(sent, Sent):
                continue
            if not sent.is_test:
                counts[endpoint_key(sent.endpoint_id), sent.for_endpoint] += 1
                counts[sent.origin, sent.for_origin] += 1
            needed |= result.outcome != "delivered" or sent.endpoint_id in watched
        if needed:
            # What failed has an order that counts.
            for result in results:
                if isinstance(result.extra, Sent) and not result.extra.is_test:
                    book.count(endpoint_key(result.extra.endpoint_id), result.extra.for_endpoint)
                    book.count(result.extra.origin, result.extra.for_origin)
        else:
            for (name, count), times in counts.items():
                book.count(name, count, times=times)
        return needed

    def _after(self, results):
        """Open and close breakers, hold an endpoint whose receiver is gone or that needs a change, tell its owner."""
        by_endpoint = defaultdict(list)
        for result in results:
            if result.spent and isinstance(result.extra, Sent):
                by_endpoint[result.extra.endpoint_id].append(result)
        if not by_endpoint:
            return
        self._end_probes(by_endpoint)
        opened = self._tell_breakers(results)
        endpoints = self.env["integration.endpoint"]
        for endpoint in endpoints.browse(sorted(by_endpoint)).exists():
            endpoint._note_results(by_endpoint[endpoint.id])
        endpoints._begin_trouble_of(opened)
        endpoints.browse(sorted(by_endpoint)).exists()._end_trouble()

    def _end_probes(self, by_endpoint):
        book = book_of(self.env.cr.dbname)
        for endpoint_id, results in by_endpoint.items():
            sent = results[0].extra
            counts = {endpoint_key(endpoint_id): sent.for_endpoint, sent.origin: sent.for_origin}
            for name, number in book.probes.pop(endpoint_id, {}).items():
                self.env["integration.breaker"]._end_probe(name, number, counts.get(name, breaker.Count.NOTHING))

    def _tell_breakers(self, results):
        """Append what this process saw of the receivers of ``results``; return the names of breakers that opened."""
        names = set()
        for result in results:
            if isinstance(result.extra, Sent) and not result.extra.is_test:
                names |= {endpoint_key(result.extra.endpoint_id), result.extra.origin} - {None}
        return self.env["integration.breaker"]._note(book_of(self.env.cr.dbname).take(sorted(names)))
