from odoo import models
from odoo.tools import SQL


class IntegrationLegalHold(models.Model):
    _inherit = "integration.legal.hold"

    def _held_refused(self, ids):
        """Return which refused bodies are held.

        A refused message may be unreadable. So all of a system's are held while one of its patients or encounters is,
        and all of a company's while one of its flows is.
        """
        parts = [
            SQL(
                "(m.company_id = %s AND %s AND %s)",
                hold.company_id.id,
                SQL("m.system_id = %s", hold.system_id.id) if hold.system_id else SQL("TRUE"),
                hold._in_period(SQL("m.received_at")),
            )
            for hold in self
        ]
        condition = SQL(" OR ").join([*parts, SQL("FALSE")])
        return self._ids_where(
            SQL("SELECT m.id FROM integration_refused_message m WHERE m.id = ANY (%s) AND (%s)", ids, condition)
        )
