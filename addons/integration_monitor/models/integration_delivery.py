from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.engine.claims import DEAD
from odoo.fields import Domain
from odoo.tools import SQL


class IntegrationDelivery(models.Model):
    """What of the work list is held back and what is due again, found as *Overview* counts it."""

    _inherit = "integration.delivery"

    kept_back = fields.Boolean(
        "Held",
        compute="_compute_kept_back",
        search="_search_kept_back",
        help="A person's order, or a subscription or endpoint that is not active, keeps it back.",
    )
    due_again = fields.Boolean(
        compute="_compute_due_again", search="_search_due_again", help="It was tried before, and its next try is due."
    )

    @api.depends("state")
    def _compute_kept_back(self):
        found = self.search([("id", "in", self.ids), ("kept_back", "=", True)])
        for delivery in self:
            delivery.kept_back = delivery in found

    @api.depends("state")
    def _compute_due_again(self):
        found = self.search([("id", "in", self.ids), ("due_again", "=", True)])
        for delivery in self:
            delivery.due_again = delivery in found

    @api.model
    def _search_kept_back(self, operator, value):
        moves = SQL("(%s) AND (%s)", self._claim_condition(), self.env["integration.hold"]._let_go())
        return self._on_the_work_list(operator, value, SQL("NOT (%s)", moves))

    @api.model
    def _search_due_again(self, operator, value):
        return self._on_the_work_list(operator, value, SQL("d.attempts > 0 AND d.due_at <= %s", tools.utc_now()))

    @api.model
    def _on_the_work_list(self, operator, value, condition):
        """Return the domain of what a condition over ``d`` (integration_due) and ``s`` (subscription) says."""
        if operator != "in":
            return NotImplemented
        found = SQL(
            "SELECT d.id FROM integration_due d JOIN integration_subscription s ON s.id = d.subscription_id"
            " WHERE d.tier <> %s AND %s",
            DEAD,
            condition,
        )

        def to_sql(_model, alias, _query):
            return SQL("%s = ANY (ARRAY(%s))", SQL.identifier(alias, "id"), found)

        on_it = Domain.custom(to_sql=to_sql)
        return on_it if True in value else ~on_it
