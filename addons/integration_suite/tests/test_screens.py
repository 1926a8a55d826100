import ast
import logging

from lxml import etree
from odoo.addons.integration_account.tests.common import BillingCase
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .common import MATRIX, RolesCase, suite_models
from .records import Records

_logger = logging.getLogger(__name__)
_VIEWS = {"list", "form", "kanban", "search", "calendar", "graph", "pivot"}


_SECTIONS = {
    "equation": {"finance_viewer", "finance_reviewer", "operator", "admin", "auditor", "payload_reader"},
    "parked": {"finance_viewer", "finance_reviewer", "admin"},
    "corrections": {"clinical_liaison"},
    "to_map": {"steward", "admin", "clinical_liaison"},
    "pipeline": {"finance_viewer", "finance_reviewer", "admin"},
    "deliveries": {"operator", "admin", "auditor", "payload_reader"},
    "silence": {"operator", "admin", "auditor", "payload_reader"},
    "risk": {"finance_viewer", "finance_reviewer", "admin"},
    "reconciliations": {"finance_viewer", "finance_reviewer", "admin", "auditor"},
    "alerts": {"finance_viewer", "finance_reviewer", "operator", "admin", "auditor", "payload_reader"},
}
"""Parts of the Overview and the roles that have them."""
_WITHOUT_APP = {"engine", "settings", "employee"}
_MONEY = {"finance_viewer", "finance_reviewer", "admin"}


@tagged("post_install", "-at_install")
class TestHomes(BillingCase, RolesCase, HttpCase):
    """What the app opens with, for each role: its own parts of the Overview, and nothing that would refuse it."""

    def setUp(self):
        super().setUp()
        self.finalize("E-1", self.line(1, "NOBODY-KNOWS-IT"))

    def test_each_role_has_a_home(self):
        with self.faults() as faults:
            for role in MATRIX.roles:
                overview = self.as_role(role, "integration.overview")
                data = overview.get_data()
                if role in _WITHOUT_APP:
                    self.assertEqual(data, {"state": "no_rights"})
                    continue
                homes = {"integration_monitor.overview"}
                if role == "admin":
                    homes.add("integration_core.setup_check")  # as long as something is red there
                self.assertIn(overview.get_home().get("tag"), homes)
                shown = {name for name in _SECTIONS if data[name] is not None}
                expected = {name for name, roles in _SECTIONS.items() if role in roles}
                if shown != expected:
                    faults.append(f"{role} is shown {sorted(shown)}, not {sorted(expected)}")
                faults += [f"{role}: {fault}" for fault in self._faults_of(role, data)]

    def _faults_of(self, role, part):
        """Yield what a part of the Overview shows or opens that its reader has no right to."""
        if isinstance(part, list):
            for one in part:
                yield from self._faults_of(role, one)
        elif isinstance(part, dict):
            if part.get("amounts") and role not in _MONEY:
                yield f"money: {part['amounts']}"
            model = part.get("res_model")
            if model and not self.as_role(role, model).has_access("create" if self.env[model]._transient else "read"):
                yield f"opens {model}, which it may not read"
            for one in part.values():
                yield from self._faults_of(role, one)

    def test_the_clinical_side_sees_what_waits_for_it(self):
        [row] = self.as_role("clinical_liaison", "integration.overview").get_data()["corrections"]["rows"]
        self.assertEqual((row["reason"], row["count"]), ("service_unmapped", 1))
        line = self.as_role("clinical_liaison", "integration.effect").search(row["action"]["domain"])
        told = (line.encounter, line.unit, line.reason_title, line.turn)
        self.assertEqual(told, ("E-1", "1", "Code not mapped", "Mapping steward"))
        self.browser_js(
            "/odoo/integration",
            "if (document.querySelector('.o_integration_corrections tr[data-reason=service_unmapped]')) {"
            " console.log('test successful'); }",
            "!!document.querySelector('.o_integration_corrections tbody tr')",
            login=self.users["clinical_liaison"].login,
        )

    def test_the_clinical_side_sees_nothing_of_odoos_own_doings(self):
        own = self.env["integration.event"].sudo().search([("system_id", "!=", False)], limit=1)
        internal = own.copy({"system_id": False, "uuid": "internal-1", "webhook_id": False})
        for role, expected in (("clinical_liaison", own), ("operator", own | internal)):
            events = self.as_role(role, "integration.event").search([("id", "in", (own | internal).ids)])
            self.assertEqual(set(events.ids), set(expected.ids))
        both = self.users["clinical_liaison"]
        both.group_ids += self.env.ref("integration_core.group_operator")
        self.assertIn(internal, self.env["integration.event"].with_user(both).search([]).sudo())

    def test_the_privacy_officer_sees_the_looks_alone(self):
        audit = self.env["integration.audit"]
        for action in ("payload.read", "system.suspend"):
            audit._record(action, self.system)
        roles = ("privacy_officer", "auditor")
        seen = {role: self.as_role(role, "integration.audit").search([]).mapped("action") for role in roles}
        self.assertIn("payload.read", seen["privacy_officer"])
        self.assertNotIn("system.suspend", seen["privacy_officer"])
        self.assertLessEqual({"payload.read", "system.suspend"}, set(seen["auditor"]))
        texts = [one["text"] for one in self.as_role("privacy_officer", "integration.overview").get_data()["warnings"]]
        self.assertTrue(any("opened within" in text and text.endswith(": 1.") for text in texts), texts)


@tagged("post_install", "-at_install")
class TestScreens(RolesCase):
    """What each role is shown: the menus of the table, every button that answers it and none that would refuse it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.menus = {
            data.complete_name: data.res_id
            for data in cls.env["ir.model.data"].search(
                [("model", "=", "ir.ui.menu"), ("module", "=like", "integration\\_%")]
            )
        }
        cls.views = cls.env["ir.ui.view"].search(
            [("model", "in", suite_models(cls.env)), ("mode", "=", "primary"), ("type", "in", list(_VIEWS))]
        )

    def test_menus(self):
        told = {row.name: row.roles for row in MATRIX.of("menu")}
        self.assertEqual(set(told), set(self.menus), "a menu without a row, or a row without a menu")
        for role, user in self.users.items():
            menus = self.env["ir.ui.menu"].with_user(user)
            visible = menus._visible_menu_ids()
            with self.subTest(role):
                self.assertEqual(
                    {name for name, menu_id in self.menus.items() if self._way_to(menu_id) <= visible},
                    {name for name, roles in told.items() if role in roles},
                )

    def _way_to(self, menu_id):
        """Return the ids of a menu item and of all above it."""
        return {int(one) for one in self.env["ir.ui.menu"].browse(menu_id).parent_path.strip("/").split("/")}

    def test_buttons(self):
        """Each shown one would answer, and each that would answer is shown somewhere."""
        count, made = 0, Records(self.env, self.company).make_all()
        with self.faults() as faults:
            for role in MATRIX.roles:
                if role == "engine":
                    continue  # looks at no screen
                shown = self._shown(role, faults)
                count += len(shown)
                for model, method, asks in sorted(shown):
                    refused = role not in MATRIX.methods(model).get(method, ())
                    if refused and not asks and self._sees(role, made.get(model)):
                        faults.append(f"{role}: {model}.{method} is shown and would be refused")
                shown = {(model, method) for model, method, _asks in shown}
                needed = {(row.model, row.name) for row in MATRIX.of("button") if role in row.roles}
                faults += [f"{role}: {'.'.join(one)} would be answered and is shown nowhere" for one in needed - shown]
        _logger.info("roles: %s buttons on %s screens", count, len(self.views))

    def _sees(self, role, record):
        """Tell whether a role sees the record on which a button would be; of a dialog, it does."""
        return record is None or self.as_role(role, record._name).search_count([("id", "=", record.id)])

    def _shown(self, role, faults):
        """Return (model, method, whether the record is asked first) of every button that a role is shown."""
        shown = set()
        for view in self.views:
            model = self.as_role(role, view.model)
            if not model.has_access("read") and not (model._transient and model.has_access("create")):
                continue
            arch = etree.fromstring(model.get_view(view.id, view.type)["arch"])
            shown |= self._buttons(role, view.model, arch, faults)
        moves = self.as_role(role, "account.move")
        if moves.has_access("read"):
            form = etree.fromstring(moves.get_view(view_type="form")["arch"])
            shown |= {pair for pair in self._buttons(role, "account.move", form, faults) if "integration" in pair[1]}
        return shown

    def _buttons(self, role, model, node, faults):
        """Return the buttons below a node, each with the model that it belongs to."""
        found = set()
        for child in node.iterchildren(tag=etree.Element):
            inner = model
            if child.tag == "field" and len(child) and model in self.env:
                field = self.env[model]._fields.get(child.get("name"))
                inner = field.comodel_name if field is not None and field.relational else model
            asks = child.tag == "button" and self._asks_for_the_user(model, child.get("invisible"))
            if child.tag == "button" and child.get("type") == "object":
                found.add((model, child.get("name"), asks))
            if child.tag == "button" and child.get("type") == "action" and not asks:
                self._leads_somewhere(role, model, child, faults)
            found |= self._buttons(role, inner, child, faults)
        if node.get("type") == "object" and node.get("action"):
            found.add((model, node.get("action"), False))
        return found

    def _asks_for_the_user(self, model, invisible):
        """Tell whether a button is shown where the record says that this very user may press it."""
        if not invisible or model not in self.env:
            return False
        names = {node.id for node in ast.walk(ast.parse(invisible, mode="eval")) if isinstance(node, ast.Name)}
        known = self.env[model]._fields
        return any("uid" in self.env.registry.field_depends_context[known[name]] for name in names if name in known)

    def _leads_somewhere(self, role, model, button, faults):
        """Prove that what a button opens may be opened by who sees it."""
        action = self.env["ir.actions.actions"].browse(int(button.get("name")))
        action = self.env[action.type].browse(action.id)
        if action._name != "ir.actions.act_window":
            return
        opened = self.as_role(role, action.res_model)
        if not opened.has_access("create" if opened._transient else "read"):
            faults.append(f"{role}: {model}, {button.get('string')} opens {action.res_model} and would be refused")

    def test_every_filter_can_be_used_by_whoever_is_shown_it(self):
        with self.faults() as faults:
            for role in MATRIX.roles:
                for view in self.views.filtered(lambda view: view.type == "search"):
                    model = self.as_role(role, view.model)
                    if not model.has_access("read"):
                        continue
                    arch = etree.fromstring(model.get_view(view.id, "search")["arch"])
                    for name, domain in self._filters(arch):
                        with faults.of(role, view.model, name):
                            model.search_count(domain, limit=1)

    def _filters(self, arch):
        """Yield the name and the domain of each filter whose domain is written out."""
        for one in arch.iter("filter"):
            domain = one.get("domain")
            if domain and "uid" not in domain:
                yield one.get("name"), ast.literal_eval(domain)

    def test_every_chart_can_be_drawn_for_whoever_is_shown_it(self):
        drawn = set()
        with self.faults() as faults:
            for role in MATRIX.roles:
                for view in self.views.filtered(lambda view: view.type in ("graph", "pivot")):
                    model = self.as_role(role, view.model)
                    if not model.has_access("read"):
                        continue
                    fields = etree.fromstring(model.get_view(view.id, view.type)["arch"]).findall("field")
                    measures = [f"{one.get('name')}:sum" for one in fields if one.get("type") == "measure"]
                    names = ((one.get("name"), one.get("interval")) for one in fields if one.get("type") != "measure")
                    groupby = [":".join(filter(None, name)) for name in names]
                    with faults.of(role, view.model, view.type):
                        model.formatted_read_group([], groupby, ["__count", *measures])
                        drawn.add((role, view))
        self.assertTrue(drawn)

    def _read_each(self, role, record, faults):
        """Read every field that the record's reader sees, each by itself; return how many there are."""
        names = list(record.fields_get(attributes=["type"]))
        self.env.invalidate_all()
        try:
            record.web_read({name: {} for name in names})
        except AccessError:
            for name in names:
                with faults.of(role, record._name, name):
                    self.env.invalidate_all()
                    record.web_read({name: {}})
        return len(names)

    def test_every_field_that_a_role_sees_can_be_read_by_it(self):
        """No screen breaks because something is worked out from what its reader may not see."""
        made = Records(self.env, self.company).make_all()
        records = {name: record for name, record in made.items() if name in suite_models(self.env)}
        count = 0
        with self.faults() as faults:
            for role in MATRIX.roles:
                for name, record in records.items():
                    seen = self.as_role(role, name)
                    if seen.has_access("read") and seen.search_count([("id", "=", record.id)]):
                        count += self._read_each(role, record.with_env(seen.env), faults)
        _logger.info("roles: %s fields read", count)
