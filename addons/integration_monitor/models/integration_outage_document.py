from odoo import api, fields, models
from odoo.tools import format_datetime


class IntegrationOutageDocument(models.AbstractModel):
    """The printed outage report. Whichever way it is asked for, the audit trail tells that it was printed."""

    _name = "report.integration_monitor.report_outage_document"
    _description = "Printed outage report"

    @api.model
    def _get_report_values(self, docids, data=None):
        """Return what the report shows.

        :raises AccessError: for another person's report, or a system of a company that one does not work in
        """
        outages = self.env["integration.outage"].browse(docids)
        for one in outages:
            one._check_reader()
            detail = f"{one.begin} – {one.end}"
            self.env["integration.audit"]._record("outage.print", one.system_id, detail=detail)
        return {
            "doc_ids": outages.ids,
            "doc_model": outages._name,
            "docs": outages,
            "printed": format_datetime(self.env, fields.Datetime.now()),
            "printed_by": self.env.user.name,
        }
