from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL, split_every

from .. import tools
from ..domain import sealing
from ..fields import UncheckedMany2one

LOCK_CLASS = 0x1AD  # any constant that no other advisory lock of this database uses
PAGE = 20_000
"""Rows that a verification reads at once where it needs no more than that they are there."""
SEALS = 200
"""Seals that are read at once; each has up to 32 kB of leaves."""
REMOVE_ROWS = 5_000
"""Rows that one transaction of retention removes at most, unless the first seal alone has more."""

_SEAL = SQL(
    "company_id, number, row_ids, count, first_at, last_at, leaves_digest, previous, sealed_at, digest, leaves,"
    " certificate"
)
_CERTIFICATE = SQL(
    "company_id, number, first_seal, last_seal, count, row_ids, first_at, last_at, seal_digest, days, removed_at,"
    " previous, digest"
)
ROW = SQL(", ").join(map(SQL.identifier, sealing.COLUMNS))


def _ends(ids):
    runs = sealing.spans(ids)
    return runs[0][0], runs[-1][1]


def _seal_of(values):
    *most, leaves, certificate = values
    return sealing.Seal(*most, None if leaves is None else bytes(leaves), certificate)


class IntegrationAuditSeal(models.Model):
    """A seal over some rows of the audit trail of one company; see :mod:`~odoo.addons.integration_core.domain.sealing`.

    Rows are written unsealed, so that nobody who does something waits. The engine seals what has been committed, about
    once a second, one process at a time.
    """

    _name = "integration.audit.seal"
    _description = "Seal of the audit trail"
    _order = "id desc"
    _log_access = False
    _rec_name = "number"

    company_id = UncheckedMany2one("res.company", readonly=True)
    number = fields.Integer(required=True, readonly=True)
    row_ids = fields.Text("Row IDs", required=True, readonly=True, help="Which rows it covers.")
    first_row = fields.Integer(required=True, readonly=True)
    last_row = fields.Integer(required=True, readonly=True)
    count = fields.Integer("Rows", required=True, readonly=True, aggregator="sum")
    first_at = fields.Datetime("From", readonly=True)
    last_at = fields.Datetime("Until", readonly=True)
    leaves_digest = fields.Char("Digest of the rows", required=True, readonly=True)
    previous = fields.Char("Digest of the seal before", required=True, readonly=True)
    sealed_at = fields.Datetime("Sealed", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True)
    leaves = fields.Binary(attachment=False, readonly=True, groups=fields.NO_ACCESS)
    certificate = fields.Integer("Removed by certificate", readonly=True)
    company_label = fields.Char("Chain of", compute="_compute_company_label")
    state = fields.Selection(
        [("kept", "Rows kept"), ("removed", "Rows removed by retention")], compute="_compute_state"
    )

    _chain = models.UniqueIndex("(COALESCE(company_id, 0), number)", "A chain has one seal of each number.")
    _span = models.Index("USING gist (int4range(first_row, last_row, '[]'))")

    @api.depends("company_id")
    def _compute_company_label(self):
        for one in self:
            one.company_label = self._label(one.company_id.id)

    @api.model
    def _label(self, company_id):
        """Return what a chain is called: the company's name, also of one that is gone."""
        if not company_id:
            return self.env._("No company")
        # sudo: the name of a company whose trail the person may read
        company = self.env["res.company"].sudo().browse(company_id).exists()
        return company.name if company else self.env._("Company %s (deleted)", company_id)

    @api.depends("certificate")
    def _compute_state(self):
        for one in self:
            one.state = "removed" if one.certificate else "kept"

    @api.private
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: the trail is append-only."""
        raise AccessError(self.env._("The audit trail is append-only."))

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("The audit trail is append-only."))

    def action_open_rows(self):
        """Show the rows that this seal covers."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id("integration_core.action_audit")
        spans = sealing.spans(self.row_ids or "")
        within = [("id", ">=", spans[0][0]), ("id", "<=", spans[-1][1])] if spans else [("id", "=", 0)]
        own = [("company_id", "=", self.company_id.id)]
        return {**action, "domain": [*own, *within], "context": {}, "name": self.env._("Rows of seal %s", self.number)}

    # -- sealing
    # ------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_seal(self, limit):
        """Seal what waits, up to one seal; return whether more waits. Called by the engine about once a second."""
        cr = self.env.cr
        cr.execute("SELECT 1 FROM integration_audit_queue LIMIT 1")
        if not cr.fetchone():
            return 0
        tools.begin_read_committed(cr)
        self._seal_one()
        cr.execute("SELECT 1 FROM integration_audit_queue LIMIT 1")
        return 1 if cr.fetchone() and self._is_mine() else 0

    @api.model
    def _is_mine(self):
        """Try to be the one process that seals and removes, for the rest of this transaction."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (LOCK_CLASS,))
        return self.env.cr.fetchone()[0]

    @api.model
    def _seal_all(self):
        """Seal everything that waits, for tests and commands; return how many rows that were."""
        self.env.flush_all()
        return sum(iter(self._seal_one, 0))

    @api.model
    def _seal_one(self):
        """Append one seal over what has waited longest, with the rest of its company; return how many rows it covers.

        In a READ COMMITTED transaction: what the process before has sealed is seen once the lock is held.
        """
        if not self._is_mine():
            return 0
        cr = self.env.cr
        cr.execute(
            """
            DELETE FROM integration_audit_queue WHERE id = ANY (ARRAY(
                SELECT q.id FROM integration_audit_queue q,
                       (SELECT company_id FROM integration_audit_queue ORDER BY id LIMIT 1) AS oldest
                 WHERE q.company_id IS NOT DISTINCT FROM oldest.company_id ORDER BY q.id LIMIT %s))
            RETURNING id, company_id
            """,
            (sealing.BATCH,),
        )
        queued = cr.fetchall()
        if not queued:
            return 0
        company = queued[0][1]
        ids = sorted(one for one, _company in queued)
        made = sealing.seal(
            company,
            ids,
            self._rows(ids),
            after=self._newest(company),
            sealed_at=fields.Datetime.now(),
        )
        self._store(made)
        return len(ids)

    @api.model
    def _rows(self, ids):
        """Return those of the rows that are there, as the database holds them."""
        self.env.cr.execute(SQL("SELECT %s FROM integration_audit WHERE id = ANY (%s)", ROW, list(ids)))
        return list(map(sealing.Row._make, self.env.cr.fetchall()))

    @api.model
    def _newest(self, company):
        """Return the newest seal of a chain, or None."""
        self.env.cr.execute(
            SQL(
                "SELECT %s FROM integration_audit_seal WHERE COALESCE(company_id, 0) = %s ORDER BY number DESC LIMIT 1",
                _SEAL,
                company or 0,
            )
        )
        row = self.env.cr.fetchone()
        return row and _seal_of(row)

    def _store(self, made):
        self.env.cr.execute(
            SQL(
                "INSERT INTO integration_audit_seal (first_row, last_row, %s) VALUES %s",
                _SEAL,
                (
                    *_ends(made.ids),
                    *(made.company, made.number, made.ids, made.count, made.first_at, made.last_at),
                    *(made.leaves_digest, made.previous, made.sealed_at, made.digest, made.leaves, made.certificate),
                ),
            )
        )
        self.invalidate_model()
        self.env["integration.audit"].invalidate_model(["state"])

    @api.model
    def _numbers_of(self, rows):
        """Return {id of a row: number of the seal that covers it}, for rows of a screen; what is sealed is in it."""
        self.env.cr.execute(
            """
            SELECT a.id, s.number, s.row_ids
              FROM integration_audit a JOIN integration_audit_seal s
                ON int4range(s.first_row, s.last_row, '[]') @> a.id AND s.company_id IS NOT DISTINCT FROM a.company_id
             WHERE a.id = ANY (%s)
            """,
            (rows.ids,),
        )
        return {
            row: number
            for row, number, text in self.env.cr.fetchall()
            if any(first <= row <= last for first, last in sealing.spans(text))
        }

    # -- reading, for a verification
    # ----------------------------------------------------------------------------------

    @api.model
    def _companies(self):
        """Return the companies that have seals, None for rows without one."""
        self.env.cr.execute("SELECT DISTINCT company_id FROM integration_audit_seal ORDER BY company_id")
        return [row[0] for row in self.env.cr.fetchall()]

    @api.model
    def _chain_of(self, company):
        """Yield the seals of a chain, a part at a time."""
        last = (-1, 0)
        while True:
            self.env.cr.execute(
                SQL(
                    "SELECT id, %s FROM integration_audit_seal"
                    " WHERE COALESCE(company_id, 0) = %s AND (number, id) > %s ORDER BY number, id LIMIT %s",
                    _SEAL,
                    company or 0,
                    last,
                    SEALS,
                )
            )
            part = self.env.cr.fetchall()
            yield from (_seal_of(row[1:]) for row in part)
            if len(part) < SEALS:
                return
            last = (part[-1][2], part[-1][0])

    @api.model
    def _batches_of(self, company):
        """Yield the seals of a chain, each with those of its rows that are there."""
        for one in self._chain_of(company):
            try:
                ids = sealing.unpack(one.ids)
            except ValueError:
                ids = []
            yield one, self._rows(ids)

    @api.model
    def _certificates_of(self, company):
        """Return the certificates of a chain, oldest first."""
        self.env.cr.execute(
            SQL(
                "SELECT %s FROM integration_audit_certificate WHERE COALESCE(company_id, 0) = %s ORDER BY number, id",
                _CERTIFICATE,
                company or 0,
            )
        )
        return [sealing.Certificate(*row) for row in self.env.cr.fetchall()]

    @api.model
    def _anchors(self, companies=None):
        """Return the anchor of each chain.

        :param companies: ids, None for rows without a company; by default every chain
        """
        newest = [self._newest(one) for one in (self._companies() if companies is None else companies)]
        return [sealing.anchor_of(one) for one in newest if one]

    # -- removing
    # ------------------------------------------------------------------------------------------------------

    @api.model
    def _remove(self, cutoff, days):
        """Remove the rows of the oldest seals whose every row is older than ``cutoff``; return how many that were.

        The seals stay, without their leaves; a certificate says what was removed, when and by which rule, and a row of
        the trail tells of it.
        """
        if not self._is_mine():
            return 0
        return next(filter(None, (self._remove_of(one, cutoff, days) for one in self._companies())), 0)

    def _remove_of(self, company, cutoff, days):
        cutoff = self.env["integration.legal.hold"]._audit_cutoff(company, cutoff)
        if cutoff is None:
            return 0
        cr = self.env.cr
        cr.execute(
            SQL(
                """
                SELECT %s FROM integration_audit_seal
                 WHERE COALESCE(company_id, 0) = %s AND certificate IS NULL ORDER BY number LIMIT %s
                """,
                _SEAL,
                company or 0,
                SEALS,
            )
        )
        seals = sealing.removable([_seal_of(row) for row in cr.fetchall()], cutoff=cutoff, rows=REMOVE_ROWS)
        if not seals:
            return 0
        paper = sealing.certify(
            seals,
            after=next(reversed(self._certificates_of(company)), None),
            days=days,
            removed_at=fields.Datetime.now(),
        )
        cr.execute(
            SQL(
                "INSERT INTO integration_audit_certificate (%s) VALUES %s",
                _CERTIFICATE,
                tuple(getattr(paper, name) for name in sealing.Certificate.__dataclass_fields__),
            )
        )
        cr.execute(
            "UPDATE integration_audit_seal SET leaves = NULL, certificate = %s"
            " WHERE COALESCE(company_id, 0) = %s AND number BETWEEN %s AND %s",
            (paper.number, company or 0, paper.first_seal, paper.last_seal),
        )
        for part in split_every(1000, sealing.unpack(paper.ids), list):
            cr.execute("DELETE FROM integration_audit WHERE id = ANY (%s)", (part,))
        self._tell_of(paper)
        self.env.invalidate_all()
        return paper.count

    def _tell_of(self, paper):
        self.env["integration.audit"]._append(
            "audit.remove",
            [{"company_id": paper.company, "company_name": self._label(paper.company)}],
            reason=self.env._("Kept for %s days.", paper.days),
            detail=f"certificate {paper.number}, seals {paper.first_seal}-{paper.last_seal}, {paper.count} rows,"
            f" digest {paper.digest}",
        )


class IntegrationAuditCertificate(models.Model):
    """That retention has removed the rows of some seals: which ones, when, and by which rule."""

    _name = "integration.audit.certificate"
    _description = "Removal of rows of the audit trail"
    _order = "id desc"
    _log_access = False
    _rec_name = "number"

    company_id = UncheckedMany2one("res.company", readonly=True)
    number = fields.Integer(required=True, readonly=True)
    first_seal = fields.Integer(required=True, readonly=True)
    last_seal = fields.Integer(required=True, readonly=True)
    count = fields.Integer("Rows", required=True, readonly=True)
    row_ids = fields.Text("Row IDs", required=True, readonly=True, help="Which rows were removed.")
    first_at = fields.Datetime("From", readonly=True)
    last_at = fields.Datetime("Until", readonly=True)
    seal_digest = fields.Char("Digest of the last seal", required=True, readonly=True)
    days = fields.Integer("Kept for (days)", required=True, readonly=True)
    removed_at = fields.Datetime("Removed", required=True, readonly=True)
    previous = fields.Char("Digest of the certificate before", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True)

    _chain = models.UniqueIndex("(COALESCE(company_id, 0), number)", "A chain has one certificate of each number.")

    @api.private
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: the trail is append-only."""
        raise AccessError(self.env._("The audit trail is append-only."))

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("The audit trail is append-only."))
