"""Certificates of removal: which rows of which company, and a digest that any change of a row changes."""

from datetime import datetime, timedelta

import pytest

from integration_core.domain.removal import IDENTITY, Removed, batches, digest

NOW = datetime(2026, 11, 27, 12)


def row(number, company=1, days=0, identity=("uuid", "digest")):
    return Removed(number, company, NOW - timedelta(days=days), identity)


def test_one_batch_for_each_company():
    one, none = batches("event", [row(7, days=3), row(3, days=9), row(4), row(9, company=None)])
    assert (one.company, one.count, one.row_ids) == (1, 3, "3-4,7")
    assert (one.first_id, one.last_id) == (3, 7)
    assert (one.first_at, one.last_at) == (NOW - timedelta(days=9), NOW)
    assert (none.company, none.row_ids) == (None, "9")
    assert one.digest == digest("event", [(4, "uuid", "digest"), (7, "uuid", "digest"), (3, "uuid", "digest")])


def test_any_change_changes_the_digest():
    whole = [(1, "a", "b"), (2, "c", None)]
    others = [
        whole[:1],
        [(1, "a", "b"), (2, "c", "")],
        [(1, "ab", ""), (2, "c", None)],
        [(1, "a", "b"), (3, "c", None)],
        [(1, "c", "b"), (2, "a", None)],
    ]
    digests = {digest("event", rows) for rows in [whole, *others]} | {digest("payload", whole)}
    assert len(digests) == len(others) + 2


def test_a_known_digest():
    """As the program in docs/retention.md makes it."""
    assert digest("event", [(1, "u", None)]) == "ea5a34cbb4bfad363ff89dba229259f42b826ba2dd55505fc229bb189ea4e774"


@pytest.mark.parametrize("what", sorted(IDENTITY))
def test_an_identity_begins_with_its_id(what):
    assert IDENTITY[what][0] in ("id", "event_id", "refused_id")
