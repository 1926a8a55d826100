"""When keys were last used: noted for every message, stored at most once a minute and key."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

EVERY: Final = timedelta(minutes=1)
"""How much later a use has to be than the one before to be worth storing."""


class KeyUses:
    """What this process knows of the uses of keys. Safe to use from several threads.

    Only keys that have verified something are noted, so there are never more than there are keys.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, datetime] = {}
        self._pending: dict[str, datetime] = {}

    def note(self, key_id: str, at: datetime) -> bool:
        """Note that a key verified a message at ``at`` (naive UTC); tell whether that is to be stored."""
        told = self._told.get(key_id)
        if told is not None and at - told < EVERY:
            return False
        with self._lock:
            self._told[key_id] = self._pending[key_id] = at
        return True

    def take(self) -> dict[str, datetime]:
        """Return {key id: last use} of what is to be stored."""
        with self._lock:
            pending, self._pending = self._pending, {}
        return pending

    def put_back(self, uses: dict[str, datetime]) -> None:
        """Remember again what could not be stored; a later use of the same key stays."""
        with self._lock:
            self._pending = {**uses, **self._pending}
