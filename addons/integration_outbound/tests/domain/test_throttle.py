"""The rate limit of one endpoint: never more than its rate, hardly less, and shared by however many processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_outbound.domain.throttle import TokenBucket

RATES = st.floats(0.5, 60_000)
SHARES = st.integers(1, 40).map(lambda processes: 1 / processes)
STEPS = st.lists(st.tuples(st.floats(0, 20), st.integers(0, 500)), min_size=1, max_size=60)


@given(RATES, SHARES, STEPS)
def test_never_more_than_the_rate_over_any_stretch_of_time(rate, share, steps):
    bucket, now, taken = TokenBucket(rate, share=share, now=100.0), 100.0, []
    for pause, wanted in steps:
        now += pause
        taken.append((now, bucket.take(wanted, now)))
    for first in range(len(taken)):
        total = 0
        for moment, number in taken[first:]:
            total += number
            allowed = rate * share / 60 * (moment - taken[first][0]) + bucket.burst
            assert total <= allowed * (1 + 1e-6) + 1e-6


@given(st.floats(30, 6_000), st.integers(1, 8), st.floats(0.05, 0.9))
def test_all_processes_together_send_at_the_rate(rate, processes, beat):
    buckets = [TokenBucket(rate, share=1 / processes, now=0.0) for _process in range(processes)]
    minutes, sent, now = 2, 0, 0.0
    while now < 60 * minutes:
        now += beat
        sent += sum(bucket.take(100_000, now) for bucket in buckets)
    assert rate * minutes * 0.9 - processes <= sent <= rate * (minutes + beat / 60) * 1.1


@given(RATES, SHARES, st.floats(0, 1e6))
def test_the_wait_is_just_long_enough(rate, share, start):
    bucket = TokenBucket(rate, share=share, now=start)
    bucket.take(10**9, start)
    wait = bucket.wait(start)
    assert 0 < wait <= 60 / (rate * share) * (1 + 1e-9)
    early = start + wait * 0.9
    assert bucket.take(1, early) == 0
    late = start + wait * (1 + 1e-6) + 1e-6
    assert bucket.wait(late) == 0
    assert bucket.take(1, late) == 1


def test_a_pause_saves_up_no_more_than_one_and_a_second():
    bucket = TokenBucket(600, now=0.0)
    assert bucket.take(100, 3600.0) == 11
    slow = TokenBucket(6, now=0.0)
    assert slow.take(100, 3600.0) == 1


def test_the_first_message_of_a_lone_process_goes_at_once_and_of_many_none():
    assert TokenBucket(6, now=5.0).take(1, 5.0) == 1
    assert TokenBucket(6, share=0.5, now=5.0).take(1, 5.0) == 0


def test_another_share_counts_from_its_moment():
    bucket = TokenBucket(600, share=1.0, now=0.0)
    bucket.take(100, 0.0)
    bucket.change(600, share=0.5, now=0.5)  # 5 tokens by now
    assert bucket.available(0.5) == 5
    assert bucket.available(0.71) == 6
    assert bucket.available(5.0) == 6  # the smaller share holds no more than one and a second of itself
    assert bucket.take(9, 5.0) == 6
    assert bucket.wait(5.0) == pytest.approx(0.2)
    bucket.change(6000, share=1.0, now=5.0)
    assert bucket.wait(5.0) == pytest.approx(0.01)


def test_unused_tokens_come_back_once():
    bucket = TokenBucket(600, now=0.0)
    assert bucket.take(100, 1.0) == 11
    bucket.put_back(4)
    bucket.put_back(-4)
    assert bucket.available(1.0) == 4
    bucket.put_back(1000)
    assert bucket.available(1.0) == 11


def test_nothing_is_taken_for_nothing_and_a_clock_that_goes_back_gives_nothing():
    bucket = TokenBucket(60, now=10.0)
    assert bucket.take(0, 10.0) == bucket.take(-3, 10.0) == 0
    assert bucket.take(5, 10.0) == 1
    assert bucket.take(1, 3.0) == 0
    assert bucket.take(1, 10.5) == 0
    assert bucket.take(1, 11.0) == 1


@pytest.mark.parametrize(
    ("rate", "share"), [(0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (60, 0), (60, 1.1), (60, float("nan"))]
)
def test_impossible_rates(rate, share):
    with pytest.raises(ValueError, match="rate"):
        TokenBucket(rate, share=share, now=0.0)
    bucket = TokenBucket(60, now=0.0)
    with pytest.raises(ValueError, match="share"):
        bucket.change(rate, share=share, now=1.0)
    assert bucket.take(1, 0.0) == 1
