"""Comparing two sides: nothing is lost between them, tolerances hold to the cent, and a candidate is an exact sum."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.integration_monitor.domain.reconciliation import (
    MOST_RECORDS,
    Found,
    Key,
    Outcome,
    Record,
    Result,
    Tally,
    Tolerance,
    Version,
    align,
    compare,
    explain,
    judge,
    net,
    next_state,
)

DAY = date(2026, 11, 20)
KEY = Key(DAY, "ED", "clinical.service.finalized.v1", "", "USD")
CENT = Decimal("0.01")

amounts = st.integers(-999_999, 999_999).map(lambda cents: Decimal(cents) * CENT)
tallies = st.builds(Tally, st.integers(0, 50), amounts)
keys = st.builds(
    Key, st.dates(DAY, DAY + timedelta(days=2)), st.sampled_from(["ED", "OR"]), st.just("t"), currency=st.just("USD")
)


def result(told, found, **more):
    """Return the one result of comparing the money of one key."""
    [one] = compare({KEY: Tally(None, Decimal(told))}, {KEY: Found(Tally(None, Decimal(found)), **more)})
    return one


def records(*worth, **more):
    return [Record(ref, Decimal(amount), **more) for ref, amount in enumerate(worth, 1)]


def kinds(candidates):
    return [one.kind for one in candidates]


@given(st.dictionaries(keys, tallies), st.dictionaries(keys, tallies))
def test_every_key_has_one_result_and_the_differences_add_up(told, found):
    results = compare(told, {key: Found(tally) for key, tally in found.items()})
    assert {one.key for one in results} == {*told, *found}
    assert len(results) == len({*told, *found})
    difference = sum((one.amount or 0) for one in found.values()) - sum((one.amount or 0) for one in told.values())
    assert sum((one.amount for one in results), Decimal(0)) == difference
    assert sum(net(results).values(), Decimal(0)) == difference


@given(st.dictionaries(keys, tallies))
def test_what_agrees_is_matched(told):
    found = {key: Found(tally) for key, tally in told.items()}
    assert {one.outcome for one in compare(told, found)} <= {Outcome.MATCHED}


@given(amounts, amounts, amounts.map(abs), st.integers(0, 100))
def test_a_second_limit_never_lets_more_through(told, found, amount, percent):
    one = result(told, found)
    both = Tolerance(amount, Decimal(percent))
    if both.allows(one):
        assert Tolerance(amount).allows(one)
        assert Tolerance(None, Decimal(percent)).allows(one)


@pytest.mark.parametrize(
    ("tolerance", "found", "outcome"),
    [
        (Tolerance(), "100.01", Outcome.BREAK),
        (Tolerance(Decimal("0.05")), "100.05", Outcome.WITHIN),
        (Tolerance(Decimal("0.05")), "99.95", Outcome.WITHIN),
        (Tolerance(Decimal("0.05")), "100.06", Outcome.BREAK),
        (Tolerance(None, Decimal(1)), "101.00", Outcome.WITHIN),
        (Tolerance(None, Decimal(1)), "101.01", Outcome.BREAK),
        (Tolerance(Decimal("0.50"), Decimal(1)), "100.51", Outcome.BREAK),
        (Tolerance(Decimal(5), Decimal(1)), "101.01", Outcome.BREAK),
        (Tolerance(Decimal(5), Decimal(1)), "101.00", Outcome.WITHIN),
    ],
)
def test_at_its_edge_a_tolerance_still_holds(tolerance, found, outcome):
    [one] = compare({KEY: Tally(None, Decimal(100))}, {KEY: Found(Tally(None, Decimal(found)))}, lambda _key: tolerance)
    assert one.outcome is outcome


def test_pieces_have_a_tolerance_of_their_own():
    told, found = {KEY: Tally(10, Decimal(5))}, {KEY: Found(Tally(11, Decimal(5)))}
    assert compare(told, found)[0].outcome is Outcome.BREAK
    assert compare(told, found, lambda _key: Tolerance(count=1))[0].outcome is Outcome.WITHIN


def test_what_one_side_alone_has():
    assert compare({KEY: Tally(1, Decimal(2))}, {})[0].outcome is Outcome.ONLY_TOLD
    assert compare({}, {KEY: Found(Tally(1, Decimal(2)))})[0].outcome is Outcome.ONLY_FOUND
    # "Nothing on this day" agrees with nothing on this day.
    assert compare({KEY: Tally(0, Decimal(0))}, {})[0].outcome is Outcome.MATCHED


def test_what_neither_side_counts_is_not_equal_and_no_work():
    here = {KEY: Found(rest={"parked": Tally(1, Decimal(2))})}
    assert compare({}, here)[0].outcome is Outcome.UNCOUNTED
    assert not Outcome.UNCOUNTED.is_break
    # Told as nothing, it is what the sender says of it.
    assert compare({KEY: Tally(0, Decimal(0))}, here)[0].outcome is Outcome.MATCHED


def test_what_a_correction_replaced_explains_a_list_that_still_has_it():
    one = result("220", "120", rest={"replaced": Tally(1, Decimal(100))})
    some = [Record(1, Decimal(100), "replaced"), Record(2, Decimal(120))]
    assert [(found.kind, found.refs) for found in explain(one, some)] == [("replaced", (1,))]


def test_what_a_side_does_not_say_is_not_compared():
    [one] = compare({KEY: Tally(2)}, {KEY: Found(Tally(2, Decimal(99)))})
    assert (one.outcome, one.amount) == (Outcome.MATCHED, None)


def test_lines_without_a_price_count_with_the_currency_that_is_told():
    bare = replace(KEY, currency="")
    found = {KEY: Found(Tally(1, Decimal(5))), bare: Found(Tally(1, Decimal(0)), {"parked": Tally(1, Decimal(0))})}
    [one] = align({KEY: Tally(2, Decimal(5))}, found).values()
    assert (one.counts, one.rest) == (Tally(2, Decimal(5)), {"parked": Tally(1, Decimal(0))})
    assert align({bare: Tally(2)}, found) == {bare: Found(Tally(2), {"parked": Tally(1)})}


@given(st.lists(amounts.filter(bool), min_size=1, max_size=20), st.data())
def test_a_line_that_does_not_count_explains_what_is_missing(worth, data):
    chosen = data.draw(st.integers(0, len(worth) - 1))
    some = [Record(ref, amount, "applied" if ref != chosen else "parked") for ref, amount in enumerate(worth)]
    found = sum((one.amount for one in some if one.status == "applied"), Decimal(0))
    one = result(found + worth[chosen], found, rest={"parked": Tally(1, worth[chosen])})
    candidates = explain(one, some)
    assert candidates[0].kind == "parked"
    assert candidates[0].refs == (chosen,)
    assert {candidate.amount for candidate in candidates} == {one.amount}


@given(st.lists(amounts, max_size=30), amounts.filter(bool), st.sampled_from(["applied", "parked", "rejected"]))
def test_whatever_is_named_comes_to_the_difference(worth, difference, status):
    some = [Record(ref, amount, status) for ref, amount in enumerate(worth)]
    for one in explain(result("0", difference), some):
        sums = sum((some[ref].amount for ref in one.refs), Decimal(0))
        match one.kind:
            case "single" | "pair":
                assert sums == (difference if status == "applied" else -difference)
            case "sign":
                assert sums * 2 == difference
            case "digits":
                assert difference % (9 * CENT) == 0


def test_one_line_too_many_and_two():
    assert kinds(explain(result("10", "13.50"), records("3.50", "10"))) == ["single"]
    assert explain(result("10", "13.50"), records("3.00", "0.50", "10"))[0].refs == (1, 2)


def test_something_entered_twice():
    some = [Record(1, Decimal("3.50"), same="E-1"), Record(2, Decimal("3.50"), same="E-1"), Record(3, Decimal(8))]
    first, *rest = explain(result("11.50", "15.00"), some)
    assert (first.kind, first.refs) == ("copy", (1, 2))
    assert kinds(rest) == ["single", "single"]
    # Two encounters that cost the same are no copy of each other.
    assert "copy" not in kinds(explain(result("11.50", "15.00"), records("3.50", "3.50", "8")))


def test_a_sign_the_wrong_way_round_and_digits_that_changed_places():
    assert kinds(explain(result("-4.00", "4.00"), records("4.00"))) == ["sign"]
    assert kinds(explain(result("54.00", "45.00"), records("45.00"))) == ["digits"]
    assert not explain(result("55.00", "47.00"), records("45.00"))


def test_late_lines_and_all_that_waits():
    late = result("10", "12", late=Tally(1, Decimal(2)))
    assert kinds(explain(late, [Record(1, Decimal(2), late=True)])) == ["late"]
    rest = {"parked": Tally(1, Decimal(2)), "waiting": Tally(1, Decimal(3))}
    one = result("15", "10", rest=rest)
    assert kinds(explain(one, [Record(1, Decimal(2), "parked"), Record(2, Decimal(3), "waiting")])) == ["not_yet"]


def test_the_opposite_difference_elsewhere():
    other = replace(KEY, cost_center="OR")
    results = compare(
        {KEY: Tally(2, Decimal(5)), other: Tally(1, Decimal(1))},
        {KEY: Found(Tally(1, Decimal(2))), other: Found(Tally(2, Decimal(4)))},
    )
    [candidate] = explain(results[0], [], results)
    assert (candidate.kind, candidate.key, candidate.count, candidate.amount) == ("elsewhere", other, -1, Decimal(-3))


def test_pieces_must_fit_as_well_as_money():
    one = Result(KEY, Tally(2, Decimal(10)), Tally(2, Decimal(13)), Outcome.BREAK)
    assert not explain(one, records("3.00"))


def test_the_search_is_bounded():
    some = records(*["1.00"] * MOST_RECORDS, "3.50")
    assert not explain(result("10", "13.50"), some)


NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        (Version(2, NOW, "b"), "newer"),
        (Version(1, NOW, "a"), "same"),
        (Version(None, NOW + timedelta(hours=1), "a"), "same"),
        (Version(1, NOW, "b"), "conflict"),
        (Version(0, NOW + timedelta(days=1), "b"), "stale"),
        (Version(2, NOW, "a"), "newer"),
        (Version(None, NOW + timedelta(hours=1), "b"), "newer"),
        (Version(None, NOW - timedelta(hours=1), "b"), "stale"),
    ],
)
def test_which_of_two_versions_holds(new, verdict):
    assert judge(new, Version(1, NOW, "a")) == verdict


def test_the_first_version_holds():
    assert judge(Version(None, NOW, "a"), None) == "newer"


@pytest.mark.parametrize(
    ("state", "is_break", "moved", "newer", "then"),
    [
        ("", True, False, False, "open"),
        ("", False, True, True, ""),
        ("open", False, True, False, "resolved"),
        ("explained", False, True, False, "resolved"),
        ("accepted", False, True, False, "accepted"),
        ("explained", True, False, True, "explained"),
        ("explained", True, True, False, "open"),
        ("accepted", True, False, True, "accepted"),
        ("accepted", True, True, False, "open"),
        ("resolved", True, False, False, "resolved"),
        ("resolved", True, False, True, "open"),
        ("resolved", True, True, False, "open"),
    ],
)
def test_what_a_person_said_holds_for_the_difference_of_which_it_was_said(state, is_break, moved, newer, then):
    assert next_state(state, is_break=is_break, moved=moved, newer=newer) == then
