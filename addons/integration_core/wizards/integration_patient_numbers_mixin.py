from odoo import fields, models
from odoo.exceptions import UserError

from ..domain.keyring import KeyringError


class IntegrationPatientNumbersMixin(models.AbstractModel):
    """A dialog that asks for patient numbers: they are hashed as they arrive and stored nowhere, here neither."""

    _name = "integration.patient.numbers.mixin"
    _description = "Asks for patient numbers"

    system_id = fields.Many2one("integration.system")
    patient_numbers = fields.Text(
        compute="_compute_patient_numbers",
        inverse="_inverse_patient_numbers",
        help="As the system writes them, one a line; merged numbers of the same patient, too. Kept as keyed hashes "
        "alone.",
    )
    patient_refs = fields.Json(groups=fields.NO_ACCESS)
    hashed_for_id = fields.Integer(groups=fields.NO_ACCESS)

    def _compute_patient_numbers(self):
        self.patient_numbers = False

    def _inverse_patient_numbers(self):
        """Hash what was entered: the web client stores a dialog before it presses its button."""
        for wizard in self.filtered("patient_numbers"):
            if not wizard.system_id:
                raise UserError(self.env._("Choose the system whose patient numbers these are."))
            wizard.system_id.check_access("read")
            try:
                refs = self.env["integration.patient.finder"]._refs(wizard.system_id, wizard.patient_numbers)
            except KeyringError as error:
                raise UserError(error.remedy) from error
            # sudo: nobody may read or write the hashes
            wizard.sudo().write({"patient_refs": refs, "hashed_for_id": wizard.system_id.id})

    def _taken_refs(self):
        """Return the keyed hashes of what was entered.

        :raises UserError: when nothing was, or it was hashed for another system
        """
        # sudo: as in _inverse_patient_numbers
        own = self.sudo()
        if not own.patient_refs or own.hashed_for_id != self.system_id.id:
            raise UserError(self.env._("Enter the patient's number."))
        return own.patient_refs
