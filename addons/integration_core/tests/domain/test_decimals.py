"""Decimal strings: one grammar, exact arithmetic, and the question whether a precision would change a value."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import decimals, schema

GOOD = ["0", "0.00", "1", "120.00", "0.375", "0.0345", "999999999999999.9999999999"]
BAD = [
    "", "+1", " 1", "1 ", "1\n", "01", "00", ".5", "5.", "1e3", "1E3", "1,000", "NaN", "Infinity", "0x1", "--1",
    "1.2.3", "٣", "1_000", "1000000000000000", "0.12345678901",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_read(text):
    assert decimals.to_text(decimals.parse(text)) == text
    assert decimals.parse("-" + text, signed=True) == -Decimal(text)


@pytest.mark.parametrize("value", [*BAD, "-1", 1, 1.5, True, None, [], Decimal(1)])
def test_refused(value):
    with pytest.raises(decimals.DecimalError):
        decimals.parse(value)


def test_zero():
    assert decimals.parse("0.00") == 0
    assert decimals.to_text(decimals.parse("-0", signed=True)) == "0"
    for text in ("0", "0.000"):
        with pytest.raises(decimals.DecimalError):
            decimals.parse(text, positive=True)


@pytest.mark.parametrize("text", [*GOOD, *BAD, "-1", "-0.5", "0.0000000001"])
def test_schema_patterns_say_the_same_as_the_reader(text):
    def reads(**options):
        try:
            decimals.parse(text, **options)
        except decimals.DecimalError:
            return False
        return True

    def matches(pattern):
        return schema.compile_schema({"pattern": pattern}).validate(text) == []

    assert matches(decimals.PATTERN_UNSIGNED) == reads()
    assert matches(decimals.PATTERN_SIGNED) == reads(signed=True)
    assert matches(decimals.PATTERN_POSITIVE) == reads(positive=True)


@pytest.mark.parametrize(
    ("text", "digits"), [("0", 0), ("120.00", 0), ("100", 0), ("0.10", 1), ("0.375", 3), ("0.0345", 4)]
)
def test_digits(text, digits):
    value = decimals.parse(text)
    assert decimals.digits_needed(value) == digits
    assert not decimals.changes_at(value, digits)
    if digits:
        assert decimals.changes_at(value, digits - 1)


def test_infinite_values_are_not_written():
    for value in (Decimal("NaN"), Decimal("Infinity")):
        with pytest.raises(decimals.DecimalError):
            decimals.to_text(value)


TEXTS = st.from_regex(re.compile(decimals.PATTERN_UNSIGNED.replace("$", r"\Z"), re.ASCII))


@given(TEXTS, TEXTS)
def test_products_and_sums_are_exact(left, right):
    a, b = decimals.parse(left), decimals.parse(right)
    scale = 10**10
    units_a, units_b = int(a.scaleb(10)), int(b.scaleb(10))
    assert int(decimals.add(a, b).scaleb(10)) == units_a + units_b
    product = decimals.multiply(a, b)
    assert Fraction(product) == Fraction(units_a, scale) * Fraction(units_b, scale)
