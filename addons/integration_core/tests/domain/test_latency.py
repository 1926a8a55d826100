"""Quantiles from slots: never further off than the slot is wide."""

import bisect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain.latency import Figures, figures, quantile

BOUNDS = (1, 2, 5, 10, 20, 50, 100)


def slots(values):
    counts = {}
    for value in values:
        slot = bisect.bisect_right(BOUNDS, value)
        counts[slot] = counts.get(slot, 0) + 1
    return counts


def test_nothing_counted_has_no_quantile():
    assert quantile({}, BOUNDS, 0.5) is None
    assert quantile({3: 0}, BOUNDS, 0.5) is None


def test_a_slot_is_spread_evenly():
    assert quantile({4: 100}, BOUNDS, 0.5) == 15.0
    assert quantile({4: 100}, BOUNDS, 0.95) == 19.5
    assert quantile({0: 10}, BOUNDS, 0.5) == 0.5


def test_slots_are_passed_in_their_order():
    counts = {6: 10, 2: 90}
    assert quantile(counts, BOUNDS, 0.9) == 5.0
    assert quantile(counts, BOUNDS, 0.95) == 75.0
    assert quantile(counts, BOUNDS, 1) == 100.0


def test_what_is_beyond_the_last_bound_is_at_least_that():
    assert quantile({7: 5}, BOUNDS, 0.5) == 100.0


@pytest.mark.parametrize(("counts", "share"), [({8: 1}, 0.5), ({-1: 1}, 0.5), ({1: 1}, 1.1), ({1: 1}, -0.1)])
def test_what_makes_no_sense_is_refused(counts, share):
    with pytest.raises(ValueError, match=r"slots|share"):
        quantile(counts, BOUNDS, share)


@given(st.lists(st.floats(0, 99.9), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_slot_of_the_true_one(values, share):
    ordered = sorted(values)
    place = max(0, -(-int(share * len(ordered) * 100) // 100) - 1)
    found = quantile(slots(values), BOUNDS, share)
    around = {bisect.bisect_right(BOUNDS, ordered[min(len(ordered) - 1, at)]) for at in (place, place + 1)}
    edges = (0.0, *BOUNDS)
    assert any(edges[slot] <= found <= edges[slot + 1] for slot in around)


def test_figures_of_a_span():
    got = figures({"applied": 90, "delivered": 5, "retry": 5}, {4: 100}, BOUNDS)
    assert (got.total, got.delivered, got.success_share) == (100, 100, 0.95)
    assert (got.p50, got.p95, got.p99) == (15.0, 19.5, 19.9)


def test_figures_of_a_quiet_span():
    got = figures({}, {}, BOUNDS)
    assert got == Figures()
    assert (got.total, got.success_share, got.p95) == (0, None, None)
