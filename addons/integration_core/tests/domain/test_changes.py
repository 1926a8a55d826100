"""What the audit trail says of a change, and that failed logins are counted."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import changes, logins
from integration_core.domain.changes import Told
from integration_core.domain.logins import Failure, FailureLedger


def test_old_and_new():
    before = {"rate": Told("6000"), "name": Told("EMR"), "types": Told(frozenset({"a (1)", "b (2)"}))}
    after = {"rate": Told("600"), "name": Told("EMR"), "types": Told(frozenset({"b (2)", "c (3)"}))}
    assert changes.changed(before, after) == "rate: 6000 → 600; types: +c (3), -a (1)"
    assert changes.changed({"note": Told("")}, {"note": Told("x")}) == "note: - → x"
    assert changes.changed({"note": Told("x")}, {"note": Told("")}) == "note: x → -"
    assert changes.changed(before, before) == ""


@given(st.text(min_size=3, alphabet="XYZ"), st.text(min_size=3, alphabet="UVW"))
def test_what_is_hidden_is_never_told(old, new):
    told = changes.changed({"note": Told(old, hidden=True)}, {"note": Told(new, hidden=True)})
    assert told == "note: changed"
    assert changes.begun({"note": Told(new, hidden=True)}) == "note: changed"


def test_what_a_record_begins_with():
    values = {"code": Told("emr"), "empty": Told(""), "none": Told(frozenset()), "types": Told(frozenset({"a"}))}
    assert changes.begun(values) == "code: emr; types: +a"


@given(st.text(max_size=5000), st.integers(1, 60))
def test_nothing_grows_without_bound(text, count):
    told = changes.begun({f"f{one}": Told(text) for one in range(count)})
    assert len(told) <= changes.DETAIL_LENGTH
    assert "\n" not in told


FAILURE = Failure(datetime(2026, 11, 27), 7, "Ada", "ada", 1, "Clinic", "10.0.0.1", "password")


def test_failures_are_counted_once_taken_and_put_back():
    ledger = FailureLedger()
    ledger.note(FAILURE)
    ledger.note(FAILURE)
    ledger.note(replace(FAILURE, address="10.0.0.2"))
    taken = ledger.take()
    assert sorted(taken.values()) == [1, 2]
    assert not ledger.take()
    ledger.put_back(taken)
    ledger.note(FAILURE)
    assert ledger.take()[FAILURE] == 3


def test_a_flood_takes_bounded_memory():
    ledger = FailureLedger()
    for one in range(logins.MOST + 10):
        ledger.note(replace(FAILURE, address=str(one)))
    ledger.note(replace(FAILURE, address="0"))
    taken = ledger.take()
    assert len(taken) == logins.MOST
    assert taken[replace(FAILURE, address="0")] == 2
