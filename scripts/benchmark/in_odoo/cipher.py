"""The bare time of the cipher, as the suite calls it."""

from __future__ import annotations

import os
import time
from typing import Any

_SIZE = 1_000


def seal_and_open(env: Any, *, count: int) -> float:
    """Seal and open ``count`` contents of 1 kB; return the microseconds that one took."""
    keyring = env["integration.keyring"]
    content, aad = os.urandom(_SIZE), "integration.payload:bench"
    _record, key = keyring._data_key_row()
    began = time.perf_counter()
    for _ in range(count):
        key.decrypt(key.encrypt(content, aad=aad), aad=aad)
    return (time.perf_counter() - began) / count * 1_000_000
