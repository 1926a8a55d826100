from odoo import models
from odoo.http import request


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _pre_dispatch(cls, rule, args):
        # Languages, websites, editors and limits of uploads are no business of machines. To ask for them takes longer
        # than to verify a message.
        if rule.endpoint.routing["type"] == "integration":
            return request.dispatcher.pre_dispatch(rule, args)
        return super()._pre_dispatch(rule, args)
