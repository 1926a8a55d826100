from odoo import models
from odoo.http import request
from werkzeug.exceptions import NotFound


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _match(cls, path_info):
        # No address with a line break in it is matched, not even by what answers 404 under /integration: to Werkzeug a
        # path is one line. Whoever sends one reads problem details too.
        try:
            return super()._match(path_info)
        except NotFound:
            if not path_info.startswith("/integration/"):
                raise
            return super()._match("/integration")

    @classmethod
    def _pre_dispatch(cls, rule, args):
        # Languages, websites, editors and limits of uploads are no business of machines. To ask for them takes longer
        # than to verify a message.
        if rule.endpoint.routing["type"] == "integration":
            return request.dispatcher.pre_dispatch(rule, args)
        return super()._pre_dispatch(rule, args)
