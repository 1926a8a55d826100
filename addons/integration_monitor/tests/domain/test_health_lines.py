"""Hours and days as clocks show them, and what is counted in each."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from addons.integration_monitor.domain import health_lines
from addons.integration_monitor.domain.health_lines import Point
from addons.integration_monitor.domain.objectives import Tally

NOW = datetime(2026, 11, 20, 12, 34, 56)


def test_the_last_hours_begin_on_the_hour() -> None:
    starts = health_lines.hours(NOW, timezone.utc)
    assert (len(starts), starts[0], starts[-1]) == (24, datetime(2026, 11, 19, 13), datetime(2026, 11, 20, 12))


def test_hours_begin_where_the_clock_says_so() -> None:
    assert health_lines.hours(NOW, ZoneInfo("Asia/Kolkata"))[-1] == datetime(2026, 11, 20, 12, 30)


def test_the_last_days_begin_at_midnight() -> None:
    starts = health_lines.days(NOW, timezone.utc)
    assert (len(starts), starts[0], starts[-1]) == (30, datetime(2026, 10, 22), datetime(2026, 11, 20))


def test_days_begin_at_midnight_of_the_clock_though_it_was_put_back() -> None:
    starts = health_lines.days(datetime(2026, 10, 26, 3), ZoneInfo("Europe/Vienna"))
    lengths = {later - earlier for earlier, later in pairwise(starts)}
    assert starts[-1] == datetime(2026, 10, 25, 23)
    assert lengths == {timedelta(hours=24), timedelta(hours=25)}


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def test_the_present_moment_is_in_the_last_hour_and_day(zone: str) -> None:
    hour, day = health_lines.hours(NOW, ZoneInfo(zone))[-1], health_lines.days(NOW, ZoneInfo(zone))[-1]
    assert timedelta() <= NOW - hour < timedelta(hours=1)
    assert timedelta() <= NOW - day < timedelta(days=1)


def test_each_try_is_counted_where_it_belongs() -> None:
    starts = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    rows = [(1, True, True, 3, 5), (1, True, True, 3, 2), (1, False, False, 0, 1), (3, False, True, 4, 2)]
    first, second, third = health_lines.points(starts, rows)
    assert (first.at, first.tally, first.slots) == (NOW, Tally(8, 1), {3: 7})
    assert (second.tally, second.slots, second.share) == (Tally(), {}, None)
    assert (third.tally, third.share) == (Tally(2, 2), 0.0)


def test_a_share_is_rounded_down() -> None:
    assert Point(NOW, Tally(3, 1)).share == 66.66
    assert Point(NOW, Tally(1_000_000, 1)).share == 99.99
    assert Point(NOW, Tally(7, 0)).share == 100.0
