"""A workbook of figures: numbers as numbers, texts never as formulas, headings that stay in sight."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias

import xlsxwriter

Value: TypeAlias = "str | int | Decimal | date | datetime | None"

MOST_ROWS: Final = 100_000
"""Rows of one page, so that a workbook stays one that a desk can open."""
_MOST_NAME: Final = 31
_NOT_IN_NAMES: Final = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))
_WIDTHS: Final = (10, 40)
_MONEY: Final = "#,##0.00########"
"""Two decimals at least, and what more an amount has: some currencies have three, and prices more than any."""


@dataclass(frozen=True)
class Page:
    """One sheet: a heading per column, and rows.

    Attributes:
        name: Of the sheet; cut and cleaned of what spreadsheets do not allow there.
        heads: One per column.
        rows: Values; amounts are decimals, and times are naive and as they shall be read.
    """

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Value]] = field(default_factory=tuple)


def write(pages: Iterable[Page]) -> bytes:
    """Return the workbook (XLSX) of some pages.

    Amounts become numbers of double precision, as spreadsheets have no others: exact to 15 digits.

    Raises:
        ValueError: A page has more than :data:`MOST_ROWS` rows.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1}),
        "money": book.add_format({"num_format": _MONEY}),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    for page in pages:
        if len(page.rows) > MOST_ROWS:
            raise ValueError(f"{page.name}: {len(page.rows)} rows")
        _write_page(book.add_worksheet(page.name.translate(_NOT_IN_NAMES)[:_MOST_NAME]), page, formats)
    book.close()
    return buffer.getvalue()


def _write_page(sheet: xlsxwriter.worksheet.Worksheet, page: Page, formats: dict[str, object]) -> None:
    for column, head in enumerate(page.heads):
        sheet.write_string(0, column, head, formats["head"])
        longest = max((len(str(row[column])) for row in page.rows[:200]), default=0)
        sheet.set_column(column, column, min(max(len(head) + 2, longest + 2, _WIDTHS[0]), _WIDTHS[1]))
    for place, row in enumerate(page.rows, start=1):
        for column, value in enumerate(row):
            _write_value(sheet, place, column, value, formats)
    sheet.freeze_panes(1, 0)
    if page.rows:
        sheet.autofilter(0, 0, len(page.rows), len(page.heads) - 1)


def _write_value(
    sheet: xlsxwriter.worksheet.Worksheet, row: int, column: int, value: Value, formats: dict[str, object]
) -> None:
    match value:
        case None | "":
            return
        case datetime():
            sheet.write_datetime(row, column, value, formats["time"])
        case date():
            sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), formats["day"])
        case Decimal():
            sheet.write_number(row, column, float(value), formats["money"])
        case int():
            sheet.write_number(row, column, value)
        case _:
            # As a string whatever it begins with: never a formula, never a link.
            sheet.write_string(row, column, value)
