from odoo import api, fields, models


class IntegrationEffect(models.Model):
    """What became of a line, in the words of those who have to correct it: of which encounter, why, whose turn."""

    _inherit = "integration.effect"

    encounter = fields.Char(compute="_compute_encounter", compute_sudo=True)
    reason_title = fields.Char("Why", compute="_compute_words")
    turn = fields.Char("Whose turn", compute="_compute_words")

    @api.depends("event_id")
    def _compute_encounter(self):
        # As the superuser (compute_sudo): stewards read effects and no receipts; an encounter's number is no secret.
        rows = self.env["integration.receipt"]._read_group(
            [("event_id", "in", self.event_id.ids), ("encounter", "!=", False)], ["event_id"], ["encounter:max"]
        )
        encounters = {event.id: encounter for event, encounter in rows}
        for effect in self:
            effect.encounter = encounters.get(effect.event_id.id, False)

    @api.depends("reason", "status")
    def _compute_words(self):
        overview = self.env["integration.overview"]
        names, turns = overview._reason_names(), overview._turns()
        for effect in self:
            effect.reason_title = names.get(effect.reason) or effect.reason
            parked = effect.status == "parked"
            effect.turn = parked and (turns.get(effect.reason) or self.env._("Administrator"))
