"""When a sender was silent, and which numbers never came."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from addons.integration_monitor.domain import outage
from addons.integration_monitor.domain.outage import Gap, Silence, Stretch, When

HOUR = timedelta(hours=1)


def at(hour, minute=0):
    return datetime(2026, 11, 20, hour, minute)


def test_silence_stands_between_two_messages():
    found = outage.silences([at(9), at(9, 30), at(12)], at(8, 30), at(12), HOUR, before=at(8, 15))
    assert found == [Silence(at(9, 30), at(12))]


def test_silence_of_exactly_the_least_counts():
    assert outage.silences([at(9), at(10)], at(9), at(10), HOUR, before=at(9)) == [Silence(at(9), at(10))]


def test_silence_reaches_over_the_edges_of_the_period():
    found = outage.silences([at(9), at(15)], at(8), at(14), HOUR, before=at(3))
    assert found == [Silence(at(3), at(9)), Silence(at(9), at(15))]


def test_silence_may_go_on():
    assert outage.silences([at(9)], at(8, 30), at(12), HOUR, before=at(8, 30)) == [Silence(at(9), None)]


def test_whoever_never_sent_is_silent_all_the_time():
    assert outage.silences([], at(8), at(12), HOUR) == [Silence(None, None)]


def test_a_period_shorter_than_the_least_has_no_silence_of_its_own():
    assert not outage.silences([], at(8), at(8, 30), HOUR)


def tell(*numbers, when=When.WITHIN):
    return [Stretch(number, number, when) for number in numbers]


def missing(*stretches):
    found = outage.numbering(one for some in stretches for one in some)
    return [str(gap) for gap in found.gaps]


@given(st.sets(st.integers(0, 300), min_size=1))
def test_gaps_and_numbers_together_leave_nothing_out(known):
    found = outage.numbering(tell(*sorted(known)))
    missing = {number for gap in found.gaps for number in range(gap.first, gap.last + 1)}
    assert not missing & known
    assert missing | known == set(range(min(known), max(known) + 1))
    assert (found.first, found.last) == (min(known), max(known))
    assert sum(gap.count for gap in found.gaps) == len(missing)


@given(st.permutations(range(100, 160)))
def test_whatever_the_order_nothing_is_missing_that_came(numbers):
    assert missing(tell(99), tell(*numbers)) == []


@given(st.integers(1, 60), st.lists(st.integers(1, 60), max_size=4))
def test_a_counter_that_begins_anew_makes_no_gap(first, rounds):
    runs = [range(1, last + 1) for last in (first, *rounds)]
    assert missing(*(tell(*run) for run in runs)) == []


def test_what_came_after_the_period_fills_its_gaps_and_makes_none():
    after = tell(3, 20, 25, when=When.AFTER)
    assert missing(tell(1, 2, 5, 9), after) == ["4", "6–8", "10–19"], "20 is the first one above 9"


def test_what_was_missing_before_the_period_is_another_ones():
    before = tell(3, 5, when=When.BEFORE)
    assert missing(before, tell(8)) == ["6–7"]
    assert missing(before, tell(8, 4)) == ["6–7"]
    assert missing(before, tell(9, when=When.AFTER)) == ["6–8"], "nothing came in the period at all"


def test_a_counter_begins_anew_far_below():
    before = tell(90_000, when=When.BEFORE)
    assert missing(before, tell(1, 2, 5)) == ["3–4"]
    assert missing(before, tell(1, 2, 89_990, 3)) == [], "a late one of before says nothing"
    assert missing(before, tell(90_002, 1, 2, 90_001)) == []


def test_a_late_number_of_before_the_period_says_nothing():
    assert missing(tell(90_000, when=When.BEFORE), tell(89_990, 90_001)) == []


def test_each_round_has_its_own_gaps():
    day = tell(*(number for number in range(1, 41) if number != 17))
    assert missing(day, tell(*range(1, 31)), day) == ["17", "17"]


def test_a_number_that_is_sent_again_makes_no_gap():
    assert missing(tell(1, 2, 3, 2, 4, 5)) == []
    assert missing(tell(1, 2, 3, 4, 5), [Stretch(2, 7)], tell(8)) == []


def test_without_numbers_nothing_is_known():
    assert outage.numbering([]) is None
    assert outage.numbering(tell(4, when=When.AFTER)) is None


def test_a_gap_says_its_numbers():
    assert missing(tell(1, 3, 9)) == ["2", "4–8"]
    assert Gap(4, 8).count == 5
