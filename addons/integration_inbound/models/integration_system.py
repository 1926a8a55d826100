from dataclasses import replace

from odoo import api, fields, models
from odoo.addons.integration_core.domain import profiles
from odoo.addons.integration_core.domain.profiles import settings
from odoo.addons.integration_core.models.integration_system import IntegrationSystem as CoreSystem
from odoo.exceptions import ValidationError

from .. import door

# The versions of keys that each profile can use.
_VERSIONS = {
    "standard": ("v1", "v1a"),
    "stripe": ("v1", "text"),
    "github": ("v1", "text"),
    "rfc9421": ("v1", "v1a"),
    "mtls": ("x509",),
}


class IntegrationSystem(models.Model):
    """How a system proves what it sends."""

    _inherit = "integration.system"

    _approval_guarded = (
        *CoreSystem._approval_guarded,
        "signature_profile",
        "signature_header",
        "message_id_header",
    )

    signature_profile = fields.Selection(
        [
            ("standard", "Standard Webhooks"),
            ("rfc9421", "HTTP signature, RFC 9421"),
            ("stripe", "HMAC, Stripe style"),
            ("github", "HMAC, GitHub style"),
            ("mtls", "Client certificate"),
        ],
        "Proves its messages by",
        default="standard",
        required=True,
        tracking=True,
        help="Standard Webhooks, unless the sender cannot. A change takes a live system back to test until a second "
        "person has approved it.",
    )
    signature_header = fields.Char("Header of the proof", tracking=True, help="Empty: the profile's own.")
    message_id_header = fields.Char("Header of the message ID", tracking=True, help="Empty: the profile's own.")
    signature_header_used = fields.Char(compute="_compute_signature_headers")
    message_id_header_used = fields.Char(compute="_compute_signature_headers")
    trusted_proxies = fields.Char("Believed proxies", compute="_compute_trusted_proxies")
    # sudo: that nothing works is for everybody to see who sees the system, keys or not
    lacks_fitting_key = fields.Boolean(compute="_compute_lacks_fitting_key", compute_sudo=True)

    @api.model
    def _portable_fields(self):
        return [*super()._portable_fields(), "signature_profile", "signature_header", "message_id_header"]

    @api.depends("signature_profile", "signature_header", "message_id_header")
    def _compute_signature_headers(self):
        for system in self:
            found = system._signature_settings()
            system.signature_header_used = found.proof_header
            system.message_id_header_used = found.id_header or False

    def _compute_trusted_proxies(self):
        self.trusted_proxies = ", ".join(map(str, door.trusted_proxies())) or False

    @api.depends("signature_profile", "credential_ids.state", "credential_ids.valid_from", "credential_ids.valid_to")
    def _compute_lacks_fitting_key(self):
        now = fields.Datetime.now()
        for system in self:
            versions = system._fitting_versions()
            system.lacks_fitting_key = not any(
                key.version in versions and key.use == "inbound" and key._is_valid_at(now)
                for key in system.credential_ids
            )

    @api.constrains("signature_header", "message_id_header")
    def _check_header_names(self):
        for system in self:
            for name in (system.signature_header, system.message_id_header):
                if name and not settings.is_header_name(name.lower()):
                    raise ValidationError(
                        self.env._(
                            "%s cannot carry a proof or a message id: a header's name here is up to 64 letters, digits "
                            "and '-', and none that HTTP itself uses.",
                            name,
                        )
                    )
            found = system._signature_settings()
            if found.id_header == found.proof_header:
                raise ValidationError(self.env._("The proof and the message id need a header each."))

    def _fitting_versions(self):
        """Return the versions of keys that the system's profile can use."""
        self.ensure_one()
        return _VERSIONS[self.signature_profile or "standard"]

    def _key_version(self, version, *, entered):
        """Return what fits the profile: senders of some know their secret as a text, and nothing of key pairs."""
        if "text" in self._fitting_versions():
            return "text" if entered else "v1"
        return super()._key_version(version, entered=entered)

    def _signature_settings(self):
        """Return the :class:`profiles.Settings` of the system."""
        self.ensure_one()
        return profiles.Settings(
            profiles.Profile(self.signature_profile or "standard"),
            (self.signature_header or "").lower(),
            (self.message_id_header or "").lower(),
        )

    def _as_party(self):
        return replace(super()._as_party(), signature=self._signature_settings())
