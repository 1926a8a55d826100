from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..domain import attributes
from .integration_proposal import PROPOSED

ATTRIBUTES = [
    ("name", "Name"),
    ("address", "Address"),
    ("phone", "Phone"),
    ("email", "E-mail"),
    ("website", "Website"),
    ("vat", "VAT number"),
    ("registry", "Company ID"),
    ("payment_terms", "Payment terms"),
    ("bank_account", "Bank account"),
    ("code", "Reference"),
]


class IntegrationAttributeOwner(models.Model):
    """Which system may change an attribute of Odoo's suppliers, services or cost centers. Without one: people alone.

    What a system says about attributes of its own is taken over; names, numbers and payment terms once a person has
    approved. What it says about others is shown to a person. No system ever owns a bank account.
    """

    _name = "integration.attribute.owner"
    _inherit = [
        "integration.approval.mixin",
        "integration.audited.mixin",
        "integration.company.mixin",
        "integration.portable.mixin",
    ]
    _description = "Owner of an attribute"
    _order = "company_id, kind, attribute"
    _check_company_auto = True

    _audit_name = "attribute_owner"
    _approval_guarded = ("company_id", "kind", "attribute", "system_id")

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    kind = fields.Selection(PROPOSED, required=True, default="supplier")
    attribute = fields.Selection(ATTRIBUTES, required=True)
    system_id = fields.Many2one(
        "integration.system",
        "May be changed by",
        check_company=True,
        ondelete="restrict",
        index=True,
        help="Empty: by people in Odoo alone.",
    )

    _attribute_uniq = models.UniqueIndex("(company_id, kind, attribute)", "This attribute has an owner already.")
    _bank_is_nobodys = models.Constraint(
        "CHECK (attribute <> 'bank_account' OR system_id IS NULL)",
        "No system may change bank accounts: a person enters them, after a call, and a second person approves.",
    )

    @api.constrains("kind", "attribute")
    def _check_attribute(self):
        labels = dict(ATTRIBUTES)
        for owner in self:
            if owner.attribute not in attributes.OF_KIND[owner.kind]:
                raise ValidationError(self.env._("Records of this kind have no attribute %s.", labels[owner.attribute]))

    @api.depends("kind", "attribute", "system_id")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        names = dict(self._fields["attribute"]._description_selection(self.env))
        for owner in self:
            whose = owner.system_id.name or self.env._("Odoo alone")
            owner.display_name = f"{kinds.get(owner.kind)}, {names.get(owner.attribute)}: {whose}"

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_needed(self):
        return self.system_id.mode == "live"

    @api.model
    def _portable_key(self):
        return ("company_id", "kind", "attribute")

    @api.model
    def _portable_fields(self):
        return ["system_id"]

    @api.model
    def _owners(self, kind, company):
        """Return {attribute: the system that may change it} of a kind in a company; approved ones alone."""
        # sudo: who owns an attribute does not depend on whose message is worked on
        owners = self.sudo().search(
            [("kind", "=", kind), ("company_id", "=", company.id), ("approval_state", "=", "approved")]
        )
        return {owner.attribute: owner.system_id for owner in owners if owner.system_id}

    def action_submit(self):
        """Ask for approval; where nobody else could approve, the author does it, marked as such."""
        self.check_access("write")
        self.action_request_approval()
        self.filtered(lambda one: one.approval_state == "requested" and one.can_approve).action_approve()
        return True
