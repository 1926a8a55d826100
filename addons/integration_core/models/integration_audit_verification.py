from odoo import api, models
from odoo.tools import SQL

from ..domain import trail
from .integration_audit_queue import TRIGGERS
from .integration_audit_seal import PAGE

KEPT = 1000
"""Findings that are kept to be shown; all are counted."""


class IntegrationAuditVerification(models.AbstractModel):
    """Reads the audit trail as it is in the database and has :class:`~..domain.trail.Judge` judge it.

    Everything is read in the caller's transaction, which must be REPEATABLE READ, as Odoo's are: what is written
    meanwhile is not seen. Memory does not grow with the trail.
    """

    _name = "integration.audit.verification"
    _description = "Verification of the audit trail"

    @api.model
    def _verify(self, companies=None, anchors=(), found=None):
        """Verify the trail; return (:class:`trail.Report`, the first findings).

        :param companies: ids of the companies whose chains are verified, None for rows without one; by default all
        :param anchors: :class:`sealing.Anchor` that the trail must contain
        :param found: called with each :class:`trail.Finding`
        """
        self.env.flush_all()
        seals = self.env["integration.audit.seal"]
        chains = self._chains(companies)
        wanted = set(chains) | {anchor.company for anchor in anchors} if companies is None else set(companies)
        judge = trail.Judge(
            anchors=[anchor for anchor in anchors if anchor.company in wanted],
            certificates={one: seals._certificates_of(one) for one in chains},
            told=self._told(),
        )
        kept = []
        for finding in self._findings(judge, chains, companies):
            if len(kept) < KEPT:
                kept.append(finding)
            if found:
                found(finding)
        return judge.report, kept

    def _chains(self, companies):
        if companies is not None:
            return list(companies)
        self.env.cr.execute(
            """
            SELECT company_id FROM integration_audit_seal UNION SELECT company_id FROM integration_audit_certificate
             UNION SELECT company_id FROM integration_audit_queue ORDER BY 1
            """
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _findings(self, judge, chains, companies):
        for name in self._missing_triggers():
            judge.report.findings += 1
            yield trail.Finding("guard_off", action=name)
        for company in chains:
            judge.report.of(company)
            yield from judge.chain(company, self.env["integration.audit.seal"]._batches_of(company))
        yield from judge.rest(self._seen(companies), self._waiting(companies))

    def _missing_triggers(self):
        self.env.cr.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE tgname = ANY (%s) AND tgenabled IN ('O', 'A')",
            ([name for names in TRIGGERS.values() for name in names],),
        )
        there = set(self.env.cr.fetchall())
        return [name for table, names in TRIGGERS.items() for name in names if (table, name) not in there]

    def _told(self):
        self.env.cr.execute(
            "SELECT right(detail, 64) FROM integration_audit WHERE action = 'audit.remove' AND detail IS NOT NULL"
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _of(self, companies):
        if companies is None:
            return SQL("TRUE")
        return SQL("COALESCE(company_id, 0) = ANY (%s)", [one or 0 for one in companies])

    def _seen(self, companies):
        query = SQL(
            "SELECT id, company_id, at, action FROM integration_audit WHERE %s AND id > ", self._of(companies)
        )
        return (trail.Seen(*row) for row in self._paged(query))

    def _waiting(self, companies):
        query = SQL("SELECT id, company_id FROM integration_audit_queue WHERE %s AND id > ", self._of(companies))
        return (trail.Waiting(*row) for row in self._paged(query))

    def _paged(self, query):
        last = 0
        while True:
            self.env.cr.execute(SQL("%s %s ORDER BY id LIMIT %s", query, last, PAGE))
            page = self.env.cr.fetchall()
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1][0]
