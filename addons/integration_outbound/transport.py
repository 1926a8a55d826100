"""One try of one delivery, as a thread of the engine carries it out: no Odoo, no database, one socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple

from odoo.addons.integration_core.domain import backoff, log_context, outcome, signing, tracing
from odoo.addons.integration_core.domain.outcome import Outcome, Verdict
from odoo.addons.integration_core.engine.claims import Claimed, Result

from .domain import breaker, http_sender

EXCERPT_BYTES = 16 * 1024
GONE_DELAY_S = 30.0
"""Until a delivery whose receiver is gone may be claimed again: longer than it takes to disable the endpoint."""

EXHAUSTED_DELAY_S = 5.0
"""Until a delivery is tried again for which this machine had no files, ports, memory or threads."""

STATES = {
    Outcome.DELIVERED: "done",
    Outcome.RETRY: "waiting",
    Outcome.GONE: "waiting",
    Outcome.CONFIGURATION: "dead",
    Outcome.REJECTED: "dead",
}


class Sent(NamedTuple):
    """What a result says beside its outcome: which endpoint was tried, and whether with a test event.

    ``for_endpoint`` and ``for_origin`` are what the try means to the circuit breakers of its endpoint and its origin;
    ``origin`` names the latter's.
    """

    endpoint_id: int
    is_test: bool
    origin: str | None = None
    for_endpoint: breaker.Count = breaker.Count.NOTHING
    for_origin: breaker.Count = breaker.Count.NOTHING


@dataclass(frozen=True)
class Job:
    """Everything one POST needs. Calling it sends once and never raises for what a receiver or a network does."""

    claimed: Claimed
    sent: Sent
    url: str
    allowed: frozenset[str]
    message_id: str
    body: bytes = field(repr=False)
    keys: tuple[signing.Secret | signing.PrivateKey, ...] = field(repr=False)
    schedule: backoff.Schedule
    deadline: float
    headers: Mapping[str, str]
    traceparent: str | None = None
    """The event's place in its trace, sent along as it is where nobody collects spans."""
    about: Mapping[str, str | None] = field(default_factory=dict)
    """What logs and traces may say of it."""

    def __call__(self) -> Result:
        """Sign for this moment, send, and say what follows from the answer."""
        moment = datetime.now(timezone.utc)
        span = self._begin_span()
        answer = http_sender.send(
            self.url,
            headers=self._signed_headers(int(moment.timestamp()), span.traceparent if span else self.traceparent),
            body=self.body,
            deadline=self.deadline,
            allowed=self.allowed,
        )
        verdict = outcome.judge(status=answer.status, error=answer.error)
        if span is not None:
            self._end_span(span, answer.status, verdict)
        if answer.error == outcome.TransportError.SENDER_EXHAUSTED.value:
            return self._unsent(answer, moment)
        return self._result(answer, verdict, moment)

    def _unsent(self, answer: http_sender.Result, started: datetime) -> Result:
        """Return what follows where this machine lacked what a try takes: soon again, and nothing is spent."""
        return Result(
            self.claimed,
            "waiting",
            "retry",
            started.replace(tzinfo=None),
            delay=EXHAUSTED_DELAY_S,
            error_code=answer.error,
            error_detail=_detail(answer),
            spent=False,
        )

    def _begin_span(self) -> tracing.Span | None:
        """Begin the span of this try, which the receiver's belong under."""
        span = tracing.begin(
            "send",
            parent=self.traceparent,
            subscription_id=self.claimed.subscription_id,
            delivery_id=self.claimed.id,
            attempt=self.claimed.attempts + 1,
            lane=log_context.LANES[self.claimed.lane],
            **self.about,
        )
        if span is not None:
            log_context.note(**span.ids)
        return span

    @staticmethod
    def _end_span(span: tracing.Span, status: int | None, verdict: Verdict) -> None:
        span.tell(outcome=verdict.outcome.value, status_code=status)
        if verdict.outcome is not Outcome.DELIVERED:
            span.fail(verdict.code)
        span.end()

    def _signed_headers(self, timestamp: int, traceparent: str | None) -> dict[str, str]:
        return {
            **self.headers,
            **({"traceparent": traceparent} if traceparent else {}),
            "content-type": "application/cloudevents+json",
            "webhook-id": self.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signing.sign(self.keys, self.message_id, timestamp, self.body),
        }

    def _result(self, answer: http_sender.Result, verdict: Verdict, started: datetime) -> Result:
        delay = self._delay(answer, verdict)
        delivered = verdict.outcome is Outcome.DELIVERED
        return Result(
            self.claimed,
            self._state(verdict.outcome, exhausted=delay is None),
            verdict.outcome.value,
            started.replace(tzinfo=None),
            duration_ms=round(answer.elapsed * 1000),
            delay=delay or 0.0,
            error_code=None if delivered else verdict.code,
            error_detail=_detail(answer),
            status_code=answer.status,
            excerpt=_excerpt(answer.excerpt),
            extra=self._sent(answer, verdict),
        )

    def _sent(self, answer: http_sender.Result, verdict: Verdict) -> Sent:
        return Sent(
            self.sent.endpoint_id,
            self.sent.is_test,
            self.sent.origin,
            breaker.count_for_endpoint(answer.status, failed=verdict.counts_for_breaker),
            breaker.count_for_origin(answer.error, answer.step),
        )

    def _state(self, result: Outcome, *, exhausted: bool) -> str:
        if self.sent.is_test and result is not Outcome.DELIVERED:
            return "skipped"  # tried once while somebody watches; a failed test is nobody's dead letter
        return "dead" if exhausted else STATES[result]

    def _delay(self, answer: http_sender.Result, verdict: Verdict) -> float | None:
        """Seconds until the next try; None when the tries are used up; 0 where no further try follows."""
        if verdict.outcome is Outcome.GONE:
            return GONE_DELAY_S
        if verdict.outcome is not Outcome.RETRY:
            return 0.0
        hint = None
        if verdict.honours_retry_after:
            hint = backoff.parse_retry_after(answer.headers.get("retry-after"), now=datetime.now(timezone.utc))
        return backoff.next_delay(self.schedule, self.claimed.attempts + 1, retry_after=hint)


def _detail(answer: http_sender.Result) -> str | None:
    """What the code does not say already about a try without an answer; never the receiver's text."""
    return answer.detail[:500] if answer.error else None


def _excerpt(raw: bytes) -> str | None:
    """At most 16 KiB of the receiver's answer as text that PostgreSQL can keep."""
    text = raw[:EXCERPT_BYTES].decode("utf-8", errors="replace").replace("\0", "")
    # What stands for an unreadable byte takes three.
    return text.encode()[:EXCERPT_BYTES].decode("utf-8", errors="ignore") or None
