r"""Regular expressions of JSON Schemas: compiled as ECMA-262 reads them, and refused where they may take for ever.

``$`` is the very end, ``\d`` and ``\w`` are ASCII. Python's engine tries every way in which a pattern can divide a
text. A group that is repeated, and that can itself match in several ways, has a number of ways that grows
exponentially with the text: a message of thirty characters could hold a worker for minutes.
"""

from __future__ import annotations

import functools
import importlib
import math
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

MAX_CHARS: Final = 500
MAX_WAYS: Final = 10_000
"""In how many ways a repeated group may divide a text."""

_PARTS: Final = re.compile(r"\\.|.", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]", re.DOTALL)
_NOT_ECMA: Final = re.compile(r"\(\?(?![:=!]|<[=!])")
# The tree that Python itself compiles from; its module has been renamed.
_parser: Final[Any] = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")


class PatternError(ValueError):
    """A pattern cannot be used; the text says why."""


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile an ECMA-262 pattern: a bare ``$`` becomes ``\Z``; Python's also matches before a last line break."""
    return re.compile(_translated(pattern), re.ASCII)


def check(pattern: str) -> None:
    """Raise :class:`PatternError` unless the pattern can be read and repeats no group of too many ways."""
    if len(pattern) > MAX_CHARS:
        raise PatternError(f"a pattern may have at most {MAX_CHARS} characters")
    if _NOT_ECMA.search(_ESCAPED.sub("", pattern)):  # Python's flags and names, which cannot stand beside others
        raise PatternError("only plain, non-capturing and looking groups are read")
    try:
        compile_pattern(pattern)
        _ways(_parser.parse(_translated(pattern), re.ASCII))
    except (re.error, OverflowError, RecursionError):
        raise PatternError("is not a regular expression that this server reads") from None


def _translated(pattern: str) -> str:
    parts = []
    in_class = False
    for part in _PARTS.findall(pattern):
        if part in "[]":
            in_class = part == "["
        parts.append(r"\Z" if part == "$" and not in_class else part)
    return "".join(parts)


def _ways(items: Iterable[tuple[Any, Any]]) -> float:
    """Return in how many ways a sequence can match at one place, at most; infinity where there is no bound."""
    return math.prod(_ways_of(str(kind), argument) for kind, argument in items)


def _ways_of(kind: str, argument: Any) -> float:
    match kind:
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return _repeated(*argument)
        case "BRANCH":
            return sum(map(_ways, argument[1]))
        case "SUBPATTERN":
            return _ways(argument[-1])
        case "ATOMIC_GROUP":
            return _ways(argument)
        case "ASSERT" | "ASSERT_NOT":
            return _ways(argument[1])
        case "GROUPREF_EXISTS":
            return sum(_ways(branch) for branch in argument[1:] if branch)
    return 1.0


def _repeated(low: int, high: int, body: Iterable[tuple[Any, Any]]) -> float:
    most = math.inf if high == _parser.MAXREPEAT else float(high)
    inside = _ways(body)
    counts = most - low + 1
    if inside <= 1 or most <= 1:
        return counts * inside
    # inside ** most, without a number that is too large for a float
    if most * math.log(inside) + math.log(counts) > math.log(MAX_WAYS):
        raise PatternError("a repeated group that repeats or chooses within can take exponential time")
    return float(counts * inside**most)
