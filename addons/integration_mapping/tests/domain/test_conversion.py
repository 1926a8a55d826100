"""Units of measure: exact, or refused; what was sent and what is invoiced come to the same money."""

import doctest
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from integration_mapping.domain import conversion
from integration_mapping.domain.conversion import Measure

# How fast a busy machine draws examples says nothing about the rules.
patiently = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
factors = st.decimals("0.000000000000001", "999999999999999", places=6).filter(bool)
quantities = st.decimals("0.001", "99999", places=3)
prices = st.decimals("0", "99999", places=4)


def test_examples_in_the_documentation():
    assert doctest.testmod(conversion, optionflags=doctest.IGNORE_EXCEPTION_DETAIL).failed == 0


@pytest.mark.parametrize("text", ["", "0", "0.000", "-1", "+1", "1e3", "1,5", ".5", "1.", "01", " 1", "1 ", "NaN", "٣"])
def test_no_factor(text):
    with pytest.raises(conversion.FactorError):
        conversion.read_factor(text)


@patiently
@given(factors)
def test_a_factor_has_one_text(value):
    text = conversion.factor_text(value)
    assert conversion.read_factor(text) == value
    assert conversion.factor_text(conversion.read_factor(f"{value:f}")) == text


@patiently
@given(factors, factors, quantities)
def test_there_and_back_loses_nothing(one, other, quantity):
    box, piece = Measure(1, Fraction(one)), Measure(1, Fraction(other))
    there = Fraction(quantity) * conversion.ratio(box, piece)
    assert there * conversion.ratio(piece, box) == Fraction(quantity)


@patiently
@given(st.lists(factors, min_size=1, max_size=4))
def test_a_chain_of_units_is_the_product_of_its_steps(steps):
    expected = Fraction(1)
    for step in steps:
        expected *= Fraction(step)
    assert conversion.size_of([str(step) for step in steps]) == expected


def test_units_of_different_roots_do_not_convert():
    with pytest.raises(conversion.UnrelatedUnits):
        conversion.ratio(Measure(1, Fraction(1)), Measure(2, Fraction(1)))


@patiently
@example(Fraction(2 * 10**27 + 1, 2), 0)
@given(st.fractions(max_denominator=10**6), st.integers(0, 12))
def test_what_fits_is_what_decimals_hold(value, digits):
    needed = conversion.digits_needed(value)
    assert conversion.fits(value, digits) == (needed is not None and needed <= digits)
    if needed is not None:
        assert Fraction(conversion.to_decimal(value)) == value
    assert Fraction(conversion.ratio_text(value)) == value


def test_a_third_is_no_decimal():
    with pytest.raises(ValueError, match="no decimal"):
        conversion.to_decimal(Fraction(1, 3))
    assert conversion.to_decimal(Fraction(1200)) == Decimal(1200)


@patiently
@given(quantities, prices, st.integers(1, 10_000))
def test_a_converted_line_comes_to_the_money_that_was_sent(quantity, price, factor):
    """The promise: boxes at a price per box are invoiced as pieces, and not a cent is lost."""
    exact = Fraction(quantity) * Fraction(price)
    pieces, per_piece = float(Fraction(quantity) * factor), float(Fraction(price) / factor)
    assert conversion.same_money(pieces, per_piece, exact, 2)


@patiently
@given(quantities, st.decimals("1", "99999", places=2), st.integers(2, 1000))
def test_a_price_rounded_to_cents_is_caught_when_it_loses_one(quantity, price, factor):
    exact = Fraction(quantity) * Fraction(price)
    pieces, rounded = Fraction(quantity) * factor, round(Fraction(price) / factor, 2)
    loses = abs(pieces * rounded - exact) >= Fraction(1, 100)
    if loses:
        assert not conversion.same_money(float(pieces), float(rounded), exact, 2)


def test_half_a_cent_of_much_money_is_rounded_as_odoo_does():
    quantity, price, factor = Fraction("67108.865"), Fraction(99_999), 3665
    pieces, per_piece = float(quantity * factor), float(price / factor)
    assert conversion.same_money(pieces, per_piece, quantity * price, 2)
    assert not conversion.same_money(pieces, per_piece, quantity * price - Fraction(1, 1000), 2)


def test_half_a_cent_goes_up_on_both_sides():
    assert conversion.same_money(1.0, 0.125, Fraction("0.125"), 2)
    assert not conversion.same_money(1.0, 0.124, Fraction("0.125"), 2)
    assert conversion.same_money(-1.0, 0.125, Fraction("-0.125"), 2)
