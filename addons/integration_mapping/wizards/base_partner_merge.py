from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..models.integration_duplicate import MERGING


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Odoo's merge, so that canonical suppliers survive it: two entities of one company become one, with all codes.

    Whoever merges in Odoo's own form is bound by the same rule: where codes of live systems or bank accounts hang on a
    canonical supplier, a second person approves (*Mappings, Duplicates*).
    """

    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        partners = self.env["res.partner"].browse(partner_ids).exists()
        # sudo: whether canonical records stand for these contacts does not depend on who merges
        entities = self.env["integration.entity"].sudo().with_context(active_test=False)
        bound = entities.search([("partner_id", "in", partners.ids)])
        approved = self.env.context.get("integration_merging") is MERGING
        if bound and not approved and self.env["integration.duplicate"]._is_guarded(bound.partner_id):
            raise UserError(
                self.env._(
                    "%s is a canonical supplier or payer with codes or bank accounts. Merge it under Integration,"
                    " Mappings, Duplicates, where a second person approves.",
                    ", ".join(bound.partner_id.mapped("display_name")),
                )
            )
        return super()._merge(partner_ids, dst_partner, extra_checks)

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        # Before Odoo moves what refers to the contacts: a unique index would let its statement fail.
        survivors = self._merge_entities(src_partners, dst_partner)
        self._merge_numbers(src_partners)
        self._merge_pairs(src_partners, dst_partner)
        result = super()._update_foreign_keys(src_partners, dst_partner)
        # sudo: as in _merge
        entities = self.env["integration.entity"].sudo()
        entities.browse(survivors)._follow_targets()
        for entity in entities.browse(survivors):
            if entity._is_approved():
                entity._note_change(["codes", "record"])
        return result

    @api.model
    def _merge_entities(self, src_partners, dst_partner):
        """Let one entity remain per company and kind, with the codes of all; return the ids of those concerned."""
        # sudo: as in _merge
        entities = self.env["integration.entity"].sudo().with_context(active_test=False)
        found = entities.search([("partner_id", "in", (src_partners + dst_partner).ids)])
        survivors = []
        for same in found.grouped(lambda one: (one.company_id, one.kind)).values():
            keep = same.filtered(lambda one: one.partner_id == dst_partner) or same[:1]
            (same - keep)._become(keep)
            survivors.append(keep.id)
        return survivors

    @api.model
    def _merge_numbers(self, src_partners):
        self.env.cr.execute(
            SQL(
                "DELETE FROM integration_party_number WHERE partner_id = ANY(%s) AND told IS NOT TRUE", src_partners.ids
            )
        )
        self.env["integration.party.number"].invalidate_model()

    @api.model
    def _merge_pairs(self, src_partners, dst_partner):
        """Forget open pairs of what goes: they are found again, of what stays. What was settled stays as a record."""
        # sudo: as in _merge
        pairs = self.env["integration.duplicate"].sudo()
        both = ("partner_id", "other_id")
        found = pairs.search([(both[0], "in", src_partners.ids)]) | pairs.search([(both[1], "in", src_partners.ids)])
        found.filtered(lambda pair: pair.state == "open").unlink()
        found.exists()._approving().write(dict.fromkeys(both, False))
