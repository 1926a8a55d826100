from odoo import models
from odoo.http import request

from .. import watchdog


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _pre_dispatch(cls, rule, args):
        # A dead engine cannot say so: whoever asks for anything has that looked at, once a minute and beside the way.
        watchdog.look(request.db)
        return super()._pre_dispatch(rule, args)
