from decimal import Decimal

from odoo import api, models
from odoo.addons.integration_mapping.domain.waiting import Waiting
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain.states import OPEN

_FIELDS = {"service": "service_code", "department": "department", "cost_center": "cost_center", "facility": "facility"}
_TARGETS = ("parent_id", "analytic_account_id", "partner_id", "product_id", "facility_company_id")
# The first-ranked payer of a charge is its own, else its encounter's.
_PAYER = """(SELECT COALESCE(CASE WHEN c.payer_told THEN c.coverage ->> 0 END, e.coverage ->> 0)
               FROM integration_encounter e WHERE e.id = c.encounter_id)"""
COLUMNS = {
    "service": SQL("c.service_code"),
    "department": SQL("c.department"),
    "cost_center": SQL("c.cost_center"),
    "facility": SQL("c.facility"),
    "payer": SQL(_PAYER),
}
REASONS = {
    "service": ["service_unmapped"],
    "department": ["department_unmapped", "department_without_cost_center"],
    "cost_center": ["cost_center_unmapped"],
    "facility": ["facility_unmapped"],
    "payer": ["payer_unmapped"],
}


class IntegrationMappingTask(models.Model):
    _inherit = "integration.mapping.task"

    @api.model
    def _mapping_changed(self, identifiers):
        result = super()._mapping_changed(identifiers)
        # sudo: a steward mends the mapping and need not see charges
        charges = self.env["integration.charge"].sudo()
        marked = charges.browse()
        lists = identifiers.grouped(lambda one: (one.system_id, one.kind, one.code_system))
        for (system, kind, code_system), of_list in lists.items():
            marked |= charges.search(self._charges_waiting_for(system, kind, code_system, of_list))
        if marked:
            marked.write({"recheck": True})
            self.env["integration.engine"]._wake()
        return result

    @api.model
    def _charges_waiting_for(self, system, kind, code_system, identifiers):
        """Return the domain of charges that changed identifiers of one list may change; of those approved, none.

        Payers are not stored by code on every charge: all that are parked are looked at again.
        """
        if kind not in REASONS:
            return Domain.FALSE
        domain = Domain("system_id", "=", system.id) & Domain("park_reason", "!=", "conflict")
        if kind in _FIELDS:
            codes = self._spellings(system, kind, code_system, identifiers)
            return domain & Domain("state", "in", OPEN) & Domain(_FIELDS[kind], "in", codes)
        return domain & Domain("state", "=", "parked")

    @api.model
    def _spellings(self, system, kind, code_system, identifiers):
        """Return how open charges of a system write these codes of one list; in most lists there is one way."""
        code_systems = self.env["integration.code.system"]
        if code_system not in code_systems._normalizations([code_system]):
            return identifiers.mapped("code")
        # sudo: a steward mends the mapping and need not see charges
        charges = self.env["integration.charge"].sudo()
        sent = charges._read_group([("system_id", "=", system.id), ("state", "in", OPEN)], [_FIELDS[kind]])
        keys = code_systems._keys((code_system, code) for [code] in sent if code)
        wanted = set(identifiers.mapped("code_key"))
        return [code for (_list, code), key in keys.items() if key in wanted]

    def _waiting(self):
        """Add the parked charges that wait for each code; money as sent, per currency as sent."""
        waiting = dict(super()._waiting())
        for kind, column in COLUMNS.items():
            tasks = self.filtered(lambda task, kind=kind: task.kind == kind)
            if tasks:
                for task_id, one in tasks._waiting_charges(REASONS[kind], column):
                    waiting[task_id] = waiting[task_id] + one if task_id in waiting else one
        return waiting

    def _parked_spellings(self, column):
        """Return ``{task: the ways in which parked charges write its code}``; one query more for normalised lists."""
        code_systems = self.env["integration.code.system"]
        normalised = code_systems._normalizations(set(self.mapped("code_system")))
        found = {task: {task.code} for task in self}
        loose = self.filtered(lambda task: task.code_system in normalised)
        if loose:
            sent = self.env.execute_query(
                SQL(
                    "SELECT DISTINCT c.system_id, %s FROM integration_charge c"
                    " WHERE c.state = 'parked' AND c.system_id IN %s",
                    column,
                    tuple(loose.system_id.ids),
                )
            )
            for task in loose:
                own = [(task.code_system, code) for system_id, code in sent if code and system_id == task.system_id.id]
                keys = code_systems._keys(own)
                found[task] |= {code for _system, code in own if keys[_system, code] == task.code_key}
        return found

    def _waiting_charges(self, reasons, column):
        """Yield (task id, Waiting) per task and currency; one query."""
        self.env["integration.charge"].flush_model()
        spelled = [(task._origin.id, code) for task, codes in self._parked_spellings(column).items() for code in codes]
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
                tasks=[task_id for task_id, _code in spelled],
                codes=[code for _task_id, code in spelled],
                column=column,
                # A line that names no code system uses the one its system declared.
                declared=tuple(t._origin.id for t in self if t.code_system == t.system_id._code_system(t.kind)) or (0,),
            )
        )
        for task_id, sent, own, count, amount, unknown, since, day in rows:
            amounts = {sent or own: Decimal(str(amount))} if amount is not None else {}
            yield task_id, Waiting(count, amounts, unknown, since, day)


class IntegrationEntity(models.Model):
    _inherit = "integration.entity"

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint(_TARGETS):
            reasons = [reason for kind in set(self.mapped("kind")) for reason in REASONS.get(kind, ())]
            if reasons:
                self.env["integration.charge"]._recheck([*reasons, "department_without_cost_center"])
        return result
