"""When a sender was silent, and which numbers never came."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from addons.integration_monitor.domain import outage
from addons.integration_monitor.domain.outage import Gap, Silence

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


@given(st.sets(st.integers(0, 300)))
def test_gaps_and_numbers_together_leave_nothing_out(known):
    found = outage.gaps(sorted(known))
    missing = {number for gap in found for number in range(gap.first, gap.last + 1)}
    assert not missing & known
    if known:
        assert missing | known == set(range(min(known), max(known) + 1))
    assert sum(gap.count for gap in found) == len(missing)


def test_what_is_no_counter_is_left_out():
    assert outage.numbers(["1" * 19, "-3", "²", "4.0", "", "0004"]) == [4]


def test_a_gap_says_its_numbers():
    assert [str(gap) for gap in outage.gaps([1, 3, 9])] == ["2", "4–8"]
    assert Gap(4, 8).count == 5
