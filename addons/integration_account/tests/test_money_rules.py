"""Cost center rules and price sources: the most specific one decides, the charge says which, and nothing is picked."""

from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestCostCenters(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ed = cls._entity("department", cls.emergency, "Emergency")
        cls.imaging = cls._entity("cost_center", cls._analytic("Imaging"))
        cls.insured = cls._entity("cost_center", cls._analytic("Insured"))

    def rule(self, center, department=None, **values):
        return self._rule(
            "integration.cost.center.rule",
            department_id=(department or self.ed).id,
            cost_center_id=center.id,
            **values,
        )

    def borne(self, encounter, *lines, **data):
        self.finalize(encounter, *(lines or [self.line(1)]), **data)
        charges = self.charges(encounter)
        return [(one.analytic_account_id.name, one.cost_center_source, one.cost_center_rule_id) for one in charges]

    def test_a_departments_own_without_a_rule(self):
        none = self.env["integration.cost.center.rule"]
        self.assertEqual(self.borne("C-1"), [("Emergency", "department", none)])

    def test_a_service_is_borne_by_another(self):
        rule = self.rule(self.imaging, product_id=self.scan.id)
        lines = self.line(1), self.line(2, service="SCAN")
        self.assertEqual(
            self.borne("C-2", *lines),
            [("Emergency", "department", rule.browse()), ("Imaging", "rule", rule)],
        )

    def test_the_nearest_category_and_the_payer(self):
        top = self.env["product.category"].create({"name": "Imaging"})
        below = self.env["product.category"].create({"name": "CT", "parent_id": top.id})
        self.scan.categ_id = below
        of_top = self.rule(self.imaging, categ_id=top.id)
        cover = {"coverage": [{"payer": "NBH", "rank": 1}]}
        self.assertEqual(self.borne("C-3", self.line(1, service="SCAN"))[0][2], of_top)
        of_payer = self.rule(self.insured, categ_id=top.id, partner_id=self.payer.id)
        self.assertEqual(self.borne("C-4", self.line(1, service="SCAN"), **cover)[0][2], of_payer)
        self.assertEqual(self.borne("C-5", self.line(1, service="SCAN"))[0][2], of_top)
        nearest = self.rule(self.imaging, categ_id=below.id)
        self.assertEqual(self.borne("C-6", self.line(1, service="SCAN"), **cover)[0][2], nearest)

    def test_what_the_message_says_wins(self):
        self.rule(self.imaging)
        self._map("cost_center", "4711", self._analytic("Projects"))
        rule = self.env["integration.cost.center.rule"]
        self.assertEqual(self.borne("C-7", self.line(1, cost_center="4711")), [("Projects", "message", rule)])

    def test_a_new_rule_looks_again_at_what_it_may_decide_and_at_nothing_else(self):
        category = self.env["product.category"].create({"name": "Imaging"})
        self.scan.categ_id = self.env["product.category"].create({"name": "CT", "parent_id": category.id})
        old = self.line(3, service="SCAN", performed_at="2026-06-30T12:00:00Z")
        self.finalize("C-14", self.line(1), self.line(2, service="SCAN"), old)
        self.rule(self.imaging, categ_id=category.id, valid_from="2026-07-01")
        charges = self.charges("C-14")
        self.assertEqual(charges.filtered("recheck").mapped("line"), ["2"])
        self.drain()
        names = [charge.analytic_account_id.name for charge in charges]
        self.assertEqual(names, ["Emergency", "Imaging", "Emergency"])

    def test_from_a_day_on(self):
        self.rule(self.imaging, valid_from="2026-07-01")
        lines = self.line(1, performed_at="2026-06-30T12:00:00Z"), self.line(2, performed_at="2026-07-01T12:00:00Z")
        self.assertEqual([name for name, _s, _r in self.borne("C-8", *lines)], ["Emergency", "Imaging"])

    def test_a_department_below_has_what_the_nearest_above_has(self):
        ward = self.env["integration.entity"].create(
            {"kind": "department", "name": "ED short stay", "part_of_id": self.ed.id}
        )
        bay = self.env["integration.entity"].create({"kind": "department", "name": "Bay 3", "part_of_id": ward.id})
        self.env["integration.identifier"].create(
            {
                "entity_id": bay.id,
                "system_id": self.system.id,
                "code": "BAY3",
                "state": "approved",
                "approval_state": "approved",
            }
        )
        none = self.env["integration.cost.center.rule"]
        self.assertEqual(self.borne("C-9", department="BAY3"), [("Emergency", "above", none)])
        far = self.rule(self.insured)
        self.assertEqual(self.borne("C-10", department="BAY3"), [("Insured", "rule", far)])
        near = self.rule(self.imaging, department=ward, product_id=self.visit.id)
        lines = self.line(1), self.line(2, service="SCAN")
        self.assertEqual(
            self.borne("C-11", *lines, department="BAY3"), [("Imaging", "rule", near), ("Insured", "rule", far)]
        )

    def test_charges_not_approved_yet_follow_a_new_rule(self):
        charge = self.ready("C-12")
        billed, _invoice = self.bill("C-13")
        rule = self.rule(self.imaging, product_id=self.visit.id)
        self.drain()
        self.assertEqual((charge.state, charge.cost_center_rule_id), ("ready", rule))
        self.assertEqual(billed.analytic_account_id, self.emergency, "what is invoiced stays as it is")


@tagged("post_install", "-at_install")
class TestPriceSources(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pricelist = cls.env["product.pricelist"].create({"name": "Northbridge", "currency_id": cls.usd.id})
        cls.item = cls.env["product.pricelist.item"].create(
            {
                "pricelist_id": cls.pricelist.id,
                "applied_on": "0_product_variant",
                "product_id": cls.visit.id,
                "compute_price": "fixed",
                "fixed_price": 100.0,
            }
        )
        cls.patients.property_product_pricelist = cls.pricelist
        cls.payer.property_product_pricelist = cls.pricelist
        cls.cover = {"coverage": [{"payer": "NBH", "rank": 1}]}

    def rule(self, source, **values):
        return self._rule("integration.price.rule", source=source, **values)

    def sent(self, encounter, price="120.00", **more):
        data = {name: more.pop(name) for name in ("coverage", "system") if name in more}
        self.finalize(encounter, self.line(1, price=price, **more), **data)
        return self.charges(encounter)

    def test_without_a_rule_the_message_then_the_list(self):
        self.assertEqual((self.sent("P-1").amount, self.sent("P-2", price=None).amount), (120.0, 100.0))
        self.assertFalse(self.charges("P-1").price_rule_id)

    def test_a_price_of_nothing_is_a_price(self):
        self.rule("message")
        charge = self.sent("P-3", price="0.00")
        self.assertEqual((charge.state, charge.amount, charge.price_source), ("held", 0.0, "message"))

    def test_the_message_alone(self):
        rule = self.rule("message")
        charge = self.sent("P-4", price=None)
        self.assertEqual((charge.park_reason, charge.price_rule_id), ("no_price", rule))
        self.assertIn(str(rule.id), charge.park_detail)
        self.assertEqual(self.sent("P-5").amount, 120.0)

    def test_the_price_list_alone(self):
        rule = self.rule("price_list")
        charge = self.sent("P-6")
        self.assertRecordValues(
            charge,
            [
                {
                    "state": "held",
                    "amount": 100.0,
                    "amount_sent": 120.0,
                    "price_source": "price_list",
                    "price_rule_id": rule.id,
                    "price_item_id": self.item.id,
                }
            ],
        )
        missing = self.sent("P-7", service="SCAN")
        self.assertEqual((missing.park_reason, missing.amount), ("no_price", 120.0), "what was sent is at risk")

    def test_both_must_agree(self):
        rule = self.rule("agree", tolerance=1.0)
        within, beyond = self.sent("P-8", price="101.00"), self.sent("P-9", price="101.01")
        self.assertRecordValues(
            within, [{"state": "held", "amount": 101.0, "price_source": "message", "price_rule_id": rule.id}]
        )
        self.assertEqual((beyond.park_reason, beyond.amount), ("price_differs", 101.01))
        for word in ("101.01", "100.00", "Northbridge", f"({rule.id})", f"(rule {self.item.id})", "1 %"):
            self.assertIn(word, beyond.park_detail)
        self.item.fixed_price = 101.0
        self.drain()
        self.assertEqual((beyond.state, beyond.amount), ("held", 101.01))

    def test_no_list_price_is_no_agreement(self):
        self.rule("agree")
        charge = self.sent("P-10", service="SCAN")
        self.assertEqual((charge.park_reason, charge.amount), ("no_price", 120.0))

    def test_agreement_is_about_the_same_unit(self):
        self.rule("agree")
        self._map("unit", "BX12", self.env.ref("uom.product_uom_unit"), factor="12")
        self.assertEqual(self.sent("P-11", price="1200.00", unit="BX12").state, "held")
        self.assertEqual(self.sent("P-12", price="100.00", unit="BX12").park_reason, "price_differs")

    def test_the_most_specific_decides(self):
        rules = {
            "any": self.rule("price_list"),
            "system": self.rule("message", system_id=self.system.id),
            "payer": self.rule("agree", partner_id=self.payer.id),
            "service": self.rule("message", product_id=self.visit.id),
        }
        self.assertEqual(self.sent("P-13", **self.cover).price_rule_id, rules["service"])
        steward, other = self._stewards()
        rules["service"].with_user(steward)._ask_end("revoke", False, "not any more")
        self.assertEqual(self.sent("P-18", **self.cover).price_rule_id, rules["service"], "it decides until then")
        rules["service"].with_user(other).action_approve()
        self.drain()
        self.assertEqual(self.charges("P-18").price_rule_id, rules["payer"])
        self.assertEqual(self.sent("P-14", **self.cover).price_rule_id, rules["payer"])
        self.assertEqual(self.sent("P-15").price_rule_id, rules["system"])

    def _stewards(self):
        return [self._user(name, "integration_core.group_steward") for name in ("steward", "other")]

    def test_by_the_day_of_service(self):
        self.rule("price_list", valid_from="2026-07-01")
        self.finalize(
            "P-16",
            self.line(1, performed_at="2026-06-30T12:00:00Z"),
            self.line(2, performed_at="2026-07-01T12:00:00Z"),
        )
        self.assertEqual(self.charges("P-16").mapped("amount"), [120.0, 100.0])

    def test_parked_and_ready_charges_follow_a_changed_rule(self):
        rule = self.rule("agree")
        parked = self.sent("P-17")
        self.assertEqual(parked.park_reason, "price_differs")
        steward, other = self._stewards()
        new = (
            self.env["integration.price.rule"]
            .with_user(steward)
            .create({"source": "agree", "tolerance": 20, "replaces_id": rule.id})
        )
        new.action_submit()
        self.assertEqual(new.state, "proposed")
        new.with_user(other).action_approve()
        self.assertEqual((new.state, rule.state), ("approved", "revoked"))
        self.drain()
        self.assertEqual((parked.state, parked.price_rule_id), ("held", new))

    def test_rules_of_a_test_system_need_no_second_person(self):
        trial = self._make_system("trial", live=False)
        rule = self.env["integration.price.rule"].create({"source": "message", "system_id": trial.id})
        self.assertFalse(rule._approval_needed())
        self.assertTrue(self.env["integration.price.rule"].create({"source": "message"})._approval_needed())
