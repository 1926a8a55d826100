import uuid

from odoo import api, models
from odoo.exceptions import UserError
from odoo.modules.neutralize import neutralize_database

from ..domain.keyring import Problem


class IntegrationCopy(models.AbstractModel):
    """What a database that lies in another place than it was made in is: the original, or a copy for tests.

    Nobody but a person can tell: a restore after a disaster and a copy made by hand look the same. Until somebody says
    which, the keyring opens nothing, so that nothing is sent or accepted.
    """

    _name = "integration.copy"
    _description = "Original or copy"

    @api.model
    def _declare_original(self):
        """Go on here as the original. The database that it was copied from must never run again.

        :raises UserError: when nothing would be sent or accepted all the same; it says what has to be done first
        """
        # Before anything is changed: what every process knows by heart would outlive a change that is taken back.
        error = self.env["integration.keyring"]._error()
        if error and error.problem is not Problem.MOVED_DATABASE:
            raise UserError(self._what_is_missing(error))
        self.env["integration.configuration"]._settle_here()
        self.env["integration.audit"]._record("database.original")

    @api.model
    def _what_is_missing(self, error):
        """Return what has to be done before this database can go on as the original."""
        if error.problem is not Problem.OTHER_DATABASE:
            return error.remedy
        return self.env._(
            "Nothing is sent or accepted yet: the master key file is for another database, or for this one under the "
            "identity that it had before Odoo restored it as a copy. Take the file that wrapped the keys of this "
            'backup, a copy of it where the other database still uses it, write in it "database_uuid": "%s", and put '
            "it where Odoo looks for its master key. Then it goes on; where this is still asked, say it again.",
            self._identity(),
        )

    @api.model
    def _identity(self):
        """Return the uuid by which a master key file names this database."""
        # sudo: the database's own identity
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    @api.model
    def _is_undecided(self):
        """Tell whether somebody has to say what this database is: the original, or a copy for tests.

        Odoo gives a database that it restores as a copy another identity. Then the master key file fits no more, and
        that is all there is to see of it. One that was made a test copy is one, whatever file it lacks.
        """
        if not self.env["integration.configuration"]._is_at_home():
            return True
        error = self.env["integration.keyring"]._error()
        # sudo: what Odoo notes of itself
        neutralized = self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized")
        return bool(error) and error.problem is Problem.OTHER_DATABASE and not neutralized

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
