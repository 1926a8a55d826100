"""What the command line asks for, and the sizes that follow from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How much is measured.

    Attributes:
        full: Everything, which takes hours: history to ten million events, a long soak, a thousand kills.
        quick: Sizes that only show that each part works; its figures mean nothing.
        kills: Processes to kill in the fault run; None for the size's own number.
    """

    full: bool = False
    quick: bool = False
    kills: int | None = None

    def pick(self, quick: int, default: int, full: int | None = None) -> int:
        """Return the number for the size that is asked for."""
        if self.quick:
            return quick
        return full if self.full and full is not None else default

    @property
    def rounds(self) -> int:
        """How many paired rounds a median is taken of."""
        return self.pick(1, 3, 5)
