from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationCopyWizard(models.TransientModel):
    """Asks what a database that was restored or copied is: the original, or a copy for tests."""

    _name = "integration.copy.wizard"
    _description = "Original or copy"

    undecided = fields.Boolean(compute="_compute_status")
    status = fields.Char(compute="_compute_status", help="Why nothing is sent or accepted.")
    identity = fields.Char(
        compute="_compute_status", help="What the master key file of this database names as database_uuid."
    )
    sure = fields.Boolean("The database that this one was copied from will never run again")

    @api.depends_context("uid")
    def _compute_status(self):
        for wizard in self:
            wizard.undecided = self.env["integration.copy"]._is_undecided()
            wizard.status = self.env["integration.keyring"]._status()
            wizard.identity = self.env["integration.copy"]._identity()

    def action_original(self):
        """Go on as the original."""
        self.check_access("write")
        self.ensure_one()
        if not self.sure:
            raise UserError(
                self.env._(
                    "Two originals would send everything twice and tell different truths. Make sure that the other one "
                    "never runs again, then tick the box."
                )
            )
        self.env["integration.copy"]._declare_original()
        return {"type": "ir.actions.client", "tag": "reload"}

    def action_test_copy(self):
        """Become a copy for tests; everybody has to log in again."""
        self.check_access("write")
        self.ensure_one()
        self.env["integration.copy"]._make_test_copy()
        return {"type": "ir.actions.act_url", "url": "/web/login", "target": "self"}
