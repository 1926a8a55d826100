from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import approval
from integration_core.domain.approval import Change, Decision, Delegation, Standing

NOW = datetime(2026, 11, 27, 12, 0)
ANN, BOB, DAN, EVE = 1, 2, 3, 4


def standing(person, approvers, *delegations, enforced=None):
    enforced = len(approvers) >= 2 if enforced is None else enforced
    return Standing(person, frozenset(approvers), enforced, delegations)


@pytest.mark.parametrize(
    ("authors", "found", "decision"),
    [
        ({ANN}, standing(BOB, {ANN, BOB}), Decision.APPROVED),
        ({ANN}, standing(BOB, {BOB}), Decision.APPROVED),
        ({ANN}, standing(ANN, {ANN}), Decision.SELF_APPROVED),
        ({ANN}, standing(ANN, {ANN}, enforced=True), Decision.REFUSED_AUTHOR),
        ({ANN}, standing(ANN, {ANN, BOB}), Decision.REFUSED_AUTHOR),
        ({ANN, BOB}, standing(BOB, {ANN, BOB}), Decision.REFUSED_AUTHOR),
        ({ANN}, standing(BOB, {ANN}), Decision.REFUSED_NOT_APPROVER),
        ({ANN}, standing(ANN, ()), Decision.REFUSED_NOT_APPROVER),
        ({ANN}, standing(ANN, {BOB, DAN}), Decision.REFUSED_NOT_APPROVER),
    ],
)
def test_who_approves(authors, found, decision):
    ruling = approval.decide(found, authors=authors)
    assert ruling.decision is decision
    assert ruling.delegation is None
    assert ruling.allowed == (decision in (Decision.APPROVED, Decision.SELF_APPROVED))


@pytest.mark.parametrize(
    ("authors", "decision"),
    [
        ({EVE}, Decision.APPROVED),
        ({DAN}, Decision.REFUSED_AUTHOR),  # the delegate
        ({BOB}, Decision.REFUSED_AUTHOR),  # whom the delegate decides for
        ({ANN}, Decision.REFUSED_AUTHOR),  # who made the delegation
        ({EVE, BOB}, Decision.REFUSED_AUTHOR),
    ],
)
def test_a_delegate_decides_nothing_that_those_behind_it_prepared(authors, decision):
    one = Delegation(7, BOB, ANN)
    ruling = approval.decide(standing(DAN, {ANN, BOB}, one), authors=authors)
    assert ruling.decision is decision
    assert ruling.delegation == (one if ruling.allowed else None)


def test_a_delegation_is_worth_nothing_once_the_delegator_has_lost_the_role():
    one = Delegation(7, BOB, BOB)
    assert approval.decide(standing(DAN, {ANN}, one), authors={EVE}).decision is Decision.REFUSED_NOT_APPROVER


def test_another_delegation_helps_where_the_first_does_not():
    first, second = Delegation(7, BOB, BOB), Delegation(8, EVE, EVE)
    ruling = approval.decide(standing(DAN, {BOB, EVE}, first, second), authors={BOB})
    assert (ruling.decision, ruling.delegation) == (Decision.APPROVED, second)


def test_an_approver_decides_in_their_own_right():
    ruling = approval.decide(standing(ANN, {ANN, BOB}, Delegation(7, BOB, BOB)), authors={EVE})
    assert ruling.delegation is None


@given(
    st.sets(st.integers(1, 5)),
    st.sets(st.integers(1, 5), min_size=1),
    st.integers(1, 5),
    st.lists(st.builds(Delegation, st.integers(1, 9), st.integers(1, 5), st.integers(1, 5)), max_size=3),
)
def test_once_enforced_nobody_approves_what_they_had_a_hand_in(approvers, authors, person, delegations):
    ruling = approval.decide(Standing(person, frozenset(approvers), True, tuple(delegations)), authors=authors)
    if ruling.allowed:
        assert person not in authors
        entitled = ruling.delegation.delegator if ruling.delegation else person
        assert entitled in approvers
        assert entitled not in authors


@pytest.mark.parametrize(
    ("holders", "known", "since", "enforced"),
    [
        (2, 2, None, True),
        (1, 1, None, False),
        (1, 2, None, True),  # the fall was not noted yet
        (1, 1, timedelta(days=6, hours=23), True),
        (1, 1, timedelta(days=7), False),
        (0, 0, None, False),
    ],
)
def test_the_rule_outlives_the_second_approver_by_a_week(holders, known, since, enforced):
    two_at = NOW - since if since else None
    assert approval.is_enforced(holders=holders, known=known, two_at=two_at, now=NOW) is enforced


class TestChanges:
    def test_only_what_differs(self):
        old = {"url": "https://a.example", "company": "North", "note": "x"}
        new = {"url": "https://b.example", "company": "North", "note": ""}
        url = Change("url", "https://a.example", "https://b.example")
        assert approval.changes(old, new) == [url, Change("note", "x", "")]

    def test_all_of_it_the_first_time(self):
        assert approval.changes(None, {"url": "u", "empty": ""}) == [Change("url", "", "u")]

    def test_of_long_texts_the_lines_that_differ(self):
        old, new = "{\n a\n b\n}", "{\n a\n c\n d\n}"
        assert approval.changes({"schema": old}, {"schema": new}) == [Change("schema", " b", " c\n d")]

    @given(st.text(max_size=5000))
    def test_what_is_shown_is_short(self, text):
        shown = approval.clip(text)
        assert len(shown) <= approval.MAX_TEXT + 2
        assert len(shown.splitlines()) <= approval.MAX_LINES

    def test_clipped_texts_say_so(self):
        assert approval.clip("short") == "short"
        assert approval.clip("x" * 3000).endswith("x …")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://erp.example.org:8443/in", "https://erp.example.org:8443/in"),
        ("https://me:secret@erp.example.org/in", "https://…@erp.example.org/in"),
        ("https://erp.example.org/in?token=secret&v=2", "https://erp.example.org/in?token=…&v=…"),
        ("https://erp.example.org/in?secret", "https://erp.example.org/in?…"),
        ("https://erp.example.org/in#secret", "https://erp.example.org/in"),
        ("https://[secret/in", "…"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert approval.public_url(url) == shown
    assert "secret" not in approval.public_url(url)
