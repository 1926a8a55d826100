import psycopg2
import requests
from odoo import api, models
from odoo.addons.integration_core.domain import envelope
from odoo.addons.integration_core.models.integration_handler import HandledEvent
from odoo.sql_db import connection_info_for

from benchmark.prototype import Prototype


class IntegrationBenchPeers(models.AbstractModel):
    _name = "integration.bench.peers"
    _description = "What the suite is measured against"

    @api.model
    def _cron_prototype(self):
        """Run the prototype as a cron runs the engine: until nothing came for half a minute."""
        dbname = self.env.cr.dbname
        _name, info = connection_info_for(dbname)
        Prototype(lambda: psycopg2.connect(**info)).run(seconds=50.0, idle=30.0)

    @api.model
    def _post(self, url, webhook_id, body):
        """Send one message, as a queue_job job does it."""
        answer = requests.post(
            url, data=body.encode(), headers={"webhook-id": webhook_id, "content-type": "application/json"}, timeout=15
        )
        answer.raise_for_status()

    @api.model
    def _nothing(self):
        """Be a job, so that whatever runs jobs is warm."""

    @api.model
    def _handle_message(self, event_id, message):
        """Do what the suite's handler does, for one message with one line."""
        event = self.env["integration.event"].browse(event_id)
        parsed = envelope.parse(message)
        handler = self.env["integration.handler.service_finalized"]
        handler._handle([HandledEvent(event, parsed, parsed.data, event.mode)])
