import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

_URL = re.compile(r"https?://\S+", re.IGNORECASE)


class IntegrationRunbookMixin(models.AbstractModel):
    """For what somebody has to know what to do about when it fails: an address of the page that says it."""

    _name = "integration.runbook.mixin"
    _description = "Has a runbook"

    runbook_url = fields.Char("Runbook", help="Where it is written down what to do when this fails.")

    @api.constrains("runbook_url")
    def _check_runbook_url(self):
        for record in self:
            if record.runbook_url and not _URL.fullmatch(record.runbook_url):
                raise ValidationError(self.env._("The runbook is an address that begins with https:// or http://."))
