"""Writing metrics as text: OpenMetrics 1.0 and the Prometheus text format 0.0.4.

The same families are written in either format. They differ where OpenMetrics keeps the suffix of a counter (``_total``)
and of an info (``_info``) out of the family's name, and where it names units. Both end in ``# EOF``, which the older
format takes for a comment; so a reader of either sees whether the answer is whole.

Sources: OpenMetrics 1.0, sections *Text format* and *Metric types*; Prometheus, *Exposition formats*.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final

OPENMETRICS: Final = "application/openmetrics-text"
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_SUFFIXES: Final = ("_total", "_created", "_count", "_sum", "_bucket", "_info")
_MAX_ACCEPT_CHARS: Final = 4096

Labels = tuple[str, ...]
Number = int | float | Decimal


class Kind(Enum):
    """What a family's samples mean."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Format(Enum):
    """A text format, by its content type."""

    OPENMETRICS = f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Definition:
    """What is told of a family whatever its samples are.

    Attributes:
        name: Without the suffix of its kind; ends in ``_unit`` where there is a unit.
        kind: What its samples mean.
        text: What it tells, for people.
        labels: Names of its labels.
        unit: A base unit such as ``seconds``, or an empty string.
        bounds: Upper bounds of a histogram's buckets, rising, without the infinite one.

    Raises:
        ValueError: It breaks a rule of the formats.
    """

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    bounds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith(_OWN_SUFFIXES):
            raise ValueError(f"{self.name!r} is no name of a family")
        if self.unit and not self.name.endswith(f"_{self.unit}"):
            raise ValueError(f"{self.name} does not end in its unit")
        if not self.text:
            raise ValueError(f"{self.name} is not explained")
        if len(set(self.labels)) < len(self.labels) or not all(_LABEL.fullmatch(label) for label in self.labels):
            raise ValueError(f"{self.name} has labels that are none")
        if "le" in self.labels or list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError(f"{self.name} has no proper buckets")

    @property
    def shown(self) -> str:
        """The name under which its samples are queried; of a histogram the name of the family."""
        return self.name + {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, "")


@dataclass
class Histogram:
    """How many observations lie in each bucket, the infinite one last, and their sum."""

    counts: list[int]
    total: float = 0.0


@dataclass
class Family:
    """A family and its samples; there is one sample per set of labels, whoever adds how often."""

    definition: Definition
    samples: dict[Labels, Number] = field(default_factory=dict)
    histograms: dict[Labels, Histogram] = field(default_factory=dict)

    def add(self, labels: Sequence[str], value: Number) -> None:
        """Add ``value`` to the sample of these labels, given in the order of the definition.

        Raises:
            ValueError: These are not as many labels as the family has.
        """
        key = self._key(labels)
        # Two things of one name are one series: what counts them is added up, as everything here is a count or a sum.
        self.samples[key] = self.samples[key] + value if key in self.samples else value  # type: ignore[operator]

    def put(self, labels: Sequence[str], value: Number) -> None:
        """Have the sample of these labels be the greatest of the values that were put."""
        key = self._key(labels)
        self.samples[key] = max(self.samples.get(key, value), value)

    def observe(self, labels: Sequence[str], bucket: int, count: int, total: float) -> None:
        """Add ``count`` observations with the sum ``total`` to a bucket, counted from 0.

        Raises:
            ValueError: There is no such bucket.
        """
        size = len(self.definition.bounds) + 1
        if not 0 <= bucket < size:
            raise ValueError(f"{self.definition.name} has {size} buckets")
        found = self.histograms.setdefault(self._key(labels), Histogram([0] * size))
        found.counts[bucket] += count
        found.total += total

    def _key(self, labels: Sequence[str]) -> Labels:
        if len(labels) != len(self.definition.labels):
            raise ValueError(f"{self.definition.name} has {len(self.definition.labels)} labels")
        return tuple(str(label) for label in labels)


def write(families: Iterable[Family], form: Format) -> bytes:
    """Return families as text, in their order; samples in the order of their labels.

    Raises:
        ValueError: Two families have one name.
    """
    lines: list[str] = []
    names: set[str] = set()
    for family in families:
        if family.definition.name in names:
            raise ValueError(f"{family.definition.name} is there twice")
        names.add(family.definition.name)
        lines += _head(family.definition, form)
        lines += _samples(family)
    return ("\n".join([*lines, "# EOF"]) + "\n").encode("utf-8", errors="replace")


def _head(told: Definition, form: Format) -> list[str]:
    text = told.text.replace("\\", r"\\").replace("\n", r"\n")
    if form is Format.OPENMETRICS:
        unit = [f"# UNIT {told.name} {told.unit}"] if told.unit else []
        return [f"# TYPE {told.name} {told.kind.value}", *unit, f"# HELP {told.name} " + text.replace('"', r"\"")]
    kind = Kind.GAUGE if told.kind is Kind.INFO else told.kind
    return [f"# HELP {told.shown} {text}", f"# TYPE {told.shown} {kind.value}"]


def _samples(family: Family) -> list[str]:
    told = family.definition
    if told.kind is not Kind.HISTOGRAM:
        return [
            f"{told.shown}{_labels(told.labels, key)} {number(family.samples[key])}" for key in sorted(family.samples)
        ]
    lines = []
    for key in sorted(family.histograms):
        found, below = family.histograms[key], 0
        for bound, count in zip((*told.bounds, math.inf), found.counts, strict=True):
            below += count
            labels = _labels((*told.labels, "le"), (*key, number(float(bound))))
            lines.append(f"{told.name}_bucket{labels} {below}")
        lines.append(f"{told.name}_count{_labels(told.labels, key)} {below}")
        lines.append(f"{told.name}_sum{_labels(told.labels, key)} {number(found.total)}")
    return lines


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: Number) -> str:
    """Return a number as both formats have it: ``1``, ``0.5``, ``+Inf``, ``-Inf``, ``NaN``."""
    if isinstance(value, int):
        return str(int(value))
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def chosen(accept: str | None) -> Format:
    """Return the format that a reader prefers (RFC 9110 §12.5.1): OpenMetrics where it is asked for by name.

    Whoever names neither, or says nothing that can be read, gets the older one, which every reader knows.

    >>> chosen("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").name
    'OPENMETRICS'
    >>> chosen("*/*").name
    'PROMETHEUS'
    """
    weights = {OPENMETRICS: 0.0, "text/plain": 0.0}
    for part in (accept or "")[:_MAX_ACCEPT_CHARS].split(","):
        media, parameters = _parameters(part)
        if media in weights and _offered(media, parameters):
            weights[media] = max(weights[media], _weight(parameters.get("q")))
    wanted = weights[OPENMETRICS]
    return Format.OPENMETRICS if wanted > 0 and wanted >= weights["text/plain"] else Format.PROMETHEUS


def _parameters(part: str) -> tuple[str, Mapping[str, str]]:
    media, *rest = part.split(";")
    pairs = (one.partition("=") for one in rest)
    return media.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _offered(media: str, parameters: Mapping[str, str]) -> bool:
    return media != OPENMETRICS or parameters.get("version", "1.0.0") == "1.0.0"


def _weight(text: str | None) -> float:
    if text is None:
        return 1.0
    return float(text) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", text, re.ASCII) else 0.0
