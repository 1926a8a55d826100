"""Shares of an engine process: lanes keep their reserve, channels their cap, and what hangs costs others nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain.capacity import (
    FIRST_WINDOW,
    SLOW_AFTER_S,
    STALLED_AFTER_S,
    Channel,
    Occupancy,
    lane_limits,
)


def begin_all(occupancy: Occupancy, wishes: list[tuple[int, int]], now: float = 0.0) -> list[tuple[int, int, int]]:
    """Begin whatever may begin; return (channel, lane, ticket) of those that did."""
    begun = []
    for ticket, (channel, lane) in enumerate(wishes):
        if occupancy.may_begin(channel, lane, now):
            occupancy.begin(channel, lane, ticket, now)
            begun.append((channel, lane, ticket))
    return begun


def test_less_critical_lanes_leave_a_reserve():
    occupancy = Occupancy(20)
    occupancy.set_caps(dict.fromkeys(range(100), 1))
    assert len(begin_all(occupancy, [(channel, 2) for channel in range(30)])) == 12
    assert len(begin_all(occupancy, [(channel, 1) for channel in range(30, 60)])) == 8
    assert len(begin_all(occupancy, [(channel, 0) for channel in range(60, 90)])) == 5


def test_the_reserve_comes_on_top_of_the_concurrency():
    occupancy = Occupancy(16)
    occupancy.set_caps(dict.fromkeys(range(100), 1))
    assert len(begin_all(occupancy, [(channel, 1) for channel in range(30)])) == 16
    assert len(begin_all(occupancy, [(channel, 0) for channel in range(30, 60)])) == 4


def test_a_process_of_one_serves_every_lane():
    assert lane_limits(1) == (2, 1, 1)
    with pytest.raises(ValueError, match="at a time"):
        lane_limits(0)


def test_a_channel_earns_its_cap():
    channel = Channel(cap=8)
    assert channel.free() == FIRST_WINDOW
    for _success in range(20):
        channel.note(0.0, reached=True)
    assert channel.free() == 8
    channel.note(0.0, reached=False)
    assert channel.free() == FIRST_WINDOW


def test_how_much_a_channel_may_hold_follows_its_pace():
    channel = Channel(cap=8)
    assert channel.ahead(0.0) == 2 * FIRST_WINDOW
    for ended in range(60):
        channel.note(ended / 1000, reached=True)
    assert 80 < channel.ahead(0.06) <= 120, "twice what it does in a fifth of a second"
    assert channel.ahead(5.0) == 16, "long ago: twice what may be under way"
    channel.started[1] = 5.0
    assert not channel.is_stalled(5.1)
    assert channel.is_stalled(5.3)
    channel.note(5.3, reached=False)
    assert (channel.is_stalled(5.4), channel.ahead(5.4)) == (False, 2 * FIRST_WINDOW)


def test_a_busy_channel_that_begins_to_hang_holds_next_to_nothing():
    channel = Channel(cap=8)
    for ended in range(400):
        channel.note(ended / 2000, reached=True)
    channel.started.update(dict.fromkeys(range(8), 0.2))
    assert channel.ahead(0.2) > 200
    assert channel.ahead(0.2 + STALLED_AFTER_S + 0.01) == 16


def test_channels_that_hang_leave_half_of_the_process():
    occupancy = Occupancy(10)
    occupancy.set_caps(dict.fromkeys(range(50), 2))
    hanging = begin_all(occupancy, [(channel, 0) for channel in range(5)])
    assert len(hanging) == 5
    later = SLOW_AFTER_S + 0.1
    assert not occupancy.may_begin(0, 0, later)
    assert occupancy.may_begin(9, 0, later)


def hang(occupancy: Occupancy, channels: range, since: float) -> float:
    """Let these channels begin what they may, and none of it reach anybody; return when it has ended."""
    begun = begin_all(occupancy, [(channel, 0) for channel in channels for _try in range(2)], since)
    for one in begun:
        occupancy.end(*one, since + 30.0, reached=False)
    return since + 30.0


def test_channels_that_hang_together_do_not_take_the_whole_process_again():
    occupancy = Occupancy(10)
    occupancy.set_caps(dict.fromkeys(range(50), 8))
    now = hang(occupancy, range(5), 0.0)
    again = begin_all(occupancy, [(channel, 0) for channel in range(5) for _try in range(2)], now)
    assert len(again) == 5, "half of the process"
    assert occupancy.may_begin(9, 0, now)


def test_a_suspect_that_answers_in_time_is_suspect_no_more():
    occupancy = Occupancy(10)
    occupancy.set_caps(dict.fromkeys(range(50), 8))
    now = hang(occupancy, range(6), 0.0)
    begin_all(occupancy, [(channel, 0) for channel in range(5)], now)
    assert not occupancy.may_begin(5, 0, now), "one of six that hang together"
    occupancy.end(0, 0, 0, now + 0.05, reached=True)
    assert occupancy.may_begin(5, 0, now + 0.05), "there is room for another suspect"
    occupancy.begin(5, 0, 100, now + 0.05)
    assert not occupancy.may_begin(5, 0, now + 0.05)
    assert occupancy.may_begin(0, 0, now + 0.05), "it has answered"


def test_one_failure_alone_makes_nobody_suspect():
    occupancy = Occupancy(10)
    occupancy.set_caps(dict.fromkeys(range(50), 8))
    now = hang(occupancy, range(6), 0.0)
    begin_all(occupancy, [(channel, 0) for channel in range(6)], now)
    occupancy.begin(9, 0, 100, now)
    occupancy.end(9, 0, 100, now + 0.05, reached=False)
    assert occupancy.may_begin(9, 0, now + 0.05)


def test_answers_that_take_long_are_as_suspect_as_none():
    channel = Channel(cap=8)
    for _answer in range(2):
        channel.note(0.0, reached=True, took=SLOW_AFTER_S + 0.1)
    assert channel.is_suspect
    channel.note(0.0, reached=True, took=0.05)
    assert not channel.is_suspect


def test_a_channel_of_one_at_a_time_is_suspect_after_one():
    channel = Channel(cap=1)
    channel.note(0.0, reached=False)
    assert channel.is_suspect


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans(), st.booleans()), max_size=120),
)
def test_neither_caps_nor_lanes_are_ever_exceeded(concurrency, steps):
    occupancy, caps = Occupancy(concurrency), {channel: channel + 1 for channel in range(6)}
    occupancy.set_caps(caps)
    limits, under_way = lane_limits(concurrency), []
    for ticket, (channel, lane, ends, reached) in enumerate(steps):
        if ends and under_way:
            occupancy.end(*under_way.pop(0), float(ticket), reached=reached)
        elif occupancy.may_begin(channel, lane, float(ticket)):
            occupancy.begin(channel, lane, ticket, float(ticket))
            under_way.append((channel, lane, ticket))
        for low in range(3):
            assert sum(one[1] >= low for one in under_way) <= limits[low]
        for key, cap in caps.items():
            assert sum(one[0] == key for one in under_way) <= cap
        assert occupancy.total == len(under_way)


@given(st.integers(1, 30))
def test_whatever_ended_leaves_room_again(concurrency):
    occupancy = Occupancy(concurrency)
    occupancy.set_caps({1: 64})
    begun = begin_all(occupancy, [(1, 0)] * 64)
    for one in begun:
        occupancy.end(*one, 0.0, reached=True)
    assert occupancy.total == 0
    assert occupancy.may_begin(1, 2, 0.0)
