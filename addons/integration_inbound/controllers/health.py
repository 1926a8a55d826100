import psycopg2
from odoo import http
from odoo.http import request

from . import answers


class HealthController(http.Controller):
    """Whether this process serves, and whether it could store a message now. Both answer without PostgreSQL, too."""

    @http.route("/integration/health/live", type="integration", auth="none", save_session=False)
    def live(self):
        """Answer 200 whenever the process serves."""
        return answers.only("GET", "HEAD") or answers.json_answer({"status": "live"})

    @http.route("/integration/health/ready", type="integration", auth="none", save_session=False)
    def ready(self):
        """Answer 200 when a message could be verified and stored, else 503. Why not is told on Odoo's screens."""
        wrong_method = answers.only("GET", "HEAD")
        if wrong_method:
            return wrong_method
        return answers.json_answer({"status": "ready"}) if self._is_ready() else answers.not_ready()

    def _is_ready(self):
        if request.env is None or "integration.gate" not in request.env:
            return False
        try:
            request.env.cr.execute("SELECT 1")
        except psycopg2.Error:
            return False
        return request.env["integration.gate"]._is_ready()
