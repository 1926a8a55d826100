from odoo import api, models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _merge_bank_accounts(self, src_partners, dst_partner):
        # An account that both have is archived and its references move: what waits about it ends before.
        # sudo: whoever merges; accounts that move to the supplier that stays are withheld anew
        changes = self.env["integration.bank.change"].sudo()
        accounts = src_partners.sudo().bank_ids  # sudo: as above
        known = set(dst_partner.sudo().bank_ids.mapped("sanitized_acc_number"))  # sudo: as above
        double = accounts.filtered(lambda one: one.sanitized_acc_number in known)
        changes.search([("bank_id", "in", double.ids)])._end()
        # What stood on the other record was never known of the one that stays.
        self.env["integration.supplier.phone"].sudo().search(
            [("partner_id", "in", src_partners.ids)]
        ).unlink()  # sudo: as above
        return super()._merge_bank_accounts(src_partners, dst_partner)
