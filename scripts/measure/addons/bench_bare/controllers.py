"""The least that a signed webhook can be: verify, one INSERT, answer."""

import base64
import hashlib
import hmac

from odoo import http
from odoo.http import request

KEY = b"bench-bare-key-of-32-bytes-------"


class BareController(http.Controller):
    @http.route(
        "/bench/bare", type="http", auth="none", methods=["POST"], csrf=False, save_session=False, readonly=False
    )
    def receive(self, **_ignored):
        headers, body = request.httprequest.headers, request.httprequest.get_data()
        message_id = headers["webhook-id"]
        signed = f"{message_id}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(expected, headers["webhook-signature"]):
            return request.make_json_response({"status": "refused"}, status=401)
        request.env.cr.execute(
            "INSERT INTO bench_message (message_id, body) VALUES (%s, %s)", (message_id, body.decode())
        )
        return request.make_json_response({"status": "accepted"}, status=202)
