"""Figures of a month: every line in one place, currencies apart, and what changed after the sign-off."""

from datetime import date
from decimal import Decimal

import pytest

from addons.integration_core.domain.equation import Tally
from addons.integration_monitor.domain import month_end
from addons.integration_monitor.domain.month_end import Cell, Key, Standing

ED = Key("ED", "USD", Standing.READY)
STUCK = Key("ED", "USD", Standing.MAPPING)
LAB = Key("LAB", "EUR", Standing.MAPPING)


def tally(units, amount, unknown=0):
    return Tally(units, Decimal(amount), unknown)


def test_every_standing_is_unbilled_or_ended():
    ended = {Standing.INVOICED, Standing.VOIDED, Standing.REJECTED, Standing.DUPLICATE, Standing.NO_CHARGE}
    assert {*month_end.UNBILLED, *ended, Standing.UNACCOUNTED} == set(Standing)
    assert not ended & set(month_end.UNBILLED)


def test_reasons_belong_to_one_standing():
    assert not set(month_end.MAPPING_REASONS) & set(month_end.PRICE_REASONS)


@pytest.mark.parametrize("text", ["2026", "2026-13", "x-y", "2026-0"])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        month_end.first_of(text, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 11, 1), date(2026, 11, 30)),
        (date(2026, 12, 1), date(2026, 12, 31)),
        (date(2026, 2, 1), date(2026, 2, 28)),
    ],
)
def test_a_month_ends(first, last):
    assert month_end.last_of(first) == last


def test_currencies_do_not_meet():
    sums = month_end.add_up([(ED, tally(1, "10.1")), (STUCK, tally(2, "5")), (LAB, tally(1, "3"))], lambda key: "all")
    assert sums == {"all": {"USD": tally(3, "15.1"), "EUR": tally(1, "3")}}


def test_stuck_is_what_waits_for_a_person_and_what_is_unaccounted():
    figures = {ED: tally(1, "10"), STUCK: tally(2, "5", 1), Key("X", "USD", Standing.UNACCOUNTED): tally(0, "-2")}
    assert month_end.stuck(figures) == {"USD": tally(2, "3", 1)}
    assert not month_end.stuck({ED: tally(1, "10"), STUCK: tally(0, "0")})


def test_changes_are_told_from_both_sides_and_nothing_else_is():
    before = {ED: tally(1, "10"), STUCK: tally(2, "5")}
    after = {ED: tally(1, "10.0"), LAB: tally(1, "3")}
    found = month_end.changes(before, after)
    assert [(one.key, one.difference) for one in found] == [(STUCK, tally(-2, "-5")), (LAB, tally(1, "3"))]
    assert not month_end.changes(after, after)


def test_the_digest_is_of_the_figures_alone():
    one = {ED: tally(1, "10"), STUCK: tally(2, "5")}
    assert month_end.digest(one) == month_end.digest(dict(reversed(one.items())))
    assert month_end.digest(one) != month_end.digest({**one, STUCK: tally(2, "5.01")})


def test_places_add_up_to_what_was_received():
    cells = [
        Cell(ED, "week", False, tally(2, "10"), tally(2, "10")),
        Cell(ED, "older", True, tally(1, "7.5", 1), tally(1, "7", 1)),
        Cell(STUCK, "week", False, tally(0, "0"), tally(1, "3")),
        Cell(Key("ED", "USD", Standing.UNACCOUNTED), "week", False, tally(1, "4"), tally(0, "0")),
    ]
    found = month_end.figures(cells)
    lost = Key("ED", "USD", Standing.UNACCOUNTED)
    assert found == {ED: tally(3, "17", 1), STUCK: tally(1, "3"), lost: tally(0, "1.5")}
    assert month_end.received(cells) == {"USD": sum(found.values(), Tally())}


def test_what_is_all_there_has_nothing_unaccounted():
    assert set(month_end.figures([Cell(ED, "week", False, tally(1, "1"), tally(1, "1.00"))])) == {ED}


def test_unbilled_is_in_the_currency_of_the_invoice_and_leaves_the_ended_out():
    ended = Key("ED", "USD", Standing.INVOICED)
    cells = [
        Cell(ED, "week", False, tally(1, "10"), tally(1, "10"), "EUR", tally(1, "8")),
        Cell(STUCK, "week", True, tally(2, "5", 1), tally(2, "5", 1), "EUR", tally(2, "4", 1)),
        Cell(ended, "week", False, tally(1, "7"), tally(1, "7"), "USD", tally(1, "7")),
    ]
    assert month_end.unbilled(cells) == [("ED", "EUR", tally(3, "12", 1))]


def test_what_is_read_before_a_month_is_signed_is_what_will_be_invoiced_too():
    def cell(worth, band="week"):
        return Cell(ED, band, False, tally(1, "10"), tally(1, "10"), "USD", tally(1, worth))

    assert month_end.seen([cell("9")]) == month_end.seen(iter([cell("9", "older")]))
    assert month_end.seen([cell("9")]) != month_end.seen([cell("8")])
    assert month_end.seen([cell("9")]) != month_end.seen([cell("9"), cell("0")])
