import base64
import hashlib
import hmac

from odoo import http
from odoo.http import request

_PARAMETER = "integration_bench.secret"


class Bare(http.Controller):
    @http.route(
        "/bench/bare", type="http", auth="none", methods=["POST"], csrf=False, readonly=False, save_session=False
    )
    def bare(self, **_kw):
        """Verify an HMAC signature over the raw body and do one INSERT: the least that an inbound webhook can do."""
        body = request.httprequest.get_data()
        headers = request.httprequest.headers
        # sudo: nobody is logged in here
        secret = request.env["ir.config_parameter"].sudo().get_param(_PARAMETER)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        if not hmac.compare_digest("v1," + base64.b64encode(digest).decode(), headers["webhook-signature"]):
            return request.make_json_response({"status": "refused"}, status=401)
        request.env.cr.execute(
            "INSERT INTO integration_bench_inbox (name, body) VALUES (%s, %s)", (headers["webhook-id"], body.decode())
        )
        return request.make_json_response({"status": "accepted"}, status=202)
