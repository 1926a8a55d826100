"""The crosswalk in a browser: a steward fills a gap, an approver decides, finance looks."""

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged

from .common import MappingCase

URL = "/odoo/integration-crosswalk"


@tagged("post_install", "-at_install")
class TestCrosswalkTour(MappingCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Of everything else there is nothing: the screen opens with services.
        cls.viewer = new_test_user(cls.env, "viewer", groups="integration_core.group_finance_viewer")
        cls.nobody = new_test_user(cls.env, "nobody", groups="base.group_user")
        cls.heart, cls.fracture = cls._make_service("Echo of the heart"), cls._make_service("Fracture clinic")

    def test_steward_then_approver_then_finance(self):
        until = fields.Date.add(fields.Date.today(), years=1)
        self.map(self.heart, code="ECHO-1", valid_to=until, code_system="ehr")
        task = self.Task._request(self.system, "service", {("ehr", "FRX-9"): "Fracture"}, self.env.company)
        self.start_tour("/odoo/integration-approvals", "integration_crosswalk_steward", login="author")
        [proposed] = self.fracture.identifier_ids
        self.assertEqual((proposed.code, proposed.approval_state), ("FRX-9", "requested"))
        self.start_tour(URL, "integration_crosswalk_approver", login="approver")
        self.assertEqual((proposed.state, proposed.decided_by_id), ("approved", self.approver))
        task.invalidate_recordset()
        self.assertEqual(task.state, "done")
        self.start_tour(URL, "integration_crosswalk_viewer", login="viewer")

    def test_a_phone_has_a_list(self):
        self.map(self.heart, code="ECHO-1", code_system="ehr")
        type(self).browser_size, size = "375x667", type(self).browser_size
        self.addCleanup(setattr, type(self), "browser_size", size)
        self.browser_js(
            URL,
            "const shown = document.querySelector('.o_crosswalk_list [data-entity=\"Echo of the heart\"]');"
            "if (shown.innerText.includes('ECHO-1') && document.body.scrollWidth <= window.innerWidth) {"
            " console.log('test successful'); }",
            "!!document.querySelector('.o_crosswalk_list section')",
            login="author",
        )

    def test_who_reads_no_mappings_is_told(self):
        self.browser_js(
            URL,
            "console.log('test successful');",
            "!!document.querySelector('.o_crosswalk_refused')",
            login="nobody",
        )
