"""How codes stand on a day, what a cell shows, how two days differ, and what has used a code."""

import doctest
from datetime import date, timedelta
from decimal import Decimal

import integration_mapping.domain.crosswalk as crosswalk
import integration_mapping.domain.usage as usage
from hypothesis import given
from hypothesis import strategies as st
from integration_mapping.domain.crosswalk import Code, Difference, Standing, cell, compare, standing
from integration_mapping.domain.usage import Uses
from integration_mapping.domain.validity import Span
from integration_mapping.domain.waiting import Waiting

DAY = date(2026, 6, 1)


def code(number=1, text="CBC", state="approved", *, asked=False, first=None, last=None):
    return Code(number, text, state, asked, Span(first, last))


def days(count):
    return DAY + timedelta(days=count)


def test_examples_in_the_text():
    for module in (crosswalk, usage):
        assert doctest.testmod(module).failed == 0


def test_standing_on_a_day():
    expected = {
        code(): Standing.ANSWERS,
        code(last=days(31)): Standing.ANSWERS,
        code(last=days(30)): Standing.ENDS,
        code(last=DAY): Standing.ENDS,
        code(last=days(-1)): Standing.ENDED,
        code(first=DAY): Standing.ANSWERS,
        code(first=days(1)): Standing.LATER,
        code(state="retired", last=days(2)): Standing.ENDS,
        code(state="proposed", asked=True): Standing.PROPOSED,
        code(state="proposed"): Standing.DRAFT,
        code(state="proposed", asked=True, first=days(9)): Standing.PROPOSED,
        code(state="revoked", first=days(9)): Standing.REVOKED,
        code(last=date.max): Standing.ANSWERS,
    }
    assert {one: standing(one, DAY) for one in expected} == expected


def test_what_is_followed_without_a_gap_does_not_end_soon():
    ending = code(1, last=days(3))
    assert standing(ending, DAY, [ending, code(2, "NEW", first=days(4))]) is Standing.ANSWERS
    assert standing(ending, DAY, [ending, code(2, "NEW", first=days(5))]) is Standing.ENDS
    assert standing(ending, DAY, [ending, code(2, "NEW", "proposed", asked=True, first=days(4))]) is Standing.ENDS


def test_a_cell_shows_what_answers_first():
    codes = [code(1, "B", "proposed", asked=True), code(2, "Z"), code(3, "A"), code(4, "OLD", last=days(-9))]
    shown = cell(codes, DAY)
    assert [one.code for one, _how in shown.shown] == ["A", "Z", "B"]
    assert not shown.gap


def test_a_gap_says_what_it_was_called_before():
    codes = [code(1, "OLDER", last=days(-99)), code(2, "OLD", last=days(-9)), code(3, "WRONG", "revoked")]
    shown = cell(codes, DAY)
    assert [(one.code, how) for one, how in shown.shown] == [("OLD", Standing.ENDED)]
    assert shown.gap


def test_what_is_only_proposed_is_a_gap_still():
    assert cell([code(state="proposed", asked=True)], DAY).gap
    assert cell([code(first=days(1))], DAY).gap
    assert cell([], DAY) == crosswalk.Cell()


def test_two_days():
    codes = [code(1, "OLD", "retired", last=days(-1)), code(2, "NEW", first=DAY), code(3, "SAME")]
    assert compare(codes, days(-1), DAY) == Difference(("OLD", "SAME"), ("NEW", "SAME"))
    assert compare(codes, days(-1), DAY).differs
    assert not compare(codes, DAY, days(5)).differs
    assert not compare([code(state="proposed", first=DAY), code(state="revoked")], days(-1), DAY).differs


_SPANS = st.tuples(
    st.none() | st.integers(-40, 40).map(days), st.none() | st.integers(0, 40), st.sampled_from(crosswalk.IN_FORCE)
)


@given(st.lists(_SPANS, max_size=4), st.integers(-45, 45).map(days), st.integers(-45, 45).map(days))
def test_the_cell_and_the_comparison_agree(spans, day, other):
    codes = [
        code(n, f"C{n}", state, first=first, last=(first or DAY) + timedelta(days=length) if length else None)
        for n, (first, length, state) in enumerate(spans)
    ]
    for on, found in zip((day, other), vars(compare(codes, day, other)).values(), strict=True):
        answering = [one.code for one, how in cell(codes, on).shown if how in crosswalk.ANSWERING]
        assert sorted(answering) == list(found)
    assert compare(codes, day, other).differs == compare(codes, other, day).differs


def test_uses_add_up():
    one = Uses(1, {"USD": Decimal("10.10")}, 1, DAY, days(2), 1, frozenset({4}), Waiting(1, {"USD": Decimal(1)}))
    other = Uses(2, {"EUR": Decimal(7)}, 0, days(-3), days(1), 0, frozenset({4, 5}), Waiting(2))
    both = one + other
    assert both == other + one
    assert (both.lines, both.amounts, both.price_unknown) == (3, {"USD": Decimal("10.10"), "EUR": Decimal(7)}, 1)
    assert (both.first_day, both.last_day, both.open_lines) == (days(-3), days(2), 1)
    assert both.drafts == {4, 5}
    assert both.went_on.lines == 3
