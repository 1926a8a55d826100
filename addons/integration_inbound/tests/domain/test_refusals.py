"""Counting refusals stays bounded, whatever is claimed, and loses nothing."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import signing
from integration_inbound.domain import refusals
from integration_inbound.domain.refusals import OTHERS, Count, RefusalLedger, Row, clean_claim, folded

NOON = datetime(2026, 11, 20, 12, 0, 5)
MINUTE = NOON.replace(second=0)
ROOM = refusals.ROWS_PER_MINUTE


def note(ledger, claimed="ehr", at=NOON, request_id="r", address="10.0.0.1", cause="no_match", known=False):
    ledger.note(cause, claimed=claimed, address=address, at=at, request_id=request_id, known=known)


def total(counts):
    return sum(count.times for count in counts.values())


def row(claimed, minute=MINUTE, cause="no_match", address="10.0.0.1"):
    return Row(minute, cause, claimed, address)


def test_counts_per_minute_cause_claim_and_address():
    ledger = RefusalLedger()
    note(ledger, request_id="1")
    note(ledger, request_id="2", at=NOON + timedelta(seconds=10))
    note(ledger, cause="too_old")
    note(ledger, at=NOON + timedelta(minutes=1))
    counts = ledger.take()
    assert len(counts) == 3
    assert counts[row("ehr")] == Count(2, NOON, NOON + timedelta(seconds=10), ["1", "2"])
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
    for number in range(ROOM + 50):
        note(ledger, claimed=f"name{number}")
    note(ledger, claimed="name0")
    counts = ledger.take()
    assert len(counts) == ROOM + 1
    assert counts[row(OTHERS, address=OTHERS)].times == 50
    assert total(counts) == ROOM + 51
    note(ledger, claimed="name0")
    note(ledger, claimed="another")
    assert set(ledger.take()) == {row("name0"), row(OTHERS, address=OTHERS)}
    note(ledger, claimed="later", at=NOON + timedelta(minutes=1))
    assert next(iter(ledger.take())).claimed == "later"


def test_invented_names_do_not_hide_a_registered_system():
    ledger = RefusalLedger()
    for number in range(ROOM + 50):
        note(ledger, claimed=f"name{number}")
    note(ledger, claimed="ehr", known=True)
    counts = ledger.take()
    assert row("ehr") in counts
    stored = [row(f"other{number}") for number in range(ROOM)]
    assert row("ehr") in folded(counts, stored, {"ehr"})


def test_of_several_processes_no_more_is_stored_than_of_one():
    stored = {}
    for process in range(4):
        ledger = RefusalLedger()
        note(ledger, claimed="name0-0")
        for number in range(1, ROOM):
            note(ledger, claimed=f"name{process}-{number}")
        stored_now = folded(ledger.take(), stored, set())
        for found, count in stored_now.items():
            stored[found] = stored.get(found, 0) + count.times
    assert len(stored) == ROOM + 1
    assert stored[row("name0-0")] == 4
    assert stored[row(OTHERS, address=OTHERS)] == 3 * (ROOM - 1)


def test_what_could_not_be_stored_is_counted_with_what_came_since():
    ledger = RefusalLedger()
    note(ledger, request_id="1")
    lost = ledger.take()
    note(ledger, request_id="2", at=NOON + timedelta(seconds=1))
    ledger.put_back(lost)
    assert ledger.take() == {row("ehr"): Count(2, NOON, NOON + timedelta(seconds=1), ["1", "2"])}


@pytest.mark.parametrize("tried", [True, False])
def test_memory_is_bounded_for_as_long_as_nothing_can_be_stored(tried):
    ledger = RefusalLedger()
    noted = 0
    for minute in range(60):
        for number in range(2 * ROOM):
            note(ledger, claimed=f"name{number}", at=NOON + timedelta(minutes=minute), known=bool(number % 2))
            noted += 1
        if tried:
            ledger.put_back(ledger.take())
    counts = ledger.take()
    assert len(counts) <= refusals.MAX_PENDING + len(refusals.CAUSES)
    assert total(counts) == noted
    assert max(count.last_at for count in counts.values()) == NOON + timedelta(minutes=59)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=80),
    st.sets(st.integers(0, 40), max_size=20),
)
def test_folding_keeps_every_count(noted, there):
    ledger = RefusalLedger()
    for number, known in noted:
        note(ledger, claimed=f"n{number}", known=known)
    counts = ledger.take()
    found = folded(counts, [row(f"n{number}") for number in there], {"n1", "n2"})
    assert total(found) == len(noted)


@given(st.text())
def test_claims_are_plain(text):
    cleaned = clean_claim(text)
    assert 1 <= len(cleaned) <= 64
    assert cleaned != OTHERS
    assert all(char.isascii() and (char.isalnum() or char in "_.:-?") for char in cleaned)


def test_every_cause_of_a_failed_verification_has_its_words():
    assert {cause.value for cause in signing.Cause} <= set(refusals.CAUSES)
    for cause in refusals.CAUSES.values():
        assert cause.title[0].isupper()
        assert cause.meaning.endswith(".")
        assert cause.remedy.endswith(".")
