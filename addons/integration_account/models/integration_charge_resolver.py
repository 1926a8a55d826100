from dataclasses import dataclass, field
from datetime import datetime, timezone
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.addons.integration_mapping.domain.codes import Code

from ..domain import payer


@dataclass
class Resolution:
    """What one charge means in Odoo, as far as it could be worked out."""

    values: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)  # of (park reason, what to do)
    ready_on: object = None
    department: Any = None  # its canonical entity, where its cost center decides
    remaining: Fraction = Fraction(0)  # what is left after voids, in the unit as sent
    ratio: Fraction | None = None  # one of theirs is so many of the product's unit; None while that is not known

    def park(self, reason, detail):
        """Note one thing that keeps the charge from being billable."""
        self.problems.append((reason, detail))


class IntegrationChargeResolver(models.AbstractModel):
    """Works out what charges mean: company, product, cost center, customer, currency, quantity and price. In bulk.

    Every code is mapped at the day of service in the facility's time zone. What is missing parks; nothing is guessed.
    """

    _name = "integration.charge.resolver"
    _description = "Meaning of charges"

    @api.model
    def _resolve(self, charges):
        """Return ``{charge id: Resolution}``."""
        results = {charge.id: Resolution() for charge in charges}
        for system, of_system in charges.grouped("system_id").items():
            self._resolve_companies(system, of_system, results)
            companies = of_system.grouped(lambda charge: results[charge.id].values["company_id"])
            for company_id, of_company in companies.items():
                worker = self.with_company(company_id)
                worker._resolve_codes(system, of_company.with_company(company_id), results)
        return results

    @api.model
    def _zone(self, system, company=None):
        """Return the time zone (``ZoneInfo``) that decides days: the facility's when it has one, else the system's."""
        # sudo: a company's time zone is no secret
        return ZoneInfo((company and company.sudo().partner_id.tz) or system.timezone or "UTC")

    @api.model
    def _today(self, charge):
        """Return today's date where the charge belongs."""
        return datetime.now(self._zone(charge.system_id, charge.facility and charge.company_id)).date()

    @api.model
    def _local_day(self, moment, zone):
        """Return the day of a naive UTC ``moment`` in ``zone``."""
        return moment.replace(tzinfo=timezone.utc).astimezone(zone).date()

    # -- companies ----------------------------------------------------------------------------------------------------

    def _resolve_companies(self, system, charges, results):
        zone = self._zone(system)
        asked = {
            charge: Code(charge.facility, at=self._local_day(charge.performed_at, zone), display=charge.facility)
            for charge in charges
            if charge.facility
        }
        answers = self.env["integration.mapping"].resolve(
            system, "facility", asked.values(), company=system.company_id
        )
        answers.request()
        for charge in charges:
            company = answers[asked[charge]].facility_company_id if charge.facility else None
            if charge.facility and not company:
                results[charge.id].park(
                    "facility_unmapped", self.env._("Map facility %s to a company.", charge.facility)
                )
            company = company or system.company_id
            day = self._local_day(charge.performed_at, self._zone(system, charge.facility and company))
            results[charge.id].values.update(company_id=company.id, service_day=day)
        self._let_in(charges, results)

    def _let_in(self, charges, results):
        companies = self.env["res.company"].browse({results[charge.id].values["company_id"] for charge in charges})
        if companies - self.env.user.company_ids and self.env.user._acts_for_integration():
            companies._let_engine_in()
        # sudo: users of systems are nobody's to edit; the mapping of the facility says where its charges belong
        companies._let_in(charges.system_id.sudo().run_as_id)

    # -- codes --------------------------------------------------------------------------------------------------------

    def _resolve_codes(self, system, charges, results):
        company = self.env.company
        self._resolve_services(system, charges, results, company)
        self._resolve_departments(system, charges, results, company)
        self._resolve_customers(system, charges, results, company)
        self._resolve_cost_centers(system, charges, results, company)
        self.env["integration.charge.units"]._resolve_units(system, charges, results)
        self.env["integration.charge.pricing"]._price(system, charges, results)
        rule_of = self.env["integration.billing.rule"]._by_class(company)
        for charge in charges:
            result = results[charge.id]
            encounter = charge.encounter_id.sudo()  # sudo: it may have been opened for another company
            zone = self._zone(system, charge.facility and company)
            discharged = encounter.discharged_at and self._local_day(encounter.discharged_at, zone)
            rule = rule_of(encounter.encounter_class)
            result.ready_on = rule._ready_on(result.values["service_day"], discharged or None)

    def _look_up(self, system, kind, codes, company, results):
        """Return ``{charge: entity or empty}`` and ask for what is missing.

        :param codes: ``{charge: (code system, code, display)}``
        """
        asked = {
            charge: Code(code, code_system, results[charge.id].values["service_day"], display)
            for charge, (code_system, code, display) in codes.items()
        }
        answers = self.env["integration.mapping"].resolve(system, kind, asked.values(), company=company)
        answers.request()
        return {charge: answers[code] for charge, code in asked.items()}

    def _resolve_services(self, system, charges, results, company):
        declared = system._code_system("service")
        codes = {
            charge: (charge.code_system or declared, charge.service_code, charge.display or charge.service_code)
            for charge in charges
        }
        found = self._look_up(system, "service", codes, company, results)
        for charge in charges:
            product = found[charge].product_id
            results[charge.id].values["product_id"] = product.id
            if not product:
                results[charge.id].park(
                    "service_unmapped", self.env._("Map service code %s to a product.", charge.service_code)
                )

    def _resolve_departments(self, system, charges, results, company):
        centers = charges.filtered("cost_center")
        departments = charges.filtered(lambda charge: charge.department and not charge.cost_center)
        # A line's own cost center decides; its department is then only looked at by people.
        found_centers = self._look_up(
            system, "cost_center", self._codes(system, "cost_center", centers), company, results
        )
        found = self._look_up(system, "department", self._codes(system, "department", departments), company, results)
        for charge in charges:
            result = results[charge.id]
            account = found_centers[charge].analytic_account_id if charge in centers else None
            result.values.update(
                analytic_account_id=account.id if account else False,
                cost_center_source="message" if account else False,
                cost_center_rule_id=False,
            )
            if charge in centers and not account:
                result.park("cost_center_unmapped", self.env._("Map cost center %s.", charge.cost_center))
            if charge in departments:
                result.department = found[charge]
                if not found[charge]:
                    result.park("department_unmapped", self.env._("Map department %s.", charge.department))

    def _resolve_cost_centers(self, system, charges, results, company):
        """Let departments' rules decide, which may ask for service and payer, else their own cost centers."""
        of_departments = charges.filtered(lambda charge: results[charge.id].department)
        departments = self.env["integration.entity"].union(*(results[one.id].department for one in of_departments))
        # sudo: the engine answers for the mapping, which few users may read in full
        rules = self.env["integration.cost.center.rule"].sudo()
        books = rules._books(departments.sudo(), company) if departments else {}
        for charge in of_departments:
            result = results[charge.id]
            product = self.env["product.product"].browse(result.values["product_id"])
            partner = self.env["res.partner"].browse(result.values["partner_id"])
            case = rules._case(product, partner, system) if product else None
            center, source, rule = rules._decide(result.department, books, case, result.values["service_day"])
            result.values.update(
                analytic_account_id=center.analytic_account_id.id,
                cost_center_source=source,
                cost_center_rule_id=rule.id,
            )
            if not center:
                result.park(
                    "department_without_cost_center",
                    self.env._("Give department %s a cost center.", charge.department),
                )

    def _codes(self, system, kind, charges):
        declared = system._code_system(kind)
        return {charge: (declared, charge[kind], charge[kind]) for charge in charges}

    # -- customer -----------------------------------------------------------------------------------------------------

    def _resolve_customers(self, system, charges, results, company):
        chosen = {charge: self._source(system, charge) for charge in charges}
        declared = system._code_system("payer")
        codes = {
            charge: (declared, code, code)
            for charge, (_terms, source, code) in chosen.items()
            if source is payer.Source.COVERAGE
        }
        found = self._look_up(system, "payer", codes, company, results)
        for charge, (terms, source, code) in chosen.items():
            result = results[charge.id]
            partner = self.env["res.partner"]
            if source is payer.Source.COVERAGE:
                partner = found[charge].partner_id
                if not partner:
                    result.park("payer_unmapped", self.env._("Map payer %s to a customer.", code))
            elif source is payer.Source.GUARANTOR:
                partner = terms.guarantor_id.partner_id
                if not partner:
                    result.park(
                        "guarantor_unknown", self.env._("The guarantor's name was never sent: ask the sender for it.")
                    )
            elif source is payer.Source.SELF_PAY:
                partner = company.integration_self_pay_partner_id
                if not partner:
                    result.park(
                        "no_self_pay_customer",
                        self.env._("Choose the self-pay customer in the settings of %s.", company.name),
                    )
            else:
                result.park(
                    "no_payer",
                    self.env._("The sender named nobody who pays: ask for a payer, a guarantor or self-pay."),
                )
            result.values["partner_id"] = partner.id

    def _source(self, system, charge):
        # The line's own message decides; without payer fields in it, the admission; then the system's default.
        # sudo: the encounter may have been opened for another company
        encounter = charge.encounter_id.sudo()
        terms = charge if charge.payer_told else encounter
        source, code = payer.choose(
            coverage=terms.coverage or (),
            has_guarantor=bool(terms.guarantor_id),
            self_pay=terms.self_pay,
            self_pay_default=system.self_pay_default,
        )
        return terms, source, code

    @api.model
    def _naive(self, moment):
        """Return an aware datetime as naive UTC, as Odoo stores times."""
        return fields.Datetime.to_datetime(moment.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0))
