"""Who may approve what matters: somebody other than its author, as soon as there are two who could."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

MIN_APPROVERS: Final = 2
"""From this many users with the approving role on, nobody approves their own work."""
MEMORY: Final = timedelta(days=7)
"""For how long that stays so after the last moment at which there were as many: whoever takes the second approver away
gains nothing by it at once. A constant, because a setting could be changed by the same person."""
MAX_LINES: Final = 40
MAX_TEXT: Final = 2000
"""The most of one text that a request shows, in lines and characters; the record itself has the whole."""


class Decision(str, Enum):
    """The answer to 'may this person approve this?'."""

    APPROVED = "approved"
    SELF_APPROVED = "self_approved"
    REFUSED_AUTHOR = "refused_author"
    REFUSED_NOT_APPROVER = "refused_not_approver"

    @property
    def allowed(self) -> bool:
        """Whether the approval stands."""
        return self in (Decision.APPROVED, Decision.SELF_APPROVED)


@dataclass(frozen=True, slots=True)
class Delegation:
    """That somebody decides for an approver who is away. Ids of users; ``entered_by`` is who made the entry."""

    id: int
    delegator: int
    entered_by: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What one person may decide in one approving role, whatever the record is.

    ``approvers`` are the ids of all active users who hold the role, ``enforced`` tells whether nobody approves their
    own work, ``delegations`` are those to this person that hold now.
    """

    person: int
    approvers: frozenset[int]
    enforced: bool
    delegations: tuple[Delegation, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision, and under which delegation it is made."""

    decision: Decision
    delegation: Delegation | None = None

    @property
    def allowed(self) -> bool:
        """Whether the approval stands."""
        return self.decision.allowed


def is_enforced(*, holders: int, known: int, two_at: datetime | None, now: datetime) -> bool:
    """Tell whether nobody approves their own work.

    ``holders`` is how many hold the role now, ``known`` how many held it when that was last noted, ``two_at`` the last
    moment at which there are known to have been two (naive UTC, as ``now``).
    """
    if max(holders, known) >= MIN_APPROVERS:
        return True
    return two_at is not None and now < two_at + MEMORY


def decide(standing: Standing, *, authors: Collection[int]) -> Ruling:
    """Judge an approval of what ``authors`` have prepared.

    An author alone in the role approves their own work, which is marked as such, because a small installation must be
    able to begin. A delegate decides only what the delegator could: nothing that either of them, or whoever entered the
    delegation, has prepared. There are no chains: the delegator holds the role.
    """
    person = standing.person
    if person in standing.approvers:
        if person not in authors:
            return Ruling(Decision.APPROVED)
        return Ruling(Decision.REFUSED_AUTHOR if standing.enforced else Decision.SELF_APPROVED)
    held = [one for one in standing.delegations if one.delegator in standing.approvers]
    for one in held:
        if not {person, one.delegator, one.entered_by} & set(authors):
            return Ruling(Decision.APPROVED, one)
    return Ruling(Decision.REFUSED_AUTHOR if held else Decision.REFUSED_NOT_APPROVER)


@dataclass(frozen=True, slots=True)
class Change:
    """What a request would change: a field's name and its texts before and after."""

    name: str
    old: str
    new: str


def changes(old: Mapping[str, str] | None, new: Mapping[str, str]) -> list[Change]:
    """Return what differs between what was last approved and what is asked for; all of it, if nothing was."""
    found = []
    for name, after in new.items():
        before = (old or {}).get(name, "")
        if before == after:
            continue
        shown = differing_lines(before, after) if "\n" in before or "\n" in after else (before, after)
        found.append(Change(name, clip(shown[0]), clip(shown[1])))
    return found


def differing_lines(old: str, new: str) -> tuple[str, str]:
    r"""Return the lines that are only in the one, and those only in the other text.

    >>> differing_lines("a\nb\nc", "a\nx\nc")
    ('b', 'x')
    """
    before, after = old.splitlines(), new.splitlines()
    gone: list[str] = []
    come: list[str] = []
    for tag, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            gone += before[first:last]
            come += after[start:end]
    return "\n".join(gone), "\n".join(come)


def clip(text: str) -> str:
    """Return the text as far as a request shows it, with an ellipsis where something is left out."""
    lines = text.splitlines()
    shown = "\n".join(lines[:MAX_LINES])[:MAX_TEXT]
    return shown if shown == "\n".join(lines) else shown + " …"


_QUERY_VALUE = re.compile(r"=[^&]*")


def public_url(url: str) -> str:
    """Return an address without what may be secret in it: a password, and the values of its query.

    >>> public_url("https://me:pw@erp.example.org/in?token=abc&v=2")
    'https://…@erp.example.org/in?token=…&v=…'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    place = parts.netloc.rpartition("@")
    netloc = f"…@{place[2]}" if place[1] else parts.netloc
    query = _QUERY_VALUE.sub("=…", parts.query) if "=" in parts.query else "…" if parts.query else ""
    return parts._replace(netloc=netloc, query=query, fragment="").geturl()
