"""An alert begins once and ends once, does not flap, and wakes nobody who is to be left alone."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.integration_monitor.domain.alerting import (
    Course,
    Freedom,
    Limit,
    Quiet,
    Step,
    Tell,
    Told,
    failed_share,
    first_day_back,
    first_week_back,
    is_usual,
    may_tell,
    next_telling,
    step,
)
from addons.integration_monitor.domain.objectives import Tally, burn_rate

NOON = datetime(2026, 11, 20, 12)
MINUTE = timedelta(minutes=1)
READINGS = st.lists(st.one_of(st.none(), st.floats(-100, 100)), max_size=40)
LIMITS = st.builds(
    Limit,
    threshold=st.floats(-50, 50),
    margin=st.floats(0, 20),
    floor=st.booleans(),
    hold=st.integers(0, 5).map(lambda minutes: timedelta(minutes=minutes)),
    keep_firing=st.integers(0, 8).map(lambda minutes: timedelta(minutes=minutes)),
)


def walk(limit: Limit, readings: list[float | None], course: Course | None = None) -> list[Step]:
    """Return the steps of one look a minute."""
    steps, course = [], course or Course()
    for minute, reading in enumerate(readings):
        what, course = step(limit, reading, course, NOON + minute * MINUTE)
        steps.append(what)
    return steps


@given(LIMITS, READINGS)
def test_beginnings_and_ends_take_turns(limit: Limit, readings: list[float | None]) -> None:
    turns = [what for what in walk(limit, readings) if what in (Step.BEGIN, Step.END)]
    assert turns == [Step.BEGIN, Step.END] * (len(turns) // 2) + [Step.BEGIN] * (len(turns) % 2)


@given(LIMITS, READINGS)
def test_what_begins_was_bad_for_as_long_as_the_rule_says_and_what_ends_was_good(
    limit: Limit, readings: list[float | None]
) -> None:
    for at, what in enumerate(walk(limit, readings)):
        held = max(limit.hold, limit.keep_firing) if what is Step.END else limit.hold
        looks = int(held / MINUTE) + 1
        known = [reading for reading in readings[: at + 1] if reading is not None]
        if what is Step.BEGIN:
            assert at + 1 >= looks
            assert limit.is_bad(known[-1])
        if what is Step.END:
            assert limit.is_good(known[-1])
        if what in (Step.BEGIN, Step.END):
            span = [reading for reading in readings[at + 1 - looks : at + 1] if reading is not None]
            judge = limit.is_bad if what is Step.BEGIN else limit.is_good
            assert all(judge(reading) for reading in span)


@given(LIMITS, st.floats(-100, 100))
def test_no_reading_is_bad_and_good(limit: Limit, reading: float) -> None:
    assert not (limit.is_bad(reading) and limit.is_good(reading))


@given(LIMITS, st.integers(0, 40), st.booleans())
def test_what_says_nothing_changes_nothing(limit: Limit, count: int, running: bool) -> None:
    steps = walk(limit, [None] * count, Course(running))
    assert set(steps) <= {Step.GO_ON if running else Step.NOTHING}


def test_it_does_not_flap_around_its_threshold() -> None:
    readings: list[float | None] = [11, 9, 11, 9, 11, 4]
    assert walk(Limit(10, margin=5), readings) == [Step.BEGIN, *[Step.GO_ON] * 4, Step.END]
    assert walk(Limit(10, hold=2 * MINUTE), readings) == [Step.NOTHING] * 6


def test_what_is_good_for_a_moment_keeps_firing() -> None:
    limit = Limit(0, keep_firing=3 * MINUTE)
    readings: list[float | None] = [1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    assert walk(limit, readings) == [Step.BEGIN, *[Step.GO_ON] * 8, Step.END, Step.NOTHING]


@pytest.mark.parametrize(("keep_firing", "margin", "most"), [(15, 7.2, 4), (0, 0.0, 1000)])
def test_an_endpoint_that_fails_about_as_often_as_the_threshold_says_tells_of_it_once(
    keep_firing: int, margin: float, most: int
) -> None:
    """1.5 % of 100 tries a minute fail, all day, where 0.1 % may: 15 times as many, and 14.4 begin an alert."""
    dice = random.Random(7)
    failed = [sum(dice.random() < 0.015 for _try in range(100)) for _minute in range(24 * 60)]
    rates = [
        min(burn_rate(Tally(100 * span, sum(failed[at - span : at])), 99.9) or 0.0 for span in (60, 5))
        for at in range(60, len(failed))
    ]
    turns = [
        what
        for what in walk(Limit(14.4, margin, keep_firing=keep_firing * MINUTE), list(rates))
        if what in (Step.BEGIN, Step.END)
    ]
    assert turns
    assert len(turns) <= most
    assert most < 1000 or len(turns) > 100, "without it, all day"


def test_a_clock_that_was_put_back_holds_nothing_up() -> None:
    limit = Limit(10, hold=2 * MINUTE)
    course = Course(False, NOON + timedelta(hours=5))
    what, course = step(limit, 11, course, NOON)
    assert (what, course.turning_since) == (Step.NOTHING, NOON)
    assert step(limit, 11, course, NOON + 2 * MINUTE)[0] is Step.BEGIN


def test_a_floor_is_bad_below() -> None:
    limit = Limit(14, margin=1, floor=True)
    assert [limit.is_bad(13.9), limit.is_bad(14), limit.is_good(14.5), limit.is_good(15)] == [True, False, False, True]
    assert limit.worse(3, 5) == 3
    assert Limit(14).worse(3, 5) == 5


@pytest.mark.parametrize(
    ("start", "stop", "hour", "holds"),
    [
        (22, 6, 23, True),
        (22, 6, 5, True),
        (22, 6, 6, False),
        (22, 6, 12, False),
        (22, 6, 22, True),
        (12, 13, 12, True),
        (12, 13, 13, False),
        (0, 0, 0, False),
        (7, 7, 7, False),
    ],
)
def test_quiet_hours(start: float, stop: float, hour: int, holds: bool) -> None:
    assert Quiet(start, stop).holds(datetime(2026, 11, 20, hour)) is holds


@given(st.floats(0, 23.9), st.floats(0, 23.9), st.datetimes())
def test_quiet_hours_and_the_hours_between_them_are_the_day(start: float, stop: float, local: datetime) -> None:
    if start != stop:
        assert Quiet(start, stop).holds(local) != Quiet(stop, start).holds(local)


def test_only_what_is_critical_is_told_at_night() -> None:
    night, quiet = datetime(2026, 11, 20, 3), Quiet(22, 6)
    assert may_tell("critical", quiet, night, None, night) is Freedom.FREE
    assert may_tell("warning", quiet, night, None, night) is Freedom.QUIET
    assert may_tell("info", quiet, night, None, night) is Freedom.QUIET
    assert may_tell("warning", quiet, NOON, None, NOON) is Freedom.FREE


def test_what_is_muted_is_not_told_until_the_mute_is_over() -> None:
    for severity in ("critical", "warning", "info"):
        assert may_tell(severity, Quiet(), NOON, NOON + MINUTE, NOON) is Freedom.MUTED
        assert may_tell(severity, Quiet(), NOON, NOON, NOON) is Freedom.FREE


def test_what_began_and_ended_in_quiet_hours_is_told_once_afterwards() -> None:
    slept = Told(ended=True, slept=True)
    assert next_telling(slept, free=False, silence=None, now=NOON) is Tell.NOTHING
    assert next_telling(slept, free=True, silence=None, now=NOON) is Tell.MISSED
    assert next_telling(Told(True, None, NOON, slept=True), free=True, silence=None, now=NOON) is Tell.NOTHING
    assert next_telling(Told(True, NOON, slept=True), free=True, silence=None, now=NOON) is Tell.ENDED
    assert next_telling(Told(ended=True), free=True, silence=None, now=NOON) is Tell.NOTHING, "it was muted"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.booleans())
def test_people_are_told_once_of_each_and_never_of_the_end_alone(
    looks: list[tuple[bool, bool]], reminded: bool
) -> None:
    """Look each minute at an alert that ends at some time, while people may be told or not."""
    told, tellings, ended = Told(), [], False
    for minute, (free, ends) in enumerate(looks):
        ended, now = ended or ends, NOON + minute * MINUTE
        told = Told(ended, told.began_at, told.ended_at)
        what = next_telling(told, free=free, silence=5 * MINUTE if reminded else None, now=now)
        if what is not Tell.NOTHING:
            assert free
            tellings.append(what)
        if what in (Tell.BEGAN, Tell.AGAIN):
            told = Told(ended, now, None)
        elif what is Tell.ENDED:
            told = Told(ended, told.began_at, now)
    assert tellings.count(Tell.BEGAN) <= 1
    assert tellings.count(Tell.ENDED) <= tellings.count(Tell.BEGAN)
    assert Tell.ENDED not in tellings[:-1]
    assert reminded or Tell.AGAIN not in tellings
    if tellings:
        assert tellings[0] is Tell.BEGAN


def test_reminders_come_after_a_silence() -> None:
    told = Told(False, NOON)
    hour = timedelta(hours=1)
    assert next_telling(told, free=True, silence=hour, now=NOON + 59 * MINUTE) is Tell.NOTHING
    assert next_telling(told, free=True, silence=hour, now=NOON + hour) is Tell.AGAIN


def test_a_share_of_few_tries_says_nothing() -> None:
    assert failed_share(9, 9, least=10) is None
    assert failed_share(0, 0, least=0) is None
    assert failed_share(10, 3, least=10) == 30


def test_usual_is_what_was_so_on_most_days() -> None:
    assert is_usual(4, 7)
    assert not is_usual(3, 7)
    assert not is_usual(1, 2)
    assert not is_usual(0, 0)


def test_a_day_of_the_week_is_usual_where_enough_weeks_are_known() -> None:
    assert not is_usual(5, 7, 0, 4), "a Saturday of who works from Monday to Friday"
    assert is_usual(5, 7, 4, 4)
    assert is_usual(5, 7, 3, 4), "one of them was a holiday"
    assert not is_usual(5, 7, 2, 4)
    assert is_usual(5, 7, 0, 2), "too few weeks are known"
    assert not is_usual(3, 7, 4, 4)


@given(st.integers(0, 24 * 400), st.integers(1, 24))
def test_days_are_counted_back_from_when_it_was_last_heard(silent: int, hours: int) -> None:
    day = first_day_back(silent, hours)
    assert day * 24 + hours > silent, "at that time of that day it may have been heard"
    assert day == 1 or (day - 1) * 24 + hours <= silent, "on later days it was silent"
    assert 7 * first_week_back(day) >= day > 7 * (first_week_back(day) - 1)
