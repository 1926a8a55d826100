from unittest.mock import patch

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from .. import standing, tools
from ..domain import strict_json
from ..engine import claims
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

    def test_what_a_connection_stored_before_it_was_lost_is_no_duplicate(self):
        def store_and_lose(_connections, _dbname, statement, values):
            statement.execute(self.env.cr, values)

        with (
            patch.object(tools, "is_real", return_value=True),
            patch.object(standing.Connections, "run", store_and_lose),
        ):
            first, event = self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1", apart=True)
            self.assertFalse(first.duplicate or first.conflict or first.outdated)
            again, _event = self.post(ADMITTED, DATA, webhook_id="m1", event_id="e1", apart=True)
        self.assertTrue(again.duplicate)
        self.assertEqual(self.env["integration.event"].search([("webhook_id", "=", "m1")]), event)
        self.assertEqual(self.env["integration.receipt"].search_count([("event_id", "=", event.id)]), 1)

    def test_what_was_not_stored_apart_is_stored_here(self):
        with (
            patch.object(tools, "is_real", return_value=True),
            patch.object(standing.Connections, "run", return_value=None) as run,
        ):
            accepted, event = self.post(ADMITTED, DATA, apart=True)
            run.assert_called_once()
            self.post(ADMITTED, DATA)
            run.assert_called_once()
        self.assertFalse(accepted.duplicate)
        self.assertEqual(strict_json.loads(event._read_payload())["data"], DATA)

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
        self.assertNotIn("MRN-7", event.with_user(cleared)._open_payload("ticket 4711").text)
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
    ward = fields.Char()
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)

    def _event_data(self, type_name):
        return (
            None if self.name == "gone" else {"company": str(self.company_id.id), "id": str(self.id), "name": self.name}
        )

    def _event_facets(self, type_name):
        return {"facility": self.ward and self.ward.split("+"), "document_type": self.name}


class Silent(models.AbstractModel):
    """A handler that subscriptions of these tests can name; it is never called."""

    _name = "integration.handler.silent"
    _inherit = ["integration.handler"]
    _description = "Silent (tests)"
    _module = "integration_core"


@tagged("post_install", "-at_install")
class TestEmit(IntegrationCase):
    TYPE = "masterdata.supplier.changed.v1"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Odoo offers no other way to a model for one test, and keeps its addons from importing this at their top.

        cls.register_model(Emitting)
        cls.register_model(Silent)
        cls.registry.init_models(cls.env.cr, ["integration.test.emitting"], {"models_to_check": True})
        cls.env["integration.keyring"]._data_key()
        # As if an earlier transaction had made the key.
        cls.env.cr.execute("UPDATE integration_data_key SET create_date = '2000-01-01'")

    def events(self, type_name=TYPE):
        return self.env["integration.event"].search(
            [("type_name", "=", type_name), ("res_model", "=", "integration.test.emitting")]
        )

    def make(self, *names, **values):
        return self.env["integration.test.emitting"].create([{"name": name, **values} for name in names])

    def subscribe(self, name="S", **values):
        return self.env["integration.subscription"].create(
            {
                "name": name,
                "company_id": self.company.id,
                "handler": "integration.handler.silent",
                "event_type_ids": self.env["integration.event.type"]._named(self.TYPE).ids,
                **values,
            }
        )

    def statements(self, work):
        """Return how many SQL statements ``work()`` takes, with the end of the transaction."""
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        work()
        self.commit()
        return self.env.cr.sql_log_count - before

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
            ._following(cause.id)
            .create({"name": "x"})
        )
        record._emit_event(self.TYPE)
        self.commit()
        event = self.events()
        self.assertEqual(event.correlation_id, cause.correlation_id)
        self.assertEqual(event.causation_id, cause.uuid)
        self.assertEqual(event.origin_system_id, self.system)
        self.assertEqual(event.depth, 1)

    def test_no_context_that_comes_over_rpc_names_a_cause(self):
        _accepted, cause = self.post(ADMITTED, DATA)
        forged = {"integration_cause_event_id": cause.id, "integration_handled_event_ids": [cause.id]}
        record = self.env["integration.test.emitting"].with_context(**forged).create({"name": "x"})
        record._emit_event(self.TYPE)
        self.commit()
        self.assertEqual((self.events().causation_id, self.events().depth), (False, 0))

    def test_an_unknown_type_is_a_programming_error(self):
        record = self.env["integration.test.emitting"].create({"name": "x"})
        with self.assertRaises(ValueError):
            record._emit_event("finance.invoice.imagined.v1")

    # -- how much work it is -------------------------------------------------------------------------------------------

    def test_one_event_takes_two_statements(self):
        self.subscribe()
        record = self.make("x")
        record._emit_event(self.TYPE)
        self.commit()
        self.assertLessEqual(self.statements(lambda: record._emit_event(self.TYPE)), 2)
        self.assertEqual(len(self.events().delivery_ids), 2)

    def test_many_events_take_no_more_statements_than_one(self):
        self.subscribe()
        records = self.make(*(f"r{number}" for number in range(500)))
        records[0]._emit_event(self.TYPE)
        self.commit()
        self.assertLessEqual(self.statements(lambda: records._emit_event(self.TYPE)), 3)
        events = self.events()
        self.assertEqual(len(events), 501)
        self.assertEqual(len(events.delivery_ids), 501)
        self.assertEqual(
            {self.body(event)["data"]["name"] for event in events[:3]}, {record.name for record in records[-3:]}
        )

    def test_causes_are_looked_up_together(self):
        causes = [self.post(ADMITTED, {**DATA, "encounter": name})[1] for name in ("A", "B")]
        self.make("first")._emit_event(self.TYPE)
        self.commit()
        records = self.make(*(f"r{number}" for number in range(20)))
        by_record = {record.id: causes[record.id % 2] for record in records}
        with patch.object(self.registry["integration.test.emitting"], "_event_causes", lambda _records: by_record):
            self.assertLessEqual(self.statements(lambda: records._emit_event(self.TYPE)), 5)
        for event in self.events().filtered(lambda event: event.res_id in by_record):
            cause = by_record[event.res_id]
            self.assertEqual((event.causation_id, event.correlation_id), (cause.uuid, cause.correlation_id))

    def test_what_did_not_change_is_not_completed_again(self):
        first, second = self.make("first", "second")
        asked = []
        told = self.registry["integration.test.emitting"]._event_data
        with patch.object(
            self.registry["integration.test.emitting"],
            "_event_data",
            lambda record, type_name: asked.append(record.name) or told(record, type_name),
        ):
            first._emit_event(self.TYPE)
            with self.env.cr.savepoint():
                second._emit_event(self.TYPE)
            second.name = "changed"
            self.commit()
        self.assertEqual(asked, ["first", "second", "changed"])

    # -- savepoints and what comes after -------------------------------------------------------------------------------

    def test_a_rolled_back_change_is_not_told(self):
        record = self.make("kept")
        record._emit_event(self.TYPE)
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            record.name = "undone"
            self.env.cr.flush()
            raise ZeroDivisionError
        self.commit()
        self.assertEqual(self.body(self.events())["data"]["name"], "kept")

    def test_a_change_after_a_rolled_back_one_is_told(self):
        record = self.make("kept")
        record._emit_event(self.TYPE)
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            record.name = "gone"
            self.env.cr.flush()
            raise ZeroDivisionError
        record.name = "later"
        self.commit()
        self.assertEqual(self.body(self.events())["data"]["name"], "later")

    def test_emitting_again_after_a_rolled_back_emission(self):
        self.subscribe()
        record = self.make("x")
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            record._emit_event(self.TYPE)
            self.env.cr.flush()
            raise ZeroDivisionError
        record._emit_event(self.TYPE)
        self.commit()
        event = self.events()
        self.assertEqual(len(event.delivery_ids), 1)
        self.assertEqual(self.body(event)["data"]["version"], 1)

    def test_what_a_hook_emits_after_the_completion_is_completed_too(self):
        first, second = self.make("first", "second")
        first._emit_event(self.TYPE)
        self.env.cr.precommit.add(lambda: second._emit_event(self.TYPE))
        self.commit()
        self.assertEqual(sorted(self.body(event)["data"]["name"] for event in self.events()), ["first", "second"])

    def test_a_deleted_record_leaves_no_event(self):
        kept, deleted = self.make("kept", "deleted")
        (kept | deleted)._emit_event(self.TYPE)
        deleted.mapped("name")
        self.env.cr.execute("DELETE FROM integration_test_emitting WHERE id = %s", (deleted.id,))
        self.commit()
        self.assertEqual(self.events().res_id, kept.id)

    def test_a_single_deleted_record_leaves_no_event(self):
        record = self.make("deleted")
        record._emit_event(self.TYPE)
        self.env.cr.execute("DELETE FROM integration_test_emitting WHERE id = %s", (record.id,))
        self.commit()
        self.assertFalse(self.events())

    def test_an_event_goes_with_its_deliveries_and_their_place_in_line(self):
        self.subscribe()
        event = self.make("x")._emit_event(self.TYPE)
        self.commit()
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", (event.id,))
        for table in ("delivery", "due", "payload", "event_position"):
            self.env.cr.execute(
                SQL("SELECT FROM %s WHERE event_id = %s", SQL.identifier(f"integration_{table}"), event.id)
            )
            self.assertFalse(self.env.cr.rowcount, table)

    def test_the_same_record_twice_is_one_event(self):
        record = self.make("x")
        twice = record.browse([record.id, record.id])
        self.assertEqual(len(twice._emit_event(self.TYPE)), 1)
        self.commit()
        self.assertEqual(len(self.events()), 1)

    def test_a_committed_event_is_never_changed(self):
        record = self.make("before")
        event = record._emit_event(self.TYPE)
        self.commit()
        record.name = "after"
        self.commit()
        self.assertEqual(self.body(event)["data"]["name"], "before")

    def test_a_retired_type_is_not_emitted(self):
        record = self.make("x")
        self.env["integration.event.type"]._named(self.TYPE)._approving().write({"state": "retired"})
        self.assertFalse(record._emit_event(self.TYPE))
        self.commit()
        self.assertFalse(self.events())

    def test_an_unknown_type_is_found_out_after_a_known_one(self):
        record = self.make("x")
        record._emit_event(self.TYPE)
        with self.assertRaises(ValueError):
            record._emit_event("finance.invoice.imagined.v1")

    # -- who gets it ---------------------------------------------------------------------------------------------------

    def test_a_change_of_who_gets_what_counts_for_the_next_events(self):
        """However often the same was emitted before, one at a time or many."""
        one, many = self.make("one"), self.make("m", "m", "m")
        subscription = self.subscribe()
        for change, told in (
            ({}, True),
            ({"active": False}, False),
            ({"active": True, "company_id": self.env["res.company"].create({"name": "Other"}).id}, False),
            ({"company_id": self.company.id}, True),
            ({"event_type_ids": self.env["integration.event.type"]._named("finance.invoice.posted.v1").ids}, False),
        ):
            subscription.write(change)
            for records in (one, many, one, many):
                events = records._emit_event(self.TYPE)
                self.commit()
                self.assertEqual(len(events.delivery_ids), len(events) if told else 0, (change, records))

    def test_what_is_unchanged_is_not_looked_up_again(self):
        self.subscribe()
        record = self.make("x")
        for _turn in range(2):
            record._emit_event(self.TYPE)
            self.commit()
        with patch.object(self.registry["integration.event"], "_look_up_recipients", side_effect=AssertionError):
            event = record._emit_event(self.TYPE)
            self.commit()
        self.assertEqual(len(event.delivery_ids), 1)

    def test_a_new_data_key_seals_the_next_event(self):
        record = self.make("x")
        used = []
        for _turn in range(2):
            event = record._emit_event(self.TYPE)
            self.commit()
            self.env.cr.execute("SELECT data_key_id FROM integration_payload WHERE event_id = %s", (event.id,))
            used += self.env.cr.fetchone()
            self.assertEqual(self.body(event)["data"]["name"], "x")
            self.env["integration.data.key"].search([("state", "=", "active")]).state = "retired"
        self.assertNotEqual(*used)

    def test_one_event_and_many_leave_the_same_rows(self):
        self.subscribe("plain")
        self.subscribe("in order", ordered=True)
        _accepted, cause = self.post(ADMITTED, DATA)
        records = self.make("k", "k", "k", ward="F1")._following(cause.id)
        events = records[0]._emit_event(self.TYPE) | records[1:]._emit_event(self.TYPE)
        self.env.cr.precommit.run()
        single = self.rows(events[0])
        self.assertEqual(len(single["due"]), 2)
        self.assertEqual({row["tier"] for row in single["due"]}, {claims.FRESH, claims.UNPOSITIONED})
        self.assertEqual(self.rows(events[1]), single)

    def rows(self, event):
        """Return {table: rows} of an event, without what is its own: ids, moments, random texts, its record."""
        own = {"id", "event_id", "delivery_id", "uuid", "source_event_id", "webhook_id", "subject", "partition_key"}
        own |= {"traceparent", "res_id", "body_digest", "body_size", "sealed", "due_at", "created_at", "order_key"}
        found = {}
        for table in ("event", "payload", "event_position", "delivery", "due"):
            key = SQL.identifier("id" if table == "event" else "event_id")
            self.env.cr.execute(
                SQL("SELECT to_jsonb(t) FROM %s t WHERE %s = %s", SQL.identifier(f"integration_{table}"), key, event.id)
            )
            rows = [
                {name: value for name, value in row.items() if name not in own} for (row,) in self.env.cr.fetchall()
            ]
            found[table] = sorted(rows, key=lambda row: row.get("subscription_id", 0))
        return found

    # -- chains --------------------------------------------------------------------------------------------------------

    def chain(self, length):
        """Return the events of a chain in which each led to the next."""
        _accepted, event = self.post(ADMITTED, DATA)
        events = [event]
        while len(events) < length:
            record = self.make("x")._following(events[-1].id)
            events.append(record._emit_event(self.TYPE))
            self.commit()
        return events

    def test_a_chain_of_sixteen_goes_on_and_the_next_parks(self):
        self.subscribe()
        events = self.chain(17)
        self.assertEqual([event.depth for event in events], list(range(17)))
        self.assertEqual(len({event.correlation_id for event in events}), 1)
        self.assertEqual([event.causation_id for event in events[1:]], [event.uuid for event in events[:-1]])
        self.assertEqual({len(event.delivery_ids) for event in events[1:16]}, {1})
        parked = events[16]
        self.assertFalse(parked.delivery_ids)
        self.assertEqual((parked.held_reason, parked.delivery_state), ("chain_too_long", "parked"))
        self.assertIn(parked, parked.search([("delivery_state", "=", "parked")]))
        self.assertNotIn(parked, parked.search([("delivery_state", "=", "none")]))

    def test_events_of_the_suite_lead_to_no_further_ones(self):
        first, second = "integration.endpoint.disabled.v1", "integration.endpoint.recovered.v1"
        cause = self.make("x")._emit_event(first)
        self.commit()
        caused = self.make("y")._following(cause.id)
        self.assertFalse(caused._emit_event(second))
        self.assertTrue(caused._emit_event(self.TYPE))

    # -- facets --------------------------------------------------------------------------------------------------------

    def subscribers(self, **values):
        """Return the names of the subscriptions that get an event of a record with ``values``."""
        event = self.make(values.pop("name", "x"), **values)._emit_event(self.TYPE)
        self.commit()
        return sorted(event.delivery_ids.mapped("subscription_id.name"))

    def test_filters_compare_facets(self):
        kinds = self.env["integration.document.type"].create([{"name": code, "code": code} for code in ("k1", "k2")])
        self.subscribe("any")
        self.subscribe("F1", facility_codes="F1")
        self.subscribe("F1 F2", facility_codes=" F1, F2,")
        self.subscribe("k1", document_type_ids=kinds[0].ids)
        self.subscribe("F1 k1 k2", facility_codes="F1", document_type_ids=kinds.ids)
        self.assertEqual(self.subscribers(), ["any"])
        self.assertEqual(self.subscribers(ward="F1"), ["F1", "F1 F2", "any"])
        self.assertEqual(self.subscribers(ward="F2"), ["F1 F2", "any"])
        self.assertEqual(self.subscribers(ward="F1+F2"), ["F1 F2", "any"])
        self.assertEqual(self.subscribers(ward="f1"), ["any"])
        self.assertEqual(self.subscribers(name="k1"), ["any", "k1"])
        self.assertEqual(self.subscribers(name="k1", ward="F1"), ["F1", "F1 F2", "F1 k1 k2", "any", "k1"])
        self.assertEqual(self.subscribers(name="k2", ward="F1"), ["F1", "F1 F2", "F1 k1 k2", "any"])
        self.assertEqual(self.subscribers(name="k2", ward="F3"), ["any"])

    def test_no_filter_reaches_into_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.subscribe("F1", facility_codes="F1")
        self.assertEqual(self.subscribers(ward="F1", company_id=other.id), [])

    def test_a_changed_code_changes_the_filter(self):
        kind = self.env["integration.document.type"].create({"name": "K", "code": "old"})
        self.subscribe("kind", document_type_ids=kind.ids)
        kind.code = "new"
        self.env.flush_all()
        self.assertEqual(self.subscribers(name="old"), [])
        self.assertEqual(self.subscribers(name="new"), ["kind"])

    def test_the_final_facets_decide(self):
        self.subscribe("F1", facility_codes="F1")
        self.subscribe("F2", facility_codes="F2")
        record = self.make("x", ward="F1")
        event = record._emit_event(self.TYPE)
        with self.env.cr.savepoint():
            record.ward = "F2"
        self.commit()
        self.assertEqual(event.delivery_ids.subscription_id.name, "F2")
        self.assertEqual(event.facets, {"facility": ["F2"], "document_type": "x"})
        self.env.cr.execute("SELECT count(*) FROM integration_due WHERE event_id = %s", (event.id,))
        self.assertEqual(self.env.cr.fetchone(), (1,))
