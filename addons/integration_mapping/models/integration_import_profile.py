from odoo import fields, models

from ..domain.import_columns import FIELDS, Layout
from .integration_entity import KINDS

COLUMNS = {name: f"column_{name}" for name in FIELDS}
"""The profile's field that names the column of each field of a list."""


class IntegrationImportProfile(models.Model):
    """How a list of one sender is laid out, so that its next issue loads without anybody thinking about columns."""

    _name = "integration.import.profile"
    _inherit = ["integration.audited.mixin", "integration.company.mixin"]
    _description = "Import profile"
    _order = "name, id"

    _audit_name = "import_profile"

    name = fields.Char(required=True, help="The list, as people call it: charge master of the main hospital.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    system_id = fields.Many2one(
        "integration.system", ondelete="restrict", help="Whose codes they are, where no column says it."
    )
    kind = fields.Selection(KINDS, help="What the codes stand for, where no column says it.")
    code_system = fields.Char(help="Where no column says it. Empty: the one that the system declares.")
    meaning = fields.Selection(
        [
            ("told", "The list says what each code means"),
            ("made", "Each unknown code becomes a service of its own"),
        ],
        default="told",
        required=True,
        help="A charge master says no more than code, text and price: its codes become services, named by their texts.",
    )
    price_use = fields.Selection(
        [("compare", "Only to find contradictions"), ("list_price", "Sales price of the service")],
        "Prices",
        default="compare",
        required=True,
        help="In either case rows with one code and two prices are refused: none of them wins.",
    )
    mode = fields.Selection(
        [("delta", "Only what changes"), ("full", "The whole list: what is not in it ends")],
        "What it holds",
        default="delta",
        required=True,
    )
    delimiter = fields.Selection(
        [("tab", "Tab"), ("comma", "Comma"), ("semicolon", "Semicolon"), ("pipe", "Vertical bar")],
        help="Empty: found out.",
    )
    encoding = fields.Selection(
        [("utf-8", "UTF-8"), ("cp1252", "Windows-1252"), ("iso-8859-1", "ISO-8859-1"), ("utf-16", "UTF-16")],
        help="Empty: found out.",
    )
    decimal_comma = fields.Boolean("Decimal comma", help="Prices are written 1.234,56.")
    sheet = fields.Char(help="Of a workbook. Empty: the first one.")
    column_kind = fields.Char("Kind in")
    column_system = fields.Char("System in")
    column_code_system = fields.Char("Code system in")
    column_code = fields.Char("Code in")
    column_display = fields.Char("Text in")
    column_price = fields.Char("Price in")
    column_entity_id = fields.Char("Entry number in")
    column_entity = fields.Char("Entry in")
    column_record = fields.Char("Odoo's record in", help="Internal reference, VAT or code of the record in Odoo.")
    column_valid_from = fields.Char("Valid from in")
    column_valid_to = fields.Char("Valid until in")
    column_note = fields.Char("Note in")
    column_also = fields.Char(
        "Second code in", help="Such as NDC: one code then stands for many of them, and each leads to the same service."
    )
    also_code_system = fields.Char("Second code system", help="Which list the second codes are from, such as NDC.")

    _name_uniq = models.UniqueIndex("(company_id, name)", "There is a profile of this name.")
    _also_named = models.Constraint(
        "CHECK (column_also IS NULL OR also_code_system IS NOT NULL)", "Say which code system the second codes are of."
    )

    def _layout(self, constants):
        """Return how the list is laid out; ``constants`` holds what an import says for every row, by field."""
        own = {"kind": self.kind, "system": self.system_id.code, "code_system": self.code_system}
        return Layout(
            columns={name: self[column] for name, column in COLUMNS.items() if self[column]},
            constants={name: constants.get(name) or own.get(name) or "" for name in own},
            also_code_system=self.also_code_system or "",
            decimal_comma=self.decimal_comma,
        )

    def _delimiter(self):
        return {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}.get(self.delimiter)
