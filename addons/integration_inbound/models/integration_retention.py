from odoo import api, fields, models
from odoo.tools import SQL


class IntegrationRetention(models.Model):
    _inherit = "integration.retention"

    what = fields.Selection(
        selection_add=[("refused", "Content of refused messages"), ("attempt",)], ondelete={"refused": "cascade"}
    )

    @api.model
    def _purposes(self):
        return {
            **super()._purposes(),
            "refused": self.env._(
                "The encrypted body of a settled refusal, which may name patients. Digest and reason stay."
            ),
        }

    @api.model
    def _windows(self, by_type, lane):
        of_message = SQL("JOIN integration_refused_message m ON m.id = w.refused_id")
        return {
            **super()._windows(by_type, lane),
            "refused": ("integration_refused_payload", "refused_id", SQL("m.received_at, NULL"), of_message),
        }

    def _removal_of_refused(self, ids, _reason):
        """What is not settled stays: a person may yet replay it."""
        return SQL(
            """
            DELETE FROM integration_refused_payload p USING integration_refused_message m
             WHERE p.refused_id = ANY (%s) AND m.id = p.refused_id AND m.state <> 'open'
            RETURNING m.id, m.company_id, m.received_at, m.webhook_id, m.digest
            """,
            ids,
        )
