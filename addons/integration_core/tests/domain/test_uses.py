"""The last use of a key: noted for every message, stored once a minute."""

from datetime import datetime, timedelta

from integration_core.domain.uses import KeyUses

NOON = datetime(2026, 11, 20, 12, 0, 5)


def test_a_use_is_stored_once_a_minute_and_key():
    uses = KeyUses()
    told = [uses.note("key_a", NOON + timedelta(seconds=second)) for second in range(0, 130, 10)]
    assert [index for index, is_told in enumerate(told) if is_told] == [0, 6, 12]
    assert uses.note("key_b", NOON)
    assert uses.take() == {"key_a": NOON + timedelta(seconds=120), "key_b": NOON}
    assert uses.take() == {}


def test_what_could_not_be_stored_stays_and_gives_way_to_a_later_use():
    uses = KeyUses()
    uses.note("key_a", NOON)
    uses.note("key_b", NOON)
    lost = uses.take()
    uses.note("key_a", NOON + timedelta(minutes=2))
    uses.put_back(lost)
    assert uses.take() == {"key_a": NOON + timedelta(minutes=2), "key_b": NOON}
