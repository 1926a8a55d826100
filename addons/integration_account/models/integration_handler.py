from odoo import models
from odoo.addons.integration_core.domain import timestamps

from ..domain import lines, payer


class ServiceFinalizedHandler(models.AbstractModel):
    _name = "integration.handler.service_finalized"
    _inherit = "integration.handler"
    _description = "Charges from finalized services"
    _handles = ("clinical.service.finalized.v1",)

    def _handle(self, batch):
        self.env["integration.charge.intake"]._take(batch)


class ServiceVoidedHandler(models.AbstractModel):
    _name = "integration.handler.service_voided"
    _inherit = "integration.handler"
    _description = "Voids of services"
    _handles = ("clinical.service.voided.v1",)

    def _handle(self, batch):
        for handled in batch:
            self.env["integration.charge.void"]._take(handled, lines.read_voids(handled.data))


class EncounterAdmittedHandler(models.AbstractModel):
    _name = "integration.handler.encounter_admitted"
    _inherit = "integration.handler"
    _description = "Encounters and who pays for them"
    _handles = ("clinical.encounter.admitted.v1",)

    def _handle(self, batch):
        self.env["integration.charge.intake"]._tell(batch, "told_at", self._values)

    def _values(self, handled, told_at):
        system = handled.event.system_id
        admitted = timestamps.parse(handled.data["admitted_at"])
        values = {
            "admitted_at": self.env["integration.charge.resolver"]._naive(admitted),
            "patient_ref": self._patient_ref(system, handled.data),
        }
        if handled.data.get("class"):
            values["encounter_class"] = handled.data["class"]
        terms = payer.read_terms(handled.data)
        company = handled.event.company_id
        return {**values, **self.env["integration.encounter"]._payer_values(system, company, terms, told_at)}

    def _patient_ref(self, system, data):
        # Patient numbers are not finance data: a keyed hash tells two patients apart and no more.
        return self.env["integration.patient.finder"]._hasher(system)(data["patient"]["id"])


class EncounterDischargedHandler(models.AbstractModel):
    _name = "integration.handler.encounter_discharged"
    _inherit = "integration.handler"
    _description = "Discharges, from which hold days count"
    _handles = ("clinical.encounter.discharged.v1",)

    def _handle(self, batch):
        self.env["integration.charge.intake"]._tell(batch, "discharge_told_at", self._values)

    def _values(self, handled, _told_at):
        discharged = timestamps.parse(handled.data["discharged_at"])
        return {"discharged_at": self.env["integration.charge.resolver"]._naive(discharged)}
