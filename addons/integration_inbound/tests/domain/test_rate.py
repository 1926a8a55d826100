"""The token bucket, and what the sender is told about it."""

from hypothesis import given
from hypothesis import strategies as st

from integration_inbound.domain.rate import Quota, RateLimiter


def test_a_window_may_be_used_at_once_and_no_more():
    limiter = RateLimiter()
    quotas = [limiter.take("ehr", per_window=3, now=100.0) for _ in range(4)]
    assert [quota.allowed for quota in quotas] == [True, True, True, False]
    assert [quota.remaining for quota in quotas] == [2, 1, 0, 0]
    assert quotas[3].retry_after == 20


def test_waiting_as_told_is_enough_and_a_refusal_costs_nothing():
    limiter = RateLimiter()
    for _ in range(3):
        limiter.take("ehr", per_window=3, now=0.0)
    for _ in range(10):
        refused = limiter.take("ehr", per_window=3, now=0.0)
    assert limiter.take("ehr", per_window=3, now=float(refused.retry_after)).allowed


def test_senders_do_not_share():
    limiter = RateLimiter()
    limiter.take("ehr", per_window=1, now=0.0)
    assert not limiter.take("ehr", per_window=1, now=0.0).allowed
    assert limiter.take("lab", per_window=1, now=0.0).allowed
    limiter.forget()
    assert limiter.take("ehr", per_window=1, now=0.0).allowed


def test_a_lowered_allowance_holds_at_once():
    limiter = RateLimiter()
    limiter.take("ehr", per_window=1000, now=0.0)
    assert limiter.take("ehr", per_window=2, now=0.0).remaining == 1


def test_headers():
    assert Quota(True, 60, 59, 1).headers() == {
        "RateLimit-Policy": '"default";q=60;w=60',
        "RateLimit": '"default";r=59;t=1',
    }
    assert Quota(False, 60, 0, 60, 7).headers()["Retry-After"] == "7"


@given(st.integers(1, 1000), st.lists(st.floats(0, 30), max_size=80))
def test_never_more_than_the_policy_says(per_window, gaps):
    limiter = RateLimiter()
    now, allowed = 0.0, 0
    for gap in gaps:
        now += gap
        quota = limiter.take("x", per_window=per_window, now=now)
        allowed += quota.allowed
        assert 0 <= quota.remaining <= per_window
        assert quota.allowed or quota.retry_after >= 1
    assert allowed <= per_window + now * per_window / 60 + 1


def test_a_request_that_is_judged_anew_is_counted_once():
    limiter = RateLimiter()
    assert limiter.take("ehr", per_window=1, now=0.0).allowed
    assert not limiter.take("ehr", per_window=1, now=0.0).allowed
    limiter.give_back("ehr")
    assert limiter.take("ehr", per_window=1, now=0.0).allowed


def test_a_changed_allowance_begins_with_a_full_window():
    limiter = RateLimiter()
    assert limiter.take("ehr", per_window=1, now=0.0).allowed
    assert limiter.take("ehr", per_window=6000, now=0.0).allowed
    assert not limiter.take("lab", per_window=1, now=0.0).remaining
