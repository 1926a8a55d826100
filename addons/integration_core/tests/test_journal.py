from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..domain import strict_json
from .common import IntegrationCase

ADMITTED = "clinical.encounter.admitted.v1"
DATA = {
    "encounter": "E-1",
    "patient": {"id": "MRN-7"},
    "admitted_at": "2026-11-20T09:00:00Z",
    "department": "ED",
}


@tagged("post_install", "-at_install")
class TestAccept(IntegrationCase):
    def test_accepting_writes_key_event_payload_and_receipt(self):
        accepted, event = self.post(ADMITTED, DATA, webhook_id="m1")
        self.assertFalse(accepted.duplicate or accepted.conflict)
        self.assertEqual(event.webhook_id, "m1")
        self.assertEqual(event.correlation_id, event.uuid)
        self.assertEqual(event.mode, "live")
        self.assertEqual(strict_json.loads(event._read_payload())["data"], DATA)
        receipt = self.env["integration.receipt"].search([("event_id", "=", event.id)])
        self.assertEqual(receipt.mapped("outcome"), ["accepted"])
        self.assertEqual(receipt.encounter, "E-1")

    def test_payload_is_not_readable_in_the_database(self):
        _accepted, event = self.post(ADMITTED, DATA)
        self.env.cr.execute("SELECT sealed FROM integration_payload WHERE event_id = %s", (event.id,))
        sealed = bytes(self.env.cr.fetchone()[0])
        self.assertNotIn(b"MRN-7", sealed)
        self.assertNotIn(b"encounter", sealed)

    def test_same_message_id_is_a_duplicate_and_another_body_a_conflict(self):
        first, _event = self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1")
        again, _event = self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1")
        other, _event = self.post(ADMITTED, {**DATA, "department": "ICU"}, webhook_id="m1", event_id="e1")
        self.assertTrue(again.duplicate)
        self.assertTrue(other.conflict)
        self.assertEqual({first.event_uuid}, {again.event_uuid, other.event_uuid})
        self.assertEqual(self.env["integration.event"].search_count([("webhook_id", "=", "m1")]), 1)

    def test_same_event_under_another_message_id_is_a_duplicate(self):
        first, _event = self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1")
        again, _event = self.post(ADMITTED, DATA, webhook_id="m2", event_id="e1")
        self.assertTrue(again.duplicate)
        self.assertEqual(again.event_uuid, first.event_uuid)

    def test_two_systems_may_use_the_same_ids(self):
        self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1")
        accepted, _event = self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1", system=self._make_system("lab"))
        self.assertFalse(accepted.duplicate)

    def test_a_test_system_makes_test_events(self):
        _accepted, event = self.post(ADMITTED, DATA, system=self._make_system("trial", live=False))
        self.assertEqual(event.mode, "test")

    def test_what_arrives_before_live_from_is_test(self):
        self.system.live_from = "2999-01-01 00:00:00"
        _accepted, event = self.post(ADMITTED, DATA)
        self.assertEqual(event.mode, "test")

    def test_only_cleared_people_open_a_payload_and_each_look_is_recorded(self):
        _accepted, event = self.post(ADMITTED, DATA)
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        with self.assertRaises(AccessError):
            event.with_user(operator)._open_payload("curious")
        cleared = new_test_user(
            self.env, "cleared", groups="integration_core.group_operator,integration_core.group_payload_reader"
        )
        with self.assertRaises(UserError):
            event.with_user(cleared)._open_payload("  ")
        self.assertIn("MRN-7", event.with_user(cleared)._open_payload("ticket 4711"))
        look = self.env["integration.audit"].search([("action", "=", "payload.read")])
        self.assertEqual((look.user_id, look.reason, look.res_id), (cleared.id, "ticket 4711", event.id))

    def test_operators_see_receipts_without_their_money(self):
        self.post(ADMITTED, DATA, webhook_id="m1")
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        receipt = self.env["integration.receipt"].with_user(operator).search([("webhook_id", "=", "m1")])
        self.assertEqual(receipt.read(["outcome"])[0]["outcome"], "accepted")
        for field in ("amount", "currency"):
            with self.assertRaises(AccessError):
                receipt.read([field])

    def test_the_trail_is_append_only(self):
        row = self.env["integration.audit"]._record("test.done")
        with self.assertRaises(AccessError):
            row.write({"reason": "changed"})
        with self.assertRaises(AccessError):
            row.unlink()

    def test_another_company_sees_nothing(self):
        _accepted, event = self.post(ADMITTED, DATA)
        other = self.env["res.company"].create({"name": "Other"})
        stranger = new_test_user(
            self.env,
            "stranger",
            groups="integration_core.group_admin",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        for model in ("integration.event", "integration.receipt", "integration.system", "integration.delivery"):
            self.assertFalse(self.env[model].with_user(stranger).search([]), model)
        with self.assertRaises(AccessError):
            event.with_user(stranger).read(["uuid"])


class Emitting(models.Model):
    """A model of the tests' own that tells the journal of its changes."""

    _name = "integration.test.emitting"
    _inherit = ["integration.emitter.mixin"]
    _description = "Emits in tests"
    _module = "integration_core"

    name = fields.Char()
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)

    def _event_data(self, type_name):
        return (
            None if self.name == "gone" else {"company": str(self.company_id.id), "id": str(self.id), "name": self.name}
        )


@tagged("post_install", "-at_install")
class TestEmit(IntegrationCase):
    TYPE = "masterdata.supplier.changed.v1"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Odoo offers no other way to a model for one test, and keeps its addons from importing this at their top.

        cls.register_model(Emitting)
        cls.registry.init_models(cls.env.cr, ["integration.test.emitting"], {"models_to_check": True})

    def events(self):
        return self.env["integration.event"].search(
            [("type_name", "=", self.TYPE), ("res_model", "=", "integration.test.emitting")]
        )

    def body(self, event):
        return strict_json.loads(event._read_payload())

    def test_many_writes_are_one_event_of_the_final_state(self):
        record = self.env["integration.test.emitting"].create({"name": "first"})
        record._emit_event(self.TYPE)
        record._emit_event(self.TYPE)
        with self.env.cr.savepoint():
            record.name = "second"
        record.name = "last"
        self.commit()
        event = self.events()
        self.assertEqual(len(event), 1)
        self.assertEqual(self.body(event)["data"]["name"], "last")
        self.assertEqual(self.body(event)["data"]["version"], 1)

    def test_a_rolled_back_savepoint_leaves_no_event(self):
        record = self.env["integration.test.emitting"].create({"name": "x"})
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            record._emit_event(self.TYPE)
            raise ZeroDivisionError
        self.commit()
        self.assertFalse(self.events())

    def test_a_state_that_is_gone_leaves_no_event(self):
        record = self.env["integration.test.emitting"].create({"name": "x"})
        record._emit_event(self.TYPE)
        record.name = "gone"
        self.commit()
        self.assertFalse(self.events())

    def test_version_rises_per_transaction(self):
        record = self.env["integration.test.emitting"].create({"name": "x"})
        for _turn in range(2):
            record._emit_event(self.TYPE)
            self.commit()
        self.assertEqual([self.body(e)["data"]["version"] for e in self.events().sorted("id")], [1, 2])

    def test_the_flow_goes_on_from_its_cause(self):
        _accepted, cause = self.post(ADMITTED, DATA)
        record = (
            self.env["integration.test.emitting"]
            .with_context(integration_cause_event_id=cause.id)
            .create({"name": "x"})
        )
        record._emit_event(self.TYPE)
        self.commit()
        event = self.events()
        self.assertEqual(event.correlation_id, cause.correlation_id)
        self.assertEqual(event.causation_id, cause.uuid)
        self.assertEqual(event.origin_system_id, self.system)
        self.assertEqual(event.depth, 1)

    def test_an_unknown_type_is_a_programming_error(self):
        record = self.env["integration.test.emitting"].create({"name": "x"})
        with self.assertRaises(ValueError):
            record._emit_event("finance.invoice.imagined.v1")
