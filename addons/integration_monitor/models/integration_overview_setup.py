from odoo import api, models
from odoo.addons.integration_core.domain.verdict import Level
from odoo.tools import SQL


class IntegrationOverviewSetup(models.AbstractModel):
    """What the Overview has to do with the set-up: a banner while something is red, and what the app opens with."""

    _name = "integration.overview.setup"
    _inherit = ["integration.overview.words"]
    _description = "Overview: set-up"

    @api.model
    def _last_receipt(self):
        """Return when the last message came to the chosen companies (naive UTC), None for never.

        One look into an index per system, however much history lies behind it. That no right is asked for is meant:
        mapping stewards have none to receipts, and when the last message came tells nothing about it.
        """
        self.env.flush_all()
        [(last,)] = self.env.execute_query(
            SQL(
                """
                SELECT max(greatest(e.at, r.at)) FROM integration_system s
                  LEFT JOIN LATERAL (SELECT received_at AS at FROM integration_event WHERE system_id = s.id
                                      ORDER BY received_at DESC LIMIT 1) AS e ON true
                  LEFT JOIN LATERAL (SELECT received_at AS at FROM integration_receipt
                                      WHERE system_id = s.id AND outcome <> 'accepted'
                                      ORDER BY received_at DESC LIMIT 1) AS r ON true
                 WHERE s.company_id IN %s
                """,
                tuple(self.env.companies.ids) or (0,),
            )
        )
        return last

    @api.model
    def _red(self):
        """Return the titles of the checks of the set-up that are red."""
        results = self.env["integration.setup.check"]._run()
        return [result["title"] for result in results if result["level"] == Level.DANGER.value]

    @api.model
    def _setup_warnings(self):
        red = self._red()
        if not red:
            return []
        action = self.env["ir.actions.actions"]._for_xml_id("integration_core.action_setup_check")
        return [
            {
                "level": "danger",
                "text": self.env._("The set-up check is red: %s.", ", ".join(red)),
                "action": action,
            }
        ]

    @api.model
    def get_home(self):
        """Return the action that the app opens with.

        Administrators land on the set-up check until nothing in it is red and something has been received.
        """
        overview = "integration_monitor.action_overview"
        if self.env.user.has_group("integration_core.group_admin") and (not self._last_receipt() or self._red()):
            overview = "integration_core.action_setup_check"
        return self.env["ir.actions.actions"]._for_xml_id(overview)
