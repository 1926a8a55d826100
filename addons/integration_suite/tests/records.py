"""One record of each of the suite's models, in one company: what is required is filled, and nothing else."""

import base64
from datetime import datetime, timedelta, timezone

from odoo import Command
from odoo.tests import new_test_user
from odoo.tools import SQL

from .common import suite_models

NOW = datetime.now(timezone.utc).replace(microsecond=0, tzinfo=None)
_MAGIC = ("id", "create_uid", "create_date", "write_uid", "write_date")


class Records:
    """Makes records of one company, each with those that it refers to.

    Attributes:
        company: Whose they are.
        made: The record of each model that has one.
    """

    def __init__(self, env, company):
        """Make the first: a system of that company."""
        self.company = company
        self.env = env(su=True, context={**env.context, "allowed_company_ids": company.ids, "tracking_disable": True})
        self.made = {}

    def make_all(self):
        """Make one of each stored model; return {name of the model: record}."""
        for name in suite_models(self.env):
            model = self.env[name]
            if not model._abstract and not model._transient:
                self.of(name)
        self.env.flush_all()
        return self.made

    def of(self, name):
        """Return the record of a model, making it first."""
        if name not in self.made:
            special = getattr(self, "_make_" + name.replace(".", "_"), None)
            self.made[name] = special() if special else self.fill(name)
            if "approval_state" in self.env[name]._fields:
                self._ask_for_approval(self.made[name])
        return self.made[name]

    def _ask_for_approval(self, record):
        """Let it wait for approval, whoever may decide about it."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET approval_state = 'requested', requested_at = %s WHERE id = %s",
                SQL.identifier(record._table),
                NOW,
                record.id,
            )
        )
        self.env.invalidate_all()

    def fill(self, name, /, **given):
        """Create a record whose required fields are filled; the record itself is told what it is about by ``given``."""
        model = self.env[name]
        values = model.default_get(list(model._fields))
        for field in model._fields.values():
            if field.name not in given and self._is_wanted(field) and not values.get(field.name):
                values[field.name] = self._value(field)
        return model.create({**values, **given})

    def dialog(self, name, opener):
        """Return a new dialog of a model, about the records of this company, as if somebody had opened it."""
        about = {
            "integration.break.glass.review": {"glass_id": self.of("integration.break.glass").id},
            "integration.payload.wizard": {"event_id": self.of("integration.event").id},
            "integration.key.wizard": {"system_id": self.of("integration.system").id},
            "integration.refused.decision": {
                "decision": "close",
                "message_ids": [Command.set(self.of("integration.refused.message").ids)],
            },
        }
        if name == "integration.map.suggestion":
            entity = self.of("integration.entity")
            about[name] = {"res_model": entity._name, "res_id": entity.id, "name": entity.name}
            about[name]["wizard_id"] = self.dialog("integration.map.codes", opener).id
        dialog = self.fill(name, **about.get(name, {}))
        self.env.flush_all()
        table = SQL.identifier(dialog._table)
        self.env.cr.execute(SQL("UPDATE %s SET create_uid = %s WHERE id = %s", table, opener.id, dialog.id))
        self.env.invalidate_all()
        return dialog

    def _is_wanted(self, field):
        if not field.store or field.name in _MAGIC or field.related or (field.compute and field.readonly):
            return False
        return field.required or (field.name == "company_id")

    def _value(self, field):
        if field.type == "many2one":
            return self._referred(field.comodel_name).id
        if field.type in ("many2many", "one2many"):
            return [Command.set(self._referred(field.comodel_name).ids)]
        if field.type == "selection":
            values = field.get_values(self.env)
            return "live" if "live" in values else values[0]
        if field.type == "binary":
            return base64.b64encode(b"sealed")
        simple = {"integer": 1, "float": 1.0, "datetime": NOW, "date": NOW.date()}
        return simple.get(field.type, f"{field.name}-{self.company.id}")

    def _referred(self, name):
        if name == "res.company":
            return self.company
        if name == "res.users":
            return self.env.user
        if name == "res.currency":
            return self.company.currency_id
        if name == "res.partner":
            return self.company.partner_id
        return self.of(name) if name.startswith("integration.") else self._found(name)

    def _found(self, name):
        special = getattr(self, "_make_" + name.replace(".", "_"), None)
        return special() if special else self.env[name].search([], limit=1)

    def _make_account_move(self):
        if "account.move" not in self.made:
            journal = self.env["account.journal"].create(
                {"name": "Sales", "code": f"S{self.company.id}", "type": "sale", "company_id": self.company.id}
            )
            values = {"move_type": "out_invoice", "journal_id": journal.id, "partner_id": self.company.partner_id.id}
            self.made["account.move"] = self.env["account.move"].create(values)
        return self.made["account.move"]

    # -- what needs more than its required fields, or is no table that the ORM writes

    def _make_integration_event_type(self):
        return self.env["integration.event.type"].search([("direction", "=", "inbound")], limit=1)

    def _make_integration_system(self):
        return self.fill("integration.system", code=f"house-{self.company.id}", timezone="UTC", state="active")

    def _make_integration_subscription(self):
        handler = next(value for value, _label in self.env["integration.subscription"]._selection_handler())
        return self.fill("integration.subscription", handler=handler, company_id=self.company.id)

    def _make_integration_event(self):
        system = self.of("integration.system")
        return self.fill("integration.event", system_id=system.id, webhook_id=f"message-{self.company.id}")

    def _make_integration_audit(self):
        return self.fill("integration.audit", action="payload.read")

    def _make_integration_approval(self):
        return self.env["integration.approval"]._open(self.of("integration.identifier"))

    def _make_integration_delegation(self):
        delegate = new_test_user(self.env, f"delegate-{self.company.id}", groups="integration_core.group_steward")
        delegator = new_test_user(self.env, f"away-{self.company.id}", groups="integration_core.group_steward")
        values = {"role": "all", "date_from": NOW, "date_until": NOW + timedelta(days=1), "reason": "away"}
        return self.env["integration.delegation"].create(
            {"delegator_id": delegator.id, "delegate_id": delegate.id, **values}
        )

    def _make_integration_audit_seal(self):
        return self.fill("integration.audit.seal", row_ids="1")

    def _make_integration_audit_queue(self):
        self.of("integration.audit")
        self.env.flush_all()
        return self.env["integration.audit.queue"].search([], limit=1)

    def _make_integration_break_glass(self):
        return self.fill("integration.break.glass", until=NOW + timedelta(hours=1))

    def _make_integration_hold(self):
        return self.fill("integration.hold", scope="system", system_id=self.of("integration.system").id)

    def _make_integration_credential(self):
        return self.fill("integration.credential", system_id=self.of("integration.system").id)

    def _make_integration_endpoint(self):
        return self.fill("integration.endpoint", url=f"https://house-{self.company.id}.example/in")

    def _make_integration_breaker(self):
        return self.fill("integration.breaker", name=f"endpoint:{self.of('integration.endpoint').id}")

    def _make_integration_egress_allow(self):
        return self.fill("integration.egress.allow", host=f"house-{self.company.id}.internal")

    def _make_integration_refusal(self):
        return self.fill("integration.refusal", claimed=self.of("integration.system").code)

    def _make_integration_billing_rule(self):
        return self.fill("integration.billing.rule", encounter_class=f"class-{self.company.id}")

    def _make_integration_entity(self):
        return self.fill("integration.entity", kind="payer", partner_id=self.company.partner_id.id)

    def _make_integration_identifier(self):
        return self.fill("integration.identifier", kind="payer", code_system="house")

    def _make_integration_unit_factor(self):
        box = self.env["uom.uom"].create({"name": f"Box {self.company.id}"})
        unit = self.env["integration.entity"]._for_target("unit", self.company, box)
        product = self.env["product.product"].create({"name": "Gloves", "company_id": self.company.id})
        uom = product.uom_id
        values = {"unit_id": unit.id, "product_id": product.id, "factor": "50", "uom_id": uom.id}
        return self.fill("integration.unit.factor", **values)

    def _make_integration_cost_center_rule(self):
        plan = self.env["account.analytic.plan"].create({"name": f"Plan {self.company.id}"})
        account = self.env["account.analytic.account"].create(
            {"name": "Surgery", "plan_id": plan.id, "company_id": self.company.id}
        )
        department = self.env["integration.entity"]._for_target("department", self.company, account, "Surgery")
        return self.fill(
            "integration.cost.center.rule", department_id=department.id, cost_center_id=department.parent_id.id
        )

    def _make_integration_mapping_import(self):
        rows = "system,kind,code\n,,A\n"
        one = self.fill("integration.mapping.import", file=base64.b64encode(rows.encode()), file_name="codes.csv")
        one.action_check()
        return one

    def _make_integration_mapping_import_row(self):
        return self.of("integration.mapping.import").row_ids[:1]

    def _make_integration_import_profile(self):
        return self.fill("integration.import.profile", name=f"List {self.company.id}")

    def _make_integration_party_number(self):
        return self.fill("integration.party.number", proposal_id=self.of("integration.proposal").id)

    def _make_integration_attribute_change(self):
        return self.fill("integration.attribute.change", proposal_id=self.of("integration.proposal").id)

    def _make_integration_attribute_owner(self):
        """Another attribute in each company, so that one could move."""
        attributes = ("name", "address", "phone", "email", "website", "vat")
        chosen = attributes[self.company.id % len(attributes)]
        return self.fill("integration.attribute.owner", kind="supplier", attribute=chosen)

    def _make_integration_reconciliation_tolerance(self):
        """Of another measure in each company, so that one could move."""
        measure = ("key", "claim", "ledger")[self.company.id % 3]
        return self.fill("integration.reconciliation.tolerance", measure=measure)

    def _make_integration_alert_rule(self):
        return self.fill("integration.alert.rule", kind="parked_lines")

    def _make_integration_alert(self):
        """About money, so that finance has something to see, too."""
        values = {"kind": "parked_lines", "about_money": True, "subject": f"house:{self.company.id}"}
        return self.fill("integration.alert", system_id=self.of("integration.system").id, **values)

    def _make_integration_bank_change(self):
        bank = self._make_res_partner_bank()
        return self.fill("integration.bank.change", bank_id=bank.id, partner_id=bank.partner_id.id)

    def _make_integration_supplier_phone(self):
        return self.fill("integration.supplier.phone", partner_id=self._make_res_partner_bank().partner_id.id)

    def _make_res_partner_bank(self):
        if "res.partner.bank" not in self.made:
            partner = self.env["res.partner"].create({"name": "Supplier", "company_id": self.company.id})
            self.made["res.partner.bank"] = self.env["res.partner.bank"].create(
                {"partner_id": partner.id, "acc_number": f"bank-{self.company.id}"}
            )
        return self.made["res.partner.bank"]

    def _make_integration_retention(self):
        return self.env["integration.retention"].search([], limit=1)

    def _make_integration_document_type(self):
        return self.env["integration.document.type"].search([], limit=1)

    def _make_integration_configuration(self):
        return self.env["integration.configuration"].search([], limit=1)

    def _make_integration_payload(self):
        event, key = self.of("integration.event"), self.of("integration.data.key")
        return self.fill("integration.payload", event_id=event.id, data_key_id=key.id)

    def _make_integration_data_key(self):
        record, _key = self.env["integration.data.key"]._active()
        return record

    def _make_integration_due(self):
        delivery = self.of("integration.delivery")
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "INSERT INTO integration_due (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at)"
                " VALUES (%s, %s, %s, %s, %s, 0, 0, %s)",
                delivery.id,
                delivery.event_id.id,
                delivery.subscription_id.id,
                self.company.id,
                self.of("integration.system").id,
                NOW,
            )
        )
        return self.env["integration.due"].browse(delivery.id)

    def _make_integration_request(self):
        return self._view_of("integration.request", "integration.event")

    def _make_integration_ledger_line(self):
        return self._view_of("integration.ledger.line", "integration.receipt")

    def _make_integration_receipt(self):
        """Of a line that can carry a price: those are what months are about."""
        return self.fill("integration.receipt", price_unknown=True)

    def _make_integration_month_line(self):
        return self._view_of("integration.month.line", "integration.receipt")

    def _view_of(self, name, source):
        """Return the rows of a query over the records of this company."""
        self.of(source)
        self.env.flush_all()
        rows = self.env[name].search([("company_id", "=", self.company.id)], limit=1)
        rows.ensure_one()
        return rows
