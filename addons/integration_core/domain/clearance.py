"""How confidential the data of an event type are, and what a system is cleared for.

The classes are ordered: who is cleared for one is cleared for those before it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

CLASSIFICATION: Final = "x-classification"
"""The annotation by which a JSON Schema says how confidential a value and all within it is (see :mod:`.disclosure`)."""


class Clearance(str, Enum):
    """A class of data, from what anybody may know to what tells of a patient."""

    PUBLIC = "public"
    INTERNAL = "internal"
    FINANCE = "finance"
    PATIENT = "patient"

    @property
    def rank(self) -> int:
        """Its place in the order, 0 for the least confidential."""
        return list(Clearance).index(self)

    def covers(self, other: Clearance) -> bool:
        """Tell whether who is cleared for this class may send data of the other."""
        return self.rank >= other.rank


def classify(*, patient_data: bool, finance_data: bool) -> Clearance:
    """Return the class of a type by what its schema says of its data; what is neither is the hospital's own affair."""
    if patient_data:
        return Clearance.PATIENT
    return Clearance.FINANCE if finance_data else Clearance.INTERNAL
