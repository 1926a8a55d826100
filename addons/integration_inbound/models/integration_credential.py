from odoo import fields, models
from odoo.addons.integration_core.domain import signing


class IntegrationCredential(models.Model):
    _inherit = "integration.credential"

    version = fields.Selection(selection_add=[("x509", "Client certificate")], ondelete={"x509": "cascade"})
    certificate_subject = fields.Char("Issued to", readonly=True, copy=False)
    certificate_fingerprint = fields.Char(
        "SHA-256", readonly=True, copy=False, help="Of the certificate, as openssl x509 -fingerprint -sha256 prints it."
    )

    def _verify_material(self):
        if self.version == "x509":
            return signing.Certificate.parse(self._text())
        return super()._verify_material()
