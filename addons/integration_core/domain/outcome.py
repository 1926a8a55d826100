"""What one try of a delivery means: the contract's table of receivers' answers as one function.

Codes (``http_503``, ``timeout``) are stable: operators filter by them, and metrics carry them as labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Verdict:
    """The outcome of a try, why, and what a person can do about it.

    ``counts_for_breaker``: whether it is a failure that a later try might not meet. A refusal of this message or this
    sender is an answer, and has rules of its own (the third *configuration* in a row holds the endpoint).
    """

    outcome: Outcome
    code: str
    remedy: str
    counts_for_breaker: bool
    honours_retry_after: bool


_RETRIED_STATUSES: Final = frozenset({408, 425, 429})
_CONFIGURATION_STATUSES: Final = frozenset({401, 403, 404, 405})
_RETRY_AFTER_STATUSES: Final = frozenset({429, 503})
_CONFIGURATION_ERRORS: Final = frozenset(
    {TransportError.TLS_TRUST, TransportError.TLS_NAME, TransportError.EGRESS_REFUSED, TransportError.BAD_URL}
)

_OUTCOME_REMEDIES: Final[Mapping[Outcome, str]] = {
    Outcome.DELIVERED: "",
    Outcome.RETRY: "It is tried again by itself; if it goes on, ask the receiver's operators.",
    Outcome.CONFIGURATION: "Check the endpoint's address and key with the receiver, then retry.",
    Outcome.REJECTED: "The receiver refuses this message; settle it with them, then retry or skip it with a reason.",
    Outcome.GONE: "The receiver says that this address is gone for good; get the new one, then resume the endpoint.",
}
_ERROR_REMEDIES: Final[Mapping[TransportError, str]] = {
    TransportError.TLS_TRUST: "The receiver's certificate is not trusted here; have it renewed or add its authority.",
    TransportError.TLS_NAME: "The receiver's certificate is for another name; correct the address or the certificate.",
    TransportError.EGRESS_REFUSED: "The address is not allowed; an administrator can allow its exact host and port.",
    TransportError.BAD_URL: "The endpoint's address cannot be used; correct it.",
}
_STATUS_REMEDIES: Final[Mapping[int, str]] = {
    401: "The receiver does not accept the signature; exchange the key again, then retry.",
    403: "The receiver does not allow this sender; settle it with them, then retry.",
    404: "There is nothing at the endpoint's address; correct it, then retry.",
    405: "The endpoint's address does not take POST; correct it, then retry.",
    413: "The message is too large for the receiver; settle it with them, then retry or skip it with a reason.",
}


def judge(*, status: int | None = None, error: str | None = None) -> Verdict:
    """Return what a try means, from the HTTP status it got or else the transport error code.

    An unknown error code counts as a network failure: trying again is the choice that loses nothing.
    """
    if status is not None:
        return _judge_status(status)
    known = error if error in TransportError._value2member_map_ else TransportError.NETWORK.value
    failure = TransportError(known)
    outcome = Outcome.CONFIGURATION if failure in _CONFIGURATION_ERRORS else Outcome.RETRY
    return _verdict(outcome, failure.value, _ERROR_REMEDIES.get(failure))


@lru_cache(maxsize=1024)
def _judge_status(status: int) -> Verdict:
    if not 200 <= status <= 599:
        return _verdict(Outcome.RETRY, TransportError.BAD_RESPONSE.value)
    return _verdict(
        _status_outcome(status),
        f"http_{status}",
        _STATUS_REMEDIES.get(status),
        honours_retry_after=status in _RETRY_AFTER_STATUSES,
    )


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


def _verdict(outcome: Outcome, code: str, remedy: str | None = None, *, honours_retry_after: bool = False) -> Verdict:
    return Verdict(
        outcome=outcome,
        code=code,
        remedy=_OUTCOME_REMEDIES[outcome] if remedy is None else remedy,
        counts_for_breaker=outcome is Outcome.RETRY,
        honours_retry_after=honours_retry_after,
    )
