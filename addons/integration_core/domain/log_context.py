"""What a piece of work is about, so that every line logged meanwhile can say so.

Whoever begins a piece of work opens a scope (:func:`about`); what becomes known later is added to the innermost one
(:func:`note`). Scopes belong to a thread or task (``contextvars``), and an inner one adds to those around it::

    with about(worker="host:17:4711"):
        with about(delivery_id=42, lane="critical"):
            note(event_id="6f1d…")
            _logger.info("…")      # all four

Entering, noting and leaving cost the same however many scopes there are, and nothing is put together unless a line is
written: a value may be a function, which is called then. It must not ask a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Final

Fact = str | int | Sequence[int] | None
Told = Fact | Callable[[], Fact]

FIELDS: Final = (
    "database",
    "request_id",
    "system",
    "webhook_id",
    "event_id",
    "subscription_id",
    "delivery_id",
    "delivery_ids",
    "endpoint",
    "lane",
    "worker",
    "trace_id",
    "span_id",
)
"""What a line may say of the work it belongs to: ids and names that administrators gave, nothing of a message."""

LANES: Final = ("critical", "normal", "bulk")
"""The lanes by name, as the worker's command line has them."""

_innermost: ContextVar[about | None] = ContextVar("integration_log_scope", default=None)


class about:  # noqa: N801 - it reads as a statement: with about(…)
    """A scope; what it is given holds until it is left."""

    __slots__ = ("_around", "_facts", "_token")

    def __init__(self, **facts: Told) -> None:
        """Take what the work is about; names that are not in :data:`FIELDS` are never told."""
        self._facts: dict[str, Told] = facts
        self._around: about | None = None
        self._token: Token[about | None] | None = None

    def __enter__(self) -> about:
        self._around = _innermost.get()
        self._token = _innermost.set(self)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._token is not None:
            _innermost.reset(self._token)

    def note(self, **facts: Told) -> None:
        """Add what became known; None takes a fact away."""
        self._facts.update(facts)

    def _all(self) -> dict[str, Told]:
        scopes = []
        scope: about | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope._around
        told: dict[str, Told] = {}
        for one in reversed(scopes):
            told.update(one._facts)
        return told


def note(**facts: Told) -> None:
    """Add to the innermost scope; without one nothing happens."""
    scope = _innermost.get()
    if scope is not None:
        scope.note(**facts)


def known() -> Mapping[str, Fact]:
    """Return what is known of the work that goes on now, in the order of :data:`FIELDS`."""
    scope = _innermost.get()
    if scope is None:
        return {}
    told = scope._all()
    facts = {name: _value(told[name]) for name in FIELDS if name in told}
    return {name: value for name, value in facts.items() if value is not None}


def trace_of(traceparent: str | None) -> str | None:
    """Return the trace that a valid ``traceparent`` names.

    >>> trace_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    '0af7651916cd43dd8448eb211c80319c'
    """
    return traceparent[3:35] if traceparent else None


def _value(told: Told) -> Fact:
    return told() if callable(told) else told
