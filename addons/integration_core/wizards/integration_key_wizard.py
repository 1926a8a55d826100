import base64

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..domain.keyring import KeyringError
from ..domain.lifecycle import DEFAULT_OVERLAP, MAX_OVERLAP, timedelta


class IntegrationKeyWizard(models.TransientModel):
    """Make a key, or enter one that the partner made, beside those in force or in their place.

    The text of a key that is made here is shown once and stored nowhere in the clear, here neither. The text of one
    that is entered is sealed as it arrives and never leaves again.
    """

    _name = "integration.key.wizard"
    _description = "Create or rotate a key"

    system_id = fields.Many2one(
        "integration.system", readonly=True, default=lambda self: self._default_holder("integration.system")
    )
    holder_name = fields.Char("For", compute="_compute_holder")
    use = fields.Selection([("inbound", "Inbound"), ("outbound", "Outbound")], compute="_compute_holder")
    needs_approval = fields.Boolean(compute="_compute_holder")
    other_key_count = fields.Integer(compute="_compute_holder")
    origin = fields.Selection(
        [("odoo", "Make it here"), ("partner", "Enter one that the partner made")], default="odoo", required=True
    )
    version = fields.Selection(
        [("v1", "Shared secret: HMAC-SHA256 (v1)"), ("v1a", "Key pair: Ed25519 (v1a)")],
        string="Kind",
        default="v1",
        required=True,
    )
    partner_key = fields.Char(
        "Key",
        compute="_compute_partner_key",
        inverse="_inverse_partner_key",
        trim=False,
        help="A shared secret (whsec_…), the partner's public key (whpk_…), or what the sender of the system has.",
    )
    entered_version = fields.Char(compute="_compute_entered_version")
    key_form = fields.Char(compute="_compute_entered_version", help="What a key looks like that can be entered.")
    entered = fields.Char(groups=fields.NO_ACCESS)
    entered_key_id = fields.Integer(groups=fields.NO_ACCESS)
    replace = fields.Boolean("Replace old keys", help="Those keys end after the overlap, once the new one works.")
    replaced_ids = fields.Many2many(
        "integration.credential", compute="_compute_replaced", store=True, readonly=False, string="Replaced keys"
    )
    overlap_days = fields.Float(
        "Overlap (days)",
        default=DEFAULT_OVERLAP.days,
        help="For how long the old keys go on once the new one works. 0: they end then, as when a key has leaked.",
    )
    valid_to = fields.Datetime("Valid until", help="Empty: until it is revoked.")

    @api.model
    def _default_holder(self, model):
        """Return the id of the record that the action was called from, where it is of that model."""
        active_model = self.env.context.get("active_model", "integration.system")
        return self.env.context.get("active_id") if active_model == model else False

    @api.model
    def _field_of(self, model):
        """Return the field that names a holder of this model."""
        return "system_id"

    @api.model
    def _open_for(self, holder, *, replace=False, use=None):
        """Return the action that opens the wizard for a holder of keys."""
        newest = self.env["integration.credential"]._of(holder, use or holder._key_use)._replaceable()[:1]
        kinds = dict(self._fields["version"].selection)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rotate keys") if replace else self.env._("Create key"),
            "res_model": self._name,
            "view_mode": "form",
            "target": "new",
            "context": {
                f"default_{self._field_of(holder._name)}": holder.id,
                "default_replace": replace and bool(newest),
                "default_version": newest.version if newest.version in kinds else "v1",
            },
        }

    def _holder(self):
        """Return the record that the key will belong to."""
        self.ensure_one()
        return self.system_id

    @api.depends("system_id")
    def _compute_holder(self):
        now = fields.Datetime.now()
        for wizard in self:
            holder = wizard._holder()
            wizard.holder_name = holder.display_name
            wizard.use = holder and holder._key_use
            wizard.needs_approval = bool(holder) and wizard._needs_approval()
            keys = holder.credential_ids if holder else self.env["integration.credential"]
            wizard.other_key_count = sum(key._is_valid_at(now) for key in keys)

    def _needs_approval(self):
        return self.system_id.mode == "live"

    @api.depends("system_id", "replace")
    def _compute_replaced(self):
        for wizard in self:
            holder = wizard._holder()
            keys = self.env["integration.credential"]
            if holder and wizard.replace:
                keys = keys._of(holder, holder._key_use)._replaceable()
            wizard.replaced_ids = keys

    # -- a key that is entered ----------------------------------------------------------------------------------------

    @api.onchange("origin")
    def _onchange_origin(self):
        """Of a pair that signs for Odoo nobody else may know the private half: what is entered is a shared secret."""
        if self.origin == "partner" and self.use == "outbound":
            self.version = "v1"

    @api.depends("system_id", "version")
    def _compute_entered_version(self):
        for wizard in self:
            holder = wizard._holder()
            wizard.entered_version = holder._key_version(wizard.version, entered=True) if holder else wizard.version
            forms = {"v1": "whsec_…", "v1a": "whpk_…"}
            wizard.key_form = forms.get(wizard.entered_version) or self.env._("As the sender has it")

    def _compute_partner_key(self):
        self.partner_key = False

    def _inverse_partner_key(self):
        """Check and seal what was entered: the web client stores a wizard before it presses its button."""
        for wizard in self.filtered("partner_key"):
            version = wizard.entered_version
            keys = self.env["integration.credential"]
            text = keys._as_entered(wizard.partner_key, version)
            keys._check_partner_key(text, use=wizard.use, version=version)
            with self._explained():
                key_id, sealed = self.env["integration.keyring"]._seal(text.encode(), aad=wizard._aad())
            # sudo: nobody may read or write the sealed text
            wizard.sudo().write({"entered": base64.b64encode(sealed).decode(), "entered_key_id": key_id})
        # What was entered goes no further, not even back to who entered it.
        self.invalidate_recordset(["partner_key"])

    def _aad(self):
        return f"{self._name}:{self.id}"

    def _entered_text(self):
        # sudo: as in _inverse_partner_key
        row = self.sudo()
        if not row.entered:
            raise UserError(self.env._("Enter the key that the partner made."))
        sealed = base64.b64decode(row.entered)
        return self.env["integration.keyring"]._open(row.entered_key_id, sealed, aad=self._aad()).decode()

    # -- the buttons --------------------------------------------------------------------------------------------------

    def action_create(self):
        """Make or take over the key, ask for its approval (none is needed in test mode); show a new one, this once."""
        self.ensure_one()
        holder = self._holder()
        holder.check_access("write")
        self._check()
        with self._explained():
            key, text = self.env["integration.credential"]._rotate(
                holder,
                use=holder._key_use,
                version=self.version,
                overlap=timedelta(days=self.overlap_days),
                text=self._entered_text() if self.origin == "partner" else None,
                keys=self.replaced_ids if self.replace else self.env["integration.credential"],
                valid_to=self.valid_to,
            )
        # sudo: as in _inverse_partner_key
        self.sudo().write({"entered": False, "entered_key_id": False})
        return key._show_once(text) if text else {"type": "ir.actions.act_window_close"}

    def _check(self):
        if self.valid_to and self.valid_to <= fields.Datetime.now():
            raise UserError(self.env._("The key would have expired already: choose a later moment."))
        if not 0 <= self.overlap_days <= MAX_OVERLAP.days:
            raise UserError(self.env._("Old and new key may go together for at most %s days.", MAX_OVERLAP.days))
        holder = self._holder()
        foreign = self.replaced_ids.filtered(lambda key: key._holder() != holder or key.use != holder._key_use)
        if foreign:
            raise UserError(self.env._("%s is a key of something else.", foreign[0].name))

    def _explained(self):
        """Return a context in which a missing master key is told as a person needs it."""
        return _Explained()


class _Explained:
    """Turns a :class:`KeyringError` into what a person reads."""

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, KeyringError):
            raise UserError(error.remedy) from error
