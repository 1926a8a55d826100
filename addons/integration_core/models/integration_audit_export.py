from odoo import api, fields, models
from odoo.tools import SQL

from ..domain import audit_event, sealing
from .integration_audit_seal import ROW

PAGE = 2000
FORMATS = [
    ("fhir", "FHIR AuditEvent (NDJSON)"),
    ("csv", "CSV, for a spreadsheet"),
    ("rows", "Rows and seals, to verify elsewhere (JSON lines)"),
]
ENDINGS = {"fhir": "ndjson", "csv": "csv", "rows": "jsonl"}


class IntegrationAuditExport(models.AbstractModel):
    """Gives the audit trail to others, a part at a time; that it did is told by the trail itself."""

    _name = "integration.audit.export"
    _description = "Export of the audit trail"

    @api.model
    def _export(self, kind, companies=None, begin=None, end=None):
        """Yield the trail as lines of text, oldest first.

        :param str kind: ``fhir``, ``csv`` or ``rows``; with ``rows`` every seal goes along, whatever the period
        :param companies: ids, None for rows without a company; by default all
        :param begin: naive UTC datetime; rows from then on
        :param end: naive UTC datetime; rows before then
        """
        # First, in the same transaction: an export that was begun is told, and is not part of itself.
        rows = self._rows(companies, begin, end)
        self._tell(kind, companies, begin, end)
        # sudo: the identity of the database is told by every event that leaves it
        source = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        match kind:
            case "fhir":
                yield from (audit_event.fhir_line(row, source=source) for row in rows)
            case "csv":
                yield audit_event.csv_line(audit_event.CSV_COLUMNS)
                yield from map(audit_event.csv_row, rows)
            case _:
                yield from map(audit_event.plain_row, rows)
                yield from self._seals(companies)

    def _tell(self, kind, companies, begin, end):
        whose = "all" if companies is None else ", ".join(str(one or "-") for one in companies)
        detail = f"{kind}, companies: {whose}, from {begin or 'the beginning'} to {end or 'now'}"
        self.env["integration.audit"]._record("audit.export", detail=detail)
        self.env.flush_all()

    def _rows(self, companies, begin, end):
        self.env.flush_all()
        self.env.cr.execute("SELECT COALESCE(max(id), 0) FROM integration_audit")
        (until,) = self.env.cr.fetchone()
        return self._paged(self._condition(companies, begin, end), until)

    def _condition(self, companies, begin, end):
        conditions = [
            *([SQL("COALESCE(company_id, 0) = ANY (%s)", [one or 0 for one in companies])] if companies else []),
            *([SQL("at >= %s", begin)] if begin else []),
            *([SQL("at < %s", end)] if end else []),
        ]
        return SQL(" AND ").join(conditions or [SQL("TRUE")])

    def _paged(self, condition, until):
        last = 0
        while True:
            self.env.cr.execute(
                SQL(
                    "SELECT %s FROM integration_audit WHERE id > %s AND id <= %s AND %s ORDER BY id LIMIT %s",
                    *(ROW, last, until, condition, PAGE),
                )
            )
            page = list(map(sealing.Row._make, self.env.cr.fetchall()))
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1].id

    def _seals(self, companies):
        seals = self.env["integration.audit.seal"]
        for company in seals._companies() if companies is None else companies:
            yield from map(audit_event.plain_seal, seals._chain_of(company))
            yield from map(audit_event.plain_certificate, seals._certificates_of(company))

    @api.model
    def _file_name(self, kind):
        """Return what a file with an export of today is called."""
        return f"audit-{fields.Date.today()}.{ENDINGS[kind]}"
