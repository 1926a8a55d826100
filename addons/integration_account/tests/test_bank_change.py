"""A supplier's bank account is paid to after a call to a number known before, by a second person, and some time."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_mapping.tests.common import MappingCase
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

IBAN, OTHER_IBAN = "BE68539007547034", "BE71096123456769"
PHONE = "+32 9 123 45 67"
ACCOUNTANT = "account.group_account_user,account.group_validate_bank_account,base.group_partner_manager"


class BankCase(MappingCase):
    """A canonical supplier of long standing, an accountant who enters accounts, and two stewards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.company.chart_template:
            cls.env["account.chart.template"].try_loading("generic_coa", cls.company)
        cls.accountant = new_test_user(cls.env, "accountant", groups=ACCOUNTANT)
        cls.payer_user = new_test_user(cls.env, "payer", groups=ACCOUNTANT)
        cls.Change = cls.env["integration.bank.change"]
        cls.acme = cls._supplier("Acme Medical", PHONE)
        cls._forget_approvers()

    @classmethod
    def _supplier(cls, name, phone=False):
        partner = cls.env["res.partner"].create({"name": name, "is_company": True, "phone": phone, "supplier_rank": 1})
        cls.env["integration.entity"]._for_target("supplier", cls.company, partner)
        cls._age(partner)
        return partner

    @classmethod
    def _age(cls, partner, days=400):
        """Let the contact have been there for a while."""
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE res_partner SET create_date = create_date - %s * interval '1 day' WHERE id = %s", [days, partner.id]
        )
        partner.invalidate_recordset(["create_date"])

    def enter(self, partner=None, number=IBAN, user=None, **vals):
        """Let the accountant enter an account; return it."""
        banks = self.env["res.partner.bank"].with_user(user or self.accountant)
        return banks.create({"partner_id": (partner or self.acme).id, "acc_number": number, **vals})

    def change_of(self, bank):
        return self.Change.search([("bank_id", "=", bank.id)], order="id desc", limit=1)

    def confirm(self, bank, *, user=None, phone=PHONE):
        """Let a steward call the supplier and approve."""
        change = self.change_of(bank).with_user(user or self.approver)
        change._record_call(phone=phone, spoke_to="Ann, bookkeeping", source="record", note=False)
        change.action_approve()
        return change

    def after(self, hours):
        """Return a context in which so many hours have passed."""
        return patch.object(fields.Datetime, "now", lambda *_args: self.start + timedelta(hours=hours))

    def setUp(self):
        super().setUp()
        self.start = fields.Datetime.now()


@tagged("post_install", "-at_install")
class TestBankChange(BankCase):
    def test_a_new_account_is_withheld_whatever_its_author_says(self):
        bank = self.enter(allow_out_payment=True)
        change = self.change_of(bank)
        self.assertFalse(bank.allow_out_payment)
        self.assertEqual((change.state, change.turn, change.what), ("waiting", "caller", "new"))
        self.assertEqual((change.author_id, change.new_number), (self.accountant, "•••• 7034"))
        self.assertIn("A second person calls the supplier", bank.integration_status)
        self.assertIn("•••• 7034", self.acme.integration_bank_warning)

    def test_no_door_leads_past_the_rule(self):
        bank = self.enter()
        for user in (self.accountant, self.author, self.env.user):
            with self.subTest(user.login), self.assertRaises(UserError):  # an AccessError is one
                self.call(user, bank, "write", {"allow_out_payment": True})
        with self.assertRaisesRegex(UserError, "second person"):
            bank.sudo().allow_out_payment = True
        with self.assertRaisesRegex(UserError, "second person"):
            bank.sudo().with_context(integration_releasing=True).allow_out_payment = True
        columns, row = ["partner_id/.id", "acc_number", "allow_out_payment"], [str(self.acme.id), OTHER_IBAN, "1"]
        loaded = self.env["res.partner.bank"].with_user(self.accountant).load(columns, [row])
        self.assertFalse(self.env["res.partner.bank"].browse(loaded["ids"]).allow_out_payment)
        for vals in ({"state": "usable"}, {"usable_from": self.start}, {"callback_at": self.start}):
            with self.assertRaises(AccessError):
                self.call(self.author, self.change_of(bank), "write", vals)

    def test_who_is_no_supplier_is_odoos_business(self):
        person = self.env["res.partner"].create({"name": "Customer"})
        bank = self.enter(person, allow_out_payment=True)
        self.assertTrue(bank.allow_out_payment)
        self.assertFalse(self.change_of(bank))

    def test_after_a_call_and_an_approval_time_has_to_pass(self):
        bank = self.enter()
        change = self.confirm(bank)
        self.assertEqual((change.state, bank.allow_out_payment), ("cooling", False))
        self.assertEqual(change.usable_from, change.since + timedelta(hours=48))
        with self.after(47):
            self.Change._chore_release(10)
        self.assertFalse(bank.allow_out_payment)
        with self.after(49):
            self.Change._chore_release(10)
        self.assertEqual((change.state, bank.allow_out_payment, bank.integration_status), ("usable", True, False))

    def test_the_cooling_time_is_a_setting_that_holds_for_later_changes(self):
        bank = self.enter()
        self.company.integration_bank_cooling_hours = 0
        self.assertEqual(self.confirm(bank).state, "cooling", "what waits keeps its time")
        other = self.enter(number=OTHER_IBAN)
        self.assertEqual(self.confirm(other).state, "usable")

    def test_without_a_call_nobody_approves(self):
        change = self.change_of(self.enter()).with_user(self.approver)
        with self.assertRaisesRegex(UserError, "record the call"):
            change.action_approve()
        request = self.env["integration.approval"].search(
            [("res_model", "=", change._name), ("res_id", "=", change.id)]
        )
        self.assertEqual(request.state, "waiting")
        with self.assertRaisesRegex(UserError, "record the call"):
            request.with_user(self.approver).action_approve()

    def test_whoever_entered_it_neither_calls_nor_approves(self):
        steward = new_test_user(self.env, "both", groups=f"integration_core.group_steward,{ACCOUNTANT}")
        change = self.change_of(self.enter(user=steward)).with_user(steward)
        for deed in (change.action_record_call, change.action_approve):
            with self.assertRaisesRegex(UserError, "prepared"):
                deed()

    def test_whoever_made_the_supplier_does_not_approve_its_account(self):
        maker = new_test_user(self.env, "maker", groups=f"integration_core.group_steward,{ACCOUNTANT}")
        partner = self.env["res.partner"].with_user(maker).create({"name": "Newco", "is_company": True})
        self.env["integration.entity"]._for_target("supplier", self.company, partner)
        self._age(partner)
        change = self.change_of(self.enter(partner)).with_user(maker)
        with self.assertRaisesRegex(UserError, "prepared"):
            change.action_record_call()
        entity = (
            self.env["integration.entity"]
            .with_user(self.author)
            ._for_target(
                "supplier", self.company, self.env["res.partner"].create({"name": "Bindco", "is_company": True})
            )
        )
        change = self.change_of(self.enter(entity.partner_id)).with_user(self.author)
        with self.assertRaisesRegex(UserError, "prepared"):
            change.action_record_call()

    def test_a_phone_that_came_with_the_change_is_not_called(self):
        self.acme.with_user(self.accountant).phone = "+44 20 7946 0000"
        change = self.change_of(self.enter()).with_user(self.approver)
        self.assertEqual(change.phones_known, [PHONE])
        for source in ("record", "elsewhere"):
            with self.subTest(source), self.assertRaisesRegex(UserError, "not known before"):
                change._record_call(phone="+44 20 7946 0000", spoke_to="Eve", source=source, note="Their mail")
        change._record_call(phone="0032 9 123 45 67", spoke_to="Ann", source="record", note=False)
        self.assertEqual(change.callback_by_id, self.approver)

    def test_whoever_changed_the_phone_lately_does_not_approve(self):
        helper = new_test_user(self.env, "helper", groups=f"integration_core.group_steward,{ACCOUNTANT}")
        self.acme.with_user(helper).phone = "+44 20 7946 0000"
        change = self.change_of(self.enter()).with_user(helper)
        with self.assertRaisesRegex(UserError, "prepared"):
            change.action_record_call()

    def test_without_a_known_phone_one_is_found_independently_and_said_where(self):
        stranger = self._supplier("Newco")
        change = self.change_of(self.enter(stranger)).with_user(self.approver)
        self.assertFalse(change.phones_known)
        with self.assertRaisesRegex(UserError, "where you found"):
            change._record_call(phone="+32 2 555 12 12", spoke_to="Bob", source="elsewhere", note=False)
        change._record_call(
            phone="+32 2 555 12 12", spoke_to="Bob", source="elsewhere", note="Contract of 2024, page 1"
        )
        self.assertTrue(change.callback_at)

    def test_a_changed_number_is_withheld_anew(self):
        bank = self.enter()
        self.confirm(bank)
        with self.after(49):
            self.Change._chore_release(10)
        bank.with_user(self.accountant).write({"allow_out_payment": False, "acc_number": OTHER_IBAN})
        change = self.change_of(bank)
        self.assertEqual((change.what, change.old_number, change.new_number), ("changed", "•••• 7034", "•••• 6769"))
        self.assertEqual((change.state, bank.allow_out_payment), ("waiting", False))

    def test_a_change_takes_an_approval_back(self):
        bank = self.enter()
        first = self.confirm(bank)
        bank.with_user(self.accountant).acc_number = OTHER_IBAN
        self.assertEqual(first.state, "ended")
        with self.after(49):
            self.Change._chore_release(10)
        self.assertFalse(bank.allow_out_payment)

    def test_a_changed_bank_and_a_return_from_the_archive_count_too(self):
        bank = self.enter()
        self.confirm(bank)
        with self.after(49):
            self.Change._chore_release(10)
        bank.sudo().bank_id = self.env["res.bank"].create({"name": "Far bank", "bic": "FARBZZ22"})
        self.assertEqual((self.change_of(bank).what, bank.allow_out_payment), ("changed", False))
        bank.action_archive()
        self.assertEqual(self.change_of(bank).state, "ended")
        bank.action_unarchive()
        self.assertEqual((self.change_of(bank).what, self.change_of(bank).state), ("restored", "waiting"))

    def test_rejecting_says_why_and_asking_again_begins_anew(self):
        bank = self.enter()
        change = self.change_of(bank).with_user(self.approver)
        change.action_reject("They know nothing of it.")
        self.assertEqual(change.state, "refused")
        self.assertIn("They know nothing of it.", bank.integration_status)
        bank.with_user(self.accountant).action_integration_confirm()
        again = self.change_of(bank)
        self.assertEqual((again.state, again.what, again.callback_at), ("waiting", "asked", False))

    def test_an_account_entered_before_its_contact_became_a_supplier_is_withheld(self):
        partner = self.env["res.partner"].create({"name": "Newco", "is_company": True})
        young = self.enter(partner, allow_out_payment=True)
        self.assertTrue(young.allow_out_payment)
        self.env["integration.entity"]._for_target("supplier", self.company, partner)
        self.assertEqual((young.allow_out_payment, self.change_of(young).what), (False, "supplier"))

    def test_an_account_that_a_merge_moves_is_withheld(self):
        other = self._supplier("Acme twin")
        bank = self.enter(other)
        self.Change.search([("bank_id", "=", bank.id)])
        change = self.change_of(bank).with_user(self.approver)
        change._record_call(phone="+32 2 555 12 12", spoke_to="Bob", source="elsewhere", note="Contract")
        change.action_approve()
        with self.after(49):
            self.Change._chore_release(10)
        self.assertTrue(bank.allow_out_payment)
        self.acme.vat = other.vat = "BE0477472701"
        pairs = self.env["integration.duplicate"]
        pairs._find()
        pair = pairs.search([("partner_id", "=", min(other.id, self.acme.id)), ("state", "=", "open")])
        self.assertTrue(pair.two_people)
        keep = "action_keep_one" if pair.partner_id == self.acme else "action_keep_other"
        getattr(pair.with_user(self.author), keep)()
        pair.with_user(self.approver).action_approve()
        self.assertEqual((bank.partner_id, bank.allow_out_payment), (self.acme, False))
        self.assertEqual(self.change_of(bank).what, "moved")

    def test_one_person_alone_confirms_and_is_marked(self):
        self.leave_author_alone()
        self.author.group_ids = [Command.link(self.env.ref(name).id) for name in ACCOUNTANT.split(",")]
        bank = self.enter(user=self.author)
        change = self.confirm(bank, user=self.author)
        self.assertTrue(change.self_approved)

    def test_what_was_called_is_in_the_trail(self):
        self.confirm(self.enter())
        actions = set(self.env["integration.audit"].search([("res_model", "=", self.Change._name)]).mapped("action"))
        self.assertLessEqual({"approval.request", "bank_account.call", "approval.approve"}, actions)


@tagged("post_install", "-at_install")
class TestPaying(BankCase):
    def pay(self, bank, user=None):
        """Let somebody pay to an account; return the payment."""
        journal = self.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company.id)], limit=1
        )
        payment = (
            self.env["account.payment"]
            .with_user(user or self.payer_user)
            .create(
                {
                    "payment_type": "outbound",
                    "partner_type": "supplier",
                    "partner_id": bank.partner_id.id,
                    "amount": 100.0,
                    "journal_id": journal.id,
                    "partner_bank_id": bank.id,
                }
            )
        )
        payment.action_post()
        self.env.flush_all()  # as at the end of each call
        return payment

    def release(self, bank):
        self.confirm(bank)
        with self.after(49):
            self.Change._chore_release(10)

    def test_nothing_is_paid_to_a_withheld_account(self):
        bank = self.enter()
        with self.assertRaisesRegex(UserError, "cannot be paid to"):
            self.pay(bank)
        self.confirm(bank)
        with self.assertRaisesRegex(UserError, "usable from"):
            self.pay(bank)
        self.Change.invalidate_model()
        with self.after(49):
            self.Change._chore_release(10)
        self.assertIn(self.pay(bank).state, ("in_process", "paid"))

    def test_no_other_door_pays_either(self):
        bank = self.enter()
        payments = self.env["account.payment"].with_user(self.payer_user)
        journal = self.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company.id)], limit=1
        )
        vals = {
            "payment_type": "outbound",
            "partner_type": "supplier",
            "partner_id": self.acme.id,
            "amount": 5.0,
            "journal_id": journal.id,
            "partner_bank_id": bank.id,
        }
        for deed in ("write", "action_validate"):
            payment = payments.create(vals)
            with self.subTest(deed), self.assertRaisesRegex(UserError, "cannot be paid to"):
                self.call(self.payer_user, payment, deed, *([{"state": "in_process"}] if deed == "write" else []))
                self.env.flush_all()

    def test_whoever_entered_the_account_does_not_pay_to_it(self):
        bank = self.enter()
        self.release(bank)
        with self.assertRaisesRegex(UserError, "somebody else pays"):
            self.pay(bank, user=self.accountant)
        self.assertTrue(self.pay(bank))


@tagged("post_install", "-at_install")
class TestSupplierEvents(BankCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.entity = cls.env["integration.entity"].search([("partner_id", "=", cls.acme.id)])

    def told(self, type_name, record):
        self.commit()
        events = self.env["integration.event"].search(
            [("type_name", "=", type_name), ("res_id", "=", record.id)], order="id"
        )
        return [event._read_payload().decode() for event in events]

    def test_a_bank_account_is_told_when_it_can_be_paid_to_and_never_its_number(self):
        self.map(self.entity, code="S-1")
        before = self.told("masterdata.supplier.changed.v1", self.entity)
        bank = self.enter()
        self.assertEqual(self.told("masterdata.supplier.changed.v1", self.entity), before)
        self.confirm(bank)
        with self.after(49):
            self.Change._chore_release(10)
        messages = self.told("masterdata.supplier.changed.v1", self.entity)
        self.assertEqual(len(messages), len(before) + 1)
        self.assertIn('"changed":["bank_account"]', messages[-1].replace(" ", ""))
        self.assertIn("7034", messages[-1])
        self.assertNotIn("539007547034", messages[-1])

    def test_payment_terms_of_a_supplier_are_told(self):
        self.map(self.entity, code="S-1")
        self.told("masterdata.supplier.changed.v1", self.entity)
        term = self.env["account.payment.term"].create({"name": "90 days"})
        self.acme.property_supplier_payment_term_id = term
        message = self.told("masterdata.supplier.changed.v1", self.entity)[-1].replace(" ", "")
        self.assertIn('"changed":["payment_terms"]', message)
        self.assertIn('"payment_terms":"90days"', message)

    def test_changed_payment_terms_are_told_once(self):
        term = self.env["account.payment.term"].create({"name": "90 days"})
        self.assertEqual(self.told("masterdata.payment_term.changed.v1", term), [])
        term.write({"name": "60 days"})
        term.write({"line_ids": [Command.update(term.line_ids[:1].id, {"nb_days": 60})]})
        messages = self.told("masterdata.payment_term.changed.v1", term)
        self.assertEqual(len(messages), 1)
        self.assertIn('"changed":["lines","name"]', messages[0].replace(" ", ""))
