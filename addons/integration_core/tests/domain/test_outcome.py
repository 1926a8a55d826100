"""The contract's table of receivers' answers."""

import pytest

from integration_core.domain.outcome import Outcome, TransportError, judge


@pytest.mark.parametrize("status", range(100, 700))
def test_every_status(status):
    verdict = judge(status=status)
    if 200 <= status < 300:
        expected = Outcome.DELIVERED
    elif status in (408, 425, 429) or status >= 500 or status < 200:
        expected = Outcome.RETRY
    elif status == 410:
        expected = Outcome.GONE
    elif 300 <= status < 400 or status in (401, 403, 404, 405):
        expected = Outcome.CONFIGURATION
    else:
        expected = Outcome.REJECTED
    assert verdict.outcome is expected
    assert verdict.code == (f"http_{status}" if 200 <= status < 600 else "bad_response")
    assert verdict.honours_retry_after == (status in (429, 503))
    assert verdict.counts_for_breaker == (expected is Outcome.RETRY)


CONFIGURATION = {"tls_trust", "tls_name", "egress_refused", "bad_url"}


@pytest.mark.parametrize("error", [error.value for error in TransportError])
def test_every_transport_error(error):
    verdict = judge(error=error)
    expected = Outcome.CONFIGURATION if error in CONFIGURATION else Outcome.RETRY
    assert (verdict.outcome, verdict.code) == (expected, error)
    # What this machine lacks says nothing about the receiver.
    assert verdict.counts_for_breaker == (expected is Outcome.RETRY and error != "sender_exhausted")


@pytest.mark.parametrize("error", [None, "", "never heard of"])
def test_an_unknown_failure_is_tried_again(error):
    assert (judge(error=error).outcome, judge(error=error).code) == (Outcome.RETRY, "network")
