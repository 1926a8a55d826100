import base64
import logging
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..domain import keyring, lifecycle, signing

_logger = logging.getLogger(__name__)

_OF_ONE_KEY = {keyring.Problem.TAMPERED, keyring.Problem.UNKNOWN_KEY}

STAGES = [
    ("draft", "Draft"),
    ("approved", "Approved"),
    ("active", "Active"),
    ("retiring", "Retiring"),
    ("expired", "Expired"),
    ("revoked", "Revoked"),
]

FOLLOWED = ("state", "use", "version", "system_id", "company_id", "valid_from", "valid_to", "data_key_id", "sealed")
"""Columns on which it depends what is verified and signed with. The others are notes."""


class IntegrationCredential(models.Model):
    """A key of a system, for one use and one time span. Its secret is sealed and shown once, when it is made.

    Stored is what people decided: a key is a *draft*, *in force* or *revoked*. Its ``stage`` follows from that and from
    the clock (:mod:`~odoo.addons.integration_core.domain.lifecycle`).

    Of a key pair only that half is kept that Odoo needs: of an inbound one the public key, of an outbound one the
    private key.
    """

    _name = "integration.credential"
    _inherit = ["integration.approval.mixin", "integration.audited.mixin"]
    _description = "Credential"
    _order = "id desc"
    _check_company_auto = True

    _approval_guarded = ("valid_from", "valid_to")
    _approval_shown = ("system_id", "use", "version", "made_by", "replaced_ids")
    _approval_protected = (
        "name",  # it is sealed with the key: under another name the key cannot be opened
        "company_id",
        "state",
        "data_key_id",
        "sealed",
        "version",
        "use",
        "system_id",
        "made_by",
        "public_key",
        "successor_id",
        "overlap_hours",
    )

    _audit_name = "credential"
    _audit_silent = ("warned_days",)

    name = fields.Char(required=True, readonly=True, help="Key id, as the audit trail and the logs name it.")
    system_id = fields.Many2one("integration.system", index=True, readonly=True, ondelete="cascade", check_company=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    use = fields.Selection(
        [("inbound", "Checks what arrives"), ("outbound", "Signs what leaves")], required=True, readonly=True
    )
    version = fields.Selection(
        [("v1", "HMAC-SHA256 (v1)"), ("v1a", "Ed25519 (v1a)")], default="v1", required=True, readonly=True
    )
    made_by = fields.Selection([("odoo", "Odoo"), ("partner", "The partner")], default="odoo", readonly=True)
    state = fields.Selection(
        [("draft", "Draft"), ("active", "In force"), ("revoked", "Revoked")],
        string="Decision",
        default="draft",
        required=True,
        copy=False,
    )
    stage = fields.Selection(STAGES, compute="_compute_stage", search="_search_stage")
    valid_from = fields.Datetime("Valid from", required=True, default=fields.Datetime.now)
    valid_to = fields.Datetime("Valid until", help="Empty: until revoked.")
    successor_id = fields.Many2one(
        "integration.credential", "Replaced by", copy=False, readonly=True, index="btree_not_null", ondelete="set null"
    )
    replaced_ids = fields.One2many("integration.credential", "successor_id", "Takes the place of", readonly=True)
    overlap_hours = fields.Float(
        "Overlap (h)", copy=False, readonly=True, help="For how long the keys that it replaces go on once it works."
    )
    warned_days = fields.Integer(
        copy=False, readonly=True, help="How many days before its end the owner was last told of it; 0: not yet."
    )
    public_key = fields.Char(
        copy=False,
        readonly=True,
        help="What the other side verifies with; it is public and published as a JSON Web Key.",
    )
    data_key_id = fields.Many2one("integration.data.key", readonly=True, groups=fields.NO_ACCESS)
    sealed = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)

    _name_uniq = models.UniqueIndex("(name)", "A key id is used once.")

    def init(self):
        self.env["integration.configuration"]._follow(self._table, FOLLOWED)

    @api.depends("name", "system_id")
    def _compute_display_name(self):
        for key in self:
            holder = key._holder()
            key.display_name = f"{key.name} ({holder.display_name})" if holder else key.name

    # -- who owns the key: a system here, an endpoint in integration_outbound
    # ---------------------------------------------

    def _holder(self):
        """Return the record that this key belongs to."""
        self.ensure_one()
        return self.system_id

    @api.model
    def _holder_field(self, holder):
        """Return the field of a key that names ``holder``."""
        return {"integration.system": "system_id"}[holder._name]

    @api.model
    def _of(self, holder, use):
        """Return the keys of a holder for one use, newest first."""
        return self.search([(self._holder_field(holder), "=", holder.id), ("use", "=", use)])

    def _approval_needed(self):
        self.ensure_one()
        return self.system_id.mode == "live"

    # -- where it is in its life
    # ----------------------------------------------------------------------------------------

    @property
    def _life(self):
        """The key as :mod:`lifecycle` judges it."""
        self.ensure_one()
        now = fields.Datetime.now()
        successor = self.successor_id
        succeeded = successor.state == "active" and (not successor.valid_to or now < successor.valid_to)
        return lifecycle.Life(self.state, self.valid_from or now, self.valid_to or None, succeeded)

    @api.depends("state", "valid_from", "valid_to", "successor_id.state", "successor_id.valid_to")
    def _compute_stage(self):
        now = fields.Datetime.now()
        for key in self:
            key.stage = key._life.stage(now).value

    def _search_stage(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = fields.Datetime.now()
        ended = Domain("valid_to", "!=", False) & Domain("valid_to", "<=", now)
        begun = Domain("valid_from", "<=", now)
        succeeded = (
            Domain("valid_to", "!=", False)
            & Domain("successor_id.state", "=", "active")
            & (Domain("successor_id.valid_to", "=", False) | Domain("successor_id.valid_to", ">", now))
        )
        in_force = Domain("state", "=", "active") & ~ended
        meaning = {
            "revoked": Domain("state", "=", "revoked"),
            "expired": Domain("state", "!=", "revoked") & ended,
            "draft": Domain("state", "=", "draft") & ~ended,
            "approved": in_force & ~begun,
            "active": in_force & begun & ~succeeded,
            "retiring": in_force & begun & succeeded,
        }
        return Domain.OR(meaning[stage] for stage in value if stage in meaning)

    # -- secrets
    # ----------------------------------------------------------------------------------------------------------

    @api.model
    def _generate(self, holder_values, *, company, use, version="v1"):
        """Make a key; return (record, text), where the text is what the other side needs.

        For ``v1`` that is the secret; for ``v1a`` the private key of what arrives, which is kept nowhere here, and the
        public key of what leaves.

        :param dict holder_values: which field names the holder, such as ``{"system_id": 3}``
        :raises KeyringError: without a usable master key
        """
        if version == "v1":
            text = signing.Secret.generate().text()
            record, _kept = self._keep(holder_values, company=company, use=use, version=version, text=text)
            return record, text
        private = signing.PrivateKey.generate()
        kept, handed = private.text(), private.public_key().text()
        if use == "inbound":
            kept, handed = handed, kept
        values = {**holder_values, "public_key": private.public_key().text()}
        record, _kept = self._keep(values, company=company, use=use, version=version, text=kept)
        return record, handed

    @api.model
    def _take_over(self, holder_values, *, company, use, version, text):
        """Keep a key that the partner made; return the record.

        :param str text: ``whsec_…`` for ``v1``; ``whpk_…`` for ``v1a``, of what arrives alone; anything for ``text``
        :raises KeyringError: without a usable master key
        :raises ValidationError: naming the rule, never the key
        """
        values = {**holder_values, "made_by": "partner"}
        text = self._as_entered(text, version)
        self._check_partner_key(text, use=use, version=version)
        if version == "v1a":
            values["public_key"] = text
        record, _text = self._keep(values, company=company, use=use, version=version, text=text)
        return record

    @api.model
    def _as_entered(self, text, version):
        """Return a key as it is kept that somebody entered: without the spaces and line ends that pasting adds."""
        return (text or "").strip()

    @api.model
    def _check_partner_key(self, text, *, use, version):
        """Refuse what is no usable key of that kind.

        :raises ValidationError: naming the rule, never the key
        """
        if use == "outbound" and version == "v1a":
            raise ValidationError(self.env._("Odoo signs with a private key of its own, which nobody else may know."))
        try:
            self._parse(text, version)
        except signing.KeyFormatError as error:
            raise ValidationError(self.env._("This is no usable key. %s.", error)) from None
        if version == "v1a" and not text.startswith(signing.PublicKey.PREFIX):
            raise ValidationError(
                self.env._("This is a private key, which the partner must keep. Ask for its public key (whpk_…).")
            )

    @api.model
    def _parse(self, text, version):
        """Return the key that ``text`` holds.

        :raises KeyFormatError: when it is none of that version
        """
        if version == "v1":
            return signing.Secret.parse(text)
        if text.startswith(signing.PublicKey.PREFIX):
            return signing.PublicKey.parse(text)
        return signing.PrivateKey.parse(text)

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
        return record.with_env(self.env), text

    def _text(self):
        """Return the text that is kept of the key (``whsec_…``, ``whsk_…``, ``whpk_…``).

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
        """Return the action that shows the key's ``text`` in the browser, this once; a secret is kept nowhere."""
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "integration_core.show_key",
            "params": {
                "name": self.name,
                "secret": text,
                "waiting": self.state != "active",
                "public": text.startswith(signing.PublicKey.PREFIX),
            },
        }

    def _is_valid_at(self, moment):
        self.ensure_one()
        return self.state == "active" and self.valid_from <= moment and (not self.valid_to or moment < self.valid_to)

    def _verify_keys(self, moment):
        """Return the :class:`signing.VerifyKey` of these credentials that are valid at ``moment`` (naive UTC)."""
        found = []
        for key in self.filtered(lambda one: one._is_valid_at(moment)):
            try:
                found.append(signing.VerifyKey(key.name, key._verify_material()))
            except (signing.KeyFormatError, keyring.KeyringError) as error:
                # One key that cannot be read must not shut out everybody else.
                if isinstance(error, keyring.KeyringError) and error.problem not in _OF_ONE_KEY:
                    raise
                _logger.error("%s is left out, for it cannot be read: %s", key.name, error)
        return tuple(found)

    def _verify_material(self):
        """Return what messages are verified with; addons that add versions add to it."""
        material = self._parse(self._text(), self.version)
        return material.public_key() if isinstance(material, signing.PrivateKey) else material

    def _signing_keys(self, moment):
        """Return the keys (Secret or PrivateKey) of these credentials to sign with at ``moment`` (naive UTC)."""
        return tuple(key._signing_key() for key in self if key._is_valid_at(moment))

    def _signing_key(self):
        return self._parse(self._text(), self.version)

    @api.model
    def _published(self):
        """Return the JSON Web Keys (RFC 8037) with which receivers verify what is sent, newest first.

        One that has ended stays for as long as a message that it signed last may be verified anywhere, by the longest
        tolerance there is. One that was revoked goes at once: nobody should trust it.
        """
        last = fields.Datetime.now() - timedelta(seconds=signing.MAX_PAST_TOLERANCE_S)
        keys = self.search(
            [
                ("use", "=", "outbound"),
                ("version", "=", "v1a"),
                ("state", "=", "active"),
                ("public_key", "!=", False),
                "|",
                ("valid_to", "=", False),
                ("valid_to", ">", last),
            ]
        )
        return [signing.PublicKey.parse(key.public_key).jwk(key.name) for key in keys]

    # -- life cycle
    # -----------------------------------------------------------------------------------------------------

    def _on_approved(self):
        for key in self:
            if key.state == "revoked":
                raise UserError(self.env._("%s is revoked, and stays so. Create another key.", key.name))
            key.write({"state": "active"})
            key._retire_replaced()

    def _on_approval_lost(self):
        self.filtered(lambda key: key.state != "revoked").write({"state": "draft"})

    def _retire_replaced(self):
        """Give the keys that this one replaces an end, now that it is in force: after the overlap, not before."""
        self.ensure_one()
        now = fields.Datetime.now()
        overlap = timedelta(hours=self.overlap_hours)
        for old in self.replaced_ids.filtered(lambda key: key.state == "active"):
            end = lifecycle.end_of_overlap(now, self.valid_from, overlap, old.valid_to or None)
            if end != old.valid_to:
                # sudo: the approver of the new key need not be allowed to edit the old one
                old.sudo()._approving().write({"valid_to": end})
            old._holder()._forget_warning_of(old)
            self.env["integration.audit"]._record("credential.retire", old, detail=f"{self.name}, {end} UTC")

    def _replaceable(self):
        """Return those of these keys that a rotation would replace: in force, and not replaced already."""
        return self.filtered(lambda key: key.stage in ("approved", "active"))

    def _note_replaced(self, old, overlap):
        """Say that this new key, once it is in force, takes the place of ``old``.

        :param timedelta overlap: for how long the old ones go on then
        """
        self.ensure_one()
        # sudo: protected fields; the caller has checked that the user may edit the holder
        self.sudo()._approving().write({"overlap_hours": overlap.total_seconds() / 3600})
        old.sudo()._approving().write({"successor_id": self.id})
        for key in old:
            self.env["integration.audit"]._record("credential.rotate", key, detail=self.name)

    @api.model
    def _rotate(
        self,
        holder,
        *,
        use,
        version=None,
        overlap=lifecycle.DEFAULT_OVERLAP,
        text=None,
        keys=None,
        valid_to=False,
    ):
        """Make a key that takes the place of those in force; return (new key, text for the other side or None).

        The old ones go on until ``overlap`` (timedelta) after the new one works, which in live mode needs a second
        person. Nothing is refused meanwhile: both verify, or both sign.

        :param str version: of the new key; by default that of the newest replaced one
        :param str text: a key that the partner made, instead of a new one
        :param keys: what to replace; by default all keys of the holder and use that are in force
        :param valid_to: when the new key ends (naive UTC)
        :raises KeyringError: without a usable master key
        """
        holder.check_access("write")
        old = (self._of(holder, use) if keys is None else keys)._replaceable()
        version = version or old[:1].version or "v1"
        named = {self._holder_field(holder): holder.id, "valid_to": valid_to}
        version = holder._key_version(version, entered=text is not None)
        asked = {"company": holder.company_id, "use": use, "version": version}
        if text is None:
            key, text = self._generate(named, **asked)
        else:
            key, text = self._take_over(named, text=text, **asked), None
        if old:
            key._note_replaced(old, overlap)
        key.action_request_approval()
        return key, text

    def action_rotate(self):
        """Open the wizard that replaces this key."""
        self.check_access("write")
        self.ensure_one()
        return self.env["integration.key.wizard"]._open_for(self._holder(), replace=True, use=self.use)

    def action_revoke(self):
        """End the key at once, everywhere, and for good."""
        self.check_access("write")
        for key in self:
            if key.state == "revoked":
                raise UserError(self.env._("%s is already revoked.", key.name))
            waits = {"approval_state": "rejected"} if key.approval_state == "requested" else {}
            key._approving().write({"state": "revoked", **waits})
            key._holder()._forget_warning_of(key)
        self.env["integration.audit"]._record("credential.revoke", self)
        return True

    # -- ends that come near
    # --------------------------------------------------------------------------------------------

    @api.autovacuum
    def _warn_of_ends(self):
        """Tell owners of keys that end soon: 30, 7 and 1 days before, each once, and never two of one key at once."""
        now = fields.Datetime.now()
        soon = now + timedelta(days=max(lifecycle.WARN_DAYS))
        ending = self.search([("state", "=", "active"), ("valid_to", ">", now), ("valid_to", "<=", soon)])
        for key in ending:
            days = key._life.warning(now, key.warned_days or None)
            if days is not None:
                key._approving().write({"warned_days": days})
                key._holder()._warn_of_key(key)

    def write(self, vals):
        if "valid_to" in vals and "warned_days" not in vals:
            vals = {**vals, "warned_days": 0}  # an end that was moved is told of anew
        return super().write(vals)
