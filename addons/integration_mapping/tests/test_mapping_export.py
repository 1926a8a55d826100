"""What is exported and imported again changes nothing, and no spreadsheet takes a code for a formula."""

import base64
import io
from datetime import date

import openpyxl
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .import_case import ImportCase

FORMULA = '=HYPERLINK("http://evil","x")'


@tagged("post_install", "-at_install")
class TestMappingExport(ImportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Export = cls.env["integration.mapping.export"]

    def setUp(self):
        super().setUp()
        self.mapped = self.map(code=FORMULA, display="@cmd", note="two\nlines, and “more”")
        for code in ("'quoted", " spaced ", "-1", "007", "ä;ö|ü"):
            self.mapped |= self.map(code=code)
        self.mapped |= self.map(code="CBC", valid_to=date(2026, 6, 30))
        self.mapped |= self.map(self.xray, code="CBC", valid_from=date(2026, 7, 1))
        ended = self.map(code="OLD")
        ended.with_user(self.author)._retire(date(2026, 5, 1), "over")
        self.mapped |= ended

    def export(self, file_format, **values):
        wizard = self.Export.with_user(self.author).create({"file_format": file_format, **values})
        action = wizard.action_export()
        self.assertEqual(action["type"], "ir.actions.act_url")
        return base64.b64decode(wizard.file)

    def test_back_and_forth_changes_nothing(self):
        for file_format in ("csv", "xlsx"):
            with self.subTest(file_format):
                content = self.export(file_format)
                one = self.upload(content, name=f"codes.{file_format}", mode="full")
                self.assertEqual(self.counts(one), {"unchanged": len(self.mapped)})

    def test_into_an_empty_database_it_is_what_it_was(self):
        def told():
            rows = self.Identifier.search([("state", "in", ("approved", "retired"))])
            return sorted(str((i.code, i.display, i.note, i.valid_from, i.valid_to, i.entity_id.id)) for i in rows)

        before, content = told(), self.export("csv")
        self.mapped._approving().write({"state": "revoked"})
        self.load(content)
        self.assertEqual(told(), before)

    def test_nothing_is_a_formula(self):
        cells = self.export("csv").decode("utf-8-sig").splitlines()
        self.assertTrue(any("'=HYPERLINK" in line for line in cells))
        self.assertFalse(any(part.startswith(("=", "@", "-", "+")) for line in cells for part in line.split(",")))
        book = openpyxl.load_workbook(io.BytesIO(self.export("xlsx")))
        values = [cell for row in book.active.iter_rows() for cell in row if cell.value is not None]
        self.assertEqual({cell.data_type for cell in values}, {"s"})
        self.assertFalse([cell.value for cell in values if str(cell.value).startswith(("=", "@", "-", "+"))])

    def test_what_is_chosen_in_the_list_and_nothing_that_answers_for_no_day(self):
        chosen = self.mapped[1] | self.propose(code="DRAFT")
        wizard = (
            self.Export.with_user(self.author)
            .with_context(active_model="integration.identifier", active_ids=chosen.ids)
            .create({"file_format": "csv"})
        )
        self.assertEqual((wizard.count, wizard.left_out), (1, 1))
        wizard.action_export()
        self.assertEqual(len(base64.b64decode(wizard.file).splitlines()), 2)

    def test_the_trail_tells_of_it(self):
        self.export("csv")
        row = self.env["integration.audit"].search([("action", "=", "identifier.export")], limit=1)
        self.assertEqual((row.detail, row.user_id), (f"codes: {len(self.mapped)}, csv", self.author.id))

    def test_only_stewards_export(self):
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            self.Export.with_user(viewer).create({"file_format": "csv"})

    def test_a_filter(self):
        self.map(code="T", system=self.trial)
        wizard = self.Export.with_user(self.author).create({"system_id": self.trial.id, "kind": "service"})
        self.assertEqual(wizard.count, 1)
