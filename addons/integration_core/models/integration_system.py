import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.addons.base.models.res_partner import _tz_get
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_datetime

from ..domain import envelope
from ..domain.book import Key, Party
from ..domain.clearance import Clearance
from ..domain.sender import Sender, mode_at
from ..fields import refuse_if_used
from .integration_event_type import CLASSES

GATE_URL = "integration_core.gate_url"
"""System parameter: the public address at which messages come in, where it is another than ``web.base.url``."""
CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
EXPIRED_KEYS_TOLD = timedelta(days=90)
"""For how long a refusal can still say that a message was signed with a key that has expired."""


class IntegrationSystem(models.Model):
    """A registered external application: who it is, what it may send, and since when that counts."""

    _name = "integration.system"
    _inherit = [
        "mail.thread",
        "mail.activity.mixin",
        "integration.approval.mixin",
        "integration.key.holder.mixin",
        "integration.run.as.mixin",
        "integration.audited.mixin",
        "integration.portable.mixin",
    ]
    _description = "System"
    _order = "code"
    _check_company_auto = True

    _approval_guarded = (
        "code",
        "company_id",
        "event_type_ids",
        "timestamp_tolerance",
        "clearance",
        "live_from",
        "timezone",
    )
    _approval_protected = ("mode", "state")
    _audit_name = "system"
    _approval_shown = ("name",)

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(
        required=True, tracking=True, copy=False, help="Its name in addresses; lower case, never changed."
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, tracking=True, index=True
    )
    active = fields.Boolean(default=True, tracking=True)
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("suspended", "Suspended")],
        default="draft",
        required=True,
        copy=False,
        tracking=True,
    )
    mode = fields.Selection(
        [("test", "Test"), ("live", "Live")],
        default="test",
        required=True,
        copy=False,
        tracking=True,
        help="What a test system sends is checked and mapped and shows what it would do; it makes no documents.",
    )
    live_from = fields.Datetime(
        "Live from", copy=False, tracking=True, help="What arrives before this moment is still test."
    )
    timezone = fields.Selection(
        _tz_get,
        "Time zone",
        required=True,
        default=lambda self: self._home_timezone(self.env.company),
        help="Decides which day a service belongs to: the day where the care is given, not where whoever registers the "
        "system sits. So at first it is the time zone of the company's contact, and yours where that has none.",
    )
    owner_id = fields.Many2one("res.users", default=lambda self: self.env.user, tracking=True)
    partner_id = fields.Many2one("res.partner", "Contact", help="Whom to call at the other side.")
    note = fields.Text("Purpose")
    event_type_ids = fields.Many2many(
        "integration.event.type",
        "integration_system_event_type_rel",
        "system_id",
        "event_type_id",
        string="May send",
        domain=[("direction", "=", "inbound")],
    )
    clearance = fields.Selection(
        CLASSES,
        required=True,
        default="internal",
        tracking=True,
        help="The most confidential data that it may send. What an event type carries follows from its schema.",
    )
    max_body_bytes = fields.Integer("Largest message (bytes)", default=1 << 20, required=True, tracking=True)
    rate_per_minute = fields.Integer("Messages per minute", default=6000, required=True, tracking=True)
    timestamp_tolerance = fields.Integer(
        "Oldest signature (s)",
        default=300,
        required=True,
        help="300 s; up to 259,200 s (72 h) for senders that cannot sign a retry again. A change takes a live system "
        "back to test until a second person has approved it.",
    )
    credential_ids = fields.One2many(
        "integration.credential",
        "system_id",
        groups="integration_core.group_operator,integration_core.group_governance_approver,"
        "integration_core.group_auditor",
    )
    inbound_url = fields.Char(compute="_compute_inbound_url")
    hold_id = fields.Many2one("integration.hold", compute="_compute_hold", groups="integration_core.group_operator")
    hold_summary = fields.Char(compute="_compute_hold", groups="integration_core.group_operator")

    _code_uniq = models.UniqueIndex("(code)", "Another system already has this code.")
    _limits = models.Constraint(
        "CHECK (max_body_bytes BETWEEN 1024 AND 16777216 AND rate_per_minute BETWEEN 1 AND 10000000"
        " AND timestamp_tolerance BETWEEN 300 AND 259200)",
        "Largest message 1 KiB–16 MiB, 1–10,000,000 messages per minute, signatures 300–259,200 s old.",
    )

    def init(self):
        configuration = self.env["integration.configuration"]
        configuration._follow(self._table)
        configuration._follow(self._fields["event_type_ids"].relation)

    @api.model
    def _gate_url(self):
        """Return the public address at which messages come in: one of its own where there is one, else Odoo's."""
        # sudo: the public address of this Odoo is not a secret
        parameters = self.env["ir.config_parameter"].sudo()
        return (parameters.get_param(GATE_URL) or parameters.get_param("web.base.url") or "").rstrip("/")

    @api.depends("code")
    def _compute_inbound_url(self):
        base = self._gate_url()
        for system in self:
            system.inbound_url = f"{base}/integration/v1/inbound/{system.code}" if system.code else False

    def _compute_hold(self):
        holds = {hold.system_id: hold for hold in self.env["integration.hold"].search([("system_id", "in", self.ids)])}
        for system in self:
            hold = holds.get(system._origin)
            system.hold_id = hold
            system.hold_summary = hold and self.env._(
                "since %(since)s by %(person)s: %(reason)s",
                since=format_datetime(self.env, hold.since, dt_format="short"),
                person=hold.user_id.name,
                reason=hold.reason,
            )

    @api.constrains("code")
    def _check_code(self):
        for system in self:
            if not CODE.match(system.code):
                raise ValidationError(
                    self.env._(
                        "A system's code is 1–63 lower-case letters, digits, '_' or '-', and starts with a "
                        "letter or digit."
                    )
                )

    @api.constrains("event_type_ids", "clearance")
    def _check_clearance(self):
        words = dict(self._fields["clearance"]._description_selection(self.env))
        for system in self:
            above = system.event_type_ids.filtered(lambda kind, own=system: not own._is_cleared_for(kind))
            if above:
                raise ValidationError(
                    self.env._(
                        "%(system)s is cleared for %(own)s at most; %(type)s carries %(needed)s. Raise its clearance "
                        "first, which needs a new approval when it is live, or do not grant that type.",
                        system=system.name,
                        own=words[system.clearance].lower(),
                        type=above[0].name,
                        needed=words[above[0].classification].lower(),
                    )
                )

    @api.model
    def _home_timezone(self, company):
        """Return the time zone that a new system of a company is probably in."""
        # sudo: a company's time zone is no secret
        return company.sudo().partner_id.tz or self.env.user.tz or "UTC"

    @api.onchange("company_id")
    def _onchange_company(self):
        """Follow the company where it says its time zone, as long as the system is new."""
        if not self._origin:
            self.timezone = self.company_id.sudo().partner_id.tz or self.timezone  # sudo: as above

    @api.onchange("event_type_ids")
    def _onchange_event_types(self):
        """Raise the clearance to what the types need, for whoever saves to see; a live system's is raised by hand."""
        if self.mode != "live":
            granted = [Clearance(kind.classification) for kind in self.event_type_ids]
            self.clearance = max([Clearance(self.clearance), *granted], key=lambda one: one.rank).value

    def _is_cleared_for(self, event_type):
        """Tell whether the system may send data of that event type's class."""
        self.ensure_one()
        return Clearance(self.clearance).covers(Clearance(event_type.classification))

    @api.model
    def _needed_clearance(self, vals):
        """Return the clearance that the grants of a new system need, where whoever registers it names none."""
        probe = self.new({"event_type_ids": vals.get("event_type_ids")})
        classes = [Clearance(kind.classification) for kind in probe.event_type_ids]
        return max([Clearance.INTERNAL, *classes], key=lambda one: one.rank).value

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals.setdefault("clearance", self._needed_clearance(vals))
            if vals.get("company_id"):
                company = self.env["res.company"].browse(vals["company_id"])
                vals.setdefault("timezone", self._home_timezone(company))
        systems = super().create(vals_list)
        systems.company_id._let_engine_in()
        return systems

    def write(self, vals):
        if "code" in vals and any(system.code != vals["code"] for system in self):
            raise UserError(
                self.env._(
                    "A system's code is part of its address and of every message: register a new system instead."
                )
            )
        result = super().write(vals)
        if "company_id" in vals:
            self.company_id._let_engine_in()
        return result

    @property
    def _source(self):
        """CloudEvents ``source`` that this system's events must carry."""
        return envelope.inbound_source(self.code)

    def _mode_at(self, moment):
        """Return ``live`` or ``test`` for what arrives at ``moment`` (naive UTC datetime)."""
        self.ensure_one()
        return mode_at(self.mode, self.live_from or None, moment)

    def _as_party(self):
        """Return the system as the gate knows it, a :class:`book.Party`.

        :raises KeyringError: without a usable master key
        """
        self.ensure_one()
        recently = fields.Datetime.now() - EXPIRED_KEYS_TOLD
        keys = self.env["integration.credential"].search(
            [
                *(("system_id", "=", self.id), ("use", "=", "inbound"), ("state", "=", "active")),
                *("|", ("valid_to", "=", False), ("valid_to", ">", recently)),
            ]
        )
        return Party(
            id=self.id,
            company_id=self.company_id.id,
            code=self.code,
            active=self.state == "active",
            mode=self.mode,
            live_from=self.live_from or None,
            zone=ZoneInfo(self.timezone or "UTC"),
            max_body_bytes=self.max_body_bytes,
            rate_per_minute=self.rate_per_minute,
            timestamp_tolerance=self.timestamp_tolerance,
            # A type whose data have become more confidential since is granted no more.
            granted=frozenset(self.event_type_ids.filtered(self._is_cleared_for).ids),
            keys=tuple(
                Key(verify, key.valid_from, key.valid_to or None)
                for key in keys
                for verify in key._verify_keys(key.valid_from)
            ),
        )

    def _as_sender(self, moment, type_name):
        """Return the :class:`Sender` of a message of this type that arrives at ``moment`` (naive UTC datetime).

        :raises KeyringError: without a usable master key
        """
        self.ensure_one()
        return Sender(
            system_id=self.id,
            company_id=self.company_id.id,
            code=self.code,
            zone=ZoneInfo(self.timezone or "UTC"),
            mode=self._mode_at(moment),
            event_type_id=self.env["integration.event.type"]._named(type_name).id,
            vault=self.env["integration.keyring"]._vault(),
        )

    # -- carried to another database

    @api.model
    def _portable_key(self):
        return ("code",)

    @api.model
    def _portable_fields(self):
        return [
            "company_id",
            "name",
            "timezone",
            "event_type_ids",
            "clearance",
            "max_body_bytes",
            "rate_per_minute",
            "timestamp_tolerance",
        ]

    def _portable_note(self, values):
        if not self:
            return self.env._("It arrives in test mode, as a draft without keys.")
        note = super()._portable_note(values)
        if note and self.mode == "live":
            return self.env._("It goes back to test mode until a second person has approved the change.")
        return note

    def _portable_asks(self):
        """Ask for nothing: without keys, and untried, it is not to go live."""
        return False

    # -- life cycle
    # -----------------------------------------------------------------------------------------------------

    def action_activate(self):
        """Let the system post in its mode."""
        self.check_access("write")
        for system in self:
            system._approving().write({"state": "active"})
        self.env["integration.audit"]._record("system.activate", self)
        return True

    def action_suspend(self):
        """Refuse everything it sends until it is activated again."""
        self.check_access("write")
        for system in self:
            system._approving().write({"state": "suspended"})
        self.env["integration.audit"]._record("system.suspend", self)
        return True

    def action_release_hold(self):
        """Ask why, then let its messages and what is for it go on."""
        self.env["integration.hold"]._check_operator()
        self.check_access("read")
        return self.hold_id.action_release()

    def action_back_to_test(self):
        """From now on what arrives is test again."""
        self.check_access("write")
        for system in self:
            system._approving().write({"mode": "test", "approval_state": "draft"})
        self.env["integration.audit"]._record("system.test", self)
        return True

    @api.ondelete(at_uninstall=False)
    def _refuse_if_used(self):
        columns = [
            (table, "system_id") for table in ("integration_event", "integration_event_key", "integration_receipt")
        ]
        refuse_if_used(self, [*columns, ("integration_event", "origin_system_id")])

    def _approval_effects(self):
        mode = self._fields["mode"]
        words = dict(mode._description_selection(self.env))
        return [] if self.mode == "live" else [(mode._description_string(self.env), words["test"], words["live"])]

    def _on_approved(self):
        """Approved means: goes live, with the keys and mappings it was tried with."""
        for system in self:
            values = {"mode": "live", "state": "active"}
            if not system.live_from:
                values["live_from"] = fields.Datetime.now()
            system.write(values)

    def _on_approval_lost(self):
        self.write({"mode": "test"})


class ResCompany(models.Model):
    _inherit = "res.company"

    @api.ondelete(at_uninstall=False)
    def _refuse_if_journalled(self):
        tables = ("integration_event", "integration_delivery", "integration_receipt")
        refuse_if_used(self, [(table, "company_id") for table in tables])

    def _let_engine_in(self):
        """Let the engine user work in these companies."""
        self._let_in(self.env.ref("integration_core.user_engine"))

    def _let_in(self, users):
        """Let users as whom the suite acts work in these companies."""
        # sudo: whoever registers a system need not be allowed to edit users
        for user in users.sudo():
            missing = self - user.company_ids
            if missing:
                user.write({"company_ids": [fields.Command.link(company.id) for company in missing]})
