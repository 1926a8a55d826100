import logging

from lxml import etree
from odoo.tests import tagged

from .common import MATRIX, RolesCase, suite_models
from .records import Records

_logger = logging.getLogger(__name__)
_VIEWS = {"list", "form", "kanban", "search", "calendar", "graph", "pivot"}


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
            visible = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            with self.subTest(role):
                self.assertEqual(
                    {name for name, menu_id in self.menus.items() if menu_id in visible},
                    {name for name, roles in told.items() if role in roles},
                )

    def test_buttons(self):
        """Each shown one would answer, and each that would answer is shown somewhere."""
        count = 0
        for role in MATRIX.roles:
            if role == "engine":
                continue
            shown = self._shown(role)
            count += len(shown)
            for model, method in sorted(shown):
                with self.subTest(role=role, model=model, button=method):
                    self.assertIn(role, MATRIX.methods(model).get(method, ()), "it is shown and would be refused")
            needed = {(row.model, row.name) for row in MATRIX.of("button") if role in row.roles}
            with self.subTest(role):
                self.assertFalse(needed - shown, "it would be answered and is shown nowhere")
        _logger.info("roles: %s buttons on %s screens", count, len(self.views))

    def _shown(self, role):
        """Return the (model, method) of every button that somebody with that role is shown."""
        shown = set()
        for view in self.views:
            model = self.as_role(role, view.model)
            if not model.has_access("read") and not (model._transient and model.has_access("create")):
                continue
            arch = etree.fromstring(model.get_view(view.id, view.type)["arch"])
            shown |= self._buttons(role, view.model, arch)
        moves = self.as_role(role, "account.move")
        if moves.has_access("read"):
            form = etree.fromstring(moves.get_view(view_type="form")["arch"])
            shown |= {pair for pair in self._buttons(role, "account.move", form) if "integration" in pair[1]}
        return shown

    def _buttons(self, role, model, node):
        """Yield the buttons below a node, each with the model that it belongs to."""
        found = set()
        for child in node.iterchildren(tag=etree.Element):
            inner = model
            if child.tag == "field" and len(child) and model in self.env:
                field = self.env[model]._fields.get(child.get("name"))
                inner = field.comodel_name if field is not None and field.relational else model
            if child.tag == "button" and child.get("type") == "object":
                found.add((model, child.get("name")))
            if child.tag == "button" and child.get("type") == "action":
                self._leads_somewhere(role, model, child)
            found |= self._buttons(role, inner, child)
        if node.get("type") == "object" and node.get("action"):
            found.add((model, node.get("action")))
        return found

    def _leads_somewhere(self, role, model, button):
        """Prove that what a button opens may be opened by who sees it."""
        action = self.env["ir.actions.actions"].browse(int(button.get("name")))
        action = self.env[action.type].browse(action.id)
        if action._name != "ir.actions.act_window":
            return
        opened = self.as_role(role, action.res_model)
        with self.subTest(role=role, model=model, opens=action.res_model):
            self.assertTrue(opened.has_access("create" if opened._transient else "read"), button.get("string"))

    def test_every_field_that_a_role_sees_can_be_read_by_it(self):
        """No screen breaks because something is worked out from what its reader may not see."""
        records = Records(self.env, self.company).make_all()
        count = 0
        for role in MATRIX.roles:
            for name, record in records.items():
                seen = self.as_role(role, name)
                if seen.has_access("read"):
                    fields = list(seen.fields_get(attributes=["type"]))
                    count += len(fields)
                    self.env.invalidate_all()
                    with self.subTest(role=role, model=name):
                        record.with_env(seen.env).read(fields)
        _logger.info("roles: %s fields read", count)
