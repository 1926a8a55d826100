"""What the tests of imports share: lists as files, looked at by the author and approved by the approver."""

import base64
from pathlib import Path

from odoo import fields

from .common import MappingCase

SHARED = next(
    (
        folder / "shared" / "data" / "clinical" / "chargemaster"
        for folder in Path(__file__).resolve().parents
        if (folder / "shared" / "data" / "clinical" / "chargemaster").is_dir()
    ),
    None,
)
"""The charge masters of real hospitals, where they lie beside the checkout."""


class ImportCase(MappingCase):
    """A mapping world whose author imports lists."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Import = cls.env["integration.mapping.import"]
        cls.Row = cls.env["integration.mapping.import.row"]
        cls.today = fields.Date.context_today(cls.Import)

    def upload(self, content, *, user=None, name="codes.csv", **values):
        """Return an import of a file that was looked at."""
        content = content.encode() if isinstance(content, str) else content
        one = self.Import.with_user(user or self.author).create(
            {"file": base64.b64encode(content), "file_name": name, **values}
        )
        one.action_check()
        return one

    def load(self, content, **values):
        """Return an import that was carried out to its end, approved where that is needed."""
        one = self.upload(content, **values)
        if one.todo_count:
            one.action_apply()
        if one.approval_state == "requested":
            one.with_user(self.approver).action_approve()
        self.finish(one)
        return one

    def finish(self, one):
        """Let the engine go on until nothing is left to do."""
        while one.state == "applying":
            self.Import.with_user(self.env.ref("integration_core.user_engine"))._chore_apply(100)
            one.invalidate_recordset()

    def counts(self, one):
        """Return the numbers of an import, those that are 0 left out."""
        names = ("new", "changed", "unchanged", "merged", "refused", "retired", "extra")
        return {name: one[f"{name}_count"] for name in names if one[f"{name}_count"]}

    def assert_adds_up(self, one):
        """Every row of the file is in exactly one count."""
        parts = one.new_count + one.changed_count + one.unchanged_count + one.merged_count + one.refused_count
        self.assertEqual(one.row_count, parts)

    def made(self, one):
        """Return the mappings that an import made."""
        return self.Identifier.search([("import_id", "=", one.id)], order="id")

    def reasons(self, one):
        """Return ``{line: reason}`` of the rows that have one."""
        return {row.line: row.reason for row in one.row_ids if row.reason}

    def codes(self, *rows, header="system,kind,code_system,code,entity_id"):
        """Return a file of rows; ids of entities and systems may be given as records."""

        def text(value):
            return str(getattr(value, "code", value) if getattr(value, "_name", "") == "integration.system" else value)

        lines = [
            ",".join(str(one.id) if getattr(one, "_name", "") == "integration.entity" else text(one) for one in row)
            for row in rows
        ]
        return "\n".join([header, *lines]) + "\n"
