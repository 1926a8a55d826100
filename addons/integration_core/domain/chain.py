"""Correlation and causation: one business flow from the first clinical event to the last delivery.

Every event names its correlation (the flow) and its causation (the event that led to it). A chain longer than 16 events
parks: something is answering itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 16
_OWN_DOMAIN: Final = "integration."


@dataclass(frozen=True)
class Chain:
    """The place of one event in its flow. ``length`` counts the events of the chain, this one included."""

    event_id: str
    correlation_id: str
    causation_id: str | None
    length: int

    @property
    def too_long(self) -> bool:
        """Whether the event must park."""
        return self.length > MAX_LENGTH


def root(event_id: str, *, correlation_id: str | None = None, causation_id: str | None = None) -> Chain:
    """Return the place of an event that came from outside: what the sender named, else a flow of its own."""
    return Chain(event_id, correlation_id or event_id, causation_id, 1)


def child(parent: Chain, event_id: str) -> Chain:
    """Return the place of an event that ``parent`` led to."""
    return Chain(event_id, parent.correlation_id, parent.event_id, parent.length + 1)


def is_too_long(depth: int) -> bool:
    """Tell whether an event that ``depth`` others led to must park: with itself, the chain has one more."""
    return depth + 1 > MAX_LENGTH


def may_cause(parent_type: str, child_type: str) -> bool:
    """Tell whether an event of one type may lead to one of another.

    The suite's own ``integration.*`` events never lead to further ones: a dead letter about a dead letter about a dead
    letter would have no end.
    """
    return not (parent_type.startswith(_OWN_DOMAIN) and child_type.startswith(_OWN_DOMAIN))
