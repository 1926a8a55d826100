"""Which addresses may hold a secret, so that they do not leave the database."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_TOKEN: Final = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[^/]{20,}")
"""A part of a path that nobody has chosen: long, of letters and digits."""


def may_hold_secret(url: str) -> bool:
    """Tell whether an address names a user, has a query, or a part of its path that looks like a token.

    >>> may_hold_secret("https://erp.example.org/in"), may_hold_secret("https://erp.example.org/in?key=abc")
    (False, True)
    >>> may_hold_secret("https://hooks.example.org/services/T0/XyZ0123456789abcdefgh")
    True
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    told = "@" in parts.netloc or bool(parts.query or parts.fragment)
    return told or any(_TOKEN.fullmatch(part) for part in parts.path.split("/"))
