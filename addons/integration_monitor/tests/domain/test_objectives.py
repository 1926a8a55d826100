"""How much may fail, how fast that is spent, and when a backlog is worked off."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.integration_monitor.domain import objectives
from addons.integration_monitor.domain.objectives import NEVER, Cause, Health, Sample, Signs, Tally

NOON = datetime(2026, 11, 20, 12)
HALF_AN_HOUR = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)


def waits(*counts: int, minutes: int = 15) -> list[Sample]:
    return [Sample(NOON + timedelta(minutes=minutes * place), count) for place, count in enumerate(counts)]


@pytest.mark.parametrize("told", [None, "", "x", "0", "-1", "100", "101", "nan", "inf"])
def test_what_is_no_objective_is_as_shipped(told: str | None) -> None:
    assert [objectives.objective(one, told) for one in ("critical", "standard", "reporting")] == [99.9, 99.5, 99.0]


def test_an_objective_can_be_set() -> None:
    assert objectives.objective("reporting", "95") == 95.0


def test_the_budget_of_ten_thousand_tries() -> None:
    left = objectives.budget(Tally(10_000, 4), 99.9)
    assert left.allowed == pytest.approx(10)
    assert (left.spent, left.left) == (4, pytest.approx(60))


def test_a_budget_can_be_overspent_and_of_nothing_nothing_is_said() -> None:
    spent = objectives.budget(Tally(1000, 3), 99.9).left
    assert spent == pytest.approx(-200)
    assert objectives.budget(Tally(), 99.9).left is None
    assert Tally().success is None
    assert objectives.burn_rate(Tally(), 99.9) is None


@pytest.mark.parametrize(("failed", "rate"), [(0, 0.0), (1, 1.0), (14, 14.0), (1000, 1000.0)])
def test_burning_is_told_in_times_of_what_is_allowed(failed: int, rate: float) -> None:
    assert objectives.burn_rate(Tally(1000, failed), 99.9) == rate


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(50, 99.99))
def test_at_a_rate_of_one_the_budget_is_just_spent(tries: int, share: float, percent: float) -> None:
    tally = Tally(tries, int(tries * share))
    rate, left = objectives.burn_rate(tally, percent), objectives.budget(tally, percent).left
    assert rate is not None
    assert left is not None
    assert left == pytest.approx(100 * (1 - rate), abs=1e-2)


@pytest.mark.parametrize(("long", "short"), [(60, 5), (360, 30), (1440, 120), (5, 1)])
def test_the_short_window_is_a_twelfth(long: int, short: int) -> None:
    assert objectives.short_window(long) == short


def test_both_windows_must_burn() -> None:
    assert objectives.both(20.0, 15.0) == 15.0
    assert objectives.both(20.0, 0.0) == 0.0
    assert objectives.both(2.0, 90.0) == 2.0
    assert objectives.both(None, 90.0) is None
    assert objectives.both(20.0, None) is None


def test_a_backlog_that_shrinks_is_worked_off() -> None:
    assert objectives.hours_left(waits(300, 250, 200), least_span=HALF_AN_HOUR) == pytest.approx(1.0)


@pytest.mark.parametrize("counts", [(100, 100, 100), (100, 150, 200), (0, 0, 1)])
def test_a_backlog_that_does_not_shrink_never_is(counts: tuple[int, ...]) -> None:
    assert objectives.hours_left(waits(*counts), least_span=HALF_AN_HOUR) == NEVER


def each_minute(*counts: int) -> list[Sample]:
    return waits(*counts, minutes=1)


def test_what_came_at_once_is_measured_from_its_peak() -> None:
    burst = [10_000 - 300 * minute for minute in range(21)]
    forecast = [
        objectives.hours_left(each_minute(*[0] * 10, *burst[: minute + 1]), least_span=15 * MINUTE)
        for minute in range(21)
    ]
    assert forecast[:15] == [None] * 15, "too little is known of it"
    assert forecast[20] == pytest.approx(4_000 / 300 / 60)
    grows, stuck = [500 * minute for minute in range(21)], [9_000] * 21
    for counts in (grows, stuck):
        assert objectives.hours_left(each_minute(*[0] * 10, *counts), least_span=15 * MINUTE) == NEVER


def test_nothing_waits() -> None:
    assert objectives.hours_left(waits(500, 20, 0), least_span=HALF_AN_HOUR) == 0.0
    assert objectives.hours_left(waits(0), least_span=HALF_AN_HOUR) == 0.0


def test_of_too_short_a_time_nothing_is_said() -> None:
    assert objectives.hours_left(waits(300, 200), least_span=HALF_AN_HOUR) is None
    assert objectives.hours_left([], least_span=HALF_AN_HOUR) is None
    assert objectives.hours_left(waits(7), least_span=timedelta(0)) is None


@given(st.lists(st.integers(0, 10**9), max_size=8), st.randoms())
def test_a_forecast_is_between_now_and_never_in_whatever_order(counts: list[int], random: object) -> None:
    samples = waits(*counts)
    expected = objectives.hours_left(samples, least_span=HALF_AN_HOUR)
    random.shuffle(samples)  # type: ignore[attr-defined]
    assert objectives.hours_left(samples, least_span=HALF_AN_HOUR) == expected
    assert expected is None or 0 <= expected <= NEVER


GOOD = Signs(left=80.0, rate=0.2, key_days=100)


@pytest.mark.parametrize(
    ("signs", "cause"),
    [
        (GOOD, Cause.WELL),
        (Signs(), Cause.QUIET),
        (Signs(heard=True), Cause.WELL),
        (Signs(draft=True, keyless=True), Cause.NOT_YET),
        (Signs(draft=True, stopped=True), Cause.STOPPED),
        (Signs(keyless=True, left=5.0), Cause.NO_KEY),
        (Signs(breaker_open=True, left=-5.0, dead=3), Cause.BREAKER),
        (Signs(left=-0.1), Cause.BUDGET_SPENT),
        (Signs(dead=1, left=50.0), Cause.DEAD_LETTERS),
        (Signs(paused=True, left=50.0), Cause.PAUSED),
        (Signs(key_days=13.9, left=50.0), Cause.KEY_ENDS),
        (Signs(rate=1.1, left=50.0), Cause.BURNING),
        (Signs(retrying=1, left=50.0, rate=1.0), Cause.LATE),
    ],
)
def test_the_gravest_is_told(signs: Signs, cause: Cause) -> None:
    assert objectives.judge(signs) is cause


def test_causes_are_told_from_bad_to_good() -> None:
    order = [Health.BAD, Health.WARNING, Health.IDLE, Health.GOOD]
    ranks = [order.index(cause.health) for cause in Cause]
    assert ranks == sorted(ranks)
    assert all(cause.words for cause in Cause)
