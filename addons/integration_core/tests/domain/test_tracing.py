"""Spans join the sender's trace, say ids and nothing else, and cost nothing where nobody collects them."""

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from integration_core.domain import envelope, log_context, tracing

ADDONS = Path(__file__).parents[3]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENDERS = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"
SECRET = "Poisonwortley"
STANDARD = (
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)


@pytest.fixture
def collected():
    """Collect this process's spans in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.tracer.use(provider.get_tracer("test"))
    yield exporter
    tracing.tracer.forget()


@pytest.fixture
def nobody():
    tracing.tracer.use(None)
    yield
    tracing.tracer.forget()


def spans(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


def parent(span):
    return f"{span.parent.span_id:016x}"


def ids(span):
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


# -- one span


def test_a_span_belongs_under_the_senders_and_names_itself_to_the_next(collected):
    span = tracing.begin("send", parent=SENDERS, delivery_id=7, lane="critical")
    assert envelope.is_traceparent(span.traceparent)
    assert not collected.get_finished_spans(), "what has not ended is told to nobody"
    span.end()
    [made] = collected.get_finished_spans()
    assert ids(made)[0] == TRACE
    assert parent(made) == SPAN
    assert span.traceparent == f"00-{TRACE}-{ids(made)[1]}-01"
    assert made.kind is SpanKind.CLIENT
    assert dict(made.attributes) == {"integration.delivery_id": 7, "integration.lane": "critical"}
    assert span.ids == {"trace_id": TRACE, "span_id": ids(made)[1]}


@pytest.mark.parametrize("parent", [None, "", "00-0-0-01", f"00-{'0' * 32}-{SPAN}-01", "nonsense"])
def test_without_a_valid_parent_a_trace_begins(collected, parent):
    tracing.begin("claim", parent=parent).end()
    [made] = collected.get_finished_spans()
    assert made.parent is None
    assert made.context.trace_id != int(TRACE, 16)


def test_what_the_sender_does_not_sample_is_not_collected_and_keeps_its_trace(collected):
    span = tracing.begin("send", parent=UNSAMPLED)
    span.tell(outcome="delivered")
    span.end()
    assert not collected.get_finished_spans()
    assert span.traceparent.startswith(f"00-{TRACE}-")
    assert span.traceparent.endswith("-00")


def test_only_names_of_the_list_are_told(collected):
    span = tracing.begin("handle", parent=None, patient=SECRET, encounter=SECRET, event_id="e", system=None)
    span.tell(note=SECRET, status_code=200, endpoint="x" * 1000)
    span.end()
    [made] = collected.get_finished_spans()
    assert {name.removeprefix(tracing.PREFIX) for name in made.attributes} == {"event_id", "status_code", "endpoint"}
    assert len(made.attributes["integration.endpoint"]) == tracing.MAX_CHARS
    assert SECRET not in made.to_json()


def test_the_list_holds_ids_and_states():
    facts = set(log_context.FIELDS) - {"database", "delivery_ids", "trace_id", "span_id"}
    assert facts | {"event_type", "batch", "attempt", "outcome", "status_code", "error"} == tracing.ATTRIBUTES


def test_a_failure_is_told_by_its_class(collected):
    span = tracing.begin("handle", parent=None)
    span.fail("ValueError")
    span.end()
    [made] = collected.get_finished_spans()
    assert (made.status.status_code, made.status.description) == (StatusCode.ERROR, "ValueError")
    assert not made.events, "no error with its text"


def test_a_span_may_lie_in_the_past(collected):
    tracing.begin("claim", parent=None, start=1_000).end(3_000)
    [made] = collected.get_finished_spans()
    assert (made.start_time, made.end_time) == (1_000, 3_000)


# -- a request


def take_in(*, parent=SENDERS, stored=True, outcome="accepted"):
    """Do what the gate does with a message; return the traceparent that its event keeps."""
    with log_context.about(), tracing.request():
        tracing.verified(None, system="ehr", webhook_id="m-1", request_id="r-1")
        tracing.receive(parent)
        span = tracing.journal(parent, event_id="e-1", event_type="a.b.v1")
        known = dict(log_context.known())
        if span is not None and stored:
            span.end()
        tracing.answered(outcome)
    return span and span.traceparent, known


def test_a_message_is_received_and_journalled_in_the_senders_trace(collected):
    kept, known = take_in()
    found = spans(collected)
    assert found.keys() == {"receive", "journal"}
    assert {ids(span)[0] for span in found.values()} == {TRACE}
    assert parent(found["receive"]) == SPAN
    assert parent(found["journal"]) == ids(found["receive"])[1]
    assert kept == f"00-{TRACE}-{ids(found['journal'])[1]}-01"
    assert found["receive"].kind is SpanKind.SERVER
    assert found["receive"].start_time <= found["journal"].start_time
    assert dict(found["receive"].attributes) == {
        "integration.system": "ehr",
        "integration.webhook_id": "m-1",
        "integration.request_id": "r-1",
        "integration.outcome": "accepted",
    }
    assert (known["trace_id"], known["span_id"]) == ids(found["receive"])


def test_what_is_not_stored_has_no_journal(collected):
    take_in(stored=False, outcome="duplicate")
    assert spans(collected).keys() == {"receive"}


def test_a_message_that_is_judged_again_is_received_once(collected):
    with tracing.request():
        for _turn in range(2):
            tracing.verified(None, system="ehr")
            tracing.receive(SENDERS)
    assert len(collected.get_finished_spans()) == 1


def test_a_verified_message_that_is_refused_is_told_of_in_the_trace_of_its_header(collected):
    with tracing.request():
        tracing.verified(SENDERS, system="ehr")
        tracing.answered("schema_violation")
    [made] = collected.get_finished_spans()
    assert (made.name, parent(made)) == ("receive", SPAN)
    assert made.attributes["integration.outcome"] == "schema_violation"


def test_a_flood_that_nobody_signed_makes_no_span(collected):
    with tracing.request():
        tracing.answered("signature_rejected")
    assert not collected.get_finished_spans()


def test_requests_do_not_mix(collected):
    take_in()
    assert tracing.journal(SENDERS).traceparent.startswith(f"00-{TRACE}-")
    with tracing.request():
        pass
    assert len(collected.get_finished_spans()) == 2


# -- what a handler causes


def test_what_follows_from_an_event_belongs_under_its_handling(collected):
    span = tracing.begin("handle", parent=SENDERS)
    with tracing.handling({"e-1": span}):
        followed = tracing.emitted("e-1", SENDERS, event_id="e-2", event_type="a.b.v1")
        other = tracing.emitted("e-9", SENDERS)
    after = tracing.emitted("e-1", SENDERS)
    span.end()
    made = {ids(one)[1]: one for one in collected.get_finished_spans()}
    assert parent(made[followed.split("-")[2]]) == span.ids["span_id"]
    assert parent(made[other.split("-")[2]]) == SPAN
    assert parent(made[after.split("-")[2]]) == SPAN
    assert {one.context.trace_id for one in made.values()} == {int(TRACE, 16)}


# -- nobody collects


def test_where_nobody_collects_nothing_is_made(nobody):
    assert not tracing.enabled()
    assert tracing.begin("send", parent=SENDERS) is None
    kept, known = take_in()
    assert kept is None
    assert "span_id" not in known
    with tracing.handling({}):
        made = tracing.emitted("e-1", SENDERS)
    assert made.startswith(f"00-{TRACE}-")
    assert made != SENDERS


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, []),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, []),
    ],
)
def test_the_standard_variables_decide(environ, names):
    assert tracing._exporters(environ) == names


def test_the_package_alone_makes_no_traces(monkeypatch):
    for name in STANDARD:
        monkeypatch.delenv(name, raising=False)
    tracing.tracer.forget()
    assert not tracing.enabled()
    tracing.tracer.forget()


def test_an_exporter_that_asked_for_is_used(monkeypatch):
    assert tracing._make_tracer({"OTEL_TRACES_EXPORTER": "console"}) is not None
    assert tracing._make_tracer({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}) is None


def test_an_exporter_that_is_not_there_is_told_and_costs_no_message(caplog):
    assert tracing._make_tracer({"OTEL_TRACES_EXPORTER": "carrier-pigeon"}) is None
    assert "no traces: the exporter carrier-pigeon cannot be used (LookupError)" in caplog.text


WITHOUT = """
import importlib.abc, sys, types

class Refused(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refused())
package = types.ModuleType("integration_core")
package.__path__ = [sys.argv[1]]
sys.modules["integration_core"] = package
from integration_core.domain import tracing

assert not tracing.enabled()
assert tracing.begin("send", parent=None) is None
with tracing.request():
    tracing.verified(None, system="ehr")
    tracing.receive(None)
    assert tracing.journal(None) is None
assert tracing.emitted(None, None).startswith("00-")
assert not any(name.split(".")[0] == "opentelemetry" for name in sys.modules)
print("without")
"""


def test_without_the_package_everything_works_and_nothing_is_traced():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(ADDONS / "integration_core")],
        env={"OTEL_TRACES_EXPORTER": "console"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "without\n", done.stderr
