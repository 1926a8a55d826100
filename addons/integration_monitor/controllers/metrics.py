import psycopg2
from odoo import SUPERUSER_ID, http
from odoo.addons.integration_inbound.controllers import answers
from odoo.http import request

from ..domain import openmetrics


class MetricsController(http.Controller):
    """The metrics, for those with a token. Whoever has none learns nothing, not even whether there are any."""

    @http.route("/integration/metrics", type="integration", auth="none", save_session=False)
    def metrics(self):
        """Answer 200 with the metrics, 401 to everybody without a token that works, 503 without a database."""
        wrong_method = answers.only("GET", "HEAD")
        if wrong_method:
            return wrong_method
        if request.env is None:
            return answers.not_ready()
        # sudo: a scrape is nobody's; what it may read is decided by its token
        env = request.env(user=SUPERUSER_ID, su=True)
        if "integration.metrics" not in env:
            return answers.not_ready()
        sent = request.httprequest.headers
        try:
            if not env["integration.metrics.token"]._admits(sent.get("Authorization")):
                return answers.answer(b"", 401, {"WWW-Authenticate": "Bearer"})
            form = openmetrics.chosen(sent.get("Accept"))
            body = env["integration.metrics"]._scrape(form)
        except psycopg2.Error:
            return answers.not_ready()
        return answers.answer(body, 200, {"Content-Type": form.value, "Vary": "Accept"})
