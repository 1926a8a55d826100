"""Traces of the suite's work, where somebody collects them (OpenTelemetry).

The packages are optional. Without ``opentelemetry-sdk``, or where nothing says what to export to, no span is ever made
and everything here costs one comparison. A process decides at its first span: an SDK that somebody has set up already
is used as it is; else ``OTEL_TRACES_EXPORTER`` or ``OTEL_EXPORTER_OTLP_ENDPOINT`` has one set up by the standard
variables.

A message's way is one trace::

    (the sender's span) ─ receive ─ journal ─┬─ claim
                                             ├─ handle ─ journal (of what followed) ─┬─ claim
                                             └─ …                                    └─ send ─ (the receiver's span)

Spans say ids and states, by the names of :data:`ATTRIBUTES` and no others; of an error its class.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal

from . import envelope, log_context

if TYPE_CHECKING:
    from opentelemetry import trace as otel

_logger = logging.getLogger(__name__)

Name = Literal["receive", "journal", "claim", "handle", "send"]
SCOPE: Final = "odoo.integration"
PREFIX: Final = "integration."
ATTRIBUTES: Final = frozenset(
    {
        "request_id",
        "system",
        "webhook_id",
        "event_id",
        "event_type",
        "subscription_id",
        "delivery_id",
        "endpoint",
        "lane",
        "worker",
        "batch",
        "attempt",
        "outcome",
        "status_code",
        "error",
    }
)
"""What a span may say, each under ``integration.``; anything else is left out."""
MAX_CHARS: Final = 300
_KINDS: Final[Mapping[str, str]] = {
    "receive": "SERVER",
    "journal": "PRODUCER",
    "claim": "INTERNAL",
    "handle": "CONSUMER",
    "send": "CLIENT",
}
_SAMPLED: Final = 1
"""The one flag of version 00; others of later drafts are not passed on."""
_GROUP: Final = "opentelemetry_traces_exporter"
_OTLP: Final = ("otlp_proto_http", "otlp_proto_grpc")

Fact = str | int | None


class Span:
    """One span that has begun. It is told of when it is ended; one that never is, never was."""

    __slots__ = ("_span",)

    def __init__(self, span: otel.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """What names it to others (W3C Trace Context)."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & _SAMPLED:02x}"

    @property
    def ids(self) -> dict[str, str]:
        """What a line of the log says of it."""
        context = self._span.get_span_context()
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    def tell(self, **facts: Fact) -> None:
        """Say more of it; names that are not in :data:`ATTRIBUTES` are left out."""
        for name, value in _attributes(facts).items():
            self._span.set_attribute(name, value)

    def fail(self, error: str) -> None:
        """Say that it failed: by the class of an error or a code, never by a text."""
        from opentelemetry.trace import Status, StatusCode

        self.tell(error=error)
        self._span.set_status(Status(StatusCode.ERROR, error))

    def end(self, at: int | None = None) -> None:
        """End it now, or at a moment (nanoseconds since 1970)."""
        self._span.end(at)


# -- whether, and by what


class _Tracer:
    """What this process makes spans with; None where nobody collects them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: otel.Tracer | None = None
        self._asked = False

    def get(self) -> otel.Tracer | None:
        """Return it; the first call decides."""
        if not self._asked:
            with self._lock:
                if not self._asked:
                    self._found = _make_tracer(os.environ)
                    self._asked = True
        return self._found

    def use(self, tracer: otel.Tracer | None) -> None:
        """Take another one from now on."""
        self._found, self._asked = tracer, True

    def forget(self) -> None:
        """Decide anew at the next span."""
        self._found, self._asked = None, False


tracer: Final = _Tracer()


def enabled() -> bool:
    """Tell whether anybody collects spans of this process."""
    return tracer.get() is not None


def _make_tracer(environ: Mapping[str, str]) -> otel.Tracer | None:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return trace.get_tracer(SCOPE)  # whoever set it up knows where to
    names = _exporters(environ)
    try:
        return _provider(names, environ).get_tracer(SCOPE) if names else None
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it: messages go on without traces)
        _logger.error("no traces: the exporter %s cannot be used (%s)", ", ".join(names), type(error).__name__)
        return None


def _exporters(environ: Mapping[str, str]) -> list[str]:
    """Return the names of exporters that the standard variables ask for; none unless they do."""
    wish = environ.get("OTEL_TRACES_EXPORTER", "")
    if not wish and (environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        wish = "otlp"
    names = [name.strip() for name in wish.split(",") if name.strip()]
    return [] if "none" in names else names


def _provider(names: list[str], environ: Mapping[str, str]) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    default = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "odoo-integration"}
    provider = TracerProvider(resource=Resource.create(default))
    for name in names:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name, environ)))
    return provider


def _exporter(name: str, environ: Mapping[str, str]) -> Any:
    from importlib.metadata import entry_points

    known = {one.name: one for one in entry_points(group=_GROUP)}
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or ""
    wanted = [name]
    if name == "otlp":
        wanted = list(reversed(_OTLP)) if protocol == "grpc" else list(_OTLP)
    for one in wanted:
        if one in known:
            return known[one].load()()
    raise LookupError(name)


# -- spans


def begin(name: Name, *, parent: str | None, start: int | None = None, **facts: Fact) -> Span | None:
    """Begin a span; None where nobody collects them.

    Args:
        name: What is done.
        parent: The ``traceparent`` that it belongs under; without a valid one a new trace begins.
        start: When it began (nanoseconds since 1970); by default now.
        facts: What it is about, by names of :data:`ATTRIBUTES`.
    """
    found = tracer.get()
    if found is None:
        return None
    from opentelemetry.trace import SpanKind

    return Span(
        found.start_span(
            name,
            context=_context(parent),
            kind=SpanKind[_KINDS[name]],
            attributes=_attributes(facts),
            start_time=start,
            record_exception=False,
            set_status_on_exception=False,
        )
    )


def _context(parent: str | None) -> Any:
    from opentelemetry import trace
    from opentelemetry.context import Context

    empty = Context()  # of this thread nothing is inherited: what is above a span is said
    if not parent or not envelope.is_traceparent(parent):
        return empty
    _version, trace_id, span_id, flags = parent.split("-")[:4]
    above = trace.SpanContext(int(trace_id, 16), int(span_id, 16), True, trace.TraceFlags(int(flags, 16) & _SAMPLED))
    return trace.set_span_in_context(trace.NonRecordingSpan(above), empty)


def _attributes(facts: Mapping[str, Fact]) -> dict[str, str | int]:
    return {
        PREFIX + name: value[:MAX_CHARS] if isinstance(value, str) else value
        for name, value in facts.items()
        if name in ATTRIBUTES and value is not None
    }


# -- a message that arrives


class _Request:
    """What is known of a request while it is answered."""

    __slots__ = ("facts", "parent", "span", "start")

    def __init__(self) -> None:
        self.start = time.time_ns()
        self.span: Span | None = None
        self.parent: str | None = None
        self.facts: dict[str, Fact] = {}


_request: ContextVar[_Request | None] = ContextVar("integration_traced_request", default=None)


@contextmanager
def request() -> Iterator[None]:
    """Trace what happens within as one request; only one whose sender is verified is told of."""
    if not enabled():
        yield
        return
    made = _Request()
    token = _request.set(made)
    try:
        yield
    finally:
        _request.reset(token)
        span = made.span
        if span is None and made.facts:
            span = begin("receive", parent=made.parent, start=made.start)
        if span is not None:
            span.tell(**made.facts)
            span.end()


def verified(parent: str | None, **facts: Fact) -> None:
    """Note whose the request is, and the ``traceparent`` of its header."""
    made = _request.get()
    if made is not None:
        made.parent = parent
        made.facts.update(facts)


def receive(parent: str | None) -> None:
    """Begin the span of the request, in the trace that its message belongs to."""
    made = _request.get()
    if made is not None and made.span is None:
        made.span = begin("receive", parent=parent, start=made.start)
        if made.span is not None:
            log_context.note(**made.span.ids)


def answered(outcome: str) -> None:
    """Note how the request ended, where it is traced."""
    made = _request.get()
    if made is not None and made.facts:
        made.facts["outcome"] = outcome


def journal(parent: str | None, *, event_id: str | None = None, event_type: str | None = None) -> Span | None:
    """Begin the span under which a message is stored: within the request, else under ``parent``."""
    made = _request.get()
    above = made.span.traceparent if made and made.span else parent
    return begin("journal", parent=above, event_id=event_id, event_type=event_type)


# -- what a handler does

_handled: ContextVar[Mapping[str, str]] = ContextVar("integration_traced_events", default={})  # noqa: B039 - never written


@contextmanager
def handling(spans: Mapping[str, Span]) -> Iterator[None]:
    """Let what follows from events ({uuid: the span that handles it}) belong under these spans."""
    token = _handled.set({event_id: span.traceparent for event_id, span in spans.items()})
    try:
        yield
    finally:
        _handled.reset(token)


def emitted(
    cause_id: str | None, parent: str | None, *, event_id: str | None = None, event_type: str | None = None
) -> str:
    """Return the ``traceparent`` of an event that Odoo makes now, in the trace of what led to it."""
    if not enabled():
        return envelope.child_traceparent(parent)
    above = _handled.get().get(cause_id or "", parent)
    span = begin("journal", parent=above, event_id=event_id, event_type=event_type)
    if span is None:
        return envelope.child_traceparent(parent)
    span.end()
    return span.traceparent
