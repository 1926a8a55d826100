"""Who may approve what matters: somebody other than its author, as soon as there are two who could."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final

MIN_APPROVERS: Final = 2
"""From this many users with the approving role on, nobody approves their own work."""


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


def decide(*, author: int, approver: int, approvers: Collection[int]) -> Decision:
    """Judge an approval. ``approvers`` are the ids of all active users who hold the approving role.

    An author alone in that role approves their own work, which is marked as such, because a small installation must
    be able to begin.
    """
    holders = set(approvers)
    if approver not in holders:
        return Decision.REFUSED_NOT_APPROVER
    if approver != author:
        return Decision.APPROVED
    return Decision.REFUSED_AUTHOR if len(holders) >= MIN_APPROVERS else Decision.SELF_APPROVED
