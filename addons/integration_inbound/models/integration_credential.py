from odoo import api, fields, models
from odoo.addons.integration_core.domain import signing
from odoo.addons.integration_core.models.integration_credential import IntegrationCredential as CoreCredential
from odoo.exceptions import UserError


class IntegrationCredential(models.Model):
    _inherit = "integration.credential"

    # What an approver compares with what the other side says.
    _approval_protected = (*CoreCredential._approval_protected, "certificate_subject", "certificate_fingerprint")

    version = fields.Selection(
        selection_add=[("text", "HMAC-SHA256, keyed with a text"), ("x509", "Client certificate")],
        ondelete={"text": "cascade", "x509": "cascade"},
    )
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
    def _as_entered(self, text, version):
        if version != "text":
            return super()._as_entered(text, version)
        return (text or "").rstrip("\r\n")  # every other character counts for the sender

    @api.model
    def _parse(self, text, version):
        kinds = {"text": signing.TextSecret, "x509": signing.Certificate}
        return kinds[version].parse(text) if version in kinds else super()._parse(text, version)
