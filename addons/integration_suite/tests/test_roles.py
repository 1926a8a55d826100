import logging

from odoo.tests import tagged

from ..domain import matrix
from .common import MATRIX, RolesCase, extended_models, suite_models

_logger = logging.getLogger(__name__)


@tagged("post_install", "-at_install")
class TestRoles(RolesCase):
    """The table of roles, ``docs/roles.csv``, is what the ORM allows."""

    def test_every_model_field_and_method_is_in_the_table_and_as_it_says(self):
        names = [*suite_models(self.env), *extended_models(self.env)]
        for name in names:
            with self.subTest(name):
                is_so = matrix.write(MATRIX.roles, self.observed(name), head=False)
                self.assertEqual(is_so, MATRIX.lines(name), f"If it is meant, docs/roles.csv must say:\n{is_so}")
        self.assertFalse(set(MATRIX.models()) - set(names), "the table speaks of models that there are not")

    def test_zz_dump(self):
        import json
        from .common import methods
        names = [*suite_models(self.env), *extended_models(self.env)]
        text = matrix.write(MATRIX.roles, [])
        for name in names:
            text += matrix.write(MATRIX.roles, self.observed(name), head=False)
        menus = self.env["ir.model.data"].search([("model", "=", "ir.ui.menu"), ("module", "=like", "integration_%")])
        seen = {role: self.env["ir.ui.menu"].with_user(user)._visible_menu_ids() for role, user in self.users.items()}
        by = {m.res_id: m.complete_name for m in menus}
        par = {}
        for menu in menus.sorted("complete_name"):
            par[menu.complete_name] = by.get(self.env["ir.ui.menu"].browse(menu.res_id).parent_id.id)
            cells = {role: "x" for role in MATRIX.roles if menu.res_id in seen[role]}
            text += matrix.write(MATRIX.roles, [matrix.Row("", "menu", menu.complete_name, cells)], head=False)
        open("/tmp/roles_observed.csv", "w").write(text)
        json.dump(par, open("/tmp/roles_menus.json", "w"))
        from .test_calls import CallsCase, TestCalls
        TestCalls.records = None
        from .records import Records
        TestCalls.records = Records(self.env, self.company); TestCalls.records.make_all()
        T = TestCalls("test_private_methods_are_out_of_reach")
        T.env = self.env; T.users = self.users
        out = {}
        for role, user in self.users.items():
            for model in names:
                for method in methods(self.env[model]):
                    out.setdefault(f"{model} {method}", [])
                    try:
                        if T._is_answered(role, user, model, method): out[f"{model} {method}"].append(role)
                    except Exception as e:
                        out.setdefault("errors", []).append(f"{role} {model} {method} {e!r}")
        json.dump(out, open("/tmp/roles_calls.json", "w"), indent=1)
