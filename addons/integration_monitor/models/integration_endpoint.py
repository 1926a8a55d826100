from odoo import api, fields, models
from odoo.fields import Domain

from ..domain.objectives import Signs
from .integration_health_mixin import CHANGES, WATCHERS


class IntegrationEndpoint(models.Model):
    """Who looks after an endpoint, and how it stands."""

    _name = "integration.endpoint"
    _inherit = ["integration.endpoint", "integration.health.mixin"]

    purpose = fields.Text(help="What its events are for, and what stands still without them.")
    contact_id = fields.Many2one("res.partner", "Partner's contact", related="system_id.partner_id")
    breaker_change_ids = fields.Many2many(
        "integration.breaker.change", compute="_compute_breaker_change_ids", string="Breaker history", groups=WATCHERS
    )

    @api.model
    def _portable_fields(self):
        return [*super()._portable_fields(), "criticality", "purpose", "support_hours", "runbook_url"]

    def _compute_breaker_change_ids(self):
        breakers = self.env["integration.breaker"]
        for endpoint in self:
            named = [("breaker_id.name", "in", breakers._names_of(endpoint._origin))]
            endpoint.breaker_change_ids = self.env["integration.breaker.change"].search(named, limit=CHANGES)

    def _health_next_retry(self, due):
        # What is due waits for the next probe of the breakers that are open.
        probes = self.breaker_ids.filtered(lambda breaker: breaker.state != "closed").mapped("due_at")
        return max(filter(None, [due, *probes])) if due else due

    def _health_endpoints(self):
        return {endpoint.id: endpoint._origin.ids for endpoint in self}

    def _health_signs(self, known, *, has_key, last_good):
        return Signs(
            draft=self.state == "draft",
            stopped=self.state == "disabled",
            paused=self.state == "paused",
            keyless=not has_key,
            breaker_open=self.breaker_open,
            **known,
        )

    def _is_told_elsewhere(self):
        """An alert rule about this endpoint tells: with its quiet hours, to its owner, and by an event."""
        self.ensure_one()
        mine = Domain("kind", "=", "trouble")
        for name in ("company_id", "system_id"):
            mine &= Domain(name, "in", [False, self[name].id])
        mine &= Domain("endpoint_id", "in", [False, self.id])
        # sudo: rules are administrators' to read; the engine asks whether there is one
        return bool(self.env["integration.alert.rule"].sudo().search_count(mine, limit=1))
