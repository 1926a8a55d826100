from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..domain import removal
from ..domain.retention import LEAST_DAYS
from ..fields import UncheckedMany2one

REASONS = [("retention", "By the rule"), ("erasure", "Erased on request")]
WHATS = [
    ("payload", "Content of messages"),
    ("attempt", "Tries"),
    ("event", "Events with their deliveries"),
    ("count", "Counts of tries"),
    ("key", "Message identities"),
    ("receipt", "Receipts"),
    ("refused", "Content of refused messages"),
    ("certificate", "Certificates of removal"),
]


class IntegrationRetentionCertificate(models.Model):
    """That a batch was removed: what, by which rule, which rows, and a digest over their identities.

    Rows are appended in the transaction of the removal itself. The database refuses to change one, and to delete one
    before the rule of the audit trail lets it go. The trail names each certificate with its digest and is sealed.
    """

    _name = "integration.retention.certificate"
    _description = "Certificate of removal"
    _order = "id desc"
    _log_access = False
    _rec_name = "what"

    company_id = UncheckedMany2one("res.company", readonly=True, index="btree_not_null")
    what = fields.Selection(WHATS, required=True, readonly=True)
    reason = fields.Selection(REASONS, "Why", required=True, readonly=True)
    days = fields.Integer("Kept for (days)", readonly=True, aggregator=None, help="As the rule of that time said.")
    erasure_id = UncheckedMany2one("integration.erasure", readonly=True)
    count = fields.Integer("Rows", required=True, readonly=True)
    row_ids = fields.Text("Row IDs", required=True, readonly=True, help="Which rows went.")
    first_id = fields.Integer("First ID", required=True, readonly=True, aggregator=None)
    last_id = fields.Integer("Last ID", required=True, readonly=True, aggregator=None)
    first_at = fields.Datetime("From", required=True, readonly=True, help="What the oldest of them counted from.")
    last_at = fields.Datetime("Until", required=True, readonly=True)
    digest = fields.Char("SHA-256 of the identities", required=True, readonly=True)
    removed_at = fields.Datetime("Removed", required=True, readonly=True, index=True)

    def init(self):
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION integration_retention_certificate_kept() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND OLD.removed_at < (
                    SELECT (clock_timestamp() AT TIME ZONE 'UTC')
                           - make_interval(days => GREATEST(max(days), TG_ARGV[0]::int))
                      FROM integration_retention WHERE what = 'audit' AND active HAVING count(*) > 0)
                THEN
                    RETURN OLD;
                END IF;
                RAISE EXCEPTION 'Certificates of removal are append-only: %% of %% is refused.', TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = 'They are kept for as long as the audit trail.';
            END $$;
            DROP TRIGGER IF EXISTS integration_retention_certificate_kept ON integration_retention_certificate;
            CREATE TRIGGER integration_retention_certificate_kept
                BEFORE UPDATE OR DELETE ON integration_retention_certificate
                FOR EACH ROW EXECUTE FUNCTION integration_retention_certificate_kept(%(least)s);
            DROP TRIGGER IF EXISTS integration_retention_certificate_whole ON integration_retention_certificate;
            CREATE TRIGGER integration_retention_certificate_whole
                BEFORE TRUNCATE ON integration_retention_certificate
                FOR EACH STATEMENT EXECUTE FUNCTION integration_retention_certificate_kept(%(least)s);
            """,
            {"least": LEAST_DAYS["audit"]},
        )

    @api.depends("what", "removed_at")
    def _compute_display_name(self):
        whats = dict(self._fields["what"]._description_selection(self.env))
        for one in self:
            one.display_name = self.env._("%(what)s, certificate %(number)s", what=whats.get(one.what), number=one.id)

    @api.private
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: certificates are append-only."""
        raise AccessError(self.env._("Certificates of removal are append-only."))

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("Certificates of removal are append-only."))

    @api.model
    def _certify(self, what, rows, *, reason, days=0, erasure=None):
        """Append a certificate for each company whose rows went; the trail tells of each.

        :param rows: the removed rows: id, company's id, moment, and the rest of its identity
            (:data:`~odoo.addons.integration_core.domain.removal.IDENTITY`)
        """
        gone = [removal.Removed(row[0], row[1] or None, row[2], tuple(row[3:])) for row in rows]
        if not gone:
            return self.browse()
        values = [
            {
                "what": what,
                "reason": reason,
                "days": days,
                "erasure_id": erasure and erasure.id,
                "removed_at": fields.Datetime.now(),
                "company_id": batch.company,
                "count": batch.count,
                "row_ids": batch.row_ids,
                "first_id": batch.first_id,
                "last_id": batch.last_id,
                "first_at": batch.first_at,
                "last_at": batch.last_at,
                "digest": batch.digest,
            }
            for batch in removal.batches(what, gone)
        ]
        # sudo: certificates are nobody's to write by hand
        papers = self.sudo().create(values)
        self._tell_of(papers)
        return papers

    def _tell_of(self, papers):
        rows = [
            {
                "company_id": paper.company_id.id,
                "company_name": paper.company_id.name,
                "res_model": self._name,
                "res_id": paper.id,
                "res_name": paper.what,
                "detail": f"{paper.what}, {paper.count} rows, IDs {paper.first_id}-{paper.last_id},"
                f" digest {paper.digest}",
            }
            for paper in papers
        ]
        self.env["integration.audit"]._append("retention.remove", rows, reason=papers[:1].reason)

    @api.model
    def _remove_old(self, cutoff, days):
        """Remove a batch of certificates that are as old as the audit trail may be; return how many went."""
        # The guard's own clock and days decide in the end; what it would refuse is not asked for.
        held = self.env["integration.legal.hold"]._companies_held()
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM integration_retention_certificate WHERE id IN (
                    SELECT id FROM integration_retention_certificate
                     WHERE removed_at < %s AND COALESCE(company_id, 0) <> ALL (%s)
                     ORDER BY removed_at LIMIT 1000)
                RETURNING id, company_id, removed_at, what, digest
                """,
                cutoff,
                # What belongs to no company may be about any of them.
                [*held, 0] if held else [-1],
            )
        )
        rows = self.env.cr.fetchall()
        self._certify("certificate", rows, reason="retention", days=days)
        return len(rows)

    @api.model
    def _digest_of(self, what, rows):
        """Return the digest of identities that were read from a backup, to compare with a certificate's."""
        return removal.digest(what, rows)
