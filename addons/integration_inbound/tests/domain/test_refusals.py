"""Counting refusals stays bounded, whatever is claimed."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integration_inbound.domain import refusals
from integration_inbound.domain.refusals import OTHERS, RefusalLedger, Row, clean_claim

NOON = datetime(2026, 11, 20, 12, 0, 5)


def note(ledger, claimed="ehr", at=NOON, request_id="r", address="10.0.0.1", cause="no_match"):
    ledger.note(cause, claimed=claimed, address=address, at=at, request_id=request_id)


def test_counts_per_minute_cause_claim_and_address():
    ledger = RefusalLedger()
    note(ledger, request_id="1")
    note(ledger, request_id="2", at=NOON + timedelta(seconds=10))
    note(ledger, cause="too_old")
    note(ledger, at=NOON + timedelta(minutes=1))
    counts = ledger.take()
    assert len(counts) == 3
    first = counts[Row(NOON.replace(second=0), "no_match", "ehr", "10.0.0.1")]
    assert (first.times, first.last_at, first.request_ids) == (2, NOON + timedelta(seconds=10), ["1", "2"])
    assert ledger.take() == {}


def test_request_ids_are_the_newest_few():
    ledger = RefusalLedger()
    for number in range(100):
        note(ledger, request_id=str(number))
    (count,) = ledger.take().values()
    assert count.times == 100
    assert count.request_ids == [str(number) for number in range(80, 100)]


def test_too_many_different_ones_are_counted_together_until_the_next_minute():
    ledger = RefusalLedger()
    for number in range(refusals.MAX_NEW_PER_MINUTE + 50):
        note(ledger, claimed=f"name{number}")
    note(ledger, claimed="name0")
    counts = ledger.take()
    assert len(counts) == refusals.MAX_NEW_PER_MINUTE + 1
    others = counts[Row(NOON.replace(second=0), "no_match", OTHERS, OTHERS)]
    assert others.times == 50
    assert sum(count.times for count in counts.values()) == refusals.MAX_NEW_PER_MINUTE + 51
    note(ledger, claimed="later", at=NOON + timedelta(minutes=1))
    assert next(iter(ledger.take())).claimed == "later"


@given(st.text())
def test_claims_are_plain(text):
    cleaned = clean_claim(text)
    assert 1 <= len(cleaned) <= 64
    assert all(char.isascii() and (char.isalnum() or char in "_.:-?") for char in cleaned)
