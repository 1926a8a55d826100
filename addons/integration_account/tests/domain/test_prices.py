"""Where a price comes from, and when two prices agree."""

import doctest
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration_account.domain import prices

# How fast a busy machine draws examples says nothing about the rules.
patiently = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
amounts = st.decimals("0", "99999", places=2)
percents = st.decimals("0", "100", places=4)


def test_examples_in_the_documentation():
    assert doctest.testmod(prices).failed == 0


@pytest.mark.parametrize(
    ("rule", "priced", "expected"),
    [
        (None, True, "message"),
        (None, False, "price_list"),
        ("message", True, "message"),
        ("message", False, "none"),
        ("price_list", True, "price_list"),
        ("price_list", False, "price_list"),
        ("message_else_list", True, "message"),
        ("message_else_list", False, "price_list"),
        ("agree", True, "agree"),
        ("agree", False, "none"),
    ],
)
def test_every_rule_with_and_without_a_price(rule, priced, expected):
    assert prices.source(rule, priced=priced) == expected


@patiently
@given(amounts, percents)
def test_what_is_equal_agrees_whatever_the_tolerance(amount, tolerance):
    assert prices.agree(amount, amount, tolerance)


@patiently
@given(amounts, amounts)
def test_without_tolerance_only_what_is_equal_agrees(sent, listed):
    assert prices.agree(sent, listed, Decimal(0)) == (sent == listed)


@patiently
@given(amounts, amounts, percents, percents)
def test_more_tolerance_never_refuses_more(sent, listed, one, other):
    if prices.agree(sent, listed, min(one, other)):
        assert prices.agree(sent, listed, max(one, other))
