from odoo import api, models


class IntegrationPatientFinder(models.AbstractModel):
    _inherit = "integration.patient.finder"

    @api.model
    def _patients(self, system, names):
        # sudo: whose an encounter is, for the engine alone
        encounters = self.env["integration.encounter"].sudo()
        found = encounters.search(
            [("system_id", "=", system.id), ("name", "in", [*names]), ("patient_ref", "!=", False)]
        )
        return {**super()._patients(system, names), **{one.name: one.patient_ref for one in found}}

    @api.model
    def _encounters(self, system, refs):
        # sudo: as in _patients
        encounters = self.env["integration.encounter"].sudo()
        found = encounters.search([("system_id", "=", system.id), ("patient_ref", "in", [*refs])])
        return super()._encounters(system, refs) | set(found.mapped("name"))
