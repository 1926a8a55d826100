"""What speaks for a meaning of a code, put in an order. Advice for a person: nothing is mapped by it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Weight(IntEnum):
    """How much a piece of evidence says; what is identical says more than what is alike."""

    ALIKE = 1
    """The names are alike."""
    REFERENCE = 2
    """Odoo's own record bears the code as its reference."""
    ELSEWHERE = 3
    """Another system, or another list, has this code for it."""
    BEFORE = 4
    """A person decided so before: for this code in another time, or for another code of the same name."""
    IDENTIFIER = 5
    """The code is an identifier that is given once in the world, and the record has the same."""


@dataclass(frozen=True)
class Evidence:
    """One reason to think that a code means something.

    Attributes:
        weight: How much it says.
        text: The reason, for a person, in their language.
        likeness: Percent, for names that are alike; 100 for what is identical.
    """

    weight: Weight
    text: str
    likeness: int = 100


@dataclass(frozen=True)
class Advice(Generic[T]):
    """A candidate, with all that speaks for it, the strongest first."""

    candidate: T
    evidence: tuple[Evidence, ...]


def rank(found: Iterable[tuple[T, Evidence]], *, limit: int = 5) -> Sequence[Advice[T]]:
    """Put candidates in an order: by the strongest evidence, then by how much there is, then by likeness.

    >>> alike, before = Evidence(Weight.ALIKE, "alike", 92), Evidence(Weight.BEFORE, "before")
    >>> [one.candidate for one in rank([("a", alike), ("b", before), ("b", alike), ("c", before)])]
    ['b', 'c', 'a']
    """
    by_candidate: dict[T, dict[Weight, Evidence]] = {}
    for candidate, evidence in found:
        told = by_candidate.setdefault(candidate, {})
        # The same reason twice is one reason: a record and its entity are called alike.
        if evidence.weight not in told or told[evidence.weight].likeness < evidence.likeness:
            told[evidence.weight] = evidence
    advices = [
        Advice(candidate, tuple(sorted(told.values(), key=lambda one: -one.weight)))
        for candidate, told in by_candidate.items()
    ]
    advices.sort(key=lambda one: (-one.evidence[0].weight, -len(one.evidence), -one.evidence[0].likeness))
    return advices[:limit]
