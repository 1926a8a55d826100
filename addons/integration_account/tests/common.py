"""A hospital with mapped codes, ready to bill, and words to tell what its clinical system sends."""

import json

from odoo import fields
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.fields import Command


class BillingCase(IntegrationCase):
    """One live system whose services, departments and payers are mapped; outpatients wait for no discharge."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.company.chart_template:
            cls.env["account.chart.template"].try_loading("generic_coa", cls.company)
        cls.usd = cls.company.currency_id
        cls.income = cls.env["account.account"].search(
            [("account_type", "=", "income"), ("company_ids", "in", cls.company.ids)], limit=1
        )
        cls.plan = cls.env["account.analytic.plan"].create({"name": "Cost centers"})
        cls.emergency = cls._analytic("Emergency")
        cls.visit = cls._service("VISIT", "Visit", 500.0)
        cls.scan = cls._service("SCAN", "Scan", 900.0)
        cls._map("department", "ED", cls.emergency)
        cls.payer = cls.env["res.partner"].create({"name": "Northbridge Health Plan", "is_company": True})
        cls._map("payer", "NBH", cls.payer)
        cls.patients = cls.env["res.partner"].create({"name": "Self-pay patients"})
        cls.company.integration_self_pay_partner_id = cls.patients
        cls.env["integration.billing.rule"].create(
            {"company_id": cls.company.id, "encounter_class": "outpatient", "basis": "service", "days": 0}
        )
        cls.reviewer = cls._user("reviewer", "integration_core.group_finance_reviewer,account.group_account_invoice")
        cls.engine = cls.env.ref("integration_core.user_engine")

    @classmethod
    def _user(cls, login, groups):
        return cls.env["res.users"].create(
            {
                "name": login,
                "login": login,
                "company_id": cls.company.id,
                "company_ids": [Command.set(cls.company.ids)],
                "group_ids": [Command.set([cls.env.ref(g).id for g in ["base.group_user", *groups.split(",")]])],
            }
        )

    @classmethod
    def _analytic(cls, name):
        return cls.env["account.analytic.account"].create(
            {"name": name, "plan_id": cls.plan.id, "company_id": cls.company.id}
        )

    @classmethod
    def _service(cls, code, name, price=0.0, *, taxes=None, system=None, company=None):
        product = cls.env["product.product"].create(
            {
                "name": name,
                "type": "service",
                "list_price": price,
                "property_account_income_id": False if company else cls.income.id,
                "company_id": company.id if company else False,
                "taxes_id": [Command.set(taxes.ids if taxes else [])],
                "supplier_taxes_id": [Command.clear()],
            }
        )
        cls._map("service", code, product, system=system, company=company)
        return product

    @classmethod
    def _map(cls, kind, code, target, *, system=None, company=None, valid_from=False, valid_to=False, **more):
        """Let ``code`` of a system mean an Odoo record, approved."""
        system = system or cls.system
        entity = cls.env["integration.entity"]._for_target(
            kind, (company or system.company_id), target, name=target.display_name
        )
        identifier = cls.env["integration.identifier"].create(
            {
                "entity_id": entity.id,
                "system_id": system.id,
                "company_id": (company or system.company_id).id,
                "code_system": system._code_system(kind),
                "code": code,
                "valid_from": valid_from,
                "valid_to": valid_to,
                "state": "approved",
                "approval_state": "approved",
                **more,
            }
        )
        cls.env["integration.mapping.task"]._mapping_changed(identifier)
        return identifier

    @classmethod
    def _entity(cls, kind, target, name=None):
        return cls.env["integration.entity"]._for_target(kind, cls.company, target, name)

    @classmethod
    def _rule(cls, model, **values):
        """Let a governed rule be in force, as if two stewards had agreed on it."""
        return cls.env[model].create(
            {"company_id": cls.company.id, "state": "approved", "approval_state": "approved", **values}
        )

    @classmethod
    def _tax(cls, percent, *, included=False):
        return cls.env["account.tax"].create(
            {
                "name": f"{percent}% {'incl' if included else 'excl'}",
                "amount": percent,
                "type_tax_use": "sale",
                "price_include_override": "tax_included" if included else "tax_excluded",
                "company_id": cls.company.id,
            }
        )

    # -- what the clinical system sends -------------------------------------------------------------------------------

    def line(self, number, service="VISIT", quantity="1", price="120.00", **more):
        line = {"line": str(number), "service": service, "quantity": quantity, **more}
        if price is not None:
            line.update(unit_price=price, currency=more.get("currency", "USD"))
        return line

    def finalize(self, encounter, *lines, drain=True, system=None, event_id=None, webhook_id=None, time=None, **data):
        """Send ``clinical.service.finalized.v1``; by default the patient pays."""
        if not {"coverage", "guarantor", "self_pay", "nobody"} & data.keys():
            data["self_pay"] = True
        data.pop("nobody", None)
        message = {
            "encounter": encounter,
            "patient": {"id": f"MRN-{encounter}"},
            "performed_at": "2026-11-20T09:30:00Z",
            "department": "ED",
            "lines": list(lines),
            **data,
        }
        _accepted, event = self.post(
            "clinical.service.finalized.v1",
            {key: value for key, value in message.items() if value is not None},
            system=system,
            event_id=event_id,
            webhook_id=webhook_id,
            time=time,
        )
        if drain:
            self.drain()
        return event

    def void(self, encounter, *lines, drain=True):
        lines = [{"reason": "error", **(line if isinstance(line, dict) else {"line": str(line)})} for line in lines]
        _accepted, event = self.post("clinical.service.voided.v1", {"encounter": encounter, "lines": lines})
        if drain:
            self.drain()
        return event

    def admit(self, encounter, *, drain=True, time=None, **data):
        message = {
            "encounter": encounter,
            "patient": {"id": f"MRN-{encounter}"},
            "admitted_at": "2026-11-19T08:00:00Z",
            "department": "ED",
            **data,
        }
        _accepted, event = self.post("clinical.encounter.admitted.v1", message, time=time)
        if drain:
            self.drain()
        return event

    def discharge(self, encounter, *, at="2026-11-21T08:00:00Z", time=None):
        message = {"encounter": encounter, "patient": {"id": f"MRN-{encounter}"}, "discharged_at": at}
        _accepted, event = self.post("clinical.encounter.discharged.v1", message, time=time)
        self.drain()
        return event

    # -- what became of it --------------------------------------------------------------------------------------------

    def charges(self, encounter, line=None):
        domain = [("encounter", "=", encounter)]
        if line:
            domain.append(("line", "=", str(line)))
        return self.env["integration.charge"].search(domain, order="id")

    def effects(self, event):
        rows = self.env["integration.effect"].search([("event_id", "=", event.id)], order="unit")
        return [(row.unit, row.status, row.reason or None) for row in rows]

    def ready(self, encounter, *lines, **data):
        """Send lines of an outpatient, ready for review; return their charges."""
        self.admit(encounter, **{"class": "outpatient"})
        self.finalize(encounter, *(lines or [self.line(1)]), **data)
        return self.charges(encounter)

    def approve(self, charges):
        """Let the reviewer approve, and the engine make the drafts; return the run."""
        action = charges.with_user(self.reviewer).action_approve()
        self.drain()
        return self.env["integration.billing.run"].browse(action["res_id"])

    def bill(self, encounter, *lines, **data):
        """Send, approve, make the draft; return (charges, invoice)."""
        charges = self.ready(encounter, *lines, **data)
        self.approve(charges)
        return charges, charges.invoice_id

    def post_invoice(self, invoice):
        invoice.with_user(self.reviewer).action_post()
        self.commit()
        return invoice

    def pay(self, invoice, amount=None):
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"payment_date": fields.Date.today()})
        )
        if amount is not None:
            wizard.amount = amount
        return wizard._create_payments()

    def purge(self, *events):
        """Let the rules of retention remove what is closed of these events, as if they were a thousand days old."""
        ids = [event.id for event in events]
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_event SET received_at = received_at - interval '1000 days' WHERE id = ANY (%s)", (ids,)
        )
        rules = self.env["integration.retention"].search([("what", "in", ("payload", "event"))])
        rules.sudo().write({"rest_until": False, "last_id": 0, "round_began_at": False})
        self.env.flush_all()
        for _turn in range(5):
            self.env["integration.retention"]._purge()
        self.env.invalidate_all()

    def events(self, type_name, record=None):
        domain = [("event_type_id.name", "=", type_name)]
        if record is not None:
            domain += [("res_model", "=", record._name), ("res_id", "in", record.ids)]
        return self.env["integration.event"].search(domain, order="id")

    def data_of(self, event):
        return json.loads(event._read_payload())["data"]
