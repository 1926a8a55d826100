from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IntegrationSubscription(models.Model):
    """Who gets which events: a handler inside Odoo, or (integration_outbound) an endpoint outside."""

    _name = "integration.subscription"
    _inherit = ["mail.thread"]
    _description = "Subscription"
    _order = "name"
    _check_company_auto = True

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
        "res.users", default=lambda self: self.env.user, tracking=True, help="Its dead letters are this person's."
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

    def action_pause(self):
        """Hold its deliveries: they keep waiting and spend no attempts."""
        self.write({"state": "paused"})
        self.env["integration.audit"]._record("subscription.pause", self)
        self.env["integration.engine"]._wake(plan=True)
        return True

    def action_resume(self):
        """Let its deliveries move again."""
        self.write({"state": "active"})
        self.env["integration.audit"]._record("subscription.resume", self)
        self.env["integration.engine"]._wake(plan=True)
        return True
