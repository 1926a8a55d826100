"""How alike two names are, as advice for a person. Nothing is ever mapped by it.

The measure is rapidfuzz's ``WRatio``: the best of several Levenshtein ratios (whole text, parts, words in any
order), 0–100. Names are folded first: case, accents, punctuation and the legal forms of companies say nothing about who
is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TypeVar

from rapidfuzz import fuzz, process

T = TypeVar("T")

ADVISED = 80.0
"""Names less alike than this are not shown as advice."""

_WORDS = re.compile(r"[^\W_]+")
_LEGAL_FORMS = frozenset(
    (
        *("ab", "ag", "as", "asa", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated"),
        "kg",
        *("limited", "llc", "llp", "lp", "ltd", "nv", "oy", "plc", "pty", "sa", "sarl", "sas", "se"),
        *("sl", "spa", "srl"),
    )
)


def fold(name: str) -> str:
    """Return the words of a name that tell it from others, in their order.

    >>> fold("Bräun Médical, Inc.")
    'braun medical'
    >>> fold("Co.")
    'co'
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
    words = _WORDS.findall(plain)
    return " ".join([word for word in words if word not in _LEGAL_FORMS] or words)


def alike(name: str, folded: Mapping[T, str], *, limit: int = 5) -> list[tuple[T, int]]:
    """Return those of ``folded`` whose names are most like ``name``, the likest first.

    Args:
        name: The name as sent.
        folded: The known names, each through :func:`fold`.
        limit: How many at most.

    Returns:
        ``(key, likeness)``, likeness in whole percent, from :data:`ADVISED` upwards.

    >>> alike("Blood count, complete", {1: fold("Complete blood count"), 2: fold("X-ray of the chest")})
    [(1, 95)]
    """
    wanted = fold(name)
    if not wanted:
        return []
    found = process.extract(wanted, folded, scorer=fuzz.WRatio, score_cutoff=ADVISED, limit=limit)
    return [(key, int(score)) for _text, score, key in found]
