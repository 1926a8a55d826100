import json

from odoo import http
from odoo.addons.web.controllers.pivot import TableExporter
from odoo.http import request


def _writes(_controller, _rule, _arguments):
    """Tell whether the route only reads: it does not, for the trail is written."""
    return False


class PivotExporter(TableExporter):
    """Pivots of the suite that leave Odoo are in the trail, as lists are that leave by its export."""

    # As a function: where a route says no instead, Odoo warns at each start.
    @http.route(readonly=_writes)
    def export_xlsx(self, data, **kw):
        text = data.read() if hasattr(data, "read") else data
        answer = super().export_xlsx(text, **kw)
        self._tell_of_pivot(json.loads(text))
        return answer

    def _tell_of_pivot(self, table):
        """Record of which model a pivot left and how large it was, never what it said.

        The browser sends the whole table with the name of its model, and not whose the records behind it are: it is
        told to each company that was worked in.
        """
        if not str(table["model"]).startswith("integration.") or table["model"] not in request.env:
            return
        trail = request.env["integration.audit"]
        about = {"res_model": table["model"], "detail": f"pivot of {len(table['rows'])} rows"}
        trail._append("list.export", [{**trail._about(None, company), **about} for company in self._companies()])

    def _companies(self):
        """Return the companies that the user has chosen, as the web client remembers them."""
        chosen = {int(one) for one in request.cookies.get("cids", "").split("-") if one.isdecimal()}
        return request.env.user.company_ids.filtered(lambda company: company.id in chosen) or request.env.company
