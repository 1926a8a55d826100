from odoo import models


class RecordProposedHandler(models.AbstractModel):
    _name = "integration.handler.record_proposed"
    _inherit = "integration.handler"
    _description = "Proposed suppliers, services and cost centers"
    _handles = (
        "masterdata.supplier.proposed.v1",
        "masterdata.service.proposed.v1",
        "masterdata.cost_center.proposed.v1",
    )

    def _handle(self, batch):
        # sudo: the queue is written by what systems send alone; of its hashes nobody has the right to write any
        self.env["integration.proposal"].sudo()._take(batch)
