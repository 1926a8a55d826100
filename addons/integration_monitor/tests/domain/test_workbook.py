"""A workbook says what it was given: numbers stay numbers, and what looks like a formula is a text."""

import io
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest

from addons.integration_monitor.domain import workbook
from addons.integration_monitor.domain.workbook import Page


def read(*pages):
    return openpyxl.load_workbook(io.BytesIO(workbook.write(pages)))


def test_values_come_back_as_what_they_are():
    row = ("ED", 3, Decimal("10.05"), date(2026, 11, 1), datetime(2026, 11, 1, 8, 30), None)
    book = read(Page("Figures", ("a", "b", "c", "d", "e", "f"), [row]))
    head, values = book["Figures"].iter_rows(values_only=True)
    assert head == ("a", "b", "c", "d", "e", "f")
    assert values == ("ED", 3, 10.05, datetime(2026, 11, 1), datetime(2026, 11, 1, 8, 30), None)


def test_amounts_show_two_decimals_and_what_more_they_have():
    amounts = [Decimal("1.005"), Decimal(1000)]  # KWD has three decimals
    book = read(Page("P", ("a",), [(amount,) for amount in amounts]))
    for row, amount in enumerate(amounts, start=2):
        cell = book["P"][f"A{row}"]
        decimals = cell.number_format.partition(".")[2]
        assert cell.value == float(amount)
        assert (decimals.count("0"), len(decimals)) == (2, 10), "always shown, and shown where there are more"


@pytest.mark.parametrize("text", ["=1+1", "{=1}", "@SUM(A1)", "https://example.com", "+1", "mailto:x"])
def test_what_looks_like_a_formula_or_a_link_is_a_text(text):
    cell = read(Page("P", ("a",), [(text,)]))["P"]["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


def test_names_of_pages_are_cut_and_cleaned():
    assert read(Page("By: cost/center [of] all the house?", ("a",))).sheetnames == ["By- cost-center -of- all the ho"]


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 1)
    assert read(Page("P", ("a",), [(1,)]))
    with pytest.raises(ValueError, match="P: 2 rows"):
        workbook.write([Page("P", ("a",), [(1,), (2,)])])
