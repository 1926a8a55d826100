from odoo import api, fields, models


class IntegrationRetentionAlarm(models.Model):
    _inherit = "integration.retention.alarm"

    @api.model
    def _rows(self):
        """Refused messages that nobody has decided on keep their body, too."""
        rows = super()._rows()
        # sudo: how long contents are kept is no secret
        rule = self.env["integration.retention"].sudo().search([("what", "=", "refused")], limit=1)
        if not rule:
            return rows
        self.env.cr.execute(
            """
            SELECT m.company_id, 'refused', count(*), min(m.received_at)
              FROM integration_refused_message m JOIN integration_refused_payload p ON p.refused_id = m.id
             WHERE m.state = 'open' AND m.received_at < %s GROUP BY m.company_id
            """,
            (fields.Datetime.subtract(fields.Datetime.now(), days=rule.days),),
        )
        return rows + self.env.cr.fetchall()
