"""The gate of one request: what :mod:`.domain.admission` asks, answered from the database."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, NamedTuple

from odoo.addons.integration_core import tools
from odoo.addons.integration_core.domain import (
    acceptance,
    binary_mode,
    envelope,
    hashing,
    log_context,
    profiles,
    schema,
    signing,
    strict_json,
    tracing,
    units,
)
from odoo.addons.integration_core.domain.book import Book, Party
from odoo.addons.integration_core.domain.profiles import client_certificate
from odoo.api import Environment
from odoo.tools import config

from . import bucket
from .domain import admission
from .domain.rate import Answer, Question, Quota, RateLimiter

_logger = logging.getLogger(__name__)

MAX_UNITS = 1000
"""Units of a refused or repeated message that are counted one by one; above, the message is the unit."""

_MAX_HEADER_CHARS = 1025  # one more than any of these headers may have, so that a longer one stays too long

_ABOUT_KEYS = {signing.Cause.NO_KEY, signing.Cause.NO_MATCH, signing.Cause.KEY_NOT_VALID, signing.Cause.UNKNOWN_KEY}

# The shares of the systems' allowances that this process holds.
limiter = RateLimiter()


def trusted_proxies() -> tuple[client_certificate.Network, ...]:
    """Return the networks whose word for a client certificate is believed: ``integration_trusted_proxies``.

    It stands in the server's configuration file, where nobody who only works in Odoo can change it. Nobody is believed
    without it, or when it cannot be read.
    """
    text = str(config.get("integration_trusted_proxies") or "")
    try:
        return client_certificate.parse_proxies(text)
    except ValueError:
        _logger.error("integration_trusted_proxies is not a list of addresses and networks: no proxy is believed")
        return ()


@dataclass(frozen=True)
class Sent:
    """A message as it was sent, verified, with what is needed to judge it again later. ``received_at`` is naive UTC."""

    webhook_id: str
    raw: bytes = field(repr=False)
    content_type: str | None
    content_encoding: str | None
    traceparent: str | None
    request_id: str
    received_at: datetime
    event_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    """The id of the event that it becomes."""

    def as_verified(self, party: Party) -> admission.Verified[Party]:
        """Return it as a message of ``party`` that was verified when it arrived."""
        sent = {"content-type": self.content_type, "content-encoding": self.content_encoding}
        headers = {name: value for name, value in sent.items() if value is not None}
        return admission.Verified(party, self.webhook_id, admission.Request(party.code, headers, self.raw))


def sent_by(request: admission.Request, traceparent: str | None, request_id: str, **more: str) -> Sent:
    """Return a request that arrives now as what is kept of it; ``more`` are other fields of :class:`Sent`."""
    return Sent(
        webhook_id="",  # nobody has one until it is verified
        raw=request.body,
        content_type=_storable(request.headers.get("content-type")),
        content_encoding=_storable(request.headers.get("content-encoding")),
        traceparent=_storable(traceparent),
        request_id=request_id,
        received_at=now(),
        **more,
    )


def _storable(header: str | None) -> str | None:
    """Return a header as PostgreSQL can hold it; what was not allowed stays not allowed."""
    return header and header[:_MAX_HEADER_CHARS].replace("\0", "\N{REPLACEMENT CHARACTER}")


class Glimpse(NamedTuple):
    """What can be read of a message, whatever is wrong with it."""

    type_name: str | None = None
    source_event_id: str | None = None
    encounter: str | None = None
    message_units: Sequence[units.Unit] = (units.MESSAGE,)


class Outdated(Exception):
    """The configuration has changed since it was read: nothing was judged, and nothing stored."""


class Door:
    """What of :class:`admission.Gate` needs no database, for one request. ``PartyT`` is a :class:`book.Party`."""

    def __init__(self, dbname: str, sent: Sent, book: Book) -> None:
        self.dbname = dbname
        self.sent = sent
        self.book = book
        self.cause: str | None = None
        self.key_id: str | None = None
        self.quota: Quota | None = None
        self._counted: tuple[str, int] | None = None

    def give_back(self) -> None:
        """Uncount the request, which is going to be judged anew."""
        if self._counted is not None:
            limiter.give_back(self._counted)
        self.cause, self.key_id, self.quota, self._counted = None, None, None, None

    # -- who is it ----------------------------------------------------------------------------------------------------

    def authenticate(self, request: admission.Request) -> admission.Verified[Party] | None:
        """Return the system whose key signed the request, which ``key_id`` names; else None, with why in ``cause``.

        Whatever the cause, the same is computed: an unknown, a suspended, a keyless system, an expired key and a wrong
        signature cannot be told apart by how long they take. Which profile an unknown system seems to have follows from
        its name, so that it is always the same.
        """
        party = self.book.party_of(request.system)
        keys, others = party.keys_at(self.sent.received_at)
        verdict = profiles.verify(
            request,
            settings=party.signature,
            keys=keys,
            others=others,
            now=self.sent.received_at.replace(tzinfo=timezone.utc).timestamp(),
            past_tolerance=party.timestamp_tolerance,
            around=self._around(party.signature),
        )
        if isinstance(verdict, signing.Accepted):
            self.key_id = verdict.key_id
            return self._verified(party, verdict, request)
        self.cause = self._cause(party, verdict.cause)
        return None

    def _around(self, settings: profiles.Settings) -> profiles.Surroundings:
        match settings.profile:
            case profiles.Profile.MTLS:
                return profiles.Surroundings(proxies=trusted_proxies())
            case profiles.Profile.RFC9421:
                return profiles.Surroundings(base_url=self.base_url())
        return profiles.NOWHERE

    def base_url(self) -> str:
        """Return the public address of this Odoo."""
        raise NotImplementedError

    def _verified(self, party: Party, proof: signing.Accepted, request: admission.Request) -> admission.Verified[Party]:
        """Note the id that the message was found to have; read binary mode as the structured event it stands for."""
        if proof.covered and binary_mode.is_binary(request.headers.items()):
            structured = binary_mode.to_structured(request.headers.items(), request.body, proof.covered)
            if isinstance(structured, bytes):
                request = replace(request, headers={"content-type": binary_mode.STRUCTURED}, body=structured)
                self.sent = replace(
                    self.sent, raw=structured, content_type=binary_mode.STRUCTURED, content_encoding=None
                )
        self.sent = replace(self.sent, webhook_id=proof.message_id)
        # Who sent it is known now, and not before.
        who = {"system": party.code, "webhook_id": proof.message_id}
        log_context.note(**who)
        tracing.verified(self.sent.traceparent, request_id=self.sent.request_id, **who)
        return admission.Verified(party, proof.message_id, request)

    @staticmethod
    def _cause(party: Party, cause: signing.Cause) -> str:
        if cause not in _ABOUT_KEYS:
            return cause.value
        if not party.exists:
            return "unknown_system"
        return cause.value if party.active else "suspended_system"

    # -- how much -----------------------------------------------------------------------------------------------------

    def take_rate(self, party: Party) -> admission.Refusal | None:
        """Count the request against the system's allowance, of which this process holds a share."""
        key = (self.dbname, party.id)
        self.quota = limiter.take(
            key,
            per_window=party.rate_per_minute,
            now=time.monotonic(),
            ask=lambda question: self.ask_bucket(party, question),
        )
        if self.quota.allowed:
            self._counted = key
            return None
        return admission.Refusal("rate-limited", "rate_limited", headers=self.quota.headers())

    def ask_bucket(self, party: Party, question: Question) -> Answer | None:
        """Ask the bucket that all processes share for more of the system's allowance."""
        return bucket.ask(self.dbname, party.id, question)

    def body_limit(self, party: Party) -> int:
        """Return the system's own limit in bytes."""
        return party.max_body_bytes

    # -- what is it ---------------------------------------------------------------------------------------------------

    def digest(self, body: bytes) -> str:
        """Return the digest that the journal keeps of a body."""
        return hashing.body_digest(body)

    def judge(self, party: Party, body: bytes) -> envelope.Envelope | admission.Refusal:
        """Read the body as an event that the system may send, or say why it is not one.

        Where the schema of its type cannot be used that is not the sender's doing: it is asked to come back.
        """

        def type_facts(name: str) -> acceptance.TypeFacts:
            return self.book.type_facts(party, name, self.sent.received_at.date())

        try:
            verdict = acceptance.accept(body, system_code=party.code, type_facts=type_facts)
        except schema.SchemaError as error:
            _logger.error("request %s: the schema of its event type cannot be used: %s", self.sent.request_id, error)
            return admission.not_ready(admission.UNUSABLE_SCHEMA)
        if isinstance(verdict, acceptance.Refusal):
            return admission.Refusal(verdict.segment, verdict.code, verdict.detail, verdict.errors)
        return self._traced(verdict.envelope)

    def _traced(self, event: envelope.Envelope) -> envelope.Envelope:
        """Return the event in the trace that it names itself, else in that of its request."""
        traceparent = self.sent.traceparent
        if not event.traceparent and traceparent and envelope.is_traceparent(traceparent):
            event = replace(event, traceparent=traceparent)
        log_context.note(trace_id=log_context.trace_of(event.traceparent))
        tracing.receive(event.traceparent)
        return event

    def journalled(self, event: envelope.Envelope) -> tuple[envelope.Envelope, tracing.Span | None]:
        """Begin the span of its storing, which what follows belongs under; end it when the event is stored."""
        span = tracing.journal(event.traceparent, event_id=self.sent.event_uuid, event_type=event.type)
        return (event if span is None else replace(event, traceparent=span.traceparent)), span


class CursorDoor(Door):
    """Implements :class:`admission.Gate` in the transaction of a request.

    ``apart``: store in a transaction of its own, committed at once, where there is a standing connection for that.
    """

    def __init__(self, env: Environment, sent: Sent, book: Book, *, apart: bool = False) -> None:
        super().__init__(env.cr.dbname, sent, book)
        self.env = env
        self.apart = apart

    def reopen(self, book: Book) -> None:
        """Forget what was found out by another book; the request is counted once, by the book that holds.

        The first data key may be of this very transaction: from now on everything is stored in it.
        """
        self.give_back()
        self.book = book
        self.apart = False

    def ask_bucket(self, party: Party, question: Question) -> Answer | None:
        """Ask the bucket; in a test in its own transaction."""
        if tools.is_in_test(self.env.cr):
            return bucket.ask_on(self.env.cr, party.id, question)
        return super().ask_bucket(party, question)

    def base_url(self) -> str:
        """Return the public address of the gate as it is set."""
        url: str = self.env["integration.system"]._gate_url()
        return url

    def seen_message(self, party: Party, message_id: str) -> admission.Seen | None:
        """Return what was accepted under this message id."""
        return self._seen(self.env["integration.event.key"]._seen_webhook(party.id, message_id))

    def seen_event(self, party: Party, event: envelope.Envelope) -> admission.Seen | None:
        """Return what was accepted under this event's ``source`` and ``id``."""
        return self._seen(self.env["integration.event.key"]._seen_source(party.id, event.source, event.id))

    @staticmethod
    def _seen(seen: Any | None) -> admission.Seen | None:
        return admission.Seen(seen.event_uuid, seen.digest) if seen else None

    def is_ready(self) -> bool:
        """Tell whether less work is waiting than may wait."""
        return not self.env["integration.gate"]._is_backlogged()

    def store(self, party: Party, event: envelope.Envelope, body: bytes, message_id: str) -> str | None:
        """Store the event with everything that follows from it, and close its earlier refusals.

        :raises Outdated: when the configuration is no longer that of the book
        """
        event_type = self.book.types[event.type]
        journal = self.env["integration.event"]
        received_at = self.sent.received_at
        sender = self.book.sender_of(
            party, event.type, received_at, lambda known: journal._recipients(known, received_at)
        )
        event, span = self.journalled(event)
        accepted = journal._accept(
            self.env["integration.system"].browse(party.id),
            event,
            body,
            message_units=units_of(event.data, event_type),
            webhook_id=message_id,
            request_id=self.sent.request_id,
            received_at=received_at,
            event_uuid=self.sent.event_uuid,
            sender=sender,
            apart=self.apart,
        )
        if accepted.outdated:
            raise Outdated
        if accepted.conflict or accepted.duplicate:
            return None
        log_context.note(event_id=accepted.event_uuid)
        if span is not None:
            span.end()
        return accepted.event_uuid

    def glimpse(self, body: bytes | None) -> Glimpse:
        """Read what can be read of a message that is not stored as an event."""
        try:
            message = strict_json.loads(body or b"")
        except strict_json.StrictJsonError:
            return Glimpse()
        if not isinstance(message, dict):
            return Glimpse()
        data = message.get("data")
        type_name = _text(message.get("type"))
        event_type = self.env["integration.event.type"]._named(type_name or "")
        return Glimpse(
            type_name, _text(message.get("id")), units.encounter_of(data), _bounded(units_of(data, event_type))
        )


class TrialDoor(CursorDoor):
    """The door of a message that a person sends to try: everything is as for its system, and it is always a test."""

    def authenticate(self, request: admission.Request) -> admission.Verified[Party] | None:
        """Return the system as if it were in test mode."""
        verified = super().authenticate(request)
        return verified and replace(verified, party=replace(verified.party, mode="test"))


def units_of(data: strict_json.JSON, event_type: Any) -> list[units.Unit]:
    """Return the units of ``data``; of a type (a record, or of the book) that nobody knows, as if it had lines."""
    lines = None if event_type and event_type.unit == "message" else "/lines"
    return units.units(data, lines_pointer=lines, priced=event_type.priced)


def _bounded(found: list[units.Unit]) -> Sequence[units.Unit]:
    return found if len(found) <= MAX_UNITS else (units.MESSAGE,)


def _text(value: strict_json.JSON) -> str | None:
    return value[:255] if isinstance(value, str) else None


def now() -> datetime:
    """Return the server's clock as naive UTC, finer than a second, so that re-sends are told apart."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
