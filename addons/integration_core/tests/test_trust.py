"""What a caller over RPC can put into a context, or into defaults of their own, changes nothing that is protected."""

from datetime import timedelta
from unittest.mock import patch

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import IntegrationCase


@tagged("post_install", "-at_install")
class TestTrust(IntegrationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "trust_boss", groups="integration_core.group_admin")
        cls.systems = cls.env["integration.system"].with_user(cls.boss)

    def register(self, **context):
        values = {"name": "Forged", "code": "forged", "company_id": self.company.id, "timezone": "UTC"}
        return self.systems.with_context(**context).create(values)

    def default(self, model, name, value):
        """Set a default of the administrator's own, as every user may."""
        self.env["ir.default"].with_user(self.boss).set(model, name, value, True)

    # -- approvals ----------------------------------------------------------------------------------------------------

    def approved_models(self):
        """Return the models whose records are approved, whichever addon they are of."""
        names = self.env.registry.descendants(["integration.approval.mixin"], "_inherit")
        models = [self.env[name].with_user(self.boss) for name in sorted(names) if not self.env[name]._abstract]
        # What nobody may create or write is beyond forging; credentials are made by code that is given values.
        return [one for one in models if one.has_access("create") or one._name == "integration.credential"]

    def enough(self, model):
        """Return values that suffice to make a record: of required fields alone, and of what only the model knows."""
        self.number = getattr(self, "number", 0) + 1
        hints = {
            "integration.event.type": {"name": f"lab.sample{self.number}.taken.v1"},
            "integration.endpoint": {"url": "https://receiver.example.org/hook"},
        }
        hints.update(self.hints_of_mapping(model._name))
        values = {}
        for name, field in model._fields.items():
            wanted = field.required and field.store and not (field.default or field.compute)
            if wanted and name not in model._approval_own_fields():
                values[name] = self.some(field)
        values.update(hints.get(model._name, {}))
        return values

    def hints_of_mapping(self, name):
        """Return what rules about units and cost centers need: entities of the right kind."""
        if name == "integration.unit.factor":
            box = self.env["uom.uom"].create({"name": f"Box {self.number}"})
            unit = self.env["integration.entity"]._for_target("unit", self.company, box)
            product = self.env["product.product"].create({"name": f"Product {self.number}"})
            return {name: {"unit_id": unit.id, "product_id": product.id, "factor": "7"}}
        if name == "integration.cost.center.rule":
            plan = self.env["account.analytic.plan"].create({"name": f"Plan {self.number}"})
            values = {"name": f"Center {self.number}", "plan_id": plan.id, "company_id": self.company.id}
            account = self.env["account.analytic.account"].create(values)
            entities = self.env["integration.entity"]
            department = entities._for_target("department", self.company, account, f"Department {self.number}")
            return {name: {"department_id": department.id, "cost_center_id": department.parent_id.id}}
        if name == "integration.identifier":
            entities = self.env["integration.entity"]
            supplier = entities._for_target("supplier", self.company, self.env.user.partner_id)
            return {name: {"entity_id": supplier.id, "code_system": "forged"}}
        if name == "integration.attribute.owner":
            self.env[name].sudo().search([]).unlink()  # an attribute has one owner
            return {name: {"kind": "supplier", "attribute": "name"}}
        return {}

    def some(self, field, *, but=None):
        """Return a value of a field, another one than ``but``."""
        match field.type:
            case "selection":
                return next(value for value in reversed(field.get_values(self.env)) if value != but)
            case "many2one":
                others = [("id", "!=", but or 0)]
                if "company_id" in self.env[field.comodel_name]._fields and not but:
                    others.append(("company_id", "in", (False, self.company.id)))
                return self.env[field.comodel_name].sudo().search(others, order="id desc", limit=1).id
            case "boolean":
                return True
            case "integer" | "float":
                return 7
            case "datetime":
                return "1999-01-01 00:00:00"
            case "date":
                return "1999-01-01"
        return f"forged{self.number}"

    def make(self, model):
        """Make a record as an administrator can: over RPC, or by the code that is the only way to one."""
        if model._name == "integration.credential":
            holder = {"system_id": self.system.id}
            return model._generate(holder, company=self.company, use="inbound")[0]
        return model.create(self.enough(model))

    def forgeries(self, model):
        """Return {protected field: a value that it does not have by itself}."""
        plain = self.make(model).sudo()
        own = {name: model._fields[name] for name in model._approval_own_fields()}
        found = {name: self.some(field, but=field.convert_to_write(plain[name], plain)) for name, field in own.items()}
        self.assertNotIn(False, found.values(), "a forgery needs something to name")
        return found

    def assert_none_of(self, record, forged):
        record.invalidate_recordset()
        row = record.sudo()
        kept = {name for name, value in forged.items() if row[name] and self.written(row, name) == value}
        self.assertFalse(kept, record._name)

    def written(self, row, name):
        value = row._fields[name].convert_to_write(row[name], row)
        return fields.Datetime.to_string(value) if row._fields[name].type == "datetime" else value

    def import_of(self, model, values):
        """Return (header, row) of a file that is imported."""
        relations = {name for name, field in model._fields.items() if field.type == "many2one"}
        header = [f"{name}/.id" if name in relations else name for name in values]
        return header, [str(value) for value in values.values()]

    def make_something_to_name(self):
        """Make one of everything that a protected field can name."""
        self.env["res.company"].create({"name": "Another"})
        self.boss.company_ids = self.env["res.company"].search([])  # those in every company change event types
        self._make_system("decoy")
        for _twice in range(2):
            for model in self.approved_models():
                self.make(model)
            # The next key is sealed with another one.
            self.env["integration.data.key"].search([]).state = "retired"

    def test_no_context_and_no_default_forges_what_is_protected(self):
        self.make_something_to_name()
        for model in self.approved_models():
            forged = self.forgeries(model)
            told = {f"default_{name}": value for name, value in forged.items()}
            with self.subTest(model=model._name, by="context"):
                made = self.make(model.with_context(**told, integration_approving=True))
                self.assert_none_of(made, forged)
            if not model.has_access("create"):
                continue
            with self.subTest(model=model._name, by="context of an import"):
                header, row = self.import_of(model, self.enough(model))
                found = model.with_context(**told, integration_approving=True).load(header, [row])
                self.assertTrue(found["ids"], found["messages"])
                self.assert_none_of(model.browse(found["ids"]), forged)

    def test_no_default_of_ones_own_forges_what_is_protected(self):
        self.make_something_to_name()
        for model in self.approved_models():
            forged = self.forgeries(model)
            for name, value in forged.items():
                self.default(model._name, name, value)
            with self.subTest(model=model._name):
                self.assert_none_of(self.make(model), forged)

    def test_no_value_that_is_given_forges_what_is_protected(self):
        self.make_something_to_name()
        models = self.approved_models()
        self.assertIn("integration.system", [model._name for model in models])
        for model in models:
            record = self.make(model)
            may_create = model.has_access("create")
            claiming = model.with_context(integration_approving=True)
            for name, value in self.forgeries(model).items():
                with self.subTest(model=model._name, field=name):
                    with self.assertRaises(AccessError):
                        claiming.create({**self.enough(model), name: value})
                    with self.assertRaises(AccessError):
                        claiming.browse(record.id).write({name: value})
                    for values in ({**self.enough(model), name: value}, {".id": record.id, name: value}):
                        header, row = self.import_of(model, values)
                        found = claiming.load(header, [row])
                        self.assertFalse(found["ids"])
                        if may_create and not model._fields[name].groups:
                            self.assertRegex(str(found["messages"]), "Use the buttons|cannot be set by hand")
            with self.subTest(model=model._name, field="none"):
                # The counter-test: it is the field that is refused.
                self.assertEqual(bool(may_create and model.create(self.enough(model))), may_create)

    def test_a_system_begins_as_a_draft_in_test(self):
        forged = {"default_state": "active", "default_mode": "live", "default_approval_state": "approved"}
        system = self.register(**forged)
        self.assertEqual((system.state, system.mode, system.approval_state), ("draft", "test", "draft"))

    def test_nor_do_defaults_of_ones_own_help(self):
        self.default("integration.system", "state", "active")
        self.default("integration.credential", "state", "active")
        self.default("integration.credential", "approval_state", "approved")
        self.assertEqual(self.register().state, "draft")
        keys = self.env["integration.credential"].with_user(self.boss)
        key, _text = keys._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        self.assertEqual((key.state, key.approval_state), ("draft", "draft"))

    def test_the_name_under_which_a_key_is_sealed_stays(self):
        keys = self.env["integration.credential"].with_user(self.boss)
        key, _text = keys._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        with self.assertRaises(AccessError):
            key.write({"name": "another"})

    def test_a_key_that_cannot_be_opened_takes_no_other_along(self):
        keys = self.env["integration.credential"]
        holder = {"system_id": self.system.id}
        good, bad = (keys._generate(holder, company=self.company, use="inbound")[0] for _number in range(2))
        (good + bad)._approving().write({"state": "active"})
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_credential SET name = 'damaged' WHERE id = %s", (bad.id,))
        self.env.invalidate_all()
        with self.assertLogs("odoo.addons.integration_core", "ERROR"):
            party = self.env["integration.configuration"]._current().parties["ehr"]
        usable, _others = party.keys_at(fields.Datetime.now())
        self.assertEqual([key.key_id for key in usable if key.key_id != "decoy"], [good.name])

    def test_a_live_system_is_not_made_a_test_by_its_date(self):
        system = self.system
        system._approving().write({"approval_state": "approved"})
        system.with_user(self.boss).write({"live_from": fields.Datetime.now() + timedelta(days=9)})
        self.assertEqual((system.mode, system.approval_state), ("test", "draft"))

    # -- whom a system acts as ----------------------------------------------------------------------------------------

    def test_nothing_of_the_callers_context_reaches_the_user_that_is_made(self):
        admin = self.env.ref("base.user_admin")
        before = admin.name, admin.email
        system = self.register(default_partner_id=admin.partner_id.id, default_email="evil@example.org")
        self.assertEqual((admin.name, admin.email), before)
        self.assertNotEqual(system.sudo().run_as_id.partner_id, admin.partner_id)

    def test_nobody_chooses_whom_a_system_acts_as(self):
        system = self.register(default_run_as_id=self.boss.id)
        own = system.sudo().run_as_id
        self.assertEqual(own.login, "__integration_forged__")
        for user in (self.boss.id, SUPERUSER_ID, False):
            with self.assertRaises(AccessError):
                system.write({"run_as_id": user})
        with self.assertRaises(AccessError):
            self.systems.create({"name": "Other", "code": "other", "run_as_id": self.boss.id})
        with self.assertRaises(ValidationError):
            system.sudo().run_as_id = self.boss

    def test_nobody_moves_a_system_to_a_company_of_others(self):
        other = self.env["res.company"].create({"name": "Other"})
        # Nothing but the rule itself may stand in the way: to track the change the company would have to be read.
        system = self.register().with_context(tracking_disable=True)
        own = system.sudo().run_as_id
        with (
            patch.object(self.env.registry["res.company"], "_let_in") as let_in,
            self.assertRaisesRegex(AccessError, "'write' access"),
            self.env.cr.savepoint(),
        ):
            system.write({"company_id": other.id})
        let_in.assert_not_called()  # it is refused before anybody is let into the other company
        system.invalidate_recordset()
        self.assertEqual((system.company_id, own.company_ids), (self.company, self.company))
        self.boss.company_ids |= other
        system.with_context(allowed_company_ids=(self.company | other).ids).write({"company_id": other.id})
        self.assertEqual((system.sudo().company_id, own.company_ids), (other, self.company | other))

    # -- what is told -------------------------------------------------------------------------------------------------

    def test_no_default_dates_a_deed(self):
        self.default("integration.audit", "at", "1999-01-01 00:00:00")
        self.env["integration.audit"].with_user(self.boss)._record("trust.test", self.system)
        row = self.env["integration.audit"].search([("action", "=", "trust.test")])
        self.assertGreater(row.at, fields.Datetime.now() - timedelta(minutes=5))
