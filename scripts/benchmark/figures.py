"""Figures: what was measured, what for comparison, and whether that reaches the target."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import median
from typing import Final


class Kind(Enum):
    """What of a figure the target speaks of."""

    RATIO_AT_LEAST = "ratio ≥"
    RATIO_AT_MOST = "ratio ≤"
    AT_LEAST = "ours ≥"
    AT_MOST = "ours ≤"
    MORE_AT_MOST = "more than the reference ≤"
    NONE = ""


@dataclass(frozen=True)
class Target:
    """What a figure has to reach.

    Attributes:
        kind: What it speaks of.
        limit: The number, in the figure's unit, or a ratio.
    """

    kind: Kind = Kind.NONE
    limit: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind.value} {self.limit:g}".strip() if self.kind is not Kind.NONE else ""

    def met(self, ours: float, reference: float | None, ratio: float | None) -> bool | None:
        """Tell whether it is reached; None without a target, or without the reference that it needs."""
        match self.kind:
            case Kind.AT_LEAST:
                return ours >= self.limit
            case Kind.AT_MOST:
                return ours <= self.limit
            case Kind.MORE_AT_MOST if reference is not None:
                return ours - reference <= self.limit
            case Kind.RATIO_AT_LEAST if ratio is not None:
                return ratio >= self.limit
            case Kind.RATIO_AT_MOST if ratio is not None:
                return ratio <= self.limit
            case _:
                return None


def ratio_at_least(limit: float) -> Target:
    """Return the target that ours is at least ``limit`` times the reference."""
    return Target(Kind.RATIO_AT_LEAST, limit)


def ratio_at_most(limit: float) -> Target:
    """Return the target that ours is at most ``limit`` times the reference."""
    return Target(Kind.RATIO_AT_MOST, limit)


def at_least(limit: float) -> Target:
    """Return the target that ours is at least ``limit``."""
    return Target(Kind.AT_LEAST, limit)


def at_most(limit: float) -> Target:
    """Return the target that ours is at most ``limit``."""
    return Target(Kind.AT_MOST, limit)


def more_at_most(limit: float) -> Target:
    """Return the target that ours exceeds the reference by at most ``limit``."""
    return Target(Kind.MORE_AT_MOST, limit)


NO_TARGET: Final = Target()


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        measure: What was measured, with its unit.
        ours: What the suite reached.
        reference: What the reference reached in the same run; None where there is nothing to compare with.
        ratio: Ours over the reference: the median of the rounds' ratios, not the ratio of the medians.
        target: What it has to reach.
    """

    measure: str
    ours: float
    reference: float | None = None
    ratio: float | None = None
    target: Target = NO_TARGET

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        return self.target.met(self.ours, self.reference, self.ratio)

    def as_json(self) -> dict[str, object]:
        """Return it as it stands in ``bench.json``."""
        return {
            "measure": self.measure,
            "ours": _rounded(self.ours),
            "reference": _rounded(self.reference),
            "ratio": _rounded(self.ratio),
            "target": str(self.target) or None,
            "met": self.met,
        }


def paired(measure: str, rounds: Sequence[tuple[float, float]], target: Target = NO_TARGET) -> Figure:
    """Return the figure of rounds in which both were measured.

    Args:
        measure: What was measured, with its unit.
        rounds: Pairs of ours and the reference.
        target: What it has to reach.

    Raises:
        ValueError: There is no round.
    """
    if not rounds:
        raise ValueError(f"nothing was measured of {measure}")
    ratios = [ours / reference for ours, reference in rounds if reference]
    return Figure(
        measure,
        median(ours for ours, _ in rounds),
        median(reference for _, reference in rounds),
        median(ratios) if ratios else None,
        target,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of ``values`` do not exceed (nearest rank).

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as text in columns."""
    head = ("measure", "ours", "reference", "ratio", "target", "met")
    words = {True: "yes", False: "NO", None: "–"}
    rows = [
        (f.measure, _text(f.ours), _text(f.reference), _text(f.ratio), str(f.target) or "–", words[f.met])
        for f in figures
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True)]
        cells += [cell.ljust(width) for cell, width in zip(row[4:], widths[4:], strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def write(path: Path, figures: Sequence[Figure]) -> None:
    """Write ``bench.json``; rows of an earlier run that were not measured now stay, so that parts add up."""
    measured = {figure.measure for figure in figures}
    kept = [row for row in read(path) if row.get("measure") not in measured]
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [*kept, *(figure.as_json() for figure in figures)]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> list[dict[str, object]]:
    """Return the rows that an earlier run wrote, or none."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return rows if isinstance(rows, list) else []


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def _text(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
