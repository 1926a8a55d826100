from odoo.tests import tagged
from odoo.tools import mute_logger
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ..domain import tracing
from .recording import RECORDER, RecordingCase
from .test_journal import ADMITTED, DATA

HANDLING = "odoo.addons.integration_core.engine.handling"
SECRET = "Poisonwortley"
SENDERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{}-01"


@tagged("post_install", "-at_install")
class TestTraces(RecordingCase):
    """What the engine does with an event is told in the event's trace."""

    def setUp(self):
        super().setUp()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracing.tracer.use(provider.get_tracer("test"))
        self.addCleanup(tracing.tracer.forget)

    def admit(self, *encounters):
        """Return events, each in a place of its own in one trace."""
        events = [self.post(ADMITTED, {**DATA, "encounter": name})[1] for name in encounters]
        for number, event in enumerate(events):
            self.env.cr.execute(
                "UPDATE integration_event SET traceparent = %s WHERE id = %s", (SENDERS.format(number), event.id)
            )
        self.exporter.clear()
        return events

    def spans(self, name):
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def test_each_event_of_a_batch_is_claimed_and_handled_in_its_trace(self):
        events = self.admit("A", "B")
        self.drain()
        for name in ("claim", "handle"):
            found = {span.attributes["integration.event_id"]: span for span in self.spans(name)}
            self.assertEqual(found.keys(), {event.uuid for event in events})
            for number, event in enumerate(events):
                span = found[event.uuid]
                self.assertEqual(f"{span.parent.span_id:016x}", SENDERS.format(number).split("-")[2])
                self.assertEqual(span.attributes["integration.delivery_id"], event.delivery_ids.id)
        self.assertEqual({span.attributes["integration.batch"] for span in self.spans("handle")}, {2})

    @mute_logger(HANDLING)
    def test_a_poison_event_is_told_once_and_without_its_text(self):
        RECORDER.errors["B"] = ValueError(SECRET)
        events = self.admit("A", "B", "C")
        self.drain()
        handled = self.spans("handle")
        self.assertEqual({span.attributes["integration.event_id"] for span in handled}, {e.uuid for e in events})
        self.assertEqual(len(handled), 3, "what was split is told of as it ended")
        [failed] = [span for span in handled if not span.status.is_ok and span.status.description]
        self.assertEqual(failed.attributes["integration.event_id"], events[1].uuid)
        self.assertEqual(failed.attributes["integration.error"], "ValueError")
        self.assertNotIn(SECRET, "".join(span.to_json() for span in self.exporter.get_finished_spans()))

    def test_what_a_handler_causes_belongs_under_its_handling(self):
        [event] = self.admit("A")
        emitted = []

        def handle(handler, batch):
            emitted.append(
                tracing.emitted(batch[0].event.uuid, batch[0].event.traceparent, event_type="finance.invoice.posted.v1")
            )

        self.patch(self.env.registry["integration.handler.recording"], "_handle", handle)
        self.drain()
        [handled], [journal] = self.spans("handle"), self.spans("journal")
        self.assertEqual(journal.parent.span_id, handled.context.span_id)
        self.assertEqual(emitted[0].split("-")[2], f"{journal.context.span_id:016x}")
        self.assertEqual(handled.attributes["integration.event_id"], event.uuid)
