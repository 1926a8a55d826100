from odoo import api, fields, models
from odoo.addons.integration_core.domain import signing
from odoo.addons.integration_core.models.integration_credential import IntegrationCredential as CoreCredential
from odoo.exceptions import UserError


class IntegrationCredential(models.Model):
    _inherit = "integration.credential"

    # What an approver compares with what the other side says.
    _approval_protected = (*CoreCredential._approval_protected, "certificate_subject", "certificate_fingerprint")

    version = fields.Selection(selection_add=[("x509", "Client certificate")], ondelete={"x509": "cascade"})
    certificate_subject = fields.Char("Issued to", readonly=True, copy=False)
    certificate_fingerprint = fields.Char(
        "SHA-256", readonly=True, copy=False, help="Of the certificate, as openssl x509 -fingerprint -sha256 prints it."
    )

    @api.model
    def _generate(self, holder_values, *, company, use, version="v1"):
        if version == "x509":
            raise UserError(self.env._("A certificate is made by the other side. Register it here."))
        return super()._generate(holder_values, company=company, use=use, version=version)

    @api.model
    def _parse(self, text, version):
        return signing.Certificate.parse(text) if version == "x509" else super()._parse(text, version)
