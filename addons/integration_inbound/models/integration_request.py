from odoo import api, fields, models
from odoo.tools import SQL

from ..domain import reasons

LAST = 200
"""Requests of each kind and system that are shown: what an engineer looks for is among the newest."""
_LAST_RECEIPTS = 1000  # units; a message has one for each of its lines

KINDS = [
    ("accepted", "Accepted"),
    ("duplicate", "Duplicate"),
    ("rejected", "Refused"),
    ("turned_away", "Turned away"),
]


class IntegrationRequest(models.Model):
    """The last requests of each system, whatever became of them, as its engineer asks for them.

    Read from where they are: what was accepted from the journal, what was repeated or refused from the receipts, and
    what was turned away, counted by the minute, from the refusals. The newest of each kind are found by an index of
    their time, so that it takes as long with a million events as with a hundred; by their ids PostgreSQL would read
    past everybody else's rows to those of a quiet system.
    """

    _name = "integration.request"
    _description = "Request"
    _order = "at desc, id desc"
    _auto = False
    _log_access = False
    _rec_name = "request_id"
    _depends = {
        "integration.system": ["code", "company_id"],
        "integration.event": ["system_id", "received_at", "webhook_id", "request_id", "uuid", "mode"],
        "integration.receipt": ["system_id", "outcome", "reason", "received_at", "webhook_id", "request_id", "mode"],
        "integration.refusal": ["claimed", "cause", "minute", "last_at", "request_ids", "address", "count"],
    }

    system_id = fields.Many2one("integration.system", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    at = fields.Datetime("Time", readonly=True)
    kind = fields.Selection(KINDS, "Outcome", readonly=True)
    status = fields.Integer("Answer", compute="_compute_reason")
    code = fields.Char("Reason code", readonly=True)
    reason = fields.Char(compute="_compute_reason")
    webhook_id = fields.Char("Message ID", readonly=True, help="Unknown where nothing of the message was believed.")
    request_id = fields.Char(
        "Request ID", readonly=True, help="The answer's x-request-id; of several in one minute, the newest."
    )
    address = fields.Char("From address", readonly=True, help="Kept only of what was turned away.")
    times = fields.Integer(readonly=True, help="What is turned away is counted by minute, cause and address.")
    mode = fields.Selection([("test", "Test"), ("live", "Live")], readonly=True)
    event_uuid = fields.Char("Event", readonly=True)
    refusal_id = fields.Many2one("integration.refusal", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT q.id, q.at, q.kind, q.code, q.webhook_id, q.request_id, q.address, q.times, q.mode, q.event_uuid,
                   q.refusal_id, s.id AS system_id, s.company_id
              FROM integration_system s CROSS JOIN LATERAL (%(accepted)s UNION ALL %(receipts)s UNION ALL %(refusals)s)
                AS q
            """,
            accepted=self._accepted_sql(),
            receipts=self._receipts_sql(),
            refusals=self._refusals_sql(),
        )

    @api.model
    def _accepted_sql(self):
        return SQL(
            """
            (SELECT e.id::bigint * 4 AS id, e.received_at AS at, 'accepted' AS kind, NULL::varchar AS code,
                    e.webhook_id, e.request_id, NULL::varchar AS address, 1 AS times, e.mode, e.uuid AS event_uuid,
                    NULL::integer AS refusal_id
               FROM integration_event e WHERE e.system_id = s.id ORDER BY e.received_at DESC LIMIT %s)
            """,
            LAST,
        )

    @api.model
    def _receipts_sql(self):
        """SQL of the messages that were repeated or refused, of whose lines each has a receipt."""
        return SQL(
            """
            (SELECT min(r.id)::bigint * 4 + 1, r.received_at, r.outcome, r.reason, r.webhook_id, r.request_id, NULL, 1,
                    r.mode, r.event_uuid, NULL
               FROM (SELECT * FROM integration_receipt
                      WHERE system_id = s.id AND outcome <> 'accepted' ORDER BY received_at DESC LIMIT %s) AS r
              GROUP BY r.received_at, r.outcome, r.reason, r.webhook_id, r.request_id, r.mode, r.event_uuid
              ORDER BY r.received_at DESC LIMIT %s)
            """,
            _LAST_RECEIPTS,
            LAST,
        )

    @api.model
    def _refusals_sql(self):
        """SQL of what was turned away. What was only not kept has a receipt, and is shown by that."""
        return SQL(
            """
            (SELECT f.id::bigint * 4 + 2, f.last_at, 'turned_away', f.cause, NULL,
                    NULLIF(split_part(f.request_ids, ' ', 1), ''), f.address, f.count, NULL, NULL, f.id
               FROM integration_refusal f WHERE f.claimed = s.code AND f.cause <> 'not_kept'
              ORDER BY f.minute DESC LIMIT %s)
            """,
            LAST,
        )

    @api.depends("kind", "code")
    def _compute_reason(self):
        for request in self:
            reason = reasons.of(request.kind, request.code or None)
            request.status = reason.status
            request.reason = reason.words

    def action_open(self):
        """Open what is known of the request: its event, the refused message, or the count of what was turned away."""
        self.check_access("read")
        self.ensure_one()
        found = self._record()
        if not found:
            return False
        return {
            "type": "ir.actions.act_window",
            "res_model": found._name,
            "res_id": found.id,
            "views": [[False, "form"]],
        }

    def _record(self):
        if self.refusal_id:
            return self.refusal_id
        if self.event_uuid:
            return self.env["integration.event"].search([("uuid", "=", self.event_uuid)], limit=1)
        return self.env["integration.refused.message"].search(
            [("system_id", "=", self.system_id.id), ("webhook_id", "=", self.webhook_id)], limit=1
        )
