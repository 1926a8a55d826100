from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import MappingCase


@tagged("post_install", "-at_install")
class TestEntity(MappingCase):
    def test_one_entity_per_record(self):
        again = self.Entity._for_target("service", self.env.company, self.blood.product_id)
        self.assertEqual(again, self.blood)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.Entity.create({"kind": "service", "name": "Twin", "product_id": self.blood.product_id.id})

    def test_archived_one_comes_back(self):
        self.blood.active = False
        self.assertEqual(self.Entity._for_target("service", self.env.company, self.blood.product_id), self.blood)
        self.assertTrue(self.blood.active)

    def test_an_entity_is_bound_to_what_its_kind_means(self):
        account = self._make_cost_center("4100")
        for vals in (
            {"kind": "service", "name": "Nothing"},
            {"kind": "service", "name": "Wrong", "analytic_account_id": account.id},
            {
                "kind": "cost_center",
                "name": "Both",
                "analytic_account_id": account.id,
                "product_id": self.xray.product_id.id,
            },
        ):
            with self.subTest(vals["name"]), mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
                self.Entity.create(vals)

    def test_department_stands_for_its_cost_center(self):
        account = self._make_cost_center("4100 Emergency")
        department = self.Entity._for_target("department", self.env.company, account, "Emergency department")
        self.assertEqual(department.parent_id.kind, "cost_center")
        self.assertEqual(department._cost_center(), account)
        self.assertEqual(department.parent_id._cost_center(), account)
        self.assertEqual(department._target(), account)
        self.assertFalse(self.blood._cost_center())
        twin = self.Entity._for_target("department", self.env.company, account, "Emergency department")
        self.assertEqual(twin, department)
        other = self.Entity._for_target("department", self.env.company, account, "Short stay")
        self.assertNotEqual(other, department)

    def test_a_department_belongs_to_a_cost_center(self):
        with self.assertRaises(ValidationError):
            self.Entity.create({"kind": "department", "name": "Ward", "parent_id": self.blood.id})

    def test_every_kind_can_be_bound(self):
        partner = self.env["res.partner"].create({"name": "Northbridge"})
        for kind, target in (("supplier", partner), ("payer", partner), ("facility", self.env.company)):
            with self.subTest(kind):
                self.assertEqual(self.Entity._for_target(kind, self.env.company, target)._target(), target)

    def test_what_live_codes_mean_does_not_change_in_place(self):
        other = self.env["product.product"].create({"name": "Other", "type": "service"})
        self.map()
        with self.assertRaisesRegex(UserError, "live systems"):
            self.blood.with_user(self.author).product_id = other
        self.blood.with_user(self.author).write({"name": "Full blood count", "product_id": self.blood.product_id.id})
        self.assertEqual(self.blood.name, "Full blood count")

    def test_test_codes_do_not_bind(self):
        other = self.env["product.product"].create({"name": "Other", "type": "service"})
        self.map(system=self.trial)
        self.blood.with_user(self.author).product_id = other
        self.assertEqual(self.blood.product_id, other)

    def test_archiving_waits_for_the_last_code(self):
        identifier = self.map()
        with self.assertRaisesRegex(UserError, "Retire or revoke"):
            self.blood.active = False
        identifier.with_user(self.author)._revoke("wrong")
        self.blood.active = False
        self.assertFalse(self.blood.active)

    def test_of_another_company(self):
        company = self.env["res.company"].create({"name": "Second house"})
        account = self._make_cost_center("4100", company)
        with self.assertRaises(UserError):
            self.Entity.create({"kind": "cost_center", "name": "4100", "analytic_account_id": account.id})

    def test_codes_of_today(self):
        self.map()
        self.map(code="OLD", valid_to="2001-01-01")
        self.propose(code="NEW")
        self.assertEqual(self.blood.codes, "ehr: CBC")


@tagged("post_install", "-at_install")
class TestEntityEvents(MappingCase):
    def _events(self, entity=None):
        entity = entity or self.blood
        return self.env["integration.event"].search(
            [("res_model", "=", "integration.entity"), ("res_id", "=", entity.id)], order="id"
        )

    def _data(self, event):
        import json

        return json.loads(event._read_payload())["data"]

    def test_an_approved_code_is_news(self):
        self.map()
        self.commit()
        [event] = self._events()
        self.assertEqual(event.type_name, "masterdata.service.changed.v1")
        self.assertEqual(event.subject, f"service/{self.blood.id}")
        data = self._data(event)
        self.assertEqual(data["name"], "Blood count")
        self.assertEqual(data["changed"], ["codes"])
        self.assertEqual(data["attributes"]["record"], f"product_product/{self.blood.product_id.id}")
        self.assertFalse(event.event_type_id._compiled_schema().validate(data))

    def test_a_changed_name_is_news_once(self):
        self.map()
        self.commit()
        self.blood.name = "Full blood count"
        self.blood.name = "Complete blood count"
        self.commit()
        _first, event = self._events()
        self.assertEqual(self._data(event)["name"], "Complete blood count")
        self.assertEqual(self._data(event)["changed"], ["name"])
        self.assertEqual(self._data(event)["version"], 2)

    def test_the_last_code_going_is_news(self):
        identifier = self.map()
        self.commit()
        identifier.with_user(self.author)._revoke("wrong")
        self.commit()
        self.assertEqual(len(self._events()), 2)

    def test_proposals_and_trials_are_no_news(self):
        self.propose()
        self.map(self.xray, system=self.trial)
        self.blood.name = "Renamed"
        self.xray.name = "Renamed too"
        self.commit()
        self.assertFalse(self._events())
        self.assertFalse(self._events(self.xray))
