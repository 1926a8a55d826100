import uuid

from odoo import api, models
from odoo.modules.neutralize import neutralize_database


class IntegrationCopy(models.AbstractModel):
    """What a database that lies in another place than it was made in is: the original, or a copy for tests.

    Nobody but a person can tell: a restore after a disaster and a copy made by hand look the same. Until somebody says
    which, the keyring opens nothing, so that nothing is sent or accepted.
    """

    _name = "integration.copy"
    _description = "Original or copy"

    @api.model
    def _declare_original(self):
        """Go on here as the original. The database that it was copied from must never run again."""
        self.env["integration.configuration"]._settle_here()
        self.env["integration.audit"]._record("database.original")

    @api.model
    def _make_test_copy(self):
        """Blank keys and disable what reaches outside, as Odoo's *neutralize* does, and take an identity of its own.

        The original's master key opens nothing here from then on, and its sessions do not hold.
        """
        self.env["integration.audit"]._record("database.test_copy")
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        # sudo: the database's own identity
        parameters = self.env["ir.config_parameter"].sudo()
        for name in ("database.uuid", "database.secret"):
            parameters.set_param(name, str(uuid.uuid4()))
        self.env.registry.clear_cache()
