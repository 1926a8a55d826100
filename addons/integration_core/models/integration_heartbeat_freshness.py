from datetime import timedelta

from odoo import api, fields, models

from .. import tools

SILENT_AFTER = timedelta(seconds=30)
"""A process that is awake beats each second; after this long without a beat it has died or hangs."""


class IntegrationHeartbeat(models.Model):
    _inherit = "integration.heartbeat"

    freshness = fields.Selection(
        [("running", "Running"), ("resting", "Resting until there is work"), ("silent", "No sign of life")],
        "How it is",
        compute="_compute_freshness",
    )
    age = fields.Char("Since its last beat", compute="_compute_freshness")

    @api.depends("state", "last_beat")
    def _compute_freshness(self):
        now = fields.Datetime.now()
        for beat in self:
            beat.freshness = beat._freshness(now)
            beat.age = tools.age_in_words(self.env, beat.last_beat)

    def _freshness(self, now):
        """Return the word for this process: who said that it sleeps may be silent, who is awake may not."""
        self.ensure_one()
        if self.state == "asleep":
            return "resting"
        return "running" if now - self.last_beat < SILENT_AFTER else "silent"
