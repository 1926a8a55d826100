"""Rules that move money: two people agree on each, and two never decide about the same day."""

from datetime import date

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import MappingCase


@tagged("post_install", "-at_install")
class TestUnitsAndRules(MappingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._forget_approvers()
        cls.box = cls.env["uom.uom"].create({"name": "Box"})
        cls.units = cls.env.ref("uom.product_uom_unit")
        cls.unit = cls.Entity._for_target("unit", cls.env.company, cls.box)
        cls.gloves = cls.env["product.product"].create({"name": "Gloves", "type": "consu"})
        cls.Factor = cls.env["integration.unit.factor"]

    def content(self, factor="50", **values):
        return self.Factor.with_user(self.author).create(
            {"unit_id": self.unit.id, "product_id": self.gloves.id, "factor": factor, **values}
        )

    def agreed(self, rule):
        rule.action_submit()
        rule.with_user(self.approver).action_approve()
        return rule

    # -- what a code of a unit means ----------------------------------------------------------------------------------

    def test_a_factor_is_part_of_the_meaning(self):
        entity = self.Entity._for_target("unit", self.env.company, self.units)
        identifier = self.map(entity, code="BX12", factor="12.0")
        self.assertEqual((identifier.kind, identifier.factor, identifier.uom_id), ("unit", "12", self.units))
        with self.assertRaisesRegex(UserError, "does not change in place"):
            identifier.with_user(self.author).factor = "10"
        key = ("local", "BX12", date(2026, 6, 1))
        [(found, factor)] = self.Identifier._resolve_units(self.system, [key], self.env.company).values()
        self.assertEqual((found, factor), (entity, 12))
        proposal = self.propose(entity, code="BX12", factor="10", replaces_id=identifier.id, valid_from="2026-07-01")
        proposal.action_submit()
        domain = [("res_model", "=", proposal._name), ("res_id", "=", proposal.id)]
        request = self.env["integration.approval"].search(domain)
        changes = {one["label"]: (one["old"], one["new"]) for one in request.changes}
        self.assertEqual(changes["Factor"], ("12", "10"))

    def test_what_succeeds_a_rule_stays_about_the_same(self):
        rule = self.agreed(self.content())
        proposal = self.content("60", valid_from="2026-07-01", replaces_id=rule.id)
        with self.assertRaisesRegex(ValidationError, "about the same"):
            proposal.product_id = self.gloves.copy()

    def test_what_is_no_factor_is_refused(self):
        entity = self.Entity._for_target("unit", self.env.company, self.units)
        for text in ("0", "-1", "1,5", "many", "1e3"):
            with self.subTest(text), self.assertRaises(ValidationError):
                self.propose(entity, code=text, factor=text)
            with self.subTest(text), self.assertRaises(ValidationError):
                self.content(text)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.propose(self.blood, code="S", factor="2")

    def test_the_form_that_maps_asks_for_unit_and_factor(self):
        [task] = self.Task._request(self.system, "unit", {("local", "BX12"): None}, self.env.company)
        wizards = self.env["integration.map.codes"].with_user(self.author)
        with Form(wizards.with_context(default_task_ids=task.ids)) as form:
            form.uom_id = self.units
            form.factor = "12"
        form.save().action_confirm()
        self.assertEqual((task.proposal_id.uom_id, task.proposal_id.factor), (self.units, "12"))

    # -- what a unit of a product holds -------------------------------------------------------------------------------

    def test_two_people_agree(self):
        rule = self.content("50.0")
        self.assertEqual((rule.factor, rule.uom_id, rule.state), ("50", self.units, "proposed"))
        rule.action_submit()
        with self.assertRaises(UserError):
            rule.with_user(self.author).action_approve()
        rule.with_user(self.approver).action_approve()
        self.assertEqual(rule.state, "approved")
        with self.assertRaisesRegex(UserError, "does not change in place"):
            rule.with_user(self.author).factor = "40"
        with self.assertRaises(AccessError):
            rule.with_user(self.author).state = "revoked"
        with self.assertRaisesRegex(UserError, "stays in the record"):
            rule.with_user(self.author).unlink()

    def test_two_never_share_a_day(self):
        first = self.agreed(self.content(valid_to="2026-06-30"))
        self.agreed(self.content("40", valid_from="2026-07-01"))
        with self.assertRaisesRegex(UserError, "already decides"):
            self.agreed(self.content("30", valid_from="2026-06-30"))
        # The database says no as well, whatever the code above overlooked.
        values = {"state": "approved", "approval_state": "approved", "valid_from": "2026-06-30"}
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            first.sudo().copy(values)

    def test_a_successor_ends_its_predecessor(self):
        old = self.agreed(self.content())
        action = old.with_user(self.author).action_change()
        with Form(self.Factor.with_user(self.author).with_context(**action["context"])) as form:
            form.factor = "40"
            form.valid_from = "2026-07-01"
        new = self.agreed(form.record)
        self.assertEqual((old.state, str(old.valid_to), new.state), ("retired", "2026-06-30", "approved"))
        with self.assertRaises(ValidationError):
            self.content(product_id=self.blood.product_id.id, replaces_id=new.id)

    def test_an_end_needs_two_people_too(self):
        rule = self.agreed(self.content())
        wizard = (
            self.env["integration.rule.end"]
            .with_user(self.approver)
            .with_context(**rule.with_user(self.approver).action_end()["context"])
            .create({"how": "retire", "last_day": "2026-08-31", "reason": "new boxes"})
        )
        self.assertIn("Gloves", wizard.names)
        wizard.action_confirm()
        self.assertEqual((rule.state, rule.approval_state, rule.ending), ("approved", "requested", "retire"))
        with self.assertRaises(UserError):
            rule.with_user(self.approver).action_approve()
        domain = [("res_model", "=", rule._name), ("res_id", "=", rule.id), ("state", "=", "waiting")]
        shown = self.env["integration.approval"].search(domain).changes
        self.assertIn("new boxes", shown[0]["new"])
        rule.with_user(self.author).action_approve()
        self.assertEqual((rule.state, str(rule.valid_to), rule.ending), ("retired", "2026-08-31", False))

    def test_an_end_that_is_refused_leaves_the_rule_as_it_was(self):
        rule = self.agreed(self.content())
        rule.with_user(self.author)._ask_end("revoke", False, "wrong")
        rule.with_user(self.approver).action_reject("it is right")
        self.assertEqual((rule.state, rule.approval_state, rule.ending), ("approved", "approved", False))
        rule.with_user(self.author)._ask_end("revoke", False, "wrong")
        rule.with_user(self.author).action_withdraw()
        self.assertEqual((rule.state, rule.approval_state, rule.ending), ("approved", "approved", False))

    def test_an_end_lies_within_its_days(self):
        rule = self.agreed(self.content(valid_from="2026-01-01", valid_to="2026-06-30"))
        for day in (date(2025, 12, 31), date(2026, 7, 1)):
            with self.subTest(day), self.assertRaisesRegex(UserError, "not in force"):
                rule.with_user(self.author)._ask_end("retire", day, "x")
        with self.assertRaisesRegex(UserError, "not in force"):
            self.content("9")._ask_end("revoke", False, "never was")

    def test_what_odoo_converts_itself_has_no_second_answer(self):
        dozen = self.Entity._for_target("unit", self.env.company, self.env.ref("uom.product_uom_dozen"))
        with self.assertRaisesRegex(ValidationError, "by itself"):
            self.content("10", unit_id=dozen.id)

    # -- departments --------------------------------------------------------------------------------------------------

    def _department(self, name, above=None, center=None):
        values = {"kind": "department", "name": name, "part_of_id": above.id if above else False}
        if center:
            values["parent_id"] = self.Entity._for_target("cost_center", self.env.company, center).id
        return self.Entity.with_user(self.author).create(values)

    def test_the_nearest_cost_center_above(self):
        account = self._make_cost_center("4100 Surgery")
        top = self._department("Surgery", center=account)
        ward = self._department("Ward 2", top)
        bay = self._department("Bay 7", ward)
        self.assertEqual((bay._cost_center(), bay._target()), (account, account))
        self.assertEqual(bay.cost_center_today, f"{top.parent_id.name}, as of Surgery")
        own = self._make_cost_center("4120 Ward 2")
        ward.parent_id = self.Entity._for_target("cost_center", self.env.company, own)
        self.assertEqual(bay._cost_center(), own)

    def test_departments_are_no_circle(self):
        top = self._department("Surgery", center=self._make_cost_center("4100"))
        ward = self._department("Ward 2", top)
        with self.assertRaises(ValidationError):
            top.part_of_id = ward
        with self.assertRaises(ValidationError):
            self._department("Ward 3", self.blood)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self._department("Nowhere")
        # Two people at once may close one that neither sees: it ends all the same.
        self.cr.execute("UPDATE integration_entity SET part_of_id = %s WHERE id = %s", (ward.id, top.id))
        self.cr.execute("UPDATE integration_entity SET parent_id = NULL WHERE id = %s", (top.id,))
        self.env.invalidate_all()
        self.assertFalse(ward._cost_center())

    def test_what_live_codes_below_mean_does_not_change_in_place(self):
        top = self._department("Surgery", center=self._make_cost_center("4100"))
        ward = self._department("Ward 2", top)
        self.map(ward, code="W2")
        other = self.Entity._for_target("cost_center", self.env.company, self._make_cost_center("4200"))
        for entity, values in (
            (top, {"parent_id": other.id}),
            (top.parent_id, {"analytic_account_id": self._make_cost_center("4300").id}),
            (ward, {"part_of_id": self._department("Medicine", center=self._make_cost_center("5000")).id}),
        ):
            with self.subTest(entity.name), self.assertRaisesRegex(UserError, "live systems"):
                entity.with_user(self.author).write(values)

    def test_a_rule_leads_from_a_department_to_a_cost_center(self):
        top = self._department("Surgery", center=self._make_cost_center("4100"))
        rules = self.env["integration.cost.center.rule"].with_user(self.author)
        values = {"department_id": top.id, "cost_center_id": top.parent_id.id}
        category = self.env["product.category"].create({"name": "Consumables"})
        with self.assertRaises(ValidationError):
            rules.create({**values, "cost_center_id": top.id})
        both = {**values, "product_id": self.gloves.id, "categ_id": category.id}
        backwards = {**values, "valid_from": "2026-02-01", "valid_to": "2026-01-01"}
        for wrong in (both, backwards):
            with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
                rules.create(wrong)
        first = self.agreed(rules.create({**values, "categ_id": category.id}))
        self.assertEqual(first.about, "Consumables")
        self.agreed(rules.create(values))
        with self.assertRaisesRegex(UserError, "already decides"):
            self.agreed(rules.create(values))
