"""Who gets which events: what is known by heart, and for how long."""

import json
from datetime import date, datetime, timedelta, timezone

import pytest

from integration_core.domain import audience
from integration_core.domain.audience import NOBODY, Answer, Audience, Kind, KnownType, Recipients
from integration_core.domain.sender import Recipient

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
KIND = Kind(1, 1, "live", None, "")
SOMEBODY = Recipients.of([Recipient(7, "handler", 1, None), Recipient(9, "endpoint", 0, True)])


def known(until=None, kind=KIND):
    one = Audience("s", {})
    one.remember(kind, Answer(SOMEBODY, NOW, until))
    return one


def test_both_forms_say_the_same():
    assert SOMEBODY.columns == ([7, 9], ["handler", "endpoint"], [1, 0], [False, True])
    assert [tuple(row.values()) for row in json.loads(SOMEBODY.rows)] == [
        (7, "handler", 1, None),
        (9, "endpoint", 0, True),
    ]
    assert NOBODY == (([], [], [], []), "[]")


def test_what_was_looked_up_is_known_from_then_on():
    assert known().recipients(KIND, NOW) is SOMEBODY
    assert known().recipients(KIND, NOW + timedelta(days=900)) is SOMEBODY


@pytest.mark.parametrize(
    "changes", [{"event_type_id": 2}, {"company_id": 2}, {"mode": "test"}, {"origin_system_id": 1}, {"facets": "{}"}]
)
def test_another_kind_of_event_is_looked_up(changes):
    assert known().recipients(KIND._replace(**changes), NOW) is None


def test_an_event_of_a_transaction_that_began_earlier_is_looked_up():
    assert known().recipients(KIND, NOW - SECOND) is None


def test_it_is_looked_up_again_from_the_moment_at_which_it_may_change():
    one = known(until=NOW + SECOND)
    assert one.recipients(KIND, NOW) is SOMEBODY
    assert one.recipients(KIND, NOW + SECOND) is None


@pytest.mark.parametrize("until", [NOW, datetime.min.replace(tzinfo=timezone.utc)])
def test_what_holds_for_one_event_alone_is_not_kept(until):
    assert known(until=until).recipients(KIND, NOW) is None


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(audience, "MAX_KNOWN", 2)
    one = known()
    for number in (2, 3):
        one.remember(KIND._replace(company_id=number), Answer(NOBODY, NOW, None))
    assert one.recipients(KIND, NOW) is None
    assert one.recipients(KIND._replace(company_id=3), NOW) is NOBODY


@pytest.mark.parametrize(
    ("sunset", "found"), [(None, 5), (date(2026, 11, 21), 5), (date(2026, 11, 20), None), (date(2026, 11, 19), None)]
)
def test_a_type_is_refused_from_its_sunset_on(sunset, found):
    assert Audience("s", {"t": KnownType(5, sunset)}).type_id("t", date(2026, 11, 20)) == found
    assert Audience("s", {}).type_id("t", date(2026, 11, 20)) is None
