import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.addons.integration_core import later

from ..domain import refusals

KEEP_DAYS = 90
_LOCK_CLASS = 0x1B0  # any constant that no other advisory lock of this database uses
_MAX_IDS_CHARS = 1650  # fifty ids of 32 characters and their separators

CAUSES = [(code, cause.title) for code, cause in refusals.CAUSES.items()]


class _Ledger(refusals.RefusalLedger):
    """What this process has counted for one database."""

    def store(self, cr, counts):
        """Add ``counts`` to the rows of their minutes, of which there are never more than may be."""
        # Processes store one after the other: each sees how many rows there are.
        cr.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_LOCK_CLASS,))
        minutes = sorted({row.minute for row in counts})
        cr.execute(
            "SELECT minute, cause, claimed, address FROM integration_refusal WHERE minute = ANY(%s::timestamp[])",
            (minutes,),
        )
        stored = [refusals.Row(*row) for row in cr.fetchall()]
        claims = sorted({row.claimed for row in [*counts, *stored]})
        cr.execute("SELECT code FROM integration_system WHERE code = ANY(%s)", (claims,))
        known = {code for (code,) in cr.fetchall()}
        cr.execute(
            """
            INSERT INTO integration_refusal AS r
                   (minute, cause, claimed, address, company_id, count, first_at, last_at, request_ids)
            SELECT n.minute, n.cause, n.claimed, n.address, s.company_id, n.count, n.first_at, n.last_at, n.request_ids
              FROM jsonb_to_recordset(%s::jsonb)
                   AS n (minute timestamp, cause text, claimed text, address text, count int,
                         first_at timestamp, last_at timestamp, request_ids text)
              LEFT JOIN integration_system s ON s.code = n.claimed
            ON CONFLICT (minute, cause, claimed, address) DO UPDATE
               SET count = r.count + EXCLUDED.count,
                   first_at = LEAST(r.first_at, EXCLUDED.first_at),
                   last_at = GREATEST(r.last_at, EXCLUDED.last_at),
                   request_ids = left(EXCLUDED.request_ids || ' ' || r.request_ids, %s)
            """,
            (
                json.dumps([self._values(*one) for one in refusals.folded(counts, stored, known).items()]),
                _MAX_IDS_CHARS,
            ),
        )

    @staticmethod
    def _values(row, count):
        return {
            "minute": row.minute.isoformat(),
            "cause": row.cause,
            "claimed": row.claimed,
            "address": row.address,
            "count": count.times,
            "first_at": count.first_at.isoformat(),
            "last_at": count.last_at.isoformat(),
            "request_ids": " ".join(reversed(count.request_ids)),
        }


def note_refusal(dbname, cause, **seen):
    """Do what :meth:`IntegrationRefusal._note` does, where no cursor is at hand."""
    _note_in(dbname, cause, **seen)
    later.writer.store_soon(dbname, _Ledger)


def _note_in(dbname, cause, *, claimed, address, request_id, known=False):
    later.writer.notes(dbname, _Ledger).note(
        cause,
        claimed=claimed,
        address=address or "",
        at=fields.Datetime.now(),
        request_id=request_id,
        known=known,
    )


class IntegrationRefusal(models.Model):
    """What was turned away at the door: forged, too large, too fast.

    Counted per minute, cause, claimed system and address, in memory; a thread of each process stores it a moment later,
    so that no sender waits for it and none can measure what was noted.

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
    first_at = fields.Datetime("First", required=True, readonly=True)
    last_at = fields.Datetime("Last", required=True, readonly=True)
    request_ids = fields.Text(
        "Request IDs", readonly=True, help="The newest ones, as the answers' x-request-id named them."
    )
    meaning = fields.Char("What it means", compute="_compute_words")
    remedy = fields.Char("How to mend it", compute="_compute_words")

    _claimed_idx = models.Index("(claimed, minute)")
    _row_uniq = models.UniqueIndex("(minute, cause, claimed, address)", "Counted in one row.")

    @api.depends("cause")
    @api.depends_context("lang")
    def _compute_words(self):
        for refusal in self:
            cause = refusals.CAUSES.get(refusal.cause)
            refusal.meaning = cause and cause.meaning
            refusal.remedy = cause and cause.remedy

    @api.model
    def _note(self, cause, *, claimed, address, request_id, known=False):
        """Count one refusal; it is stored a moment later, whatever becomes of the caller's transaction.

        :param str cause: one of ``CAUSES``
        :param str claimed: the system's code as the request named it, whatever that is
        :param bool known: it is the code of a registered system
        """
        cr = self.env.cr
        _note_in(cr.dbname, cause, claimed=claimed, address=address, request_id=request_id, known=known)
        later.writer.store(cr, _Ledger)

    @api.autovacuum
    def _gc_refusals(self):
        """Forget old rows, a batch at a time."""
        old = self.search([("minute", "<", fields.Datetime.now() - timedelta(days=KEEP_DAYS))], limit=10_000)
        old.unlink()
        return len(old), len(old) == 10_000
