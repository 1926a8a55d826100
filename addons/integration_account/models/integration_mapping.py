from decimal import Decimal

from odoo import api, models
from odoo.addons.integration_mapping.domain.waiting import Waiting
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain.states import OPEN

_FIELDS = {
    "service": "service_code",
    "department": "department",
    "cost_center": "cost_center",
    "facility": "facility",
    "unit": "uom_sent",
}
_TARGETS = (
    "parent_id",
    "part_of_id",
    "analytic_account_id",
    "partner_id",
    "product_id",
    "facility_company_id",
    "uom_id",
)
# The first-ranked payer of a charge is its own, else its encounter's.
_PAYER = """(SELECT COALESCE(CASE WHEN c.payer_told THEN c.coverage ->> 0 END, e.coverage ->> 0)
               FROM integration_encounter e WHERE e.id = c.encounter_id)"""
COLUMNS = {
    "service": SQL("c.service_code"),
    "department": SQL("c.department"),
    "cost_center": SQL("c.cost_center"),
    "facility": SQL("c.facility"),
    "payer": SQL(_PAYER),
    "unit": SQL("c.uom_sent"),
}
REASONS = {
    "service": ["service_unmapped"],
    "department": ["department_unmapped", "department_without_cost_center"],
    "cost_center": ["cost_center_unmapped"],
    "facility": ["facility_unmapped"],
    "payer": ["payer_unmapped"],
    "unit": ["unit_unknown"],
}


def sent_codes(env, column, states):
    """Return a function that tells, for systems, the codes that their charges of these states hold, as sent.

    :param column: the code's column, one of :data:`COLUMNS`
    """

    def sent(systems):
        env["integration.charge"].flush_model()
        return env.execute_query(
            SQL(
                "SELECT DISTINCT c.system_id, %s FROM integration_charge c WHERE c.state IN %s AND c.system_id IN %s",
                column,
                tuple(states),
                tuple(systems.ids),
            )
        )

    return sent


class IntegrationMappingTask(models.Model):
    _inherit = "integration.mapping.task"

    @api.model
    def _mapping_changed(self, identifiers):
        result = super()._mapping_changed(identifiers)
        # sudo: a steward mends the mapping and need not see charges
        charges = self.env["integration.charge"].sudo()
        marked = charges.browse()
        lists = identifiers.grouped(lambda one: (one.system_id, one.kind, one.code_system))
        for (system, kind, _code_system), of_list in lists.items():
            marked |= charges.search(self._charges_waiting_for(system, kind, of_list))
        if marked:
            marked.write({"recheck": True})
            self.env["integration.engine"]._wake()
        return result

    @api.model
    def _charges_waiting_for(self, system, kind, identifiers):
        """Return the domain of charges that changed identifiers of one list may change; of those approved, none.

        Payers are not stored by code on every charge: all that are parked are looked at again.
        """
        if kind not in REASONS:
            return Domain.FALSE
        domain = Domain("system_id", "=", system.id) & Domain("park_reason", "!=", "conflict")
        if kind in _FIELDS:
            sent = sent_codes(self.env, COLUMNS[kind], OPEN)
            spelled = self.env["integration.code.system"]._spellings(identifiers, sent)
            return domain & Domain("state", "in", OPEN) & Domain(_FIELDS[kind], "in", [code for _one, code in spelled])
        return domain & Domain("state", "=", "parked")

    def _waiting(self):
        """Add the parked charges that wait for each code; money as sent, per currency as sent."""
        waiting = dict(super()._waiting())
        for kind, column in COLUMNS.items():
            tasks = self.filtered(lambda task, kind=kind: task.kind == kind)
            if tasks:
                for task_id, one in tasks._waiting_charges(REASONS[kind], column):
                    waiting[task_id] = waiting[task_id] + one if task_id in waiting else one
        return waiting

    def _waiting_charges(self, reasons, column):
        """Yield (task id, Waiting) per task and currency; one query."""
        self.env["integration.charge"].flush_model()
        spelled = self.env["integration.code.system"]._spellings(self, sent_codes(self.env, column, ("parked",)))
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.id, c.currency_code, company.name, count(*), sum(c.amount_sent) FILTER (WHERE c.priced),
                       count(*) FILTER (WHERE NOT COALESCE(c.priced, false)), min(c.parked_since), min(c.service_day)
                  FROM integration_mapping_task t
                  JOIN unnest(%(tasks)s::int[], %(codes)s::varchar[]) AS spelled (task_id, code)
                    ON spelled.task_id = t.id
                  JOIN integration_charge c
                    ON c.system_id = t.system_id AND c.state = 'parked' AND c.mode = 'live'
                   AND c.company_id = t.company_id AND c.park_reason IN %(reasons)s AND %(column)s = spelled.code
                   AND (t.kind <> 'service' OR c.code_system = t.code_system
                        OR c.code_system IS NULL AND t.id IN %(declared)s)
                  JOIN res_company co ON co.id = t.company_id
                  JOIN res_currency company ON company.id = co.currency_id
                 GROUP BY t.id, c.currency_code, company.name
                """,
                reasons=tuple(reasons),
                tasks=[task._origin.id for task, _code in spelled],
                codes=[code for _task, code in spelled],
                column=column,
                # A line that names no code system uses the one its system declared.
                declared=tuple(t._origin.id for t in self if t.code_system == t.system_id._code_system(t.kind)) or (0,),
            )
        )
        for task_id, sent, own, count, amount, unknown, since, day in rows:
            amounts = {sent or own: Decimal(str(amount))} if amount is not None else {}
            yield task_id, Waiting(count, amounts, unknown, since, day)


class IntegrationCostCenterRule(models.Model):
    _inherit = "integration.cost.center.rule"

    def _in_force_changed(self):
        result = super()._in_force_changed()
        self.env["integration.charge"]._recheck_priced(self)
        return result


class IntegrationUnitFactor(models.Model):
    _inherit = "integration.unit.factor"

    def _in_force_changed(self):
        result = super()._in_force_changed()
        self.env["integration.charge"]._recheck_priced(self)
        return result


class IntegrationEntity(models.Model):
    _inherit = "integration.entity"

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint(_TARGETS):
            reasons = [reason for kind in set(self.mapped("kind")) for reason in REASONS.get(kind, ())]
            if reasons:
                self.env["integration.charge"]._recheck([*reasons, "department_without_cost_center"])
        return result
