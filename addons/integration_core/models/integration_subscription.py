from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError


class IntegrationSubscription(models.Model):
    """Who gets which events: a handler inside Odoo, or (integration_outbound) an endpoint outside."""

    _name = "integration.subscription"
    _inherit = [
        "mail.thread",
        "integration.audited.mixin",
        "integration.company.mixin",
        "integration.portable.mixin",
    ]
    _description = "Subscription"
    _order = "name"
    _check_company_auto = True

    _audit_name = "subscription"

    name = fields.Char(required=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        index=True,
        tracking=True,
        help="Only events of this company. Empty is for handlers only: they work in the company of each event.",
    )
    event_type_ids = fields.Many2many(
        "integration.event.type",
        "integration_subscription_event_type_rel",
        "subscription_id",
        "event_type_id",
        string="Event types",
        required=True,
    )
    consumer = fields.Selection([("handler", "Handler inside Odoo")], required=True, default="handler")
    handler = fields.Selection(selection="_selection_handler")
    owner_id = fields.Many2one(
        "res.users",
        # What a release installs is nobody's until somebody takes it: the system's own user answers to nobody.
        default=lambda self: self.env.user.filtered("active"),
        tracking=True,
        help="Its dead letters are this person's.",
    )
    state = fields.Selection(
        [("active", "Active"), ("paused", "Paused")], default="active", required=True, tracking=True
    )
    ordered = fields.Boolean(
        "In order",
        tracking=True,
        help="Events with the same ordering key are delivered one after the other, in the order of their commits. A "
        "dead letter holds what comes after it, until it is retried or skipped. It applies to events from now on.",
    )
    active = fields.Boolean(default=True)
    facility_codes = fields.Char(
        "Only facilities",
        tracking=True,
        help="Codes, separated by commas. Only events of these facilities; an event that names no facility, or another "
        "one besides, is not delivered. Empty: every event.",
    )
    document_type_ids = fields.Many2many(
        "integration.document.type",
        string="Only document types",
        help="Only events about such documents; an event about none is not delivered. Empty: every event.",
    )
    facet_filter = fields.Json(compute="_compute_facet_filter", store=True, help="What fan-out compares, by facet.")

    @api.depends(lambda self: self._facet_filter_depends())
    def _compute_facet_filter(self):
        for subscription in self:
            chosen = {name: sorted(values) for name, values in subscription._chosen_facets().items() if values}
            subscription.facet_filter = chosen or False

    @api.model
    def _facet_filter_depends(self):
        """Return the fields that :meth:`_chosen_facets` reads."""
        return ["facility_codes", "document_type_ids.code"]

    def _chosen_facets(self):
        """Return {facet: texts asked for} of this subscription; no texts means that the facet does not matter.

        Hook for addons that know further facets of their events (``_event_facets``).
        """
        self.ensure_one()
        codes = (code.strip() for code in (self.facility_codes or "").split(","))
        return {
            "facility": {code for code in codes if code},
            "document_type": set(self.document_type_ids.mapped("code")),
        }

    def init(self):
        configuration = self.env["integration.configuration"]
        configuration._follow(self._table)
        configuration._follow(self._fields["event_type_ids"].relation)

    @api.model
    def _selection_handler(self):
        names = self.env.registry.descendants(["integration.handler"], "_inherit")
        return [(name, self.env[name]._description) for name in names if name != "integration.handler"]

    @api.constrains("consumer", "handler", "company_id", "event_type_ids")
    def _check_consumer(self):
        for subscription in self:
            if subscription.consumer == "handler" and not subscription.handler:
                raise ValidationError(self.env._("Choose the handler that gets these events."))
            if subscription.consumer != "handler" and not subscription.company_id:
                raise ValidationError(self.env._("What leaves Odoo belongs to one company: choose it."))

    @api.model
    def _portable_key(self):
        return ("company_id", "name")

    @api.model
    def _portable_fields(self):
        return ["event_type_ids", "consumer", "handler", "ordered", "facility_codes", "document_type_ids"]

    def _portable_prepare(self, values):
        """Let what is new sleep until somebody resumes it."""
        return values if self else {**values, "state": "paused"}

    def _portable_note(self, values):
        if not self:
            return self.env._("It arrives paused.")
        return self.env._("It holds at once.") if self.state == "active" else super()._portable_note(values)

    def _audit_change_word(self, names):
        """To pause and to resume have names of their own, whether by the button or on the form."""
        if names == {"state"}:
            return "pause" if self.state == "paused" else "resume"
        return super()._audit_change_word(names)

    def _as_operator(self):
        """Return these with the right to pause and resume them, for those who keep deliveries moving.

        :raises AccessError: for anybody else
        """
        self.check_access("read")
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators pause and resume subscriptions."))
        of_none = any(not subscription.company_id for subscription in self)
        if of_none and not self.env.user._is_in_every_company():
            raise AccessError(
                self.env._("A subscription of no company serves all of them, and you are not allowed in every one.")
            )
        # sudo: operators stop and start a subscription, but may not change who gets what
        return self.sudo()

    def action_pause(self):
        """Hold its deliveries: they keep waiting and spend no attempts."""
        self._as_operator().write({"state": "paused"})
        self.env["integration.engine"]._wake(plan=True)
        return True

    def action_resume(self):
        """Let its deliveries move again."""
        self._as_operator().write({"state": "active"})
        self.env["integration.engine"]._wake(plan=True)
        return True
