from odoo import api, fields, models
from odoo.addons.integration_mapping.domain.attributes import mask
from odoo.exceptions import AccessError, UserError

from .integration_bank_change import RELEASING, WITHHELD

_ASKERS = "account.group_account_invoice"
# What says where money goes. The holder's name is compared by some banks.
_DECISIVE = ("acc_number", "sanitized_acc_number", "partner_id", "bank_id", "clearing_number", "acc_holder_name")


class ResPartnerBank(models.Model):
    """Bank accounts of canonical suppliers: *Send Money* follows a call and a second person's approval alone."""

    _inherit = "res.partner.bank"

    integration_change_ids = fields.One2many(
        "integration.bank.change",
        "bank_id",
        "Confirmations",
        groups="integration_core.group_steward,integration_core.group_governance_approver,integration_core.group_auditor",
    )
    integration_status = fields.Char(
        "Payments to it", compute="_compute_integration_status", help="Why it cannot be paid to, and whose turn it is."
    )

    integration_may_ask = fields.Boolean(compute="_compute_integration_status")

    def _compute_integration_status(self):
        changes = self._integration_withheld()
        suppliers = self._integration_of_suppliers()
        for bank in self:
            change = changes.get(bank._origin.id)
            bank.integration_status = change._says() if change else False
            waits = change and change._is_underway()
            untrusted = bank._origin and bank in suppliers and not bank.allow_out_payment
            bank.integration_may_ask = bool(untrusted and not waits)

    def _integration_withheld(self):
        """Return {account id: the change because of which it is withheld}; one query."""
        # sudo: whoever would pay to an account may know that it is withheld
        found = (
            self.env["integration.bank.change"]
            .sudo()
            .search([("bank_id", "in", self._origin.ids), ("state", "in", WITHHELD)], order="since, id")
        )
        return {change.bank_id.id: change for change in found}

    def _integration_of_suppliers(self):
        """Return those that belong to canonical suppliers; no query where no supplier is concerned."""
        bound = self.env["integration.entity"]._bound_ids("partner_id")
        if not bound:
            return self.browse()
        # sudo: the rule holds whoever may read the contact
        return self.filtered(lambda one: one.sudo().partner_id.commercial_partner_id.id in bound)

    def _integration_company(self):
        """Return the company whose people decide about it: the contact's, else one in which it is a supplier."""
        self.ensure_one()
        partner = self.partner_id.commercial_partner_id
        # sudo: as in _integration_of_suppliers
        entities = (
            self.env["integration.entity"].sudo().search([("partner_id", "=", partner.id), ("kind", "=", "supplier")])
        )
        here = entities.company_id & self.env.company
        return self.company_id or here or entities.company_id[:1] or self.env.company

    def _integration_is_releasing(self):
        return self.env.context.get("integration_releasing") is RELEASING

    @api.model_create_multi
    def create(self, vals_list):
        """Withhold new accounts of suppliers, whoever enters them and whatever they say about trust."""
        banks = super().create(vals_list)
        suppliers = banks._integration_of_suppliers()
        if suppliers:
            self.env["integration.bank.change"]._withhold(suppliers, "new", {})
        return banks

    def write(self, vals):
        """Refuse to trust a supplier's account by hand; withhold it anew when it changes."""
        if vals.get("allow_out_payment") and not self._integration_is_releasing():
            self._integration_refuse_trust()
        decisive = [name for name in _DECISIVE if name in vals]
        restored = self.browse()
        if vals.get("active"):
            restored = self.filtered(lambda bank: not bank.active)
        before = {bank: (bank._integration_say(), mask(bank.acc_number or "")) for bank in self} if decisive else {}
        owners = {bank: bank.partner_id for bank in self} if decisive else {}
        result = super().write(vals)
        changed = self.browse([bank.id for bank, (said, _masked) in before.items() if said != bank._integration_say()])
        moved = changed.filtered(lambda bank: owners[bank] != bank.partner_id)
        old = {bank: masked for bank, (_said, masked) in before.items()}
        changes = self.env["integration.bank.change"]
        for banks, what in ((moved, "moved"), (changed - moved, "changed"), (restored - changed, "restored")):
            if suppliers := banks._integration_of_suppliers():
                changes._withhold(suppliers, what, old)
        if vals.get("active") is False:
            # sudo: what is out of use waits for nobody
            changes.sudo().search([("bank_id", "in", self.ids), ("state", "in", WITHHELD)])._end()
        return result

    def _integration_say(self):
        self.ensure_one()
        return (
            self.sanitized_acc_number,
            self.partner_id.id,
            self.bank_id.id,
            self.clearing_number,
            self.acc_holder_name,
        )

    def _integration_refuse_trust(self):
        withheld = self._integration_withheld()
        for bank in self._integration_of_suppliers():
            if bank.allow_out_payment:
                continue
            change = withheld.get(bank.id)
            raise UserError(
                self.env._(
                    "%(account)s belongs to a canonical supplier: a second person calls the supplier and approves it"
                    " (Integration, Mappings, Supplier bank accounts). %(status)s",
                    account=mask(bank.acc_number or ""),
                    status=change._says() if change else self.env._("Press Ask for confirmation on the account."),
                )
            )

    def _check_allow_out_payment(self):
        # Released by the suite's rule, in whose place no group of Odoo's decides.
        return None if self._integration_is_releasing() else super()._check_allow_out_payment()

    def action_integration_confirm(self):
        """Ask a second person to confirm an account that was there before, or about which nobody decided in time."""
        self.check_access("write")
        if not self.env.user.has_groups(_ASKERS):
            raise AccessError(self.env._("Whoever enters bills or payments asks for it."))
        if self.filtered(lambda bank: not bank.integration_may_ask):
            raise UserError(self.env._("It waits for a decision, or needs none."))
        self.env["integration.bank.change"]._withhold(self, "asked", {})
        return True

    def _integration_tell(self):
        """Tell others that the accounts to which these suppliers are paid changed. Never a number."""
        for bank in self:
            # sudo: that something is news does not depend on who approves it
            entities = (
                self.env["integration.entity"]
                .sudo()
                .search([("partner_id", "=", bank.partner_id.commercial_partner_id.id), ("kind", "=", "supplier")])
            )
            entities.filtered(lambda entity: entity._is_approved())._note_change(["bank_account"])
