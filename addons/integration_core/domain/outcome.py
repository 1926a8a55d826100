"""What one try of a delivery means: the contract's table of receivers' answers as one function.

Codes (``http_503``, ``timeout``) are stable; what a person reads about each is in :mod:`.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Final


class Outcome(str, Enum):
    """What follows from a try.

    ``RETRY``: again on the schedule. ``CONFIGURATION``: a dead letter, and the third in a row holds the endpoint.
    ``REJECTED``: a dead letter for this message alone. ``GONE``: the endpoint is disabled, everything is held.
    """

    DELIVERED = "delivered"
    RETRY = "retry"
    CONFIGURATION = "configuration"
    REJECTED = "rejected"
    GONE = "gone"


class TransportError(str, Enum):
    """Why a try got no HTTP answer."""

    TIMEOUT = "timeout"
    DNS_FAILURE = "dns_failure"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    NETWORK = "network"
    TLS_HANDSHAKE = "tls_handshake"
    TLS_TRUST = "tls_trust"
    TLS_NAME = "tls_name"
    BAD_RESPONSE = "bad_response"
    EGRESS_REFUSED = "egress_refused"
    BAD_URL = "bad_url"
    SENDER_EXHAUSTED = "sender_exhausted"


@dataclass(frozen=True)
class Verdict:
    """The outcome of a try, and why.

    ``counts_for_breaker``: whether it is a failure that a later try might not meet. A refusal of this message or this
    sender is an answer, and has rules of its own (the third *configuration* in a row holds the endpoint).
    """

    outcome: Outcome
    code: str
    counts_for_breaker: bool
    honours_retry_after: bool


_RETRIED_STATUSES: Final = frozenset({408, 425, 429})
_CONFIGURATION_STATUSES: Final = frozenset({401, 403, 404, 405})
_RETRY_AFTER_STATUSES: Final = frozenset({429, 503})
_CONFIGURATION_ERRORS: Final = frozenset(
    {TransportError.TLS_TRUST, TransportError.TLS_NAME, TransportError.EGRESS_REFUSED, TransportError.BAD_URL}
)


def judge(*, status: int | None = None, error: str | None = None) -> Verdict:
    """Return what a try means, from the HTTP status it got or else the transport error code.

    An unknown error code counts as a network failure: trying again is the choice that loses nothing.
    """
    if status is not None:
        return _judge_status(status)
    known = error if error in TransportError._value2member_map_ else TransportError.NETWORK.value
    failure = TransportError(known)
    outcome = Outcome.CONFIGURATION if failure in _CONFIGURATION_ERRORS else Outcome.RETRY
    verdict = _verdict(outcome, failure.value)
    # What this machine lacks says nothing about the receiver.
    return replace(verdict, counts_for_breaker=False) if failure is TransportError.SENDER_EXHAUSTED else verdict


@lru_cache(maxsize=1024)
def _judge_status(status: int) -> Verdict:
    if not 200 <= status <= 599:
        return _verdict(Outcome.RETRY, TransportError.BAD_RESPONSE.value)
    return _verdict(_status_outcome(status), f"http_{status}", honours_retry_after=status in _RETRY_AFTER_STATUSES)


def _status_outcome(status: int) -> Outcome:
    if status < 300:
        return Outcome.DELIVERED
    if status >= 500 or status in _RETRIED_STATUSES:
        return Outcome.RETRY
    if status == 410:
        return Outcome.GONE
    if status < 400 or status in _CONFIGURATION_STATUSES:  # redirects are never followed
        return Outcome.CONFIGURATION
    return Outcome.REJECTED


def _verdict(outcome: Outcome, code: str, *, honours_retry_after: bool = False) -> Verdict:
    return Verdict(
        outcome=outcome,
        code=code,
        counts_for_breaker=outcome is Outcome.RETRY,
        honours_retry_after=honours_retry_after,
    )
