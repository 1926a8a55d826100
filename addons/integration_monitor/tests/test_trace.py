from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_monitor.models import integration_trace_money as money
from odoo.addons.integration_monitor.models import integration_trace_plumbing as plumbing
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged

from .common import MonitorCase

URL = "/odoo/integration-trace"


class TraceCase(MonitorCase):
    """A hospital, and people of each role who look."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls._person("boss", "admin")
        cls.viewer = cls._person("viewer", "finance_viewer")
        cls.operator = cls._person("operator", "operator")
        cls.steward = cls._person("steward", "steward")
        cls.liaison = cls._person("liaison", "clinical_liaison")
        cls.nobody = new_test_user(cls.env, "nobody", groups="base.group_user", company_id=cls.company.id)

    @classmethod
    def _person(cls, login, role):
        return new_test_user(cls.env, login, groups=f"integration_core.group_{role}", company_id=cls.company.id)

    def trace(self, user=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["integration.trace"].with_user(user or self.boss)

    def flow(self, key, user=None):
        return self.trace(user).get_flow(str(key))

    def of(self, record, user=None):
        return self.flow(f"{record._name}-{record.id}", user)

    def steps(self, flow, what=None):
        return [step for step in flow["steps"] if what in (None, step["what"])]

    def whats(self, flow):
        return [step["what"] for step in flow["steps"]]

    def stages(self, flow):
        return {one["stage"]: one["level"] for one in flow["stages"]}

    def dead(self, event):
        """Make dead letters of an event's deliveries."""
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC', attempts = 2,"
            " error_code = 'timeout' WHERE event_id = %s RETURNING id",
            (event.id,),
        )
        delivery = self.env["integration.delivery"].browse(row[0] for row in self.env.cr.fetchall())
        for number in (1, 2):
            self.env.cr.execute(
                "INSERT INTO integration_attempt (delivery_id, number, started_at, duration_ms, outcome, error_code)"
                " VALUES (%s, %s, now() AT TIME ZONE 'UTC', 5, 'retry', 'timeout')",
                (delivery[:1].id, number),
            )
        return delivery[:1]


@tagged("post_install", "-at_install")
class TestTrace(TraceCase):
    """One flow on one page, with the reader's own rights."""

    def test_from_the_message_to_the_payment(self):
        charges, invoice = self.bill("E-1", self.line(1), self.line(2))
        self.post_invoice(invoice)
        payment = self.pay(invoice)
        self.commit()
        flow = self.of(invoice)
        self.assertEqual(flow["title"], "Encounter E-1 · " + self.system.name)
        whats = self.whats(flow)
        expected = ["message_accepted", "charge_made", "approved", "draft_made", "invoice_posted", "payment_made"]
        # A test is one transaction, at whose start records say that they were made: their order says nothing here.
        self.assertLessEqual({*expected, "event_emitted"}, set(whats))
        [made] = self.steps(flow, "charge_made")
        self.assertEqual((made["count"], made["names"]), (2, "lines 1, 2"))
        self.assertIn("240.00", made["money"][0])
        [approved] = self.steps(flow, "approved")
        self.assertEqual(approved["who"], "reviewer")
        self.assertEqual(approved["open"]["domain"], [("id", "in", charges.ids)])
        [paid] = self.steps(flow, "payment_made")
        self.assertEqual((paid["names"], paid["open"]["res_id"]), (payment.name, payment.id))
        self.assertEqual(flow["headline"]["level"], "success")
        self.assertEqual(self.stages(flow)["payment"], "done")

    def test_every_record_of_a_flow_leads_to_it(self):
        charges, invoice = self.bill("E-1")
        self.post_invoice(invoice)
        payment = self.pay(invoice)
        self.commit()
        key = f"encounter-{self.system.id}-E-1"
        posted = self.events("finance.invoice.posted.v1", invoice)
        delivery = self.env["integration.delivery"].search([("event_id", "=", charges.event_id.id)], limit=1)
        for record in (charges, invoice, payment, charges.event_id, posted, delivery):
            with self.subTest(record._name):
                flow = self.of(record)
                self.assertEqual(flow["key"], key)
                self.assertEqual(flow["focus"], {"model": record._name, "id": record.id})
        for text in ("E-1", "E-1 / 1", invoice.name, payment.name, charges.event_id.webhook_id, posted.uuid):
            with self.subTest(text):
                self.assertEqual([one["key"] for one in self.trace().find(text)["matches"]], [key])

    def test_what_is_parked_is_told_first_with_money_and_whose_turn(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        flow = self.flow(f"encounter-{self.system.id}-E-1")
        self.assertEqual(flow["headline"]["level"], "danger")
        self.assertEqual(self.stages(flow)["charge"], "problem")
        self.assertEqual(self.stages(flow)["mapping"], "problem")
        [parked] = self.steps(flow, "charge_parked")
        self.assertEqual(
            (parked["names"], parked["reason"], parked["turn"]), ("line 2", "Code not mapped", "Mapping steward")
        )
        self.assertIn("80.00", parked["money"][0])
        [waits] = self.steps(flow, "code_waits")
        self.assertEqual((waits["names"], waits["turn"]), ("Service NEW", "Steward maps it"))
        self.assertEqual(flow["headline"]["open"]["res_model"], "integration.mapping.task")

    def test_who_mapped_the_code_that_a_charge_waited_for(self):
        self.finalize("E-1", self.line(1, service="NEW"))
        product = self.env["product.product"].create({"name": "New", "type": "service"})
        self._map("service", "NEW", product, decided_by_id=self.steward.id)
        self.drain()
        [mapped] = self.steps(self.flow(f"encounter-{self.system.id}-E-1"), "code_mapped")
        self.assertEqual((mapped["names"], mapped["who"]), ("Service NEW", self.steward.name))

    def test_copies_and_refusals_are_in_the_flow(self):
        event = self.finalize("E-1", self.line(1))
        self.env["integration.receipt"]._append(
            self.system,
            [],
            outcome="duplicate",
            webhook_id=event.webhook_id,
            received_at=event.received_at,
            mode="live",
            event_uuid=event.uuid,
            encounter="E-1",
        )
        flow = self.flow(f"encounter-{self.system.id}-E-1")
        [copy] = self.steps(flow, "message_duplicate")
        self.assertEqual((copy["names"], copy["open"]["res_model"]), (event.webhook_id, "integration.receipt"))

    def test_a_void_and_its_credit_note(self):
        _charges, invoice = self.bill("E-1")
        self.post_invoice(invoice)
        self.void("E-1", 1)
        flow = self.of(invoice)
        whats = self.whats(flow)
        for what in ("void_applied", "charge_reversed", "credit_made", "credit_waits"):
            self.assertIn(what, whats)
        refund = self.env["account.move"].search([("reversed_entry_id", "=", invoice.id)])
        self.assertEqual(self.of(refund)["key"], flow["key"])

    def reverse(self, invoice):
        """Return the draft that the button *Credit Note* of an invoice makes."""
        dialog = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, "reason": "billed by mistake"})
        )
        dialog.reverse_moves()
        self.commit()
        return dialog.new_move_ids

    def test_a_credit_note_that_a_person_makes_is_in_the_flow(self):
        _charges, invoice = self.bill("E-1")
        self.post_invoice(invoice)
        self.pay(invoice)
        refund = self.reverse(invoice)
        for record in (invoice, refund):
            flow = self.of(record)
            self.assertEqual(flow["key"], f"encounter-{self.system.id}-E-1")
            [waits] = self.steps(flow, "credit_waits")
            self.assertEqual(waits["open"]["res_id"], refund.id)
            self.assertEqual((flow["headline"]["level"], flow["headline"]["open"]["res_id"]), ("warning", refund.id))

    def test_a_credit_note_of_another_encounter_stays_there(self):
        charges, invoice = self.bill("E-1", self.line(1), self.line(2))
        self.post_invoice(invoice)
        charges[1].encounter = "E-2"  # as where one invoice is for several
        self.void("E-2", 2)
        note = charges[1].credit_line_id.move_id
        self.assertEqual(note.reversed_entry_id, invoice)
        self.assertEqual(self.of(note)["key"], f"encounter-{self.system.id}-E-2")
        self.assertNotIn("credit_waits", self.whats(self.flow(f"encounter-{self.system.id}-E-1")))

    # -- rights -------------------------------------------------------------------------------------------------------

    def test_an_operator_sees_lines_and_deliveries_and_no_money(self):
        charges, invoice = self.bill("E-1", self.line(1), self.line(2))
        self.finalize("E-1", self.line(3, service="NEW", price="80.00"))
        self.post_invoice(invoice)
        flow = self.of(charges[0].event_id, self.operator)
        self.assertFalse(any(step["money"] for step in flow["steps"]))
        stages = self.stages(flow)
        self.assertEqual((stages["invoice"], stages["payment"], stages["approval"]), ("hidden", "hidden", "hidden"))
        self.assertEqual((stages["charge"], stages["delivery"]), ("problem", "done"))
        [parked] = self.steps(flow, "charge_parked")
        self.assertEqual((parked["names"], parked["hidden"], parked["open"]), ("line 3", True, None))
        for step in flow["steps"]:
            if step["open"]:
                self.env[step["open"]["res_model"]].with_user(self.operator).check_access("read")

    def test_finance_is_told_of_a_dead_letter_that_it_may_not_open(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        self.dead(event)
        flow = self.flow(f"encounter-{self.system.id}-E-1", self.viewer)
        [dead] = self.steps(flow, "delivery_dead")
        self.assertEqual((dead["open"], dead["hidden"], dead["turn"]), (None, True, "Integration operator"))
        self.assertEqual(self.stages(flow)["delivery"], "problem")

    def test_an_operator_reads_the_attempts_of_a_dead_letter(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        delivery = self.dead(event)
        [dead] = self.steps(self.of(delivery, self.operator), "delivery_dead")
        self.assertEqual((dead["attempts"], [one["failed"] for one in dead["tries"]]), (2, [True, True]))
        self.assertEqual(dead["open"]["res_id"], delivery.id)
        self.assertTrue(dead["reason"])

    def test_every_role_opens_only_what_it_may_read(self):
        self.bill("E-1", self.line(1), self.line(2, service="NEW"))
        self.dead(self.finalize("E-1", self.line(3), drain=False))
        self.post_invoice(self.charges("E-1", 1).invoice_id)
        for role in ("finance_viewer", "finance_reviewer", "clinical_liaison", "operator", "steward", "admin",
                     "auditor"):  # fmt: skip
            user = self._person(f"r_{role}", role)
            flow = self.flow(f"encounter-{self.system.id}-E-1", user)
            self.assertEqual(flow["state"], "ok", role)
            for step in flow["steps"]:
                if step["open"]:
                    records = self.env[step["records"]["model"]].browse(step["records"]["ids"])
                    records.with_user(user).check_access("read")

    def test_without_a_role_nothing_is_told(self):
        self.finalize("E-1", self.line(1))
        for method in ("find", "get_flow"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(self.trace(self.nobody), method)("E-1")

    def test_another_companys_flow_is_nothing(self):
        charges, invoice = self.bill("E-1")
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.boss.write({"company_ids": [Command.link(other.id)]})
        there = self.trace().with_context(allowed_company_ids=other.ids)
        for record in (charges, invoice, charges.event_id):
            self.assertEqual(there.get_flow(f"{record._name}-{record.id}"), {"state": "nothing"})
        self.assertEqual(there.get_flow(f"encounter-{self.system.id}-E-1"), {"state": "nothing"})
        for text in ("E-1", charges.event_id.uuid, charges.event_id.webhook_id):
            self.assertFalse(there.find(text)["matches"])

    def test_contents_are_asked_for_by_those_alone_who_may_ask(self):
        self.finalize("E-1", self.line(1))
        key = f"encounter-{self.system.id}-E-1"
        asks = {
            user.login: any(step["content"] for step in self.flow(key, user)["steps"])
            for user in (self.viewer, self.operator, self.liaison, self.steward)
        }
        self.assertEqual(asks, {"viewer": False, "operator": True, "liaison": True, "steward": False})

    def test_no_patient_is_named(self):
        guarantor = {"id": "G-77", "name": "Zoe Abernathy", "address": {"country": "US"}}
        _charges, invoice = self.bill("E-1", guarantor=guarantor)
        self.assertEqual(invoice.partner_id.name, "Zoe Abernathy")
        self.post_invoice(invoice)
        told = str(self.flow(f"encounter-{self.system.id}-E-1"))
        for word in ("Abernathy", "Zoe", "MRN-E-1", "G-77"):
            self.assertNotIn(word, told)
        for word in ("Abernathy", "Zoe Abernathy", "MRN-E-1", "G-77"):
            self.assertFalse(self.trace().find(word)["matches"], "nobody is looked for by a patient's name")

    # -- what is looked for -------------------------------------------------------------------------------------------

    def test_a_number_that_two_systems_use_is_asked_back(self):
        self.finalize("E-1", self.line(1))
        other = self._make_system("other")
        self.env.cr.execute("SELECT max(id) FROM integration_receipt")
        self.env["integration.receipt"]._append(
            other, [], outcome="rejected", webhook_id="m-9", received_at=self.env.cr.now(), mode="live", encounter="E-1"
        )
        found = self.trace().find(" E-1 ")
        self.assertEqual({one["title"] for one in found["matches"]}, {"E-1"})
        self.assertEqual(len(found["matches"]), 2)

    def test_what_is_not_there_is_not_found(self):
        for text in ("", "   ", "E-404", "x" * 300, "%", None, 7):
            with self.subTest(text=text):
                self.assertEqual(self.trace().find(text)["matches"], [])
        for key in ("", "x", "invoice-1-2", "charge-999999999", "flow-x", None, 7):
            with self.subTest(key=key):
                self.assertEqual(self.trace().get_flow(key), {"state": "nothing"})

    def test_who_sees_no_invoices_is_told_that_they_are_not_searched(self):
        self.assertTrue(self.trace(self.operator).find("INV/1")["blind"])
        self.assertFalse(self.trace(self.viewer).find("INV/1")["blind"])

    def test_a_supplier_is_found_by_name_number_and_code(self):
        supplier = self.env["res.partner"].create({"name": "Meridian Implants", "is_company": True, "ref": "V-100"})
        self._map("supplier", "MER", supplier)
        for text in ("meridian", "V-100", "MER"):
            for user in (self.boss, self.steward, self.viewer):
                with self.subTest(text=text, user=user.login):
                    [match] = self.trace(user).find(text)["matches"]
                    self.assertEqual(match["key"], f"partner-{supplier.id}")
        flow = self.of(supplier)
        self.assertEqual(flow["title"], "Meridian Implants")
        self.assertLessEqual({"entity_made", "code_mapped"}, set(self.whats(flow)))
        self.assertNotIn("charge", self.stages(flow))

    def test_an_invoice_without_an_encounter_is_a_flow_of_its_own(self):
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.payer.id,
                "company_id": self.company.id,
                "invoice_line_ids": [Command.create({"product_id": self.visit.id, "price_unit": 10})],
            }
        )
        invoice.action_post()
        self.commit()
        flow = self.of(invoice)
        self.assertEqual((flow["key"], flow["title"]), (f"invoice-{invoice.id}", invoice.name))
        self.assertIn("event_emitted", self.whats(flow))
        [unpaid] = self.steps(flow, "payment_waits")
        self.assertFalse(unpaid["at"])
        self.assertEqual(flow["headline"]["level"], "warning")

    def test_a_payment_of_two_encounters_leads_to_both(self):
        _one, first = self.bill("E-1")
        _two, second = self.bill("E-2")
        for invoice in (first, second):
            self.post_invoice(invoice)
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=(first | second).ids)
            .create({"group_payment": True})
        )
        payment = wizard._create_payments()
        self.commit()
        self.assertEqual(len(payment), 1)
        flow = self.of(payment)
        self.assertEqual([one["title"] for one in flow["related"]], ["Encounter E-1", "Encounter E-2"])
        self.assertEqual(len(self.steps(flow, "payment_made")), 1)

    def test_a_payment_that_was_reconciled_with_a_bill_later_leads_to_it(self):
        supplier = self.env["res.partner"].create({"name": "Meridian Implants", "is_company": True})
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": supplier.id,
                "company_id": self.company.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [Command.create({"name": "Implant", "price_unit": 10})],
            }
        )
        bill.action_post()
        payment = self.pay(bill)
        self.assertIn(bill, payment.reconciled_bill_ids)
        payment.invoice_ids = [Command.clear()]  # as one that was made first and reconciled by hand
        self.commit()
        flow = self.of(payment)
        self.assertEqual(flow["key"], f"payment-{payment.id}")
        [posted] = self.steps(flow, "invoice_posted")
        self.assertEqual(posted["open"]["res_id"], bill.id)

    def test_who_posted_a_bill_is_told_and_not_before_it_was_made(self):
        supplier = self.env["res.partner"].create({"name": "Meridian Implants", "is_company": True})
        make = {
            "move_type": "in_invoice",
            "partner_id": supplier.id,
            "company_id": self.company.id,
            "invoice_date": fields.Date.today(),
            "invoice_line_ids": [Command.create({"name": "Implant", "price_unit": 10})],
        }
        at_once, later = self.env["account.move"].create([make, make])
        at_once.action_post()
        self.commit()  # of what was made a moment ago the chatter tells no change
        later.with_user(self.boss).sudo().action_post()
        self.commit()
        [posted] = self.steps(self.of(later), "invoice_posted")
        self.assertEqual(posted["who"], self.boss.name)
        for bill in (at_once, later):
            whats = self.whats(self.of(bill))
            self.assertLess(whats.index("draft_made"), whats.index("invoice_posted"))

    def test_a_contact_that_is_no_company_has_its_button_as_a_party_alone(self):
        make = self.env["res.partner"].create
        company, nobody = make([{"name": "Implants", "is_company": True}, {"name": "Somebody"}])
        seller = make({"name": "Jane, who sells", "supplier_rank": 1})
        known = make({"name": "Joe, who is mapped"})
        self._map("supplier", "JOE", known)
        partners = (company | nobody | seller | known).with_user(self.steward)
        self.assertEqual(partners.mapped("integration_has_trace"), [True, False, True, True])
        self.assertFalse(make({"name": "Other"}).new({"is_company": True}).integration_has_trace)
        arch = self.env["res.partner"].with_user(self.steward).get_view(view_type="form")["arch"]
        self.assertIn('invisible="not integration_has_trace"', arch)

    # -- bounds -------------------------------------------------------------------------------------------------------

    def test_a_longer_flow_costs_no_further_statements(self):
        self.bill("E-1", self.line(1))
        self.bill("E-2", *[self.line(number) for number in range(1, 25)])

        def cost(encounter):
            trace = self.trace()
            before = self.env.cr.sql_log_count
            trace.get_flow(f"encounter-{self.system.id}-{encounter}")
            return self.env.cr.sql_log_count - before

        cost("E-1")  # what is kept from one to the next
        self.assertLessEqual(cost("E-2"), cost("E-1") + 2)

    def test_what_is_beyond_the_bounds_is_said(self):
        self.finalize("E-1", *[self.line(number) for number in range(1, 6)])
        key = f"encounter-{self.system.id}-E-1"
        self.assertFalse(self.flow(key)["is_cut"])
        with patch.object(money, "CHARGES", 3):
            self.assertTrue(self.flow(key)["is_cut"])
        with patch.object(plumbing, "DELIVERIES", 0):
            self.assertTrue(self.flow(key)["is_cut"])


@tagged("post_install", "-at_install")
class TestTraceScreen(TraceCase, HttpCase):
    """The page in a browser: found, followed, opened and come back to."""

    allow_end_on_form = True

    def setUp(self):
        super().setUp()
        self.env["res.users"].search([]).write({"tour_enabled": False})
        _charges, self.invoice = self.bill("E-1", self.line(1), self.line(2))
        self.post_invoice(self.invoice)
        self.dead(self.finalize("E-7", self.line(1), drain=False))

    def test_finance_follows_an_invoice_there_and_back(self):
        self.start_tour(f"/odoo/account.move/{self.invoice.id}", "integration_trace_finance", login="viewer")

    def test_an_operator_finds_a_dead_letter_and_what_is_not_there(self):
        self.start_tour(URL, "integration_trace_operator", login="operator")

    def test_an_address_leads_to_the_flow(self):
        self.browser_js(
            f"{URL}?flow=encounter-{self.system.id}-E-1",
            "const shown = document.querySelector('.o_trace_title').innerText;"
            "if (shown.includes('E-1') && document.activeElement) { console.log('test successful'); }",
            "!!document.querySelector('.o_trace_timeline .o_trace_step')",
            login="viewer",
        )

    def test_who_holds_no_role_is_told(self):
        self.browser_js(
            f"{URL}?flow=encounter-{self.system.id}-E-1",
            "console.log('test successful');",
            "!!document.querySelector('.o_trace_refused')",
            login="nobody",
        )

    def test_a_phone_shows_it_without_scrolling_sideways(self):
        type(self).browser_size, size = "390x844", type(self).browser_size
        self.addCleanup(setattr, type(self), "browser_size", size)
        self.browser_js(
            f"{URL}?flow=encounter-{self.system.id}-E-1",
            "const page = document.querySelector('.o_integration_trace');"
            "if (page.querySelector('.o_content, .container-lg').scrollWidth <= window.innerWidth) {"
            " console.log('test successful'); }",
            "!!document.querySelector('.o_trace_timeline .o_trace_step')",
            login="viewer",
        )
