from odoo import models

from .integration_live import CHANNEL


class IrWebsocket(models.AbstractModel):
    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        """Have everybody with a role of the app listen to their companies' hints that something has changed."""
        channels = super()._build_bus_channel_list(channels)
        user = self.env.user
        if self.env["integration.live"]._has_role(user):
            channels.extend((company, CHANNEL) for company in user.company_ids)
        return channels
