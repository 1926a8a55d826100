from odoo import fields, models


class IntegrationBenchCount(models.Model):
    """One row per time that an event was handled. No index forbids a second one: a doubled effect must show."""

    _name = "integration.bench.count"
    _description = "Effect of the benchmark"
    _log_access = False

    event_uuid = fields.Char(required=True, index=True)
    webhook_id = fields.Char()


class IntegrationHandlerBench(models.AbstractModel):
    _name = "integration.handler.bench"
    _inherit = "integration.handler"
    _description = "Counts for the benchmark"
    _handles = ("clinical.encounter.admitted.v1",)

    def _handle(self, batch):
        # sudo: the engine's user has no right to the benchmark's table
        self.env["integration.bench.count"].sudo().create(
            [{"event_uuid": handled.event.uuid, "webhook_id": handled.event.webhook_id} for handled in batch]
        )
        for handled in batch:
            handled.event._record_effects([("", "applied", None, self.env["res.company"].browse(1))])
