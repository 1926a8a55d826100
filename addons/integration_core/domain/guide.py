"""The way from an empty database to the first draft invoice: which step is whose turn, derived from what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """Where a step stands."""

    DONE = "done"
    CURRENT = "current"
    LATER = "later"


@dataclass(frozen=True)
class Progress:
    """How far somebody is.

    Attributes:
        states: One per step.
        current: Index of the step to do next; None when all are done.
        done: How many are done.
    """

    states: tuple[State, ...]
    current: int | None
    done: int


def progress(done: Sequence[bool]) -> Progress:
    """Say which step is next.

    Steps have an order, but nobody is held to it: what is done stays done, and the first that is not is the next one.
    """
    current = next((index for index, one in enumerate(done) if not one), None)
    states = tuple(
        State.DONE if one else State.CURRENT if index == current else State.LATER for index, one in enumerate(done)
    )
    return Progress(states, current, sum(done))
