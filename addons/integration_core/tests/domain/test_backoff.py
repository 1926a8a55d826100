"""The retry schedule: never early, bounded, and polite to Retry-After."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import backoff
from integration_core.domain.backoff import DEFAULT_SCHEDULE, Schedule, next_delay

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)


def no_jitter():
    return 0.0


def most_jitter():
    return 1.0


def test_the_contracts_schedule():
    waits = [next_delay(DEFAULT_SCHEDULE, made, rand=no_jitter) for made in range(11)]
    hours = [5, 10, 14, 20, 24]
    assert waits == [0, 5, 300, 1800, 7200, *(hour * 3600 for hour in hours), None]
    assert DEFAULT_SCHEDULE.tries == 10
    assert DEFAULT_SCHEDULE.total == 75 * 3600 + 35 * 60 + 5


def test_jitter_is_a_tenth_and_at_most_a_quarter_of_an_hour():
    assert next_delay(DEFAULT_SCHEDULE, 0, rand=most_jitter) == 0
    assert next_delay(DEFAULT_SCHEDULE, 2, rand=most_jitter) == 330
    assert next_delay(DEFAULT_SCHEDULE, 9, rand=most_jitter) == 86400 + 900


@pytest.mark.parametrize(
    ("made", "hint", "left", "expected"),
    [
        (1, 2, None, 5),  # a hint shorter than the step changes nothing
        (1, 60, None, 60),
        (1, 10**9, None, DEFAULT_SCHEDULE.total),
        (9, 10**9, None, 86400),
        (1, 600, 100, 100),
        (2, 600, 100, 300),  # the step is planned, whatever is left
        (1, 600, -5, 5),
        (1, float("inf"), None, 5),
        (1, float("nan"), None, 5),
    ],
)
def test_retry_after(made, hint, left, expected):
    delay = next_delay(DEFAULT_SCHEDULE, made, retry_after=hint, time_left=left, rand=no_jitter)
    assert delay == expected


SCHEDULES = st.lists(st.integers(0, backoff.MAX_STEP_S), min_size=1, max_size=20).map(
    lambda waits: Schedule(tuple(waits))
)


@given(SCHEDULES, st.integers(0, 25), st.none() | st.floats(), st.floats(0, 1, exclude_max=True))
def test_never_early_never_endless(schedule, made, hint, chance):
    delay = next_delay(schedule, made, retry_after=hint, rand=lambda: chance)
    if made >= schedule.tries:
        assert delay is None
        return
    step = schedule.delays[made]
    assert step <= delay <= sum(schedule.delays[made:]) + backoff.MAX_JITTER_S
    if hint is None:
        assert delay - step <= min(step * 0.1, 900) + 1e-6


@given(
    SCHEDULES,
    st.integers(0, 19),
    st.none() | st.floats() | st.integers(-(10**12), 10**12),
    st.none() | st.floats(-1e9, 1e9),
    st.floats(0, 1, exclude_max=True),
)
def test_a_wish_is_the_longer_wait_within_the_time_that_is_left(schedule, made, hint, left, chance):
    """Exactly: the longer of step and wish, the wish within what is left, and up to a tenth or a quarter of an hour."""
    made %= schedule.tries
    delay = next_delay(schedule, made, retry_after=hint, time_left=left, rand=lambda: chance)
    step = schedule.delays[made]
    planned = sum(schedule.delays[made:]) if left is None else left
    heard = hint is not None and float("-inf") < hint < float("inf")
    base = max(step, min(hint, planned)) if heard else step
    assert base <= delay <= base + min(base * 0.1, 900) + 1e-6
    assert delay - base == pytest.approx(chance * min(base * 0.1, 900), abs=1e-3)


@given(SCHEDULES, st.integers(0, 19), st.floats(0, 1e7), st.floats(0, 1e7))
def test_a_longer_wish_never_means_an_earlier_try(schedule, made, one, other):
    made %= schedule.tries
    shorter, longer = sorted((one, other))
    waits = [next_delay(schedule, made, retry_after=hint, rand=no_jitter) for hint in (None, shorter, longer)]
    assert waits == sorted(waits)


@given(SCHEDULES, st.integers(0, 19))
def test_the_jitter_spreads_over_its_whole_width(schedule, made):
    made %= schedule.tries
    first, middle, last = (next_delay(schedule, made, rand=lambda chance=chance: chance) for chance in (0, 0.5, 1))
    assert first == schedule.delays[made]
    assert last - first == pytest.approx(min(first * 0.1, 900))
    assert middle == pytest.approx((first + last) / 2)


@given(SCHEDULES)
def test_schedules_read_back(schedule):
    assert Schedule.parse(schedule.to_text()) == schedule


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "1.5", "99999999999", "2592001", "٣", ",".join(["1"] * 101)])
def test_unusable_schedules(text):
    with pytest.raises(ValueError, match=r"schedule|wait"):
        Schedule.parse(text)


def test_attempts_are_counted_from_zero():
    with pytest.raises(ValueError, match="negative"):
        next_delay(DEFAULT_SCHEDULE, -1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("Friday, 20-Nov-26 12:02:00 GMT", 120),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("+5", None),
        ("٣", None),
        ("1" * 11, backoff.MAX_STEP_S),
        ("9" * 50_000, backoff.MAX_STEP_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", backoff.MAX_STEP_S),
        ("Fri, 99 Nov 2026 12:02:00 GMT", None),
        ("120, 240", None),
    ],
)
def test_reading_retry_after(value, seconds):
    assert backoff.parse_retry_after(value, now=NOW) == seconds


@given(st.text() | st.integers().map(str) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,4} [A-Z][a-z]{2} [0-9]{2,5} .*"))
def test_garbage_is_tolerated(value):
    hint = backoff.parse_retry_after(value, now=NOW)
    assert hint is None or 0 <= hint <= backoff.MAX_STEP_S


@given(st.integers(-(10**6), 10**6))
def test_a_date_means_the_seconds_until_then(seconds):
    moment = NOW + timedelta(seconds=seconds)
    value = format_datetime(moment, usegmt=True)
    assert backoff.parse_retry_after(value, now=NOW) == max(0, seconds)
