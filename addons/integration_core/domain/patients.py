"""Which patient a message is about, as far as its content tells; for legal holds and erasure.

Patient numbers leave these functions for the keyed hash alone: nothing here keeps or shows one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from . import strict_json
from .strict_json import JSON


class About(Enum):
    """What is known of a message and a patient."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """It names an encounter of which nobody knows the patient, or cannot be read any more."""


@dataclass(frozen=True)
class Seen:
    """What a content says, with patient numbers hashed.

    Attributes:
        patients: Keyed hashes of the patient numbers it names.
        encounter: The encounter it names.
        readable: It is a JSON object.
    """

    patients: frozenset[str] = frozenset()
    encounter: str | None = None
    readable: bool = False


UNREADABLE = Seen()


def seen(data: JSON, hashed: Callable[[str], str]) -> Seen:
    """Return what the ``data`` of an event says of patients.

    A merge names two numbers: both are of one patient.

    Args:
        data: As it was sent; anything.
        hashed: Makes the keyed hash of a patient number.
    """
    if not isinstance(data, dict):
        return UNREADABLE
    patient = data.get("patient")
    numbers = [patient.get("id") if isinstance(patient, dict) else None, data.get("merged_into")]
    encounter = data.get("encounter")
    return Seen(
        frozenset(hashed(number) for number in numbers if isinstance(number, str) and number),
        encounter if isinstance(encounter, str) and encounter else None,
        readable=True,
    )


def read(body: bytes | None, hashed: Callable[[str], str]) -> Seen:
    """Return what the body of an event says of patients; :data:`UNREADABLE` for what is no event or no longer kept."""
    if body is None:
        return UNREADABLE
    try:
        event = strict_json.loads(body)
    except strict_json.StrictJsonError:
        return UNREADABLE
    return seen(event.get("data"), hashed) if isinstance(event, dict) else UNREADABLE


def about(what: Seen, refs: Collection[str], known: Mapping[str, str]) -> About:
    """Tell whether a content is about a patient.

    Its own word goes first; else it belongs to whom its encounter belongs to.

    Args:
        what: What was seen of it.
        refs: Keyed hashes of the patient's numbers.
        known: Keyed hash of the patient of each encounter of which that is known.
    """
    if what.patients:
        return About.YES if what.patients & set(refs) else About.NO
    if what.encounter is not None:
        if what.encounter not in known:
            return About.UNKNOWN
        return About.YES if known[what.encounter] in refs else About.NO
    return About.NO if what.readable else About.UNKNOWN


def numbers(text: str | None) -> list[str]:
    """Return the patient numbers that somebody entered, one a line, without repetitions."""
    return list(dict.fromkeys(line.strip() for line in (text or "").splitlines() if line.strip()))
