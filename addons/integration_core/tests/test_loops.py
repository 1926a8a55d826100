"""Two handlers that answer each other for ever: the chain ends, and what ends it is seen."""

from collections import Counter

from odoo import models
from odoo.tests import tagged

from .common import IntegrationCase
from .test_journal import ADMITTED, DATA, Emitting

PING = "masterdata.supplier.changed.v1"
PONG = "masterdata.service.changed.v1"
CHAIN = "chain_too_long"
ENOUGH = 100
"""Answers after which a chain without an end fails its test rather than keep it going."""
UNSAID = "answers without a cause"


class Answering(models.AbstractModel):
    """Answers a ping with a pong, and a pong with a ping."""

    _name = "integration.handler.answering"
    _inherit = ["integration.handler"]
    _description = "Answers (tests)"
    _module = "integration_core"

    def _handle(self, batch):
        for one in batch:
            # sudo: the model is the tests' own, and the engine's user has no rights to it
            records = self.env["integration.test.emitting"].sudo()
            if records.search_count([]) > ENOUGH:
                return
            if one.data["name"] != UNSAID:
                records = records._following(one.event.id)
            records.create({"name": one.data["name"]})._emit_event(PONG if one.envelope.type == PING else PING)


@tagged("post_install", "-at_install")
class TestLoops(IntegrationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register_model(Emitting)
        cls.register_model(Answering)
        cls.registry.init_models(cls.env.cr, ["integration.test.emitting"], {"models_to_check": True})
        subscriptions = cls.env["integration.subscription"]
        subscriptions.search([]).active = False
        kinds = cls.env["integration.event.type"]
        for name in (PING, PONG):
            subscriptions.create(
                {
                    "name": name,
                    "company_id": cls.company.id,
                    "handler": "integration.handler.answering",
                    "event_type_ids": kinds._named(name).ids,
                }
            )

    def emit(self, *names):
        """Emit a ping of each of some new records, in one transaction."""
        events = self.env["integration.test.emitting"].create([{"name": name} for name in names])._emit_event(PING)
        self.commit()
        return events

    def run_out(self):
        """Carry out what is due, far more rounds than a chain may be long."""
        for _round in range(30):
            self.drain()

    def test_a_loop_of_subscriptions_ends(self):
        first = self.emit("first")
        self.run_out()
        flow = self.env["integration.event"].search([("correlation_id", "=", first.correlation_id)], order="id")
        self.assertEqual(flow.mapped("depth"), list(range(17)))
        self.assertEqual(flow.mapped("type_name"), [PING, PONG] * 8 + [PING])
        self.assertEqual([event.causation_id for event in flow[1:]], [event.uuid for event in flow[:-1]])
        self.assertEqual(set(flow[:-1].mapped("delivery_ids.state")), {"done"})
        last = flow[-1]
        self.assertEqual((last.delivery_state, last.held_reason), ("parked", "chain_too_long"))
        self.assertFalse(last.delivery_ids)

    def test_what_a_handler_changes_follows_from_the_event_that_it_was_given(self):
        first = self.emit(UNSAID)
        self.run_out()
        flow = self.env["integration.event"].search([("correlation_id", "=", first.correlation_id)], order="id")
        self.assertEqual(flow.mapped("depth"), list(range(17)))
        self.assertEqual([event.causation_id for event in flow[1:]], [event.uuid for event in flow[:-1]])
        self.assertEqual(flow[-1].held_reason, "chain_too_long")

    def test_what_follows_from_several_events_at_once_ends_too(self):
        events = self.emit(UNSAID, UNSAID, UNSAID)
        newest = self.env["integration.event"].search([], limit=1).id
        self.run_out()
        answers = self.env["integration.event"].search([("id", ">", newest)], order="id")
        self.assertEqual(Counter(answers.mapped("depth")), dict.fromkeys(range(1, 17), 3))
        self.assertEqual(set(answers.filtered(lambda event: event.depth == 16).mapped("held_reason")), {CHAIN})
        # None of them says which of the others it followed from, and none joins a flow that is not its own.
        self.assertFalse(set(answers.mapped("correlation_id")) & set(events.mapped("correlation_id")))
        self.assertEqual(set(answers.mapped("causation_id")), {False})

    def test_a_loop_through_a_system_outside_ends(self):
        """It answers each of our events and says which one; who does not say begins anew."""
        news = self.emit("first")
        heard = self.env["integration.event"]
        while news.delivery_state != "parked" and len(heard) < 30:
            _accepted, event = self.post(ADMITTED, DATA, causationid=news.uuid)
            heard += event
            news = (
                self.env["integration.test.emitting"]
                ._following(event.id)
                .create({"name": "back"})
                ._emit_event(PING)
            )
            self.commit()
        self.assertEqual(heard.mapped("depth"), [1, 3, 5, 7, 9, 11, 13, 15])
        self.assertEqual((news.depth, news.held_reason), (16, CHAIN))
        for named in ({}, {"causationid": "somebody else's"}):
            self.assertEqual(self.post(ADMITTED, DATA, **named)[1].depth, 0)

    def test_a_message_at_the_end_of_a_chain_is_taken_in_and_parked(self):
        news = self.emit("first")
        self.env.cr.execute("UPDATE integration_event SET depth = 15 WHERE id = %s", (news.id,))
        subscription = self.env["integration.subscription"].search([("name", "=", PING)])
        subscription.event_type_ids |= self.env["integration.event.type"]._named(ADMITTED)
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self._make_system("stranger", company=other)
        _accepted, last = self.post(ADMITTED, DATA, causationid=news.uuid)
        self.assertEqual((last.depth, last.held_reason, last.delivery_state), (16, CHAIN, "parked"))
        self.assertFalse(last.delivery_ids)
        for event in (
            self.post(ADMITTED, DATA)[1],
            self.post(ADMITTED, DATA, causationid=last.uuid, system=stranger)[1],
        ):
            self.assertEqual((event.depth, event.held_reason), (0, False), "the id of another company says nothing")
