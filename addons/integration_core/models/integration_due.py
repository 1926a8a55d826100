from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import claims
from ..fields import go_with


class IntegrationDue(models.Model):
    """The engine's work list: one narrow row per delivery that is still open.

    A delivery that is done leaves this table, so that it stays small, and the cost of a claim does not depend on
    history. The claim index matches the order of the claim; a lease changes no indexed column, so that taking one
    writes no index entry (a heap-only update); ``integration_lease`` has a note of each claim instead, by which leases
    are found that nobody ended. A dead letter of an ordered subscription stays, and holds its ordering
    key; every other dead letter is gone from here.

    Rows are written by ``engine/`` alone, in SQL. The ORM does not create the table: it knows neither ``xid8`` nor
    ``bigint`` nor a fill factor, and a foreign key to each parent would lock rows that every transaction shares.
    """

    _name = "integration.due"
    _description = "Open delivery"
    _auto = False
    _log_access = False
    _rec_name = "delivery_id"

    delivery_id = fields.Many2one("integration.delivery", readonly=True)
    event_id = fields.Many2one("integration.event", readonly=True)
    subscription_id = fields.Many2one("integration.subscription", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    lane = fields.Integer(readonly=True)
    tier = fields.Selection(
        [(str(number), name) for number, name in claims.TIER_NAMES.items()],
        compute="_compute_tier",
        help="Where in its lane it stands.",
    )
    due_at = fields.Datetime(readonly=True)
    attempts = fields.Integer(readonly=True)
    crashes = fields.Integer(readonly=True)
    lease_owner = fields.Char(readonly=True)
    lease_until = fields.Datetime(readonly=True)
    order_key = fields.Char("Ordering key (hashed)", readonly=True)

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_due (
                id integer PRIMARY KEY,
                delivery_id integer NOT NULL GENERATED ALWAYS AS (id) STORED,
                event_id integer NOT NULL,
                subscription_id integer NOT NULL,
                company_id integer NOT NULL,
                system_id integer,
                lane smallint NOT NULL,
                tier smallint NOT NULL,
                due_at timestamp NOT NULL,
                attempts integer NOT NULL DEFAULT 0,
                crashes integer NOT NULL DEFAULT 0,
                token integer NOT NULL DEFAULT 0,
                lease_owner varchar,
                lease_until timestamp,
                order_key varchar,
                position bigint
            ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
                    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2);
            -- No two indexes suit one question: the planner would choose by statistics, which of a table that is filled
            -- and emptied again tell nothing.
            CREATE INDEX IF NOT EXISTS integration_due_claim_idx
                ON integration_due (subscription_id, lane, tier, due_at) WHERE tier IN (0, 1, 5);
            CREATE INDEX IF NOT EXISTS integration_due_unpositioned_idx ON integration_due (event_id) WHERE tier = 3;
            CREATE INDEX IF NOT EXISTS integration_due_order_idx
                ON integration_due (subscription_id, order_key, tier, position) WHERE order_key IS NOT NULL;
            CREATE TABLE IF NOT EXISTS integration_lease (
                until timestamp NOT NULL,
                id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
                ids integer[] NOT NULL,
                tokens integer[] NOT NULL,
                PRIMARY KEY (until, id)
            ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
                    autovacuum_vacuum_cost_delay = 0);
            -- What an earlier version has claimed and left no note of.
            INSERT INTO integration_lease (until, ids, tokens)
            SELECT min(lease_until), array_agg(id), array_agg(token) FROM integration_due WHERE lease_until IS NOT NULL
            HAVING count(*) > 0;
            CREATE TABLE IF NOT EXISTS integration_event_position (
                event_id integer PRIMARY KEY,
                xact_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
                position bigint
            ) WITH (fillfactor = 80);
            CREATE UNIQUE INDEX IF NOT EXISTS integration_event_position_position_idx
                ON integration_event_position (position) WHERE position IS NOT NULL;
            CREATE INDEX IF NOT EXISTS integration_event_position_pending_idx
                ON integration_event_position (xact_id, event_id) WHERE position IS NULL;
            """
        )
        go_with(self.env.cr, "integration_due", "id", "integration_delivery")
        go_with(self.env.cr, "integration_event_position", "event_id", "integration_event")

    def _compute_tier(self):
        self.env.cr.execute(SQL("SELECT id, tier FROM integration_due WHERE id IN %s", tuple(self.ids or [0])))
        tiers = dict(self.env.cr.fetchall())
        for row in self:
            row.tier = str(tiers.get(row.id, claims.FRESH))

    @api.model
    def _of(self, deliveries):
        """Return {delivery id: row} of those of ``deliveries`` that are still open."""
        return {row.id: row for row in self.browse(deliveries.ids).exists()}
