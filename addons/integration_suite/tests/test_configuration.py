"""The configuration as one document: out of one state of a database, into another, and never more than that."""

import base64
import re
from dataclasses import replace
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.domain import portable
from odoo.addons.integration_core.domain.portable import Document, Item, Outcome
from odoo.addons.integration_core.models.integration_system import IntegrationSystem
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

POSTED = "finance.invoice.posted.v1"
OWN_TYPE = "house.meal.served.v1"
SECRET = "UnmistakableSecret4711"
PATIENT = "Unmistakable Patient"
_SECRET_LIKE = re.compile("secret|passw|token|sealed|wrapped|private|(^|_)keys?($|_)|credential|hash|otp")
_PATIENT_LIKE = re.compile("patient|birth|guarantor|payload|phone|mail|street|diagnos|example|note|display|source")
_NEVER = re.compile(
    "credential|data.key|payload|guarantor|encounter|charge|event$|delivery|receipt|audit|approval|users|erasure|hold"
)


class ConfigurationCase(IntegrationCase):
    """A hospital with one of everything that is carried, and an administrator who carries it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls._make_boss("boss")
        cls.other = cls._make_boss("other")
        cls.types = cls.env["integration.event.type"].search([("name", "=like", "clinical.%")], limit=2)
        cls.system = cls._make_system("lab", types=cls.types)
        cls.system.write({"name": "Laboratory", "note": PATIENT, "timezone": "Europe/Brussels"})
        cls.own_type = cls.env["integration.event.type"].create(
            {
                "name": OWN_TYPE,
                "title": "Meal served",
                "direction": "outbound",
                "schema_json": '{"type": "object"}',
                "example_json": f'{{"name": "{PATIENT}"}}',
                "state": "approved",
                "approval_state": "approved",
            }
        )
        cls._make_outward()
        cls._make_masters()
        cls.env["integration.egress.allow"].create({"host": "10.1.2.3", "port": 8443, "reason": "The laboratory's own"})
        cls.env["integration.billing.rule"].create({"encounter_class": "lab", "basis": "service", "days": 3})
        cls._make_rules()
        cls.Portable = cls.env["integration.portable"].with_user(cls.boss)

    @classmethod
    def _make_boss(cls, login):
        user = new_test_user(cls.env, login, groups="integration_core.group_admin", password=login)
        user.company_ids = cls.env["res.company"].search([])
        return user

    @classmethod
    def _make_outward(cls):
        cls.endpoint = cls.env["integration.endpoint"].create(
            {
                "name": "Warehouse",
                "system_id": cls.system.id,
                "url": "https://warehouse.example.org/in",
                "state": "active",
                "approval_state": "approved",
                "approved_mode": "live",
            }
        )
        cls.subscription = cls.env["integration.subscription"].create(
            {
                "name": "Invoices to the warehouse",
                "consumer": "endpoint",
                "endpoint_id": cls.endpoint.id,
                "event_type_ids": [
                    fields.Command.set((cls.own_type | cls.env["integration.event.type"]._named(POSTED)).ids)
                ],
                "origin_system_ids": [fields.Command.set(cls.system.ids)],
            }
        )

    @classmethod
    def _make_masters(cls):
        cls.product = cls.env["product.product"].create(
            {"name": "Glucose", "type": "service", "default_code": "GLU-CFG"}
        )
        cls.supplier = cls.env["res.partner"].create({"name": "Acme Reagents", "is_company": True, "ref": "S-CFG"})
        plan = cls.env["account.analytic.plan"].create({"name": "Cost centers of this test"})
        cls.center = cls.env["account.analytic.account"].create(
            {"name": "Laboratory", "code": "CC-CFG", "plan_id": plan.id, "company_id": cls.company.id}
        )
        entity = cls.env["integration.entity"]
        cls.service = entity._for_target("service", cls.company, cls.product)
        cls.vendor = entity._for_target("supplier", cls.company, cls.supplier)
        cls.department = entity._for_target("department", cls.company, cls.center, "Central laboratory")
        cls.identifier = cls._map(cls.service, "GLU", valid_to="2026-06-30", state="retired")
        cls._map(cls.service, "GLUC", valid_from="2026-07-01")
        cls._map(cls.department, "LAB")

    @classmethod
    def _map(cls, entity, code, **values):
        return cls.env["integration.identifier"].create(
            {
                "entity_id": entity.id,
                "system_id": cls.system.id,
                "code": code,
                "display": PATIENT,
                "note": PATIENT,
                "state": "approved",
                "approval_state": "approved",
                **values,
            }
        )

    @classmethod
    def _make_rules(cls):
        """One of each rule that two people agree on, in force."""
        cls.bedside = cls.env["integration.entity"].create(
            {"kind": "department", "name": "Bedside tests", "part_of_id": cls.department.id}
        )
        kilogram = cls.env["integration.entity"]._for_target(
            "unit", cls.company, cls.env.ref("uom.product_uom_kgm"), "Kilogram"
        )
        agreed = {"company_id": cls.company.id, "state": "approved", "approval_state": "approved"}
        cls.rules = {
            "integration.unit.factor": {"unit_id": kilogram.id, "product_id": cls.product.id, "factor": "50"},
            "integration.cost.center.rule": {
                "department_id": cls.bedside.id,
                "cost_center_id": cls.department.parent_id.id,
                "product_id": cls.product.id,
                "valid_from": "2026-07-01",
            },
            "integration.price.rule": {"system_id": cls.system.id, "source": "message_else_list", "tolerance": 2.5},
        }
        for name, values in cls.rules.items():
            cls.env[name].create({**agreed, **values})
        cls.env["integration.attribute.owner"].create(
            {"kind": "supplier", "attribute": "phone", "system_id": cls.system.id, "approval_state": "approved"}
        )

    # -- what is asked of the running system

    def export(self, part="all", user=None):
        """Return the document as bytes."""
        data, _omitted = self.Portable.with_user(user or self.boss)._export(self.company, part)
        return data

    def document(self, part="all"):
        return portable.read(self.export(part))

    def look(self, data, left_out=(), user=None):
        """Return ({place: entry}, what is absent, the digest) of a dry run."""
        data = data.write() if isinstance(data, Document) else data
        self.env.flush_all()
        with self.enter_registry_test_mode():
            entries, absent, digest = self.Portable.with_user(user or self.boss)._try(data, left_out)
        self.env.invalidate_all()
        return {entry.place: entry for entry in entries}, absent, digest

    def take(self, data, left_out=(), user=None):
        """Look, then import; return the entries."""
        data = data.write() if isinstance(data, Document) else data
        _entries, _absent, digest = self.look(data, left_out, user)
        incoming = self.Portable.with_user(user or self.boss)._import(data, digest, left_out)
        self.env.flush_all()
        return incoming.entries

    def entry(self, data, model, text):
        """Return the entry of a dry run whose key holds a text."""
        entries, _absent, _digest = self.look(data)
        [found] = [entry for (name, ident), entry in entries.items() if name == model and text in ident]
        return found

    @staticmethod
    def edited(document, model, text, **values):
        """Return a document whose one object of that key says other things; ``key_…`` for its key."""
        items = []
        for item in document.content[model]:
            if text in item.ident:
                key = {name[4:]: value for name, value in values.items() if name.startswith("key_")}
                rest = {name: value for name, value in values.items() if not name.startswith("key_")}
                items.append(Item({**item.key, **key}, {**item.values, **rest}, item.withheld))
            else:
                items.append(item)
        assert items != document.content[model]
        return replace(document, content={**document.content, model: items})

    @staticmethod
    def with_item(document, model, item):
        return replace(document, content={**document.content, model: [*document.content.get(model, ()), item]})

    @staticmethod
    def without(document, *models):
        """Return a document in which these kinds are not spoken of."""
        return replace(
            document, content={name: items for name, items in document.content.items() if name not in models}
        )

    def wipe(self):
        """Have nothing of it here, as in a database that was just installed."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            DELETE FROM integration_approval;
            DELETE FROM integration_identifier;
            DELETE FROM integration_unit_factor;
            DELETE FROM integration_cost_center_rule;
            DELETE FROM integration_price_rule;
            DELETE FROM integration_attribute_owner;
            DELETE FROM integration_entity WHERE part_of_id IS NOT NULL;
            DELETE FROM integration_entity WHERE kind = 'department';
            DELETE FROM integration_entity;
            DELETE FROM integration_subscription WHERE endpoint_id IS NOT NULL;
            DELETE FROM integration_credential;
            DELETE FROM integration_endpoint;
            UPDATE res_users SET login = login || '-before' WHERE id IN (SELECT run_as_id FROM integration_system);
            DELETE FROM integration_system;
            DELETE FROM integration_event_type WHERE name = 'house.meal.served.v1';
            DELETE FROM integration_egress_allow;
            DELETE FROM integration_billing_rule WHERE encounter_class = 'lab';
            """
        )
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestRoundTrip(ConfigurationCase):
    def test_into_an_empty_database_and_out_again_it_is_the_same(self):
        before = self.export()
        self.wipe()
        entries = self.take(before)
        self.assertEqual({entry.outcome for entry in entries}, {Outcome.NEW, Outcome.UNCHANGED})
        self.assertEqual(self.export(), before)
        self.nothing_is_live()

    def test_rules_that_two_people_agree_on_arrive_as_proposals(self):
        before = self.document()
        for name in self.rules:
            self.assertEqual(len(before.content[name]), 1, name)
        self.wipe()
        self.take(before)
        for name, values in self.rules.items():
            rule = self.env[name].search([("company_id", "=", self.company.id)])
            with self.subTest(name):
                # Its system is in test mode here, as codes' is: what it decides is nobody's money yet.
                agreed = ("approved", "approved") if "system_id" in values else ("proposed", "requested")
                self.assertEqual((rule.state, rule.approval_state, rule.author_id), (*agreed, self.boss))
                written = [one for one in values if one.endswith(("factor", "source", "tolerance", "valid_from"))]
                self.assertEqual([str(rule[one]) for one in written], [str(values[one]) for one in written])
        owner = self.env["integration.attribute.owner"].search([("attribute", "=", "phone")])
        self.assertEqual((owner.system_id.code, owner.approval_state), ("lab", "draft"))
        bedside = self.env["integration.entity"].search([("name", "=", "Bedside tests")])
        self.assertEqual((bedside.part_of_id.name, bedside.parent_id.name), ("Central laboratory", False))

    def test_another_rule_about_the_same_is_proposed_in_place_of_the_one_in_force(self):
        price = self.env["integration.price.rule"].search([("system_id", "=", self.system.id)])
        document = self.edited(self.document(), "integration.price.rule", '"lab"', key_tolerance=4.0)
        entry = self.entry(document, "integration.price.rule", '"lab"')
        self.assertEqual(entry.outcome, Outcome.NEW)
        self.assertIn("in place of", entry.note)
        self.take(document)
        self.assertEqual(price.state, "approved")
        successor = self.env["integration.price.rule"].search([("replaces_id", "=", price.id)])
        successor.with_user(self.other).action_approve()
        self.assertEqual((price.state, successor.state, successor.tolerance), ("revoked", "approved", 4.0))

    def nothing_is_live(self):
        system = self.env["integration.system"].search([("code", "=", "lab")])
        self.assertEqual(
            (system.state, system.mode, system.live_from, system.approval_state), ("draft", "test", False, "draft")
        )
        self.assertEqual((system.timezone, system.event_type_ids), ("Europe/Brussels", self.types))
        self.assertFalse(system.credential_ids)
        endpoint = self.env["integration.endpoint"].search([("name", "=", "Warehouse")])
        self.assertEqual((endpoint.state, endpoint.approved_mode, endpoint.approval_state), ("draft", False, "draft"))
        self.assertEqual(endpoint.owner_id, self.boss)
        self.assertEqual(endpoint.subscription_ids.state, "paused")
        own_type = self.env["integration.event.type"]._named(OWN_TYPE)
        self.assertEqual((own_type.state, own_type.approval_state), ("draft", "requested"))
        self.assertEqual(own_type.requested_by_id, self.boss)

    def test_the_same_document_twice_changes_nothing(self):
        data = self.export()
        entries, absent, digest = self.look(data)
        self.assertEqual({entry.outcome for entry in entries.values()}, {Outcome.UNCHANGED})
        self.assertFalse(absent)
        self.assertEqual(self.look(data)[2], digest)
        with self.writing_refused():
            self.Portable._import(data, digest)
            self.env.flush_all()
        self.assertEqual(self.export(), data)
        self.assertEqual((self.system.mode, self.endpoint.state, self.subscription.state), ("live", "active", "active"))

    def writing_refused(self):
        """Fail when a record that is carried is written."""
        return patch.object(
            type(self.env["integration.portable.mixin"]),
            "write",
            side_effect=AssertionError("an import of what is here writes nothing"),
            create=True,
        )

    def test_the_bytes_do_not_depend_on_who_asks_or_when(self):
        self.assertEqual(self.export(), self.export(user=self.other))

    def test_a_dry_run_leaves_no_trace(self):
        document = self.edited(self.document(), "integration.system", '"lab"', name="Elsewhere")
        audit = self.env["integration.audit"]
        before = audit.search_count([])
        self.look(document)
        self.assertEqual((self.system.name, self.system.mode), ("Laboratory", "live"))
        self.assertEqual(audit.search_count([]), before)

    def test_what_is_here_but_not_in_the_document_is_told_and_stays(self):
        document = self.document()
        kept = [item for item in document.content["integration.entity"] if "S-CFG" not in item.ident]
        document = replace(document, content={**document.content, "integration.entity": kept})
        _entries, absent, _digest = self.look(document)
        self.assertEqual(absent, [("integration.entity", self.vendor.display_name)])
        self.take(document)
        self.assertTrue(self.vendor.exists())

    def test_a_part_says_nothing_of_the_other(self):
        document = self.document("mappings")
        mappings = {"integration.code.system", "integration.entity", "integration.identifier"}
        self.assertEqual({*document.content}, mappings | {*self.rules})
        entries, absent, _digest = self.look(document)
        self.assertFalse(absent)
        self.assertEqual({entry.outcome for entry in entries.values()}, {Outcome.UNCHANGED})

    def test_names_in_two_databases_may_be_of_two_ways(self):
        """What goes by its code there may go by a module's name here: the record is what counts."""
        document = self.document()
        self.env["ir.model.data"].create(
            {"module": "house", "name": "glucose", "model": "product.product", "res_id": self.product.id}
        )
        self.assertIn(b'"xmlid":"house.glucose"', self.export())
        entries, _absent, _digest = self.look(document)
        self.assertEqual({entry.outcome for entry in entries.values()}, {Outcome.UNCHANGED})


@tagged("post_install", "-at_install")
class TestFourEyes(ConfigurationCase):
    def test_a_change_of_a_live_system_takes_it_back_to_test_and_asks(self):
        document = self.edited(self.document(), "integration.system", '"lab"', timezone="Asia/Tokyo")
        entry = self.entry(document, "integration.system", '"lab"')
        self.assertEqual(entry.outcome, Outcome.CHANGED)
        self.assertEqual(
            [(one.field, one.old, one.new) for one in entry.changes], [("timezone", "Europe/Brussels", "Asia/Tokyo")]
        )
        self.system.approval_state = "approved"
        self.assertIn("second person", self.entry(document, "integration.system", '"lab"').note)
        self.take(document)
        self.assertEqual((self.system.mode, self.system.approval_state), ("test", "requested"))
        self.assertEqual((self.system.requested_by_id, self.system.author_id), (self.boss, self.boss))
        with self.assertRaises(UserError):
            self.system.with_user(self.boss).action_approve()
        self.system.with_user(self.other).action_approve()
        self.assertEqual((self.system.mode, self.system.timezone), ("live", "Asia/Tokyo"))

    def test_another_address_is_not_sent_to_before_it_is_approved(self):
        document = self.edited(self.document(), "integration.endpoint", "Warehouse", url="https://new.example.org/in")
        self.take(document)
        self.assertEqual((self.endpoint.state, self.endpoint.approved_mode), ("draft", False))
        self.assertEqual(self.endpoint.approval_state, "requested")

    def test_new_codes_of_a_live_system_wait_for_a_second_person(self):
        identifiers = self.document()
        self.env.cr.execute("DELETE FROM integration_identifier")
        self.env.invalidate_all()
        entries = self.take(identifiers)
        made = self.env["integration.identifier"].search([("system_id", "=", self.system.id)])
        self.assertEqual(len(made), 3)
        self.assertEqual({*made.mapped("state")}, {"proposed"})
        self.assertEqual({*made.mapped("approval_state")}, {"requested"})
        self.assertEqual(made.author_id, self.boss)
        self.assertEqual(sum(entry.waits for entry in entries), 3)
        self.assertEqual(self.env["integration.approval"].search_count([("res_id", "in", made.ids)]), 3)

    def test_codes_that_come_with_what_takes_their_system_back_to_test_wait_nevertheless(self):
        """Else they would go live with the system, by the approval of something else."""
        self.system.approval_state = "approved"
        document = self.edited(self.document(), "integration.system", '"lab"', timezone="Asia/Tokyo")
        [item] = [one for one in document.content["integration.identifier"] if '"LAB"' in one.ident]
        document = self.with_item(document, "integration.identifier", Item({**item.key, "code": "HEM"}))
        entries = self.take(document)
        made = self.env["integration.identifier"].search([("code", "=", "HEM")])
        self.assertEqual((self.system.mode, made.state, made.approval_state), ("test", "proposed", "requested"))
        self.assertEqual(sum(entry.waits for entry in entries), 2)

    def test_so_do_rules_about_such_a_system(self):
        self.system.approval_state = "approved"
        document = self.edited(self.document(), "integration.system", '"lab"', timezone="Asia/Tokyo")
        document = self.edited(document, "integration.price.rule", '"lab"', key_tolerance=4.0)
        self.take(document)
        made = self.env["integration.price.rule"].search([("tolerance", "=", 4.0)])
        self.assertEqual((self.system.mode, made.state, made.approval_state), ("test", "proposed", "requested"))

    def test_another_meaning_is_proposed_in_place_of_the_one_in_force(self):
        other = self.env["product.product"].create({"name": "Glucose 2", "type": "service", "default_code": "GLU2-CFG"})
        self.env["integration.entity"]._for_target("service", self.company, other)
        document = self.document()
        [item] = [one for one in document.content["integration.identifier"] if '"GLUC"' in one.ident]
        meaning = {**item.key["entity_id"], "product_id": {"default_code": "GLU2-CFG"}}
        document = self.edited(document, "integration.identifier", '"GLUC"', key_entity_id=meaning)
        entry = self.entry(document, "integration.identifier", '"GLUC"')
        self.assertEqual(entry.outcome, Outcome.NEW)
        self.assertIn("in place of", entry.note)
        self.take(document)
        proposed = self.env["integration.identifier"].search([("replaces_id.code", "=", "GLUC")])
        self.assertEqual((proposed.entity_id.product_id, proposed.approval_state), (other, "requested"))
        self.assertEqual(proposed.replaces_id.state, "approved")
        self.assertEqual({one.outcome for one in self.take(document)}, {Outcome.UNCHANGED})

    def test_no_document_can_say_that_something_is_live(self):
        for model, text, values in [
            ("integration.system", '"lab"', {"mode": "live"}),
            ("integration.system", '"lab"', {"live_from": "2020-01-01"}),
            ("integration.system", '"lab"', {"approval_state": "approved"}),
            ("integration.subscription", "Invoices to", {"state": "active"}),
            ("integration.endpoint", "Warehouse", {"approved_mode": "live"}),
            ("integration.identifier", '"LAB"', {"state": "approved"}),
        ]:
            with self.subTest(model=model, values=values):
                entry = self.entry(self.edited(self.document(), model, text, **values), model, text)
                self.assertEqual(entry.outcome, Outcome.REFUSED)
                self.assertIn(next(iter(values)), entry.reason)


@tagged("post_install", "-at_install")
class TestRefusals(ConfigurationCase):
    """Each refusal says why, and nothing of what is refused is guessed."""

    def assert_refused(self, document, model, text, words):
        entry = self.entry(document, model, text)
        self.assertEqual(entry.outcome, Outcome.REFUSED)
        self.assertIn(words, entry.reason)

    def test_what_nothing_here_is_called(self):
        document = self.document()
        self.product.default_code = "ANOTHER"
        self.assert_refused(document, "integration.entity", "GLU-CFG", "Nothing here is called so")
        # The codes that mean it go with it, and nothing else does.
        self.assert_refused(document, "integration.identifier", '"GLU"', "is not taken")
        self.assertEqual(self.entry(document, "integration.identifier", '"LAB"').outcome, Outcome.UNCHANGED)

    def test_what_several_here_are_called(self):
        document = self.document()
        self.env["product.product"].create({"name": "Glucose again", "default_code": "GLU-CFG"})
        self.assert_refused(document, "integration.entity", "GLU-CFG", "2 records here are called so")

    def test_the_name_alone_finds_nothing(self):
        document = self.document()
        self.supplier.ref = False
        self.env["res.partner"].create({"name": "Acme Reagents", "is_company": True})
        self.assert_refused(document, "integration.entity", "S-CFG", "Nothing here is called so")

    def test_a_company_where_one_does_not_work(self):
        document = self.edited(
            self.document(), "integration.system", '"lab"', company_id={"company_registry": "nowhere"}
        )
        self.assert_refused(document, "integration.system", '"lab"', "Nothing here is called so")
        away = self.env["res.company"].create({"name": "Away", "company_registry": "AWAY-1"})
        document = self.edited(
            self.document(), "integration.system", '"lab"', company_id={"company_registry": "AWAY-1"}
        )
        self.assert_refused(document, "integration.system", '"lab"', "you do not work there")
        self.boss.company_ids |= away
        self.assert_refused(document, "integration.system", '"lab"', "is not changed by an import")

    def test_what_serves_every_company_takes_somebody_of_every_company(self):
        document = self.edited(self.document(), "integration.retention", '"attempt"', days=91)
        self.assertEqual(self.entry(document, "integration.retention", '"attempt"').outcome, Outcome.CHANGED)
        self.env["res.company"].create({"name": "Away"})
        self.assert_refused(document, "integration.retention", '"attempt"', "every company")

    def test_a_kind_of_an_addon_that_is_not_here(self):
        document = self.with_item(self.document(), "integration.elsewhere", Item({"x": 1}))
        self.assert_refused(document, "integration.elsewhere", "", "install the addon")
        document = self.with_item(self.document(), "res.users", Item({"login": "mallory"}, {"password": "x"}))
        self.assert_refused(document, "res.users", "mallory", "install the addon")

    def test_what_the_suite_ships(self):
        item = Item({"name": POSTED}, {"title": "Mine", "schema_json": "{}"})
        self.assert_refused(
            self.with_item(self.document(), "integration.event.type", item), "integration.event.type", POSTED, "ships"
        )

    def test_what_is_neither_here_nor_there(self):
        document = self.document()
        content = {**document.content, "integration.system": []}
        document = replace(document, content=content)
        self.assertEqual(self.entry(document, "integration.endpoint", "Warehouse").outcome, Outcome.UNCHANGED)
        self.wipe()
        self.assert_refused(document, "integration.endpoint", "Warehouse", "neither here nor in the document")

    def test_a_secret_in_an_address_stays_at_home(self):
        self.endpoint.url = f"https://warehouse.example.org/in?token={SECRET}"
        data = self.export()
        self.assertNotIn(SECRET.encode(), data)
        # Here it is known; elsewhere somebody must enter it.
        self.assertEqual(self.entry(data, "integration.endpoint", "Warehouse").outcome, Outcome.UNCHANGED)
        self.wipe()
        self.assert_refused(data, "integration.endpoint", "Warehouse", "holds a secret")

    def test_values_that_are_not_possible(self):
        for values in (
            {"timezone": "Mars/Olympus"},
            {"rate_per_minute": "many"},
            {"rate_per_minute": True},
            {"event_type_ids": None},
            {"event_type_ids": ["x"]},
            {"company_id": 1},
            {"company_id": {"id": 1}},
            {"company_id": {"name": "My Company"}},
        ):
            with self.subTest(values=values):
                document = self.edited(self.document(), "integration.system", '"lab"', **values)
                self.assertEqual(self.entry(document, "integration.system", '"lab"').outcome, Outcome.REFUSED)

    def test_one_thing_twice(self):
        document = self.document()
        item = Item({"code": "lab"}, {"name": "Twice"})
        document = self.with_item(document, "integration.system", item)
        entries, _absent, _digest = self.look(document)
        self.assertEqual(entries["integration.system", item.ident].outcome, Outcome.REFUSED)

    def test_what_is_called_alike_here(self):
        document = self.document()
        self.subscription.copy({"name": self.subscription.name})
        self.assert_refused(document, "integration.subscription", "Invoices to", "Several here are called so")
        outgoing = self.Portable._outgoing(self.company)
        self.assertEqual([name for name, _told, _why in outgoing.omitted], ["integration.subscription"] * 2)
        self.assertEqual(outgoing.document().omitted, {"integration.subscription": 2})

    def test_what_is_archived_here(self):
        document = self.edited(self.document(), "integration.system", '"lab"', name="Other")
        self.system.active = False
        self.assert_refused(document, "integration.system", '"lab"', "archived")

    def test_what_a_model_refuses_is_found_by_the_dry_run(self):
        document = self.edited(self.document(), "integration.system", '"lab"', rate_per_minute=0)
        self.assert_refused(document, "integration.system", '"lab"', "messages per minute")
        document = self.edited(self.document(), "integration.event.type", OWN_TYPE, schema_json="{not json")
        self.assert_refused(document, "integration.event.type", OWN_TYPE, "JSON Schema")

    def test_rules_that_hold_between_several_are_judged_when_all_are_changed(self):
        """Events longer than the identities there were, and identities longer still: in whatever order they come."""
        document = self.edited(self.document(), "integration.retention", '"event"', days=900)
        document = self.edited(document, "integration.retention", '"key"', days=1800)
        self.take(document)
        rules = {rule.what: rule.days for rule in self.env["integration.retention"].search([])}
        self.assertEqual((rules["event"], rules["key"]), (900, 1800))

    def test_a_person_is_not_carried(self):
        """The reference of a private person may be a patient's number."""
        payer = self.env["res.partner"].create({"name": PATIENT, "ref": "MRN-4711", "is_company": False})
        self.env["integration.entity"]._for_target("payer", self.company, payer)
        data, omitted = self.Portable._export(self.company)
        self.assertEqual([name for name, _told, _why in omitted], ["integration.entity"])
        for text in (PATIENT, "MRN-4711"):
            self.assertNotIn(text.encode(), data)


@tagged("post_install", "-at_install")
class TestAllOrNothing(ConfigurationCase):
    def test_nothing_is_taken_while_something_is_refused(self):
        document = self.edited(self.document(), "integration.system", '"lab"', name="Other")
        document = self.edited(document, "integration.billing.rule", '"lab"', days=-1)
        entries, _absent, digest = self.look(document)
        [refused] = [place for place, entry in entries.items() if entry.outcome is Outcome.REFUSED]
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.Portable._import(document.write(), digest)
        self.assertEqual(self.system.name, "Laboratory")
        self.take(document, [refused])
        self.assertEqual(self.system.name, "Other")

    def test_what_changed_since_somebody_looked_is_to_be_looked_at_again(self):
        data = self.edited(self.document(), "integration.system", '"lab"', name="Other").write()
        _entries, _absent, digest = self.look(data)
        self.system.name = "Third"
        self.assertIsNone(self.Portable._import(data, digest))
        self.assertEqual(self.system.name, "Third")
        _entries, _absent, digest = self.look(data)
        other = self.edited(portable.read(data), "integration.system", '"lab"', name="Fourth").write()
        self.assertIsNone(self.Portable._import(other, digest))
        self.assertIsNotNone(self.Portable._import(data, digest))

    def test_what_is_left_out_takes_along_what_needs_it(self):
        document = self.document()
        self.wipe()
        system = ("integration.system", Item({"code": "lab"}).ident)
        entries, _absent, _digest = self.look(document, [system])
        self.assertEqual(entries[system].outcome, Outcome.LEFT_OUT)
        refused = {model for (model, _ident), entry in entries.items() if entry.outcome is Outcome.REFUSED}
        needs = {"integration.endpoint", "integration.subscription", "integration.identifier"}
        self.assertEqual(refused, {*needs, "integration.price.rule", "integration.attribute.owner"})

    def test_the_trail_tells_of_what_went_out_and_came_in(self):
        document = self.edited(self.document(), "integration.billing.rule", '"lab"', days=5)
        self.take(document)
        rows = self.env["integration.audit"].search([("action", "like", "configuration.%")], order="id desc", limit=2)
        self.assertEqual(rows.mapped("action"), ["configuration.import", "configuration.export"])
        self.assertIn(document.digest, rows[0].detail)
        self.assertIn("changed 1", rows[0].detail)
        self.assertEqual({*rows.mapped("user_id")}, {self.boss.id})

    def test_who_is_no_administrator_gets_nothing(self):
        data = self.export()
        for group in ("operator", "steward", "auditor", "governance_approver", "privacy_officer", "finance_reviewer"):
            user = new_test_user(self.env, f"no.{group}", groups=f"integration_core.group_{group}")
            known = self.Portable.with_user(user)
            with self.subTest(group):
                for deed in (lambda one=known: one._export(self.company), lambda one=known: one._incoming(data)):
                    with self.assertRaises(AccessError):
                        deed()

    def test_whoever_does_not_work_everywhere_sees_their_own(self):
        away = self.env["res.company"].create({"name": "Away", "company_registry": "AWAY-2"})
        self._make_system("away", company=away)
        self.assertNotIn(b'"away"', self.export())
        with self.assertRaises(AccessError):
            self.Portable._export(away)


@tagged("post_install", "-at_install")
class TestSecrets(ConfigurationCase):
    def test_no_secret_and_no_patient_is_in_the_bytes(self):
        self.endpoint.url = f"https://warehouse.example.org/in/{SECRET}"
        for holder, use in ((self.system, "inbound"), (self.endpoint, "outbound")):
            name = "system_id" if use == "inbound" else "endpoint_id"
            key, text = self.env["integration.credential"]._generate({name: holder.id}, company=self.company, use=use)
            key.write({"approval_state": "approved", "state": "active"})
            self.add_secret(text)
        self.boss.write({"password": SECRET, "email": "boss@secret.example"})
        data = self.export()
        for text in (*self.secrets, SECRET, PATIENT, self.boss.login, "boss@secret.example", self.env.cr.dbname):
            self.assertNotIn(text.encode(), data)
        uuid = self.env["ir.config_parameter"].get_param("database.uuid")
        self.assertNotIn(uuid.encode(), data)

    secrets = ()

    def add_secret(self, text):
        bare = text.removeprefix("whsec_")
        self.secrets = (*self.secrets, text, bare, base64.b64decode(bare + "==").hex())

    def test_what_is_carried_is_nothing_secret_and_nobody_s(self):
        """By rules of this test's own, for all models that are carried, whichever addon they are of."""
        for name in self.env["integration.portable"]._kinds():
            self.assertNotRegex(name, _NEVER)
            model = self.env[name]
            for one in self.env["integration.portable"]._names(name):
                field = model._fields[one]
                with self.subTest(model=name, field=one):
                    self.assertNotRegex(one, _SECRET_LIKE)
                    if field.type not in ("boolean", "integer", "selection"):
                        self.assertNotRegex(one, _PATIENT_LIKE)
                    self.assertNotEqual(field.comodel_name, "res.users")
                    self.assertFalse(field.groups)
                    self.assertNotIn(field.type, ("binary", "datetime", "json", "html", "one2many"))

    def test_a_model_that_would_carry_a_secret_ends_every_export(self):
        for one in ("credential_ids", "approval_snapshot", "run_as_id", "owner_id", "live_from"):
            said = patch.object(IntegrationSystem, "_portable_fields", lambda _self, one=one: [one])
            with self.subTest(one), said, self.assertRaisesRegex(ValueError, "must not leave"):
                self.export()

    def test_every_kind_names_what_it_refers_to(self):
        """What a field refers to is carried itself, or has codes by which it is known."""
        known = self.env["integration.portable"]
        for name in known._kinds():
            for one in known._names(name):
                comodel = self.env[name]._fields[one].comodel_name
                if comodel:
                    with self.subTest(model=name, field=one):
                        self.assertTrue(known._is_portable(comodel) or comodel in known._natural_keys())


@tagged("post_install", "-at_install")
class TestScreens(ConfigurationCase, HttpCase):
    def test_an_administrator_carries_it_over(self):
        """On the screens: export, look, leave out what is refused, import, approvals."""
        data = self.edited(self.document(), "integration.billing.rule", '"lab"', days=9)
        data = self.edited(data, "integration.retention", '"attempt"', days=-3).write()
        wizard = (
            self.env["integration.portable.import.wizard"]
            .with_user(self.boss)
            .create({"file": base64.b64encode(data), "file_name": "configuration.json"})
        )
        self.start_tour(
            f"/odoo/integration-configuration-import/{wizard.id}", "integration_core_configuration", login="boss"
        )
        self.assertEqual(self.env["integration.billing.rule"].search([("encounter_class", "=", "lab")]).days, 9)
        self.assertEqual(self.env["integration.retention"].search([("what", "=", "attempt")]).days, 90)

    def test_what_was_seen_is_what_is_done(self):
        data = self.edited(self.document(), "integration.billing.rule", '"lab"', days=9).write()
        wizard = (
            self.env["integration.portable.import.wizard"].with_user(self.boss).create({"file": base64.b64encode(data)})
        )
        self.env.flush_all()
        with self.enter_registry_test_mode():
            wizard.action_import()  # nobody has looked yet: it looks
            self.assertEqual((wizard.state, wizard.stale, wizard.todo_count), ("checked", True, 1))
            line = wizard.line_ids
            self.assertEqual((line.outcome, line.kind), ("changed", "Billing rule"))
            self.assertIn("Days to hold: 3 → 9", line.detail)
            line.left_out = True
            wizard.action_import()  # something else than was seen
            self.assertEqual((wizard.state, wizard.stale, wizard.todo_count), ("checked", True, 0))
            wizard.line_ids.left_out = False
            wizard.action_check()
            wizard.action_import()
        self.assertEqual(wizard.state, "done")
        self.assertEqual(self.env["integration.billing.rule"].search([("encounter_class", "=", "lab")]).days, 9)

    def test_what_is_refused_is_left_out_by_one_button(self):
        data = self.edited(self.document(), "integration.billing.rule", '"lab"', days=9)
        data = self.edited(data, "integration.retention", '"attempt"', days=-3).write()
        wizard = (
            self.env["integration.portable.import.wizard"].with_user(self.boss).create({"file": base64.b64encode(data)})
        )
        self.env.flush_all()
        with self.enter_registry_test_mode():
            wizard.action_check()
            self.assertEqual((wizard.refused_count, wizard.todo_count), (1, 1))
            wizard.action_leave_out_refused()
            self.assertEqual((wizard.refused_count, wizard.todo_count), (0, 1))
            wizard.action_check()  # what was left out stays so
            self.assertEqual((wizard.refused_count, wizard.todo_count), (0, 1))
            wizard.action_import()
        self.assertEqual(wizard.state, "done")

    def test_what_is_no_document_is_told_in_words(self):
        wizard = self.env["integration.portable.import.wizard"].with_user(self.boss).create({})
        with self.assertRaisesRegex(UserError, "Choose a document"):
            wizard.action_check()
        cut = self.export().replace(b'"days":3', b'"days":4')
        for data, words in ((b"x", "no strict JSON"), (b"{}", "must say"), (cut, "digest does not fit")):
            wizard.file = base64.b64encode(data)
            with self.assertRaisesRegex(UserError, words), self.enter_registry_test_mode():
                wizard.action_check()

    def test_the_export_says_what_it_holds_and_what_not(self):
        self.product.default_code = False
        wizard = self.env["integration.portable.export.wizard"].with_user(self.boss).create({})
        self.assertIn("Glucose", wizard.summary)
        wizard.part = "settings"
        self.assertNotIn("Glucose", wizard.summary)
        address = wizard.action_export()["url"]
        self.authenticate("boss", "boss")
        answer = self.url_open(address)
        self.assertEqual(portable.read(answer.content).environment, "test")
