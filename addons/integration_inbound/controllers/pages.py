from odoo import fields, http
from odoo.addons.integration_core.domain import problems
from odoo.http import request

from ..domain import pages
from . import answers

_PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


class PagesController(http.Controller):
    """What problem types and event types mean, for whoever programs the other side; and 404 for everything else."""

    @http.route("/integration/v1/problems/<string:segment>", type="integration", auth="none", save_session=False)
    def problem(self, segment):
        """Explain a problem type. Needs no database: it is read when something is wrong."""
        wrong_method = answers.only("GET", "HEAD")
        if wrong_method:
            return wrong_method
        known = problems.PROBLEMS.get(segment)
        if not known:
            return answers.problem("not-found")
        return answers.answer(pages.problem_page(known).encode(), 200, _PAGE_HEADERS)

    @http.route("/integration/v1/schemas/<string:name>", type="integration", auth="none", save_session=False)
    def schema(self, name):
        """Publish the JSON Schema of an event type: what ``dataschema`` resolves to."""
        wrong_method = answers.only("GET", "HEAD")
        if wrong_method:
            return wrong_method
        if request.env is None:
            return answers.not_ready()
        if "integration.gate" not in request.env:
            return answers.problem("not-found")
        # sudo: schemas of approved types are public, nobody is logged in
        event_type = request.env["integration.gate"].sudo()._published_type(name)
        if not event_type:
            return answers.problem("not-found")
        headers = {"Content-Type": "application/schema+json", "Cache-Control": "public, max-age=300"}
        if event_type.sunset:
            headers["Sunset"] = pages.http_date(fields.Datetime.to_datetime(event_type.sunset))
        return answers.answer(event_type.schema_json.encode(), 200, headers)

    @http.route(["/integration", "/integration/<path:path>"], type="integration", auth="none", save_session=False)
    def nothing(self, path=""):
        """Answer 404 as problem details where nothing else is served under ``/integration/``.

        Without a database nobody knows what would be served here, so the answer is 503.
        """
        return answers.not_ready() if request.env is None else answers.problem("not-found")
