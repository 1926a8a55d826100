"""What accounting adds to canonical suppliers: payment terms, bank accounts, bills, and what is told of them."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.addons.integration_mapping.domain.attributes import mask
from odoo.exceptions import UserError
from odoo.tools import SQL, formatLang

_TERM = "property_supplier_payment_term_id"


class IntegrationEntity(models.Model):
    _inherit = "integration.entity"

    @api.model
    def _watched(self, binding):
        watched = super()._watched(binding)
        return {**watched, _TERM: "payment_terms"} if binding == "partner_id" else watched

    def _event_attributes(self, target):
        told = super()._event_attributes(target)
        if target._name == "res.partner":
            usable = target.bank_ids.filtered("allow_out_payment")
            told["bank_accounts"] = [mask(bank.acc_number or "") for bank in usable]
            told["payment_terms"] = target[_TERM].name or None
        return told

    def _present_parts(self):
        parts = super()._present_parts()
        if self.kind == "supplier":
            # sudo: as in super()
            term = self.sudo().partner_id.with_company(self.company_id)[_TERM]
            parts |= {"payment_terms": term.name} if term else {}
        return parts

    @api.model
    def _parts_as_values(self, kind, parts, company):
        values = super()._parts_as_values(kind, parts, company)
        if kind == "supplier" and parts.get("payment_terms"):
            values[_TERM] = self._payment_term(parts["payment_terms"], company).id
        return values

    @api.model
    def _payment_term(self, name, company):
        domain = [("name", "=", name), ("company_id", "in", (company.id, False))]
        found = self.env["account.payment.term"].search(domain)
        if len(found) != 1:
            raise UserError(self.env._("Odoo has no payment terms called %s, or several.", name))
        return found

    def _follow_targets(self):
        result = super()._follow_targets()
        self.filtered(lambda one: one.kind == "supplier")._withhold_young_accounts()
        return result

    def _withhold_young_accounts(self):
        """Withhold accounts that were entered just before their contact became a supplier: no way around the rule."""
        for entity in self:
            since = fields.Datetime.now() - timedelta(hours=entity.company_id.integration_bank_cooling_hours)
            # sudo: the rule holds whoever makes the entity
            banks = entity.sudo().partner_id.bank_ids.filtered(lambda one, since=since: one.create_date > since)
            known = banks._integration_withheld()
            young = banks.filtered(lambda one, known=known: one.id not in known)
            done = (
                self.env["integration.bank.change"].sudo().search([("bank_id", "in", young.ids)]).bank_id
            )  # sudo: as above
            if young - done:
                self.env["integration.bank.change"]._withhold(young - done, "supplier", {})


class ResPartner(models.Model):
    _inherit = "res.partner"

    integration_bank_warning = fields.Char(compute="_compute_integration_bank_warning")

    def _compute_integration_bank_warning(self):
        for partner in self:
            # sudo: whoever sees the contact may know that an account of its is withheld
            banks = partner.sudo().bank_ids
            withheld = banks._integration_withheld()
            texts = [f"{one.new_number}: {one._says()}" for one in withheld.values()]
            partner.integration_bank_warning = " ".join(texts) or False

    def write(self, vals):
        if "phone" in vals:
            self._integration_keep_phones(vals["phone"])
        return super().write(vals)

    def _integration_keep_phones(self, phone):
        """Keep what stood on suppliers' records: a bank account is confirmed at a number known before."""
        bound = self.env["integration.entity"]._bound_ids("partner_id")
        suppliers = self.filtered(lambda one: one.id in bound and (one.phone or "") != (phone or ""))
        # sudo: kept by the rule, whoever changes the phone
        self.env["integration.supplier.phone"].sudo().create(
            [
                {"partner_id": one.id, "phone": one.phone, "until": fields.Datetime.now(), "user_id": self.env.uid}
                for one in suppliers
            ]
        )


class IntegrationProposal(models.Model):
    _inherit = "integration.proposal"

    def _target_vals(self):
        return {**super()._target_vals(), **({"supplier_rank": 1} if self.kind == "supplier" else {})}


class IntegrationDuplicate(models.Model):
    _inherit = "integration.duplicate"

    @api.model
    def _supplier_sql(self):
        return SQL("(COALESCE(p.supplier_rank, 0) > 0 OR %s)", super()._supplier_sql())

    @api.model
    def _hanging(self, partners):
        hanging = super()._hanging(partners)
        # sudo: how many bills hang on a contact is part of the question; amounts are for finance
        moves = self.env["account.move"].sudo()
        domain = [("commercial_partner_id", "in", partners.ids), ("move_type", "in", ("in_invoice", "in_refund"))]
        rows = moves._read_group(domain, ["commercial_partner_id"], ["__count"])
        hanging.append((self.env._("Bills"), {partner.id: str(count) for partner, count in rows}))
        if self.env.user.has_group("integration_core.group_finance_viewer"):
            lines = [
                ("state", "=", "posted"),
                ("amount_residual", "!=", 0.0),
                ("company_id", "in", self.env.companies.ids),
            ]
            rows = moves._read_group(
                [*domain, *lines], ["commercial_partner_id", "company_currency_id"], ["amount_residual_signed:sum"]
            )
            owed = {}
            for partner, currency, amount in rows:
                owed.setdefault(partner.id, []).append(formatLang(self.env, -amount, currency_obj=currency))
            hanging.append((self.env._("Open balance"), {one: ", ".join(texts) for one, texts in owed.items()}))
        if "purchase.order" in self.env:
            orders = self.env["purchase.order"].sudo()  # sudo: as above
            rows = orders._read_group([("partner_id", "in", partners.ids)], ["partner_id"], ["__count"])
            hanging.append((self.env._("Purchase orders"), {partner.id: str(count) for partner, count in rows}))
        return hanging
