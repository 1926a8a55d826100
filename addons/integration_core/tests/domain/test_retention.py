"""Rules of retention: one lane before all, and identities outlive events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import signing
from integration_core.domain.retention import BY_LANE, LANES, LEAST_DAYS, Rule, faults, lanes_of

SHIPPED = [
    Rule("payload", None, 30),
    Rule("payload", "bulk", 7),
    Rule("refused", None, 30),
    Rule("attempt", None, 90),
    Rule("event", None, 400),
    Rule("count", None, 400),
    Rule("key", None, 800),
    Rule("audit", None, 3650),
]


def test_message_identities_outlive_the_oldest_signature_that_may_be_accepted():
    """A copy as old as an approved setting allows, by a clock as far ahead as may be, is still known."""
    assert LEAST_DAYS["key"] * 86_400 > signing.MAX_PAST_TOLERANCE_S + signing.TOLERANCE_S
    assert [fault.code for fault in faults([Rule("key", None, LEAST_DAYS["key"] - 1)])] == ["too_short"]


def test_what_ships_is_safe():
    assert faults(SHIPPED) == []


def test_a_lane_of_its_own_goes_before_all():
    assert lanes_of(SHIPPED[0], SHIPPED) == ("critical", "normal")
    assert lanes_of(SHIPPED[1], SHIPPED) == ("bulk",)
    assert lanes_of(SHIPPED[2], SHIPPED) == LANES


@pytest.mark.parametrize("what", sorted(LEAST_DAYS))
def test_nothing_is_kept_for_less_than_it_needs(what):
    least = LEAST_DAYS[what]
    assert faults([Rule(what, None, least)]) == []
    [fault] = faults([Rule(what, None, least - 1)])
    assert (fault.code, fault.least) == ("too_short", least)


def test_identities_are_kept_for_longer_than_any_event():
    events = [Rule("event", None, 400), Rule("event", "critical", 500)]
    assert faults([*events, Rule("key", None, 501)]) == []
    [fault] = faults([*events, Rule("key", None, 500)])
    assert (fault.code, fault.least) == ("outlived", 501)


def test_nothing_is_kept_for_longer_than_the_audit_trail():
    others = [Rule("event", None, 400), Rule("receipt", None, 900)]
    assert faults([*others, Rule("audit", None, 900)]) == []
    [fault] = faults([*others, Rule("audit", None, 899)])
    assert (fault.code, fault.rule.what, fault.least) == ("unaudited", "audit", 900)


def test_only_some_kinds_know_their_lane():
    for what in LEAST_DAYS:
        codes = [fault.code for fault in faults([Rule(what, "bulk", 1000)])]
        assert codes == ([] if what in BY_LANE else ["no_lane"])


@given(st.lists(st.sampled_from(LANES), unique=True))
def test_every_lane_has_exactly_one_rule(special):
    rules = [Rule("payload", None, 30), *(Rule("payload", lane, 7) for lane in special)]
    decided = [lane for rule in rules for lane in lanes_of(rule, rules)]
    assert sorted(decided) == sorted(LANES)
