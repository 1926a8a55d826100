import hashlib

from odoo import http
from odoo.addons.integration_core.domain import strict_json
from odoo.http import request

from . import answers

SECONDS = 300
"""For how long a receiver may keep the document: a new key is published that long before it should sign."""


class JwksController(http.Controller):
    """The public keys with which receivers verify what Odoo sends (RFC 7517, RFC 8037)."""

    @http.route("/integration/v1/jwks.json", type="integration", auth="none", save_session=False)
    def jwks(self):
        """Publish the Ed25519 keys of all endpoints; without a database 503."""
        wrong_method = answers.only("GET", "HEAD")
        if wrong_method:
            return wrong_method
        if request.env is None:
            return answers.not_ready()
        if "integration.gate" not in request.env:
            return answers.problem("not-found")
        # sudo: public keys are public, nobody is logged in
        document = strict_json.dumps({"keys": request.env["integration.credential"].sudo()._published()})
        headers = {
            "Content-Type": "application/jwk-set+json",
            "Cache-Control": f"public, max-age={SECONDS}",
            "ETag": f'"{hashlib.sha256(document).hexdigest()[:32]}"',
        }
        response = answers.answer(document, 200, headers)
        return response.make_conditional(request.httprequest)
