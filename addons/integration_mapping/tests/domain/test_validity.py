"""Days: both ends count, open ends are open, and a successor leaves exactly the days before it."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration_mapping.domain.validity import Span, SpanError, remainder

DAY = date(2026, 3, 1)
# How fast a busy machine draws examples says nothing about the rules.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
days = st.one_of(st.none(), st.integers(-30, 30).map(lambda n: DAY + timedelta(days=n)))


@st.composite
def spans(draw):
    first, last = draw(days), draw(days)
    if first and last and first > last:
        first, last = last, first
    return Span(first, last)


def every_day():
    return [DAY + timedelta(days=n) for n in range(-40, 41)]


def test_both_ends_count():
    span = Span(date(2026, 1, 1), date(2026, 12, 31))
    assert span.holds(date(2026, 1, 1))
    assert span.holds(date(2026, 12, 31))
    assert not span.holds(date(2025, 12, 31))
    assert not span.holds(date(2027, 1, 1))


def test_since_ever_reaches_the_first_day_there_is():
    assert Span().holds(date.min)
    assert Span().holds(date.max)


def test_a_span_does_not_run_backwards():
    with pytest.raises(SpanError):
        Span(date(2026, 1, 2), date(2026, 1, 1))


@patiently
@given(spans(), spans())
def test_overlap_means_a_shared_day(one, other):
    shared = any(one.holds(day) and other.holds(day) for day in every_day())
    assert one.overlaps(other) == other.overlaps(one) == shared


@patiently
@given(spans(), spans())
def test_what_is_left_are_the_days_before_the_successor(old, new):
    left = remainder(old, new)
    for day in every_day():
        before = new.first is not None and day < new.first
        assert (left is not None and left.holds(day)) == (old.holds(day) and before)


def test_nothing_is_left_of_what_is_succeeded_since_ever():
    assert remainder(Span(), Span(None, DAY)) is None
    assert remainder(Span(), Span(date.min, None)) is None
