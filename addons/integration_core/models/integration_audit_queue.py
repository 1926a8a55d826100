from odoo import fields, models

from ..domain.retention import LEAST_DAYS

TRIGGERS = {
    "integration_audit": ("integration_audit_queues", "integration_audit_kept", "integration_audit_removed",
                          "integration_audit_whole"),
    "integration_audit_seal": ("integration_audit_seal_kept", "integration_audit_seal_whole"),
    "integration_audit_certificate": ("integration_audit_certificate_kept", "integration_audit_certificate_whole"),
    "integration_retention_certificate": ("integration_retention_certificate_kept",
                                          "integration_retention_certificate_whole"),
}
"""What guards each table. A verification looks whether they are there and switched on."""


class IntegrationAuditQueue(models.Model):
    """Rows of the audit trail that wait to be sealed: their ids, and whose they are.

    A trigger writes them, in the transaction of the row itself, so that none is missed: ids are not in the order of
    commits, and a transaction that stays open for long must neither hold up the sealing of others nor be left out.

    This model also makes the triggers by which the database guards the trail, because its table comes last.
    """

    _name = "integration.audit.queue"
    _description = "Audit trail: rows to be sealed"
    _log_access = False

    company_id = fields.Integer(readonly=True)

    def init(self):
        # On a trail of an earlier version everything waits. Not later: then it would hide what came in unseen.
        self.env.cr.execute(
            """
            INSERT INTO integration_audit_queue (id, company_id)
            SELECT a.id, a.company_id FROM integration_audit a
             WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'integration_audit_queues')
               AND NOT EXISTS (SELECT FROM integration_audit_seal)
            ON CONFLICT DO NOTHING
            """
        )
        self._init_queue()
        self._init_guard()
        self._init_removal()

    def _init_queue(self):
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION integration_audit_queues() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO integration_audit_queue (id, company_id) SELECT id, company_id FROM fresh;
                RETURN NULL;
            END $$;
            DROP TRIGGER IF EXISTS integration_audit_queues ON integration_audit;
            CREATE TRIGGER integration_audit_queues AFTER INSERT ON integration_audit REFERENCING NEW TABLE AS fresh
                FOR EACH STATEMENT EXECUTE FUNCTION integration_audit_queues();
            """
        )

    def _init_guard(self):
        self.env.cr.execute(
            """
            ALTER TABLE integration_audit_certificate
                ADD COLUMN IF NOT EXISTS xact_id xid8 NOT NULL DEFAULT pg_current_xact_id();
            CREATE OR REPLACE FUNCTION integration_audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'The audit trail is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = 'Only retention removes rows, whole seals of them, by a certificate.';
            END $$;
            DROP TRIGGER IF EXISTS integration_audit_kept ON integration_audit;
            CREATE TRIGGER integration_audit_kept BEFORE UPDATE ON integration_audit
                FOR EACH ROW EXECUTE FUNCTION integration_audit_refuses();
            DROP TRIGGER IF EXISTS integration_audit_whole ON integration_audit;
            CREATE TRIGGER integration_audit_whole BEFORE TRUNCATE ON integration_audit
                FOR EACH STATEMENT EXECUTE FUNCTION integration_audit_refuses();
            DROP TRIGGER IF EXISTS integration_audit_seal_whole ON integration_audit_seal;
            CREATE TRIGGER integration_audit_seal_whole BEFORE TRUNCATE ON integration_audit_seal
                FOR EACH STATEMENT EXECUTE FUNCTION integration_audit_refuses();
            DROP TRIGGER IF EXISTS integration_audit_certificate_kept ON integration_audit_certificate;
            CREATE TRIGGER integration_audit_certificate_kept BEFORE UPDATE OR DELETE ON integration_audit_certificate
                FOR EACH ROW EXECUTE FUNCTION integration_audit_refuses();
            DROP TRIGGER IF EXISTS integration_audit_certificate_whole ON integration_audit_certificate;
            CREATE TRIGGER integration_audit_certificate_whole BEFORE TRUNCATE ON integration_audit_certificate
                FOR EACH STATEMENT EXECUTE FUNCTION integration_audit_refuses();
            """
        )

    def _init_removal(self):
        """Let retention remove rows of seals that a certificate of the same transaction marks as removed.

        A seal can be marked once, when every row of it is old enough for any rule that may be set; its leaves go then
        and nothing else of it changes.
        """
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION integration_audit_removed() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (
                    SELECT id FROM gone
                    EXCEPT
                    SELECT generate_series(split_part(span, '-', 1)::int,
                                           COALESCE(NULLIF(split_part(span, '-', 2), ''), span)::int)
                      FROM integration_audit_certificate c
                      JOIN integration_audit_seal s
                        ON s.certificate = c.number AND s.company_id IS NOT DISTINCT FROM c.company_id
                     CROSS JOIN LATERAL unnest(string_to_array(s.row_ids, ',')) AS span
                     WHERE c.xact_id = pg_current_xact_id()
                ) THEN
                    RAISE EXCEPTION 'The audit trail is append-only: DELETE of % is refused.', TG_TABLE_NAME
                        USING ERRCODE = 'insufficient_privilege',
                              HINT = 'Only retention removes rows, whole seals of them, by a certificate.';
                END IF;
                RETURN NULL;
            END $$;
            DROP TRIGGER IF EXISTS integration_audit_removed ON integration_audit;
            CREATE TRIGGER integration_audit_removed AFTER DELETE ON integration_audit REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION integration_audit_removed();

            CREATE OR REPLACE FUNCTION integration_audit_seal_kept() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' AND OLD.certificate IS NULL AND NEW.leaves IS NULL
                   AND to_jsonb(NEW) - 'leaves' - 'certificate' = to_jsonb(OLD) - 'leaves' - 'certificate'
                   AND COALESCE(OLD.last_at, OLD.sealed_at)
                       < (clock_timestamp() AT TIME ZONE 'UTC') - make_interval(days => TG_ARGV[0]::int)
                   AND EXISTS (SELECT FROM integration_audit_certificate c
                                WHERE c.number = NEW.certificate AND c.xact_id = pg_current_xact_id()
                                  AND c.company_id IS NOT DISTINCT FROM NEW.company_id
                                  AND NEW.number BETWEEN c.first_seal AND c.last_seal)
                THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'The audit trail is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'insufficient_privilege';
            END $$;
            """
        )
        self.env.cr.execute(
            """
            DROP TRIGGER IF EXISTS integration_audit_seal_kept ON integration_audit_seal;
            CREATE TRIGGER integration_audit_seal_kept BEFORE UPDATE OR DELETE ON integration_audit_seal
                FOR EACH ROW EXECUTE FUNCTION integration_audit_seal_kept(%s);
            """,
            (LEAST_DAYS["audit"],),
        )
