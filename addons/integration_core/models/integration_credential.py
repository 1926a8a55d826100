import base64
import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..domain import signing


class IntegrationCredential(models.Model):
    """A key of a system, for one use and one time span. Its secret is sealed and shown once, when it is made."""

    _name = "integration.credential"
    _inherit = ["integration.approval.mixin"]
    _description = "Credential"
    _order = "id desc"
    _check_company_auto = True

    _approval_guarded = ("valid_from", "valid_to")
    _approval_protected = ("state", "data_key_id", "sealed", "version", "use", "system_id")

    name = fields.Char(required=True, readonly=True, help="Key id, as the audit trail and the logs name it.")
    system_id = fields.Many2one("integration.system", index=True, readonly=True, ondelete="cascade", check_company=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    use = fields.Selection(
        [("inbound", "Checks what arrives"), ("outbound", "Signs what leaves")], required=True, readonly=True
    )
    version = fields.Selection(
        [("v1", "HMAC-SHA256 (v1)"), ("v1a", "Ed25519 (v1a)")], default="v1", required=True, readonly=True
    )
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("revoked", "Revoked")], default="draft", required=True, copy=False
    )
    valid_from = fields.Datetime(required=True, default=fields.Datetime.now)
    valid_to = fields.Datetime(help="Empty: until revoked.")
    data_key_id = fields.Many2one("integration.data.key", readonly=True, groups=fields.NO_ACCESS)
    sealed = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)

    _name_uniq = models.UniqueIndex("(name)", "A key id is used once.")

    def init(self):
        self.env["integration.configuration"]._follow(self._table)

    # -- who owns the key: a system here, an endpoint in integration_outbound
    # ---------------------------------------------

    def _holder(self):
        """Return the record that this key belongs to."""
        self.ensure_one()
        return self.system_id

    def _approval_needed(self):
        self.ensure_one()
        return self.system_id.mode == "live"

    # -- secrets
    # ----------------------------------------------------------------------------------------------------------

    @api.model
    def _generate(self, holder_values, *, company, use, version="v1"):
        """Make a key; return (record, clear text), the only time that the clear text exists outside the seal.

        :param dict holder_values: which field names the holder, such as ``{"system_id": 3}``
        :raises KeyringError: without a usable master key
        """
        secret = signing.Secret.generate() if version == "v1" else signing.PrivateKey.generate()
        return self._keep(holder_values, company=company, use=use, version=version, text=secret.text())

    @api.model
    def _keep(self, holder_values, *, company, use, version, text):
        name = f"key_{secrets.token_hex(6)}"
        data_key_id, sealed = self.env["integration.keyring"]._seal(text.encode(), aad=f"integration.credential:{name}")
        # sudo: only this method writes sealed bytes; callers have checked that the user may edit the holder
        record = (
            self.sudo()
            ._approving()
            .create(
                {
                    **holder_values,
                    "name": name,
                    "company_id": company.id,
                    "use": use,
                    "version": version,
                    "data_key_id": data_key_id,
                    "sealed": base64.b64encode(sealed).decode(),
                    "author_id": self.env.uid,
                }
            )
        )
        self.env["integration.audit"]._record("credential.create", record)
        return record.with_env(self.env), text

    def _text(self):
        """Return the key's text (``whsec_…``, ``whsk_…``).

        :raises KeyringError: without a usable master key
        """
        self.ensure_one()
        # sudo: the sealed bytes are nobody's to read; only signing and verifying open them
        row = self.sudo()
        sealed = base64.b64decode(row.sealed)
        return (
            self.env["integration.keyring"]
            ._open(row.data_key_id.id, sealed, aad=f"integration.credential:{row.name}")
            .decode()
        )

    def _show_once(self, text):
        """Return the action that shows the key's ``text`` in the browser, this once; it is kept nowhere."""
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "integration_core.show_key",
            "params": {"name": self.name, "secret": text, "waiting": self.state != "active"},
        }

    def _is_valid_at(self, moment):
        self.ensure_one()
        return self.state == "active" and self.valid_from <= moment and (not self.valid_to or moment < self.valid_to)

    def _verify_keys(self, moment):
        """Return the :class:`signing.VerifyKey` of these credentials that are valid at ``moment`` (naive UTC)."""
        return tuple(
            signing.VerifyKey(key.name, key._verify_material()) for key in self if key._is_valid_at(moment)
        )

    def _verify_material(self):
        """Return what messages are verified with; addons that add versions add to it."""
        text = self._text()
        return signing.Secret.parse(text) if self.version == "v1" else signing.PrivateKey.parse(text).public_key()

    def _signing_keys(self, moment):
        """Return the keys (Secret or PrivateKey) of these credentials to sign with at ``moment`` (naive UTC)."""
        return tuple(key._signing_key() for key in self if key._is_valid_at(moment))

    def _signing_key(self):
        text = self._text()
        return signing.Secret.parse(text) if self.version == "v1" else signing.PrivateKey.parse(text)

    # -- life cycle
    # -----------------------------------------------------------------------------------------------------

    def _on_approved(self):
        self.write({"state": "active"})

    def _on_approval_lost(self):
        self.write({"state": "draft"})

    def action_revoke(self):
        """End the key at once, everywhere."""
        for key in self:
            if key.state == "revoked":
                raise UserError(self.env._("%s is already revoked.", key.name))
            key.check_access("write")
            key._approving().write({"state": "revoked"})
        self.env["integration.audit"]._record("credential.revoke", self)
        return True
