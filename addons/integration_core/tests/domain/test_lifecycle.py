"""The life of a key follows from decisions and the clock."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import lifecycle
from integration_core.domain.lifecycle import Life, Stage

NOW = datetime(2026, 11, 20, 12)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("life", "stage"),
    [
        (Life("draft", NOW), Stage.DRAFT),
        (Life("draft", NOW - DAY, NOW - HOUR), Stage.EXPIRED),
        (Life("active", NOW + HOUR), Stage.APPROVED),
        (Life("active", NOW), Stage.ACTIVE),
        (Life("active", NOW - DAY, NOW + DAY), Stage.ACTIVE),
        (Life("active", NOW - DAY, None, succeeded=True), Stage.ACTIVE),
        (Life("active", NOW - DAY, NOW + DAY, succeeded=True), Stage.RETIRING),
        (Life("active", NOW - DAY, NOW), Stage.EXPIRED),
        (Life("active", NOW - DAY, NOW, succeeded=True), Stage.EXPIRED),
        (Life("revoked", NOW - DAY), Stage.REVOKED),
        (Life("revoked", NOW - DAY, NOW - HOUR), Stage.REVOKED),
    ],
)
def test_stage(life, stage):
    assert life.stage(NOW) is stage
    assert stage.works is (stage in (Stage.ACTIVE, Stage.RETIRING))


def test_each_warning_comes_once_and_in_order():
    life = Life("active", NOW - DAY, NOW + 40 * DAY)
    told, heard = None, []
    for hours in range(41 * 24):
        due = life.warning(NOW + hours * HOUR, told)
        if due is not None:
            heard.append((due, hours // 24))
            told = due
    assert heard == [(30, 10), (7, 33), (1, 39)]


def test_a_process_that_was_away_gives_the_nearest_warning_alone():
    life = Life("active", NOW - DAY, NOW + 12 * HOUR)
    assert life.warning(NOW) == 1
    assert life.warning(NOW, 1) is None
    assert life.warning(NOW, 7) == 1


def test_what_does_not_work_or_never_ends_needs_no_warning():
    for life in (
        Life("active", NOW - DAY),
        Life("draft", NOW - DAY, NOW + HOUR),
        Life("revoked", NOW - DAY, NOW + HOUR),
        Life("active", NOW - DAY, NOW - HOUR),
    ):
        assert life.warning(NOW) is None


def test_a_retiring_key_is_told_of_on_its_last_day():
    life = Life("active", NOW - DAY, NOW + 5 * DAY, succeeded=True)
    assert life.warning(NOW) is None
    assert life.warning(NOW + 4 * DAY) == 1


def test_an_overlap_begins_when_the_successor_works_and_never_prolongs():
    assert lifecycle.end_of_overlap(NOW, NOW - DAY, 7 * DAY) == NOW + 7 * DAY
    assert lifecycle.end_of_overlap(NOW, NOW + DAY, 7 * DAY) == NOW + 8 * DAY
    assert lifecycle.end_of_overlap(NOW, NOW, 7 * DAY, NOW + 2 * DAY) == NOW + 2 * DAY
    assert lifecycle.end_of_overlap(NOW, NOW, 7 * DAY, NOW + 9 * DAY) == NOW + 7 * DAY


@given(st.integers(0, 90 * 24), st.integers(0, 90 * 24), st.integers(0, 200))
def test_there_is_no_moment_of_a_rotation_without_a_key(starts, overlap, later):
    """Whenever the successor begins and however long the overlap is: at each moment one of the two works."""
    successor_from = NOW + starts * HOUR
    end = lifecycle.end_of_overlap(NOW, successor_from, overlap * HOUR)
    old = Life("active", NOW - DAY, end, succeeded=True)
    new = Life("active", successor_from)
    for moment in (NOW + later * HOUR, end, end - timedelta(seconds=1), successor_from):
        assert old.stage(moment).works or new.stage(moment).works


@pytest.mark.parametrize(
    ("text", "span"), [("0", 0 * DAY), ("90m", 1.5 * HOUR), ("12h", 12 * HOUR), ("7d", 7 * DAY), ("2w", 14 * DAY)]
)
def test_spans(text, span):
    assert lifecycle.parse_span(text) == span


@pytest.mark.parametrize("text", ["", "7", "-1d", "7 d", "1y", "91d", "9999999d", "d", "٧d"])
def test_what_is_no_span(text):
    with pytest.raises(ValueError, match=r"span of time|longer than"):
        lifecycle.parse_span(text)
