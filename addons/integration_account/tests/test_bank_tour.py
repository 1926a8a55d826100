from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestBankTour(HttpCase):
    """In the browser: a steward calls the supplier about a new account, records the call, and approves."""

    def test_a_second_person_calls_and_approves(self):
        for group in ("integration_core.group_admin", "integration_core.group_steward"):
            self.env.ref(group).user_ids = [fields.Command.clear()]
        for login in ("steward", "second"):
            new_test_user(self.env, login, groups="integration_core.group_steward")
        roles = self.env["integration.approving.role"]
        roles.search([]).unlink()
        roles._look()
        acme = self.env["res.partner"].create({"name": "Acme Medical", "is_company": True, "phone": "+32 9 123 45 67"})
        self.env["integration.entity"]._for_target("supplier", self.env.company, acme)
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_partner SET create_date = '2020-01-01' WHERE id = %s", [acme.id])
        acme.invalidate_recordset()
        bank = self.env["res.partner.bank"].create({"partner_id": acme.id, "acc_number": "BE68539007547034"})
        self.start_tour("/odoo/integration-approvals", "integration_confirm_bank_account", login="steward")
        change = self.env["integration.bank.change"].search([("bank_id", "=", bank.id)])
        change.invalidate_recordset()
        self.assertEqual((change.state, change.callback_with), ("cooling", "Ann, bookkeeping"))
        self.assertFalse(bank.allow_out_payment)
