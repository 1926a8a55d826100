from odoo import fields, models
from odoo.exceptions import UserError

from ..domain.keyring import KeyringError


class IntegrationKeyWizard(models.TransientModel):
    """Make a key for a system. Its text is shown once and stored nowhere in the clear, here neither."""

    _name = "integration.key.wizard"
    _description = "Create a key"

    system_id = fields.Many2one(
        "integration.system", required=True, readonly=True, default=lambda self: self.env.context.get("active_id")
    )
    system_mode = fields.Selection(related="system_id.mode")
    other_key_count = fields.Integer(compute="_compute_other_key_count")
    valid_to = fields.Datetime("Valid until", help="Empty: until it is revoked.")

    def _compute_other_key_count(self):
        now = fields.Datetime.now()
        for wizard in self:
            wizard.other_key_count = sum(key._is_valid_at(now) for key in wizard.system_id.credential_ids)

    def action_create(self):
        """Make the key, ask for its approval (none is needed in test mode) and show its text, this once."""
        self.ensure_one()
        self.system_id.check_access("write")
        if self.valid_to and self.valid_to <= fields.Datetime.now():
            raise UserError(self.env._("The key would have expired already: choose a later moment."))
        try:
            key, text = self.env["integration.credential"]._generate(
                {"system_id": self.system_id.id, "valid_to": self.valid_to},
                company=self.system_id.company_id,
                use="inbound",
            )
        except KeyringError as error:
            raise UserError(error.remedy) from error
        key.action_request_approval()
        return key._show_once(text)
