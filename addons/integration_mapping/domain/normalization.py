"""How the codes of one code system are compared: byte for byte, after the normalisation declared for that system.

Codes are never compared by likeness. A code system whose list is written in one way by everybody needs no
normalisation (``exact``); one that people type with dashes here and without them there declares how both become the
same key. What is declared touches ASCII letters and digits and common separators only, so that a key does not depend on
locale, Unicode version or database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

EXACT = "exact"
"""The normalisation of code systems that declare none."""

# ASCII white space and the no-break space that spreadsheets leave behind.
_SPACE = " \t\n\r\v\f\u00a0"
_SEPARATORS = re.compile(rf"[{_SPACE}.\-_/]+")
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Where a zero is missing in each form of ten digits, by the lengths of labeler, product and package.
_NDC_FORMS = {(4, 4, 2): (5, 4, 2), (5, 3, 2): (5, 4, 2), (5, 4, 1): (5, 4, 2), (5, 4, 2): (5, 4, 2)}


def _exact(code: str) -> str:
    return code


def _trim(code: str) -> str:
    return code.strip(_SPACE)


def _upper(code: str) -> str:
    return _trim(code).translate(_UPPER)


def _compact(code: str) -> str:
    return _SEPARATORS.sub("", code).translate(_UPPER)


def _zeros(code: str) -> str:
    compact = _compact(code)
    # What consists of zeros alone is the number zero, not nothing.
    return compact.lstrip("0") or compact[-1:]


def _ndc(code: str) -> str:
    """Return the eleven digits of a National Drug Code where they follow from what is written.

    Ten digits with dashes are 4-4-2, 5-3-2 or 5-4-1 (21 CFR 207.33(b)(1)); billing pads the short segment with a zero
    in front, to 5-4-2. Ten digits without dashes could be any of the three: they stay as they are and equal only
    themselves.
    """
    parts = _trim(code).split("-")
    lengths = tuple(len(part) for part in parts)
    if len(parts) == 3 and lengths in _NDC_FORMS and all(part.isascii() and part.isdigit() for part in parts):
        return "".join(
            part.rjust(wanted, "0")
            for part, wanted in zip(parts, _NDC_FORMS[(lengths[0], lengths[1], lengths[2])], strict=True)
        )
    return _compact(code)


NORMALIZATIONS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {EXACT: _exact, "trim": _trim, "upper": _upper, "compact": _compact, "zeros": _zeros, "ndc": _ndc}
)
"""Every normalisation by name."""


def key(normalization: str, code: str) -> str:
    """Return what ``code`` is compared by.

    Args:
        normalization: A name in :data:`NORMALIZATIONS`.
        code: The code as sent.

    Returns:
        The key; never empty for a code that is not: what a normalisation would leave nothing of stands for itself.

    Raises:
        KeyError: There is no such normalisation.

    >>> key("exact", " ab-1 "), key("trim", " ab-1 "), key("upper", " ab-1 "), key("compact", " ab-1 ")
    (' ab-1 ', 'ab-1', 'AB-1', 'AB1')
    >>> key("zeros", "00420"), key("zeros", "000"), key("compact", "--")
    ('420', '0', '--')
    >>> key("ndc", "0002-7597-01"), key("ndc", "50242-040-62"), key("ndc", "60575-4112-1"), key("ndc", "60575411201")
    ('00002759701', '50242004062', '60575411201', '60575411201')
    """
    return NORMALIZATIONS[normalization](code) or code
