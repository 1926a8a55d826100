from datetime import timedelta

from odoo import api, fields, models
from odoo.addons.integration_core.domain import backoff
from odoo.addons.integration_core.domain.approval import public_url
from odoo.addons.integration_core.domain.changes import Told
from odoo.exceptions import AccessError, UserError, ValidationError

from ..domain import addresses, egress
from .integration_breaker import endpoint_key, origin_key

TESTED = "integration.endpoint.tested.v1"
DISABLED = "integration.endpoint.disabled.v1"
RECOVERED = "integration.endpoint.recovered.v1"

CONFIGURATION_LIMIT = 3
"""Configuration failures in a row after which an endpoint is disabled (wire contract §2)."""

ASK_AFTER = timedelta(days=14)
"""How long work may be held before the endpoint's owner is asked (wire contract §2)."""

ALERT = "mail.mail_activity_data_warning"

FOLLOWED = ("state", "approved_mode", "company_id", "system_id", "url", "timeout", "schedule")
"""Columns that say where messages go, and how."""

TROUBLES = [
    ("breaker", "The receiver does not answer as it should"),
    ("origin", "The receiver's host cannot be reached"),
    ("gone", "The receiver says that it is gone for good"),
    ("configuration", "Three failures in a row that need a change"),
]
"""Why an endpoint does not receive as it should. Its owner is told once when that begins and once when it is over."""


class IntegrationEndpoint(models.Model):
    """An address outside that subscribed events are posted to, signed with its own keys.

    States. A *draft* endpoint receives nothing until a second person has approved its address. An *active* one
    receives. A *paused* one was stopped by a person, a *disabled* one by the suite itself: the receiver answered 410,
    or three deliveries in a row failed in a way that only a change of configuration mends. Events for an endpoint that
    is not active wait, spend no attempts and leave when it is resumed.

    While its system is in test mode no second person is needed, and test events alone are sent (``approved_mode``).
    """

    _name = "integration.endpoint"
    _inherit = [
        "mail.thread",
        "mail.activity.mixin",
        "integration.approval.mixin",
        "integration.emitter.mixin",
        "integration.key.holder.mixin",
        "integration.audited.mixin",
        "integration.company.mixin",
        "integration.portable.mixin",
    ]
    _description = "Endpoint"
    _order = "name, id"
    _check_company_auto = True

    _key_use = "outbound"
    _audit_name = "endpoint"
    _approval_guarded = ("url", "system_id", "company_id")
    _approval_shown = ("name",)
    _approval_protected = (
        "state",
        "approved_mode",
        "disabled_reason",
        "disabled_at",
        "configuration_streak",
        "trouble",
        "trouble_since",
    )

    name = fields.Char(required=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, tracking=True
    )
    system_id = fields.Many2one(
        "integration.system",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        tracking=True,
        help="The application that listens there. By default it is not sent what it caused itself.",
    )
    url = fields.Char(
        "URL", required=True, tracking=True, help="Where events are posted to: https://, unless allowed otherwise."
    )
    owner_id = fields.Many2one(
        "res.users",
        required=True,
        default=lambda self: self.env.user,
        tracking=True,
        help="Is asked to help when nothing can be delivered.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("paused", "Paused"), ("disabled", "Disabled")],
        default="draft",
        required=True,
        copy=False,
        index=True,
        tracking=True,
    )
    approved_mode = fields.Selection([("test", "Test events only"), ("live", "Live")], copy=False, readonly=True)
    system_mode = fields.Selection(related="system_id.mode")
    timeout = fields.Integer(
        "Deadline (s)", default=15, required=True, help="Total time of one try, from the name look-up to the last byte."
    )
    schedule = fields.Char(
        default=backoff.DEFAULT_SCHEDULE.to_text(),
        required=True,
        help="Seconds before each try, counted from the one before; their number is the number of tries.",
    )
    schedule_summary = fields.Char(compute="_compute_schedule_summary")
    concurrency = fields.Integer(
        "At once", default=8, required=True, help="How many messages one engine process may have under way to it."
    )
    rate_per_minute = fields.Integer(
        "Messages a minute", help="The most that may be sent to it, over all engine processes. 0: no limit."
    )
    credential_ids = fields.One2many("integration.credential", "endpoint_id", string="Keys", readonly=True)
    subscription_ids = fields.One2many("integration.subscription", "endpoint_id", string="Subscriptions")
    disabled_reason = fields.Selection(
        [
            ("gone", "The receiver says that it is gone for good"),
            ("configuration", "Three failures in a row that need a change"),
        ],
        copy=False,
        readonly=True,
    )
    disabled_at = fields.Datetime("Disabled since", copy=False, readonly=True)
    configuration_streak = fields.Integer(
        copy=False, readonly=True, help="Failures in a row that only a change of configuration mends."
    )
    trouble_since = fields.Datetime(
        copy=False, readonly=True, help="Since when it has not received as it should; its owner was told then."
    )
    trouble = fields.Selection(TROUBLES, copy=False, readonly=True)
    breaker_ids = fields.Many2many("integration.breaker", compute="_compute_breakers", string="Circuit breakers")
    breaker_open = fields.Boolean(compute="_compute_breakers", help="It is not asked at present, but for probes.")
    active_key_count = fields.Integer(compute="_compute_active_key_count")
    egress_problem = fields.Char(compute="_compute_egress", help="Why the egress guard would refuse the address.")
    can_allow = fields.Boolean(compute="_compute_egress")
    may_request = fields.Boolean(compute="_compute_may_request")
    # As the superuser: who reads the endpoint, to approve it, sees what became of its test without reading deliveries.
    test_state = fields.Selection(
        [("waiting", "On its way"), ("delivered", "Received"), ("failed", "Not received")],
        compute="_compute_test",
        compute_sudo=True,
    )
    test_at = fields.Datetime(compute="_compute_test", compute_sudo=True)
    test_result = fields.Char(compute="_compute_test", compute_sudo=True)

    _timeout_check = models.Constraint("CHECK (timeout BETWEEN 1 AND 60)", "An attempt may take 1 to 60 seconds.")

    _concurrency_check = models.Constraint(
        "CHECK (concurrency BETWEEN 1 AND 64)", "Between 1 and 64 messages may be under way at once."
    )
    _rate_check = models.Constraint("CHECK (rate_per_minute >= 0)", "A rate is not negative; 0 means no limit.")

    def init(self):
        # What the engine notes of an endpoint's health changes nothing of where messages go.
        self.env["integration.configuration"]._follow(self._table, FOLLOWED)

    # -- fields ------------------------------------------------------------------------------------------------------

    @api.depends("credential_ids.state", "credential_ids.valid_from", "credential_ids.valid_to")
    def _compute_active_key_count(self):
        now = fields.Datetime.now()
        for endpoint in self:
            endpoint.active_key_count = sum(key._is_valid_at(now) for key in endpoint.credential_ids)

    @api.depends("url", "state")
    def _compute_breakers(self):
        names = {endpoint: [endpoint_key(endpoint.id), origin_key(endpoint.url)] for endpoint in self}
        wanted = [name for own in names.values() for name in own]
        found = self.env["integration.breaker"].search([("name", "in", wanted)])
        for endpoint in self:
            endpoint.breaker_ids = found.filtered(lambda b, own=names[endpoint]: b.name in own)
            endpoint.breaker_open = any(breaker.state != "closed" for breaker in endpoint.breaker_ids)

    @api.depends("url")
    def _compute_egress(self):
        allowed = self.env["integration.egress.allow"]._allowed()
        for endpoint in self:
            problem = endpoint._egress_error(allowed)
            endpoint.egress_problem = problem.detail if problem else False
            endpoint.can_allow = bool(problem) and endpoint._egress_error_if_allowed() is None

    @api.depends("approval_state", "approved_mode", "system_id.mode", "system_id.live_from")
    def _compute_may_request(self):
        for endpoint in self:
            endpoint.may_request = endpoint.approval_state in ("draft", "rejected") or endpoint._awaits_live()

    @api.depends("subscription_ids")
    def _compute_test(self):
        for endpoint in self:
            delivery = endpoint._last_test()
            endpoint.test_state = delivery._test_state() if delivery else False
            endpoint.test_at = delivery.created_at if delivery else False
            endpoint.test_result = delivery._test_result() if delivery else False

    def _last_test(self):
        channel = self._origin.subscription_ids.filtered("for_tests")
        return self.env["integration.delivery"].search(
            [("subscription_id", "in", channel.ids)], order="id desc", limit=1
        )

    def _place(self):
        """Return the (host, port) that the URL leads to.

        :raises EgressError: when it is no URL that could ever be used
        """
        return egress.place_of(self.url or "")

    def _egress_error(self, allowed):
        """Return why the guard refuses the URL as it is written, or None; names are resolved only when sending."""
        try:
            target = egress.parse_url(self.url or "", allowed=allowed)
            if target.is_address:
                egress.vet([target.host], target)
        except egress.EgressError as error:
            return error
        return None

    def _egress_error_if_allowed(self):
        """Return why the guard would refuse the URL even with an entry of its own on the allow-list, or None."""
        try:
            return self._egress_error({egress.allow_key(*self._place())})
        except egress.EgressError as error:
            return error

    @api.constrains("url")
    def _check_url(self):
        for endpoint in self:
            error = endpoint._egress_error_if_allowed()
            if error:
                raise ValidationError(error.detail)

    @api.depends("schedule")
    def _compute_schedule_summary(self):
        for endpoint in self:
            try:
                schedule = endpoint._backoff_schedule()
            except ValueError as error:
                endpoint.schedule_summary = str(error)
            else:
                hours, minutes = divmod(schedule.total // 60, 60)
                endpoint.schedule_summary = self.env._(
                    "%(tries)s tries within %(hours)s h %(minutes)s min, then a dead letter",
                    tries=schedule.tries,
                    hours=hours,
                    minutes=minutes,
                )

    @api.constrains("schedule")
    def _check_schedule(self):
        for endpoint in self:
            try:
                endpoint._backoff_schedule()
            except ValueError as error:
                raise ValidationError(self.env._("The schedule is not usable: %s", error)) from error

    def _backoff_schedule(self):
        self.ensure_one()
        return backoff.Schedule.parse(self.schedule or "")

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_needed(self):
        self.ensure_one()
        return self._system_mode() == "live"

    def _system_mode(self):
        return self.system_id._mode_at(fields.Datetime.now())

    def action_request_approval(self):
        """Ask for approval of this address; in test mode it is granted at once, for test events only."""
        self.check_access("write")
        for endpoint in self:
            if endpoint.egress_problem:
                raise UserError(endpoint.egress_problem)
            if endpoint._awaits_live():
                endpoint._approving().write({"approval_state": "draft"})
        return super().action_request_approval()

    def _awaits_live(self):
        """Tell whether the endpoint was approved for test events while its system has gone live since."""
        return self.approval_state == "approved" and self.approved_mode == "test" and self._system_mode() == "live"

    def _approval_effects(self):
        modes = dict(self._fields["approved_mode"]._description_selection(self.env))
        label = self._fields["approved_mode"]._description_string(self.env)
        return [(label, modes.get(self.approved_mode, ""), modes[self._system_mode()])]

    def _approval_text(self, name):
        text = super()._approval_text(name)
        return public_url(text) if name == "url" else text

    def _on_approved(self):
        for endpoint in self:
            endpoint.write({"approved_mode": endpoint._system_mode()})
            if endpoint.state == "draft":
                endpoint._activate()

    def _audit_value(self, name):
        if name == "url":  # some receivers take a token as a parameter
            return Told((self.url or "").partition("?")[0])
        return super()._audit_value(name)

    def _on_approval_lost(self):
        self.write({"state": "draft", "approved_mode": False})

    # -- carried to another database ----------------------------------------------------------------------------------

    @api.model
    def _portable_key(self):
        return ("company_id", "name")

    @api.model
    def _portable_fields(self):
        return ["system_id", "url", "timeout", "schedule", "concurrency", "rate_per_minute"]

    def _portable_withheld(self):
        secret = addresses.may_hold_secret(self.url or "")
        return {*super()._portable_withheld(), *(["url"] if secret else [])}

    def _portable_note(self, values):
        if not self:
            return self.env._("It arrives as a draft without keys: nothing is sent until its address is approved.")
        return super()._portable_note(values)

    def _portable_asks(self):
        return super()._portable_asks() and not self.egress_problem

    # -- life cycle --------------------------------------------------------------------------------------------------

    def _as_operator(self):
        """Return the endpoint with the right to move it between its states, for those who keep deliveries moving.

        :raises AccessError: for anybody else
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators pause and resume endpoints."))
        # sudo: operators stop and start an endpoint, but may not edit its address
        return self.sudo()._approving()

    def action_pause(self):
        """Hold everything for this endpoint until it is resumed."""
        for endpoint in self:
            held = endpoint._as_operator()
            if endpoint.state != "active":
                raise UserError(self.env._("%s is not active.", endpoint.name))
            held.write({"state": "paused"})
            self.env["integration.audit"]._record("endpoint.pause", endpoint)
        self.env["integration.engine"]._wake(plan=True)
        return True

    def action_resume(self):
        """Deliver again, what has waited first."""
        for endpoint in self:
            resumed = endpoint._as_operator()
            if endpoint.state not in ("paused", "disabled"):
                raise UserError(self.env._("%s is neither paused nor disabled.", endpoint.name))
            if endpoint.approval_state != "approved":
                raise UserError(self.env._("The address of %s must be approved first.", endpoint.name))
            was_disabled = endpoint.state == "disabled"
            resumed._activate()
            self.env["integration.audit"]._record("endpoint.resume", endpoint)
            if was_disabled:
                endpoint._emit_event(RECOVERED)
            resumed._end_trouble()
        return True

    def action_replay_missed(self):
        """Open a new replay of what this endpoint has missed; the operator says since when."""
        self.env["integration.replay"].check_access("create")
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replay what %s missed", self.name),
            "res_model": "integration.replay",
            "view_mode": "form",
            "context": {
                "default_scope": "missed",
                "default_company_id": self.company_id.id,
                "default_subscription_ids": self.subscription_ids.filtered(lambda s: not s.for_tests).ids,
            },
        }

    def _activate(self):
        self.ensure_one()
        self.write({"state": "active", "disabled_reason": False, "disabled_at": False, "configuration_streak": 0})
        self.subscription_ids._release_held()

    def _disable(self, reason):
        """Stop an active endpoint for ``reason``, tell its owner once and the world by an event."""
        for endpoint in self.filtered(lambda e: e.state == "active"):
            endpoint._approving().write(
                {"state": "disabled", "disabled_reason": reason, "disabled_at": fields.Datetime.now()}
            )
            self.env["integration.audit"]._record("endpoint.disable", endpoint, reason=reason)
            endpoint._begin_trouble(reason)
            endpoint._emit_event(DISABLED)

    def _note_results(self, results):
        """React to what the engine has just stored.

        :param results: the :class:`~odoo.addons.integration_core.engine.claims.Result` of tries, in their order
        """
        self.ensure_one()
        gone = next((result for result in results if result.outcome == "gone"), None)
        if gone:
            self._caused_by(gone)._disable("gone")
            return
        # Test events are tried while the configuration is being mended: they neither hold nor clear.
        real = [result for result in results if not result.extra.is_test]
        if self.configuration_streak or any(result.outcome == "configuration" for result in real):
            self._count_configuration_failures(real)

    def _count_configuration_failures(self, results):
        # FOR UPDATE: processes that count the same endpoint at once take turns
        self.env.cr.execute(
            "SELECT configuration_streak FROM integration_endpoint WHERE id = %s FOR UPDATE", (self.id,)
        )
        streak = self.env.cr.fetchone()[0] or 0
        third = None
        for result in results:
            streak = streak + 1 if result.outcome == "configuration" else 0
            third = third or (result if streak >= CONFIGURATION_LIMIT else None)
        self._approving().write({"configuration_streak": streak})
        if third:
            self._caused_by(third)._disable("configuration")

    def _caused_by(self, result):
        """Return the endpoint such that the events it emits name the event whose delivery led to them."""
        return self._following(result.claimed.event_id)

    # -- trouble: one word when it begins, one when it is over ---------------------------------------------------------

    @api.model
    def _begin_trouble_of(self, breaker_names):
        """Tell the owners of the active endpoints that stand behind breakers which have just opened."""
        if not breaker_names:
            return
        opened = set(breaker_names)
        for endpoint in self.search([("state", "=", "active")]):
            if endpoint_key(endpoint.id) in opened:
                endpoint._begin_trouble("breaker")
            elif origin_key(endpoint.url) in opened:
                endpoint._begin_trouble("origin")

    @api.model
    def _behind(self, breaker_names):
        """Return the endpoints in trouble that stand behind one of these breakers."""
        if not breaker_names:
            return self.browse()
        names = set(breaker_names)
        troubled = self.search([("trouble_since", "!=", False)])
        return troubled.filtered(lambda one: names & {endpoint_key(one.id), origin_key(one.url)})

    def _begin_trouble(self, code):
        """Note that something is wrong from now on; the owner is told once, however much follows from it.

        What only a person can mend is said again when it comes on top of what might have passed by itself.
        """
        for endpoint in self:
            endpoint._lock_row()
            known = endpoint.trouble
            worse = known in ("breaker", "origin") and code in ("gone", "configuration")
            if known and not worse:
                continue
            endpoint._approving().write(
                {"trouble": code, "trouble_since": endpoint.trouble_since or fields.Datetime.now()}
            )
            endpoint.activity_unlink([ALERT])
            if known or not endpoint._is_told_elsewhere():
                endpoint._ask_owner(*endpoint._trouble_words(code))

    def _is_told_elsewhere(self):
        """Tell whether something else tells people of the trouble of this endpoint, when it begins and when it ends."""
        return False

    def _trouble_words(self, code):
        label = dict(self._fields["trouble"]._description_selection(self.env))[code]
        match code:
            case "gone" | "configuration":
                advice = self.env._(
                    "Its events wait and nothing is lost. Look at the last attempts, mend the cause with the receiver, "
                    "then press Resume."
                )
            case _:
                advice = self.env._(
                    "Its events wait and nothing is lost. A probe goes out every now and then, and what waits follows "
                    "as soon as one is answered. Ask the receiver's operators when that takes long."
                )
        return self.env._("%s no longer receives as it should", self.name), f"{label}. {advice}"

    def _end_trouble(self):
        """Tell the owner that it is over, if it is."""
        for endpoint in self.filtered("trouble_since"):
            endpoint._lock_row()
            if not endpoint.trouble_since or endpoint.state != "active" or endpoint.breaker_open:
                continue
            since = endpoint.trouble_since
            endpoint._approving().write({"trouble": False, "trouble_since": False})
            endpoint.activity_unlink([ALERT])
            if not endpoint._is_told_elsewhere():
                endpoint.message_notify(
                    partner_ids=endpoint._key_owner().partner_id.ids,
                    subject=self.env._("%s receives again", endpoint.name),
                    body=self.env._("The trouble that began at %s UTC is over. Nobody need do anything.", since),
                )

    def _lock_row(self):
        # FOR UPDATE: of several processes that notice the same, one tells
        self.env.cr.execute("SELECT 1 FROM integration_endpoint WHERE id = %s FOR UPDATE", (self.id,))
        self.invalidate_recordset(["trouble", "trouble_since", "breaker_ids", "breaker_open"])

    def action_probe(self):
        """Ask the receiver again now, instead of when the breaker would: one delivery shows whether it is back."""
        for endpoint in self:
            endpoint._as_operator()
            # sudo: a breaker is the engine's; this method has checked the operator's right
            endpoint.breaker_ids.sudo()._hasten()
            self.env["integration.audit"]._record("endpoint.probe", endpoint)
        return True

    def _ask_owner(self, summary, note):
        """Put one activity on the desk of the owner, or of an administrator when the owner can no longer see it."""
        self.ensure_one()
        self.activity_schedule(ALERT, user_id=self._key_owner().id, summary=summary, note=note)

    @api.autovacuum
    def _ask_about_held_work(self):
        """Ask owners, once a day at most, what is to become of work that has been held for a fortnight."""
        for endpoint in self.search([("state", "!=", "active")]):
            asked = endpoint.activity_ids.filtered(lambda a: a.activity_type_id == self.env.ref(ALERT))
            if not asked and endpoint._holds_since(fields.Datetime.now() - ASK_AFTER):
                endpoint._ask_owner(
                    self.env._("Events for %s have waited for 14 days", endpoint.name),
                    self.env._(
                        "They are kept until somebody decides. Resume the endpoint, or skip what is no longer wanted."
                    ),
                )

    def _holds_since(self, moment):
        waiting = [
            ("subscription_id", "in", self.subscription_ids.ids),
            ("state", "=", "waiting"),
            ("created_at", "<", moment),
        ]
        return bool(self.env["integration.delivery"].search_count(waiting, limit=1))

    # -- keys --------------------------------------------------------------------------------------------------------

    def action_create_key(self):
        """Open the wizard that makes a signing key, or enters the receiver's, beside those in force."""
        self.check_access("write")
        self.ensure_one()
        return self.env["integration.key.wizard"]._open_for(self)

    def action_allow_address(self):
        """Open the form that allows exactly this host and port, for an administrator to say why."""
        self.env["integration.egress.allow"].check_access("create")
        self.check_access("read")
        self.ensure_one()
        host, port = self._place()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Allow a private receiver"),
            "res_model": "integration.egress.allow",
            "view_mode": "form",
            "target": "new",
            "context": {"default_host": host, "default_port": port},
        }

    # -- the suite's own events --------------------------------------------------------------------------------------

    def action_send_test(self):
        """Send one event that only says that it is a test; its result shows on the form."""
        self.check_access("write")
        self.ensure_one()
        problem = self._test_problem()
        if problem:
            raise UserError(problem)
        self._ensure_test_channel()
        self._emit_event(TESTED)
        self.env["integration.audit"]._record("endpoint.test", self)
        return True

    def _ensure_test_channel(self):
        """Make the subscription by which test events reach this endpoint alone, when it is not there yet."""
        if self.subscription_ids.filtered("for_tests"):
            return
        # sudo: 'for_tests' is nobody's to set by hand
        self.env["integration.subscription"].sudo().create(
            {
                "name": self.env._("Test events of %s", self.name),
                "company_id": self.company_id.id,
                "consumer": "endpoint",
                "endpoint_id": self.id,
                "for_tests": True,
                "event_type_ids": self.env["integration.event.type"]._named(TESTED).ids,
            }
        )

    def _test_problem(self):
        """Return what to do before a test event can leave, or None."""
        if self.state != "active":
            return self.env._("%s must be approved and active before anything is sent to it.", self.name)
        if self.egress_problem:
            return self.egress_problem
        if not self.active_key_count:
            return self.env._("%s has no active key to sign with: create one first.", self.name)
        return None

    def _event_subject(self, type_name):
        self.ensure_one()
        return f"endpoint/{self.id}"

    def _event_data(self, type_name):
        self.ensure_one()
        data = {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": None,
            "date": fields.Date.to_string(fields.Date.today()),
            "endpoint": self.name[:255],
        }
        if type_name == TESTED:
            return {**data, "message": "A test event from Odoo."}
        return {**data, "reason": self.disabled_reason or "resumed"}
