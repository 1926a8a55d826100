from odoo import api, fields, models

from ..engine.claims import LATENCY_SLOTS_MS
from .integration_attempt import OUTCOMES


class IntegrationDeliveryCount(models.Model):
    """How many tries ended how, by minute, and how long after their event: what dashboards read.

    Every completion appends its own small rows, so that no two processes write one row; a chore folds the rows of a
    past minute into one per key. Readers always add up, so they never see the difference. Written in SQL by the engine
    alone, without foreign keys: these rows outlive what they count.
    """

    _name = "integration.delivery.count"
    _description = "Count of tries"
    _auto = False
    _log_access = False
    _order = "minute desc, id desc"

    minute = fields.Datetime(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    subscription_id = fields.Many2one("integration.subscription", required=True, readonly=True)
    lane = fields.Integer(required=True, readonly=True)
    state = fields.Char("Left it", required=True, readonly=True, help="State of the delivery after the try.")
    outcome = fields.Selection(OUTCOMES, required=True, readonly=True)
    slot = fields.Integer("Latency slot", required=True, readonly=True, help="See LATENCY_SLOTS_MS.")
    tries = fields.Integer(required=True, readonly=True)
    latency_ms = fields.Float("Latency, summed (ms)", required=True, readonly=True)

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_delivery_count (
                id serial PRIMARY KEY,
                minute timestamp NOT NULL,
                company_id integer NOT NULL,
                subscription_id integer NOT NULL,
                lane smallint NOT NULL,
                state varchar NOT NULL,
                outcome varchar NOT NULL,
                slot smallint NOT NULL,
                tries bigint NOT NULL,
                latency_ms bigint NOT NULL
            );
            CREATE INDEX IF NOT EXISTS integration_delivery_count_minute_idx
                ON integration_delivery_count (minute, company_id);
            """
        )

    @api.model
    def _slot_bounds(self):
        """Return the upper bounds (ms) of the latency slots; slot ``n`` lies between bounds ``n - 1`` and ``n``."""
        return LATENCY_SLOTS_MS
