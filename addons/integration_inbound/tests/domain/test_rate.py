"""Shares of one bucket: what processes admit together is what the bucket would, and senders are told the truth."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_inbound.domain import rate
from integration_inbound.domain.rate import Bucket, Quota, RateLimiter


class Common:
    """The bucket that all simulated processes ask, and a clock."""

    def __init__(self, per_window, *, full=True, now=0.0):
        self.now = now
        self.bucket = Bucket(per_window, float(per_window) if full else 0.0, now)
        self.asked = 0
        self.away = False

    def ask(self, question):
        self.asked += 1
        return None if self.away else self.bucket.answer(question, self.now)


def take(limiter, common, per_window, now=None, key="ehr"):
    common.now = common.now if now is None else now
    return limiter.take(key, per_window=per_window, now=common.now, ask=common.ask)


def test_a_window_may_be_used_at_once_and_no_more():
    limiter, common = RateLimiter(), Common(3)
    quotas = [take(limiter, common, 3) for _ in range(4)]
    assert [quota.allowed for quota in quotas] == [True, True, True, False]
    assert [quota.remaining for quota in quotas] == [2, 1, 0, 0]
    assert quotas[3].retry_after == 20


def test_waiting_as_told_is_enough_and_a_refusal_costs_nothing():
    limiter, common = RateLimiter(), Common(3)
    for _ in range(3):
        take(limiter, common, 3)
    for _ in range(10):
        refused = take(limiter, common, 3)
    assert take(limiter, common, 3, float(refused.retry_after)).allowed


def test_senders_do_not_share():
    limiter, common, other = RateLimiter(), Common(1), Common(1)
    take(limiter, common, 1)
    assert not take(limiter, common, 1).allowed
    assert take(limiter, other, 1, key="lab").allowed


def test_processes_share():
    common = Common(100)
    limiters = [RateLimiter() for _ in range(4)]
    allowed = sum(take(limiter, common, 100).allowed for _ in range(50) for limiter in limiters)
    assert allowed == 100


def test_a_changed_allowance_is_used_up_to_the_same_part():
    limiter, common = RateLimiter(), Common(100)
    assert all(take(limiter, common, 100).allowed for _ in range(50))
    assert take(limiter, common, 6000).remaining == pytest.approx(3000, abs=61)
    assert take(limiter, common, 2).remaining == 0
    assert not take(limiter, common, 2).allowed


def test_to_change_the_allowance_to_and_fro_gives_nothing():
    limiter, common = RateLimiter(), Common(1)
    assert take(limiter, common, 1).allowed
    assert not any(take(limiter, common, per_window).allowed for per_window in (1, 6000, 1, 10, 1))
    assert take(limiter, common, 6000, 0.02).allowed


def test_a_request_that_is_judged_anew_is_counted_once():
    limiter, common = RateLimiter(), Common(1)
    assert take(limiter, common, 1).allowed
    assert not take(limiter, common, 1).allowed
    limiter.give_back("ehr")
    limiter.give_back("nobody")
    assert take(limiter, common, 1).allowed


def test_the_bucket_is_asked_about_once_a_second():
    """At the full rate of its allowance, by one process; more processes ask less often each."""
    limiter, common = RateLimiter(), Common(6000, full=False)
    common.bucket.tokens = 1000.0
    for number in range(1000):  # a hundred a second for ten seconds
        assert take(limiter, common, 6000, number / 100).allowed
    assert common.asked <= 17


def test_refused_senders_do_not_make_the_bucket_a_hot_row():
    limiter, common = RateLimiter(), Common(600, full=False)
    for number in range(10_000):
        take(limiter, common, 600, number / 1000)
    assert common.asked <= 10 / rate.ASK_S + 1


def test_a_slow_sender_asks_seldom_and_what_is_left_goes_back():
    limiter, common = RateLimiter(), Common(6000, full=False)
    common.bucket.tokens = 100.0
    for number in range(10):
        assert take(limiter, common, 6000, float(number)).allowed
    assert common.asked == 1
    take(limiter, common, 6000, rate.SHARE_S + 1)
    assert common.asked == 2
    # Sixty of a hundred were taken, ten of them used; then eleven seconds filled in, and sixty were taken again.
    assert common.bucket.tokens == pytest.approx(100 - 60 + 50 + 1100 - 60)


def test_headers():
    assert Quota(True, 60, 59, 1).headers() == {
        "RateLimit-Policy": '"default";q=60;w=60',
        "RateLimit": '"default";r=59;t=1',
    }
    assert Quota(False, 60, 0, 60, 7).headers()["Retry-After"] == "7"


def test_what_is_told_fits_what_follows():
    """With one process: ``remaining`` requests pass at once, and the next one does not."""
    limiter, common = RateLimiter(), Common(500)
    for _ in range(123):
        quota = take(limiter, common, 500)
    assert quota.remaining == 500 - 123
    assert all(take(limiter, common, 500).allowed for _ in range(quota.remaining))
    assert not take(limiter, common, 500).allowed


def test_while_the_bucket_is_away_a_process_counts_for_itself():
    limiter, common = RateLimiter(), Common(600)
    common.away = True
    allowed = sum(take(limiter, common, 600, number / 100).allowed for number in range(6000))
    assert 600 <= allowed <= 610
    common.away = False
    assert take(limiter, common, 600, 61.0).allowed
    assert common.bucket.tokens < 600


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
@pytest.mark.parametrize("per_window", [60, 300, 6000])
@pytest.mark.parametrize("even", [True, False])
def test_within_ten_percent_over_ten_seconds(processes, per_window, even):
    """Senders that want too much, from a full bucket and later: every ten seconds hold what one bucket would give."""
    common = Common(per_window)
    limiters = [RateLimiter() for _ in range(processes)]
    rng = random.Random(7)
    weights = [1.0] * processes if even else [1.0 / (number + 1) for number in range(processes)]
    step = 60 / per_window / 12  # twelve times as fast as allowed: the full bucket is empty within ten seconds
    admitted = []
    for number in range(int(40 / step)):
        (limiter,) = rng.choices(limiters, weights)
        if take(limiter, common, per_window, number * step).allowed:
            admitted.append(number * step)
    first = sum(at < 10 for at in admitted)
    one_bucket = per_window + 10 * per_window / 60
    assert first == pytest.approx(one_bucket, rel=0.1)
    for begin in range(10, 30):
        held = sum(begin <= at < begin + 10 for at in admitted)
        assert held == pytest.approx(10 * per_window / 60, rel=0.1, abs=1)


@given(
    st.integers(1, 5000),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 30), st.integers(1, 40)), max_size=60),
)
def test_never_more_than_the_policy_says(per_window, bursts):
    limiters, common = [RateLimiter() for _ in range(4)], Common(per_window)
    now, allowed = 0.0, 0
    for process, gap, count in bursts:
        now += gap
        for _ in range(count):
            quota = take(limiters[process], common, per_window, now)
            allowed += quota.allowed
            assert 0 <= quota.remaining <= per_window
            assert quota.reset >= 0
            assert quota.allowed or quota.retry_after >= 1
    unused = 4 * max(1, per_window * rate.SHARE + 1)  # shares that came back to a bucket that was full already
    assert allowed <= per_window + now * per_window / 60 + unused


@given(st.integers(1, 5000), st.lists(st.tuples(st.floats(0, 90), st.integers(1, 50), st.integers(0, 50)), max_size=50))
def test_the_bucket_keeps_its_bounds(per_window, questions):
    bucket = Bucket(per_window, float(per_window), 0.0)
    now = 0.0
    for gap, want, back in questions:
        now += gap
        answer = bucket.answer(rate.Question(per_window, want, back), now)
        assert 0 <= answer.granted <= want
        assert 0 <= answer.left <= per_window


def test_a_clock_that_goes_back_gives_nothing():
    bucket = Bucket(60, 0.0, 100.0)
    assert bucket.answer(rate.Question(60, 1, 0), 50.0) == rate.Answer(0, 0.0)
    assert bucket.answer(rate.Question(60, 5, 0), 101.0) == rate.Answer(1, 0.0)


def test_threads_of_one_process_take_no_token_twice():
    limiter, common = RateLimiter(), Common(500)
    with ThreadPoolExecutor(8) as pool:
        allowed = sum(quota.allowed for quota in pool.map(lambda _: take(limiter, common, 500), range(1000)))
    assert allowed == 500
