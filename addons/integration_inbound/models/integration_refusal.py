from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models

from ..domain.refusals import RefusalLedger

KEEP_DAYS = 90
_LOCK_CLASS = 0x1B0  # any constant that no other advisory lock of this database uses

# Counted by this process and not stored yet, per database.
_ledgers = defaultdict(RefusalLedger)

# The company is looked up here, where it costs nothing that a sender could measure.
_ROW = """
    (%(minute)s, %(cause)s, %(claimed)s, %(address)s,
     (SELECT company_id FROM integration_system WHERE code = %(claimed)s),
     %(times)s, %(at)s, %(at)s, %(request_ids)s)
"""

CAUSES = [
    ("missing_header", "A signature header is missing"),
    ("bad_message_id", "The message id is not allowed"),
    ("bad_timestamp", "The timestamp is not a number of seconds"),
    ("bad_signature_header", "The signature header cannot be read"),
    ("unknown_system", "No such system"),
    ("suspended_system", "The system is not active"),
    ("no_key", "The system has no valid key"),
    ("no_match", "The signature fits no key"),
    ("too_old", "The signature is too old"),
    ("in_future", "The signature is from the future"),
    ("incomplete_body", "The body ended early"),
    ("body_too_large", "The body is too large"),
    ("rate_limited", "Too many messages"),
    ("backlog", "Too much work is waiting"),
    ("not_kept", "Refused; too many refused messages are open to keep it"),
]


class IntegrationRefusal(models.Model):
    """What was turned away at the door: forged, too large, too fast.

    Counted per minute, cause, claimed system and address.

    The partner gets one answer for every failed verification; which of the causes it was is told here alone.
    """

    _name = "integration.refusal"
    _description = "Refused request"
    _order = "minute desc, id desc"
    _log_access = False
    _rec_name = "claimed"

    minute = fields.Datetime(required=True, readonly=True)
    cause = fields.Selection(CAUSES, required=True, readonly=True)
    claimed = fields.Char(
        "Claimed system", required=True, readonly=True, help="As the address named it; nothing about it was verified."
    )
    company_id = fields.Many2one(
        "res.company", readonly=True, help="Of the system that was claimed, where there is one."
    )
    address = fields.Char("From address", required=True, readonly=True)
    count = fields.Integer("Times", required=True, readonly=True)
    first_at = fields.Datetime(required=True, readonly=True)
    last_at = fields.Datetime(required=True, readonly=True)
    request_ids = fields.Text(
        "Request IDs", readonly=True, help="The newest ones, as the answers' x-request-id named them."
    )

    _claimed_idx = models.Index("(claimed, minute)")
    _row_uniq = models.UniqueIndex("(minute, cause, claimed, address)", "Counted in one row.")

    @api.model
    def _note(self, cause, *, claimed, address, request_id):
        """Count one refusal; it is stored with the caller's transaction.

        Nobody waits here: while another transaction is storing counts, this one is left in memory, and the next refusal
        stores it.

        :param str cause: one of ``CAUSES``
        :param str claimed: the system's code as the request named it, whatever that is
        """
        cr = self.env.cr
        ledger = _ledgers[cr.dbname]
        ledger.note(cause, claimed=claimed, address=address or "", at=fields.Datetime.now(), request_id=request_id)
        if self._lock_counts():
            self._store(ledger.take())

    @api.model
    def _lock_counts(self):
        """Take the right to store counts until the transaction ends; tell whether it was free."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (_LOCK_CLASS,))
        return self.env.cr.fetchone()[0]

    @api.model
    def _store(self, counts):
        if not counts:
            return  # another request of this process has just stored them
        rows = [
            {
                "minute": row.minute,
                "cause": row.cause,
                "claimed": row.claimed,
                "address": row.address,
                "times": count.times,
                "at": count.last_at,
                "request_ids": " ".join(reversed(count.request_ids)),
            }
            for row, count in counts.items()
        ]
        self.env.cr.execute_values(
            """
            INSERT INTO integration_refusal AS r
                (minute, cause, claimed, address, company_id, count, first_at, last_at, request_ids) VALUES %s
            ON CONFLICT (minute, cause, claimed, address) DO UPDATE
               SET count = r.count + EXCLUDED.count,
                   last_at = GREATEST(r.last_at, EXCLUDED.last_at),
                   request_ids = left(  -- fifty ids of 32 characters and their separators
                       EXCLUDED.request_ids || ' ' || r.request_ids, 1650)
            """,
            rows,
            template=_ROW,
            page_size=1000,
        )
        self.invalidate_model()

    @api.autovacuum
    def _gc_refusals(self):
        """Forget old rows, a batch at a time."""
        old = self.search([("minute", "<", fields.Datetime.now() - timedelta(days=KEEP_DAYS))], limit=10_000)
        old.unlink()
        return len(old), len(old) == 10_000
