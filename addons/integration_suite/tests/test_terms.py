from pathlib import Path

from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools.translate import code_translations

from .. import tools
from ..domain import terms

ADDONS = Path(__file__).resolve().parents[2]


@tagged("post_install", "-at_install")
class TestTerms(TransactionCase):
    """What is to be translated is told, and what is translated is whole. ``./scripts/i18n`` brings both up to date."""

    maxDiff = 2000

    def test_every_template_is_current(self):
        templates = tools.export_templates(self.env)
        self.assertIn(tools.suite_addons(self.env)[0], templates)
        for name, text in templates.items():
            with self.subTest(name):
                path = ADDONS / name / "i18n" / f"{name}.pot"
                self.assertTrue(path.exists(), f"run ./scripts/i18n: there is no {path.name}")
                found = path.read_text(encoding="utf-8")
                # Compared by line: a whole file in the message would hide what differs.
                new = sorted(set(text.splitlines()) - set(found.splitlines()))[:20]
                gone = sorted(set(found.splitlines()) - set(text.splitlines()))[:20]
                self.assertFalse(new or gone or text != found, f"run ./scripts/i18n: new {new}, gone {gone}")
        # Addons that come by themselves with Odoo's apps are installed in a database of their own, and looked at there.
        left = {path.stem for path in ADDONS.glob("*/i18n/*.pot")} - templates.keys()
        self.assertFalse(left & set(tools.suite_addons(self.env)), "templates of addons that have no terms")

    def test_every_translation_is_whole(self):
        for path in sorted(ADDONS.glob("*/i18n/*.po")):
            with self.subTest(path.relative_to(ADDONS)):
                template = path.with_name(f"{path.parent.parent.name}.pot").read_text(encoding="utf-8")
                found = list(terms.faults(path.read_text(encoding="utf-8"), template))
                self.assertFalse(found[:20], f"{len(found)} faults")

    def test_somebody_who_reads_spanish_is_told_in_spanish(self):
        self.env["res.lang"]._activate_lang("es_ES")
        modules = self.env["ir.module.module"].search([("name", "=like", "integration%"), ("state", "=", "installed")])
        modules._update_translations("es_ES")
        groups = "integration_core.group_finance_viewer,integration_core.group_operator"
        reader = new_test_user(self.env, "reads.spanish", groups=groups, lang="es_ES")
        as_reader = self.env(user=reader, context={"lang": "es_ES"})
        menus = as_reader["ir.ui.menu"].load_menus(False)
        names = {menu["name"] for menu in menus.values()}
        self.assertLessEqual({"Panorama", "Alertas", "Conciliación", "Entregas"}, names)
        spoken = [
            self.env(user=reader, context={"lang": lang})["integration.overview"].get_data()["headline"]
            for lang in ("es_ES", "en_US")
        ]
        self.assertNotEqual(*spoken)
        for model in sorted(name for name in self.env.registry if name.startswith("integration.")):
            views = self.env["ir.ui.view"].search([("model", "=", model), ("inherit_id", "=", False)])
            for view in views:
                with self.subTest(model=model, view=view.name):
                    as_reader(su=True)["ir.ui.view"].browse(view.id).get_combined_arch()
        web = code_translations.get_web_translations("integration_monitor", "es_ES")
        self.assertTrue(web["messages"], "texts of the client's side")
