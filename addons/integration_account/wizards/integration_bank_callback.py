from odoo import api, fields, models


class IntegrationBankCallback(models.TransientModel):
    """Record the call that confirms a supplier's bank account: which number, whom, and where the number is from."""

    _name = "integration.bank.callback"
    _description = "Record a call to a supplier"

    change_id = fields.Many2one("integration.bank.change", required=True, readonly=True)
    partner_id = fields.Many2one(related="change_id.partner_id")
    new_number = fields.Char(related="change_id.new_number")
    phones_text = fields.Char(related="change_id.phones_text")
    source = fields.Selection(
        [
            ("record", "The phone that was known before"),
            ("elsewhere", "A phone from a signed contract or a public register"),
        ],
        "Called at",
        required=True,
        compute="_compute_phone",
        store=True,
        readonly=False,
        precompute=True,
    )
    phone = fields.Char(
        "Phone number", required=True, compute="_compute_phone", store=True, readonly=False, precompute=True
    )
    spoke_to = fields.Char("Whom you spoke to", required=True)
    note = fields.Char("Where the number stands", help="Which contract or register, so that others can look it up.")

    @api.depends("change_id")
    def _compute_phone(self):
        for wizard in self:
            known = wizard.change_id.phones_known or []
            wizard.phone = wizard.phone or (known[0] if known else False)
            wizard.source = wizard.source or ("record" if known else "elsewhere")

    def action_confirm(self):
        """Keep the call; the account waits for approval by whoever called, or a third person."""
        self.ensure_one()
        self.change_id._record_call(phone=self.phone, spoke_to=self.spoke_to, source=self.source, note=self.note)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
