"""Advisory locks are one space for the whole database: no two pieces of work may share a key by accident."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ADDONS = Path(__file__).resolve().parents[3]
KEY = re.compile(r"^_?[A-Z_]*LOCK(?:_CLASS)? = (0x[0-9A-Fa-f]+)", re.MULTILINE)


def keys() -> list[int]:
    sources = (path for path in ADDONS.glob("*/**/*.py") if "tests" not in path.parts)
    return [int(found, 16) for path in sources for found in KEY.findall(path.read_text(encoding="utf-8"))]


def test_each_key_is_used_once() -> None:
    found = Counter(keys())
    assert len(found) > 7
    assert [hex(key) for key, count in found.items() if count > 1] == []
