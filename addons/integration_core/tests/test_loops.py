"""Two handlers that answer each other for ever: the chain ends, and what ends it is seen."""

from odoo import models
from odoo.tests import tagged

from .common import IntegrationCase
from .test_journal import Emitting

PING = "masterdata.supplier.changed.v1"
PONG = "masterdata.service.changed.v1"


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
            caused = records.with_context(integration_cause_event_id=one.event.id)
            caused.create({"name": "answer"})._emit_event(PONG if one.envelope.type == PING else PING)


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

    def test_a_loop_of_subscriptions_ends(self):
        first = self.env["integration.test.emitting"].create({"name": "first"})._emit_event(PING)
        self.commit()
        # Far more rounds than the chain may be long.
        for _round in range(30):
            self.drain()
        flow = self.env["integration.event"].search([("correlation_id", "=", first.correlation_id)], order="id")
        self.assertEqual(flow.mapped("depth"), list(range(17)))
        self.assertEqual(flow.mapped("type_name"), [PING, PONG] * 8 + [PING])
        self.assertEqual([event.causation_id for event in flow[1:]], [event.uuid for event in flow[:-1]])
        self.assertEqual(set(flow[:-1].mapped("delivery_ids.state")), {"done"})
        last = flow[-1]
        self.assertEqual((last.delivery_state, last.held_reason), ("parked", "chain_too_long"))
        self.assertFalse(last.delivery_ids)
