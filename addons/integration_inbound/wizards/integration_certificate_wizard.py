import base64

from odoo import api, fields, models
from odoo.addons.integration_core.domain.keyring import KeyringError
from odoo.addons.integration_core.domain.profiles import registering
from odoo.addons.integration_core.domain.signing import KeyFormatError
from odoo.exceptions import UserError


class IntegrationCertificateWizard(models.TransientModel):
    """Register a client certificate of a system. Only its fingerprint, its validity and its subject are kept."""

    _name = "integration.certificate.wizard"
    _description = "Register a client certificate"

    system_id = fields.Many2one(
        "integration.system", required=True, readonly=True, default=lambda self: self.env.context.get("active_id")
    )
    system_mode = fields.Selection(related="system_id.mode")
    certificate = fields.Binary("Certificate file", attachment=False)
    certificate_name = fields.Char()
    pem = fields.Text("or its text")
    subject = fields.Char(compute="_compute_reading")
    fingerprint = fields.Char("SHA-256", compute="_compute_reading")
    valid_from = fields.Datetime("Valid from", compute="_compute_reading")
    valid_to = fields.Datetime("Valid until", compute="_compute_reading")
    problem = fields.Char(compute="_compute_reading")

    @api.depends("certificate", "pem")
    def _compute_reading(self):
        for wizard in self:
            found, problem = wizard._read_certificate()
            wizard.problem = problem
            wizard.subject = found.subject if found else False
            wizard.fingerprint = found.material.fingerprint.hex(":").upper() if found else False
            wizard.valid_from = found.valid_from if found else False
            wizard.valid_to = found.valid_to if found else False

    def _read_certificate(self):
        """Return (:class:`registering.Registration` or None, what is wrong or False)."""
        raw = base64.b64decode(self.certificate) if self.certificate else (self.pem or "").encode()
        if not raw:
            return None, False
        try:
            found = registering.read(raw)
        except KeyFormatError as error:
            return None, str(error)
        if found.valid_to <= fields.Datetime.now():
            return found, self.env._("This certificate has expired.")
        return found, False

    def action_register(self):
        """Keep the certificate as a key of the system and ask for its approval (none is needed in test mode)."""
        self.ensure_one()
        self.system_id.check_access("write")
        found, problem = self._read_certificate()
        if problem or not found:
            raise UserError(problem or self.env._("Choose the certificate's file, or paste its text."))
        try:
            key, _text = self.env["integration.credential"]._keep(
                {
                    "system_id": self.system_id.id,
                    "valid_from": max(found.valid_from, fields.Datetime.now()),
                    "valid_to": found.valid_to,
                    "certificate_subject": found.subject,
                    "certificate_fingerprint": found.material.fingerprint.hex(":").upper(),
                },
                company=self.system_id.company_id,
                use="inbound",
                version="x509",
                text=found.material.text(),
            )
        except KeyringError as error:
            raise UserError(error.remedy) from error
        key.action_request_approval()
        return {"type": "ir.actions.act_window_close"}
