"""How fast one system may send: a token bucket per key, and the headers that tell the sender about it."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 60
"""Seconds over which a system's allowance is counted."""


@dataclass(frozen=True)
class Quota:
    """What is left to one sender after one request.

    ``remaining`` requests may follow at once; after ``reset`` seconds the whole ``limit`` is there again;
    ``retry_after`` is the number of seconds until one more request is allowed (0: now).
    """

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int = 0

    def headers(self) -> dict[str, str]:
        """Return ``RateLimit`` and ``RateLimit-Policy`` (IETF draft 11), and ``Retry-After`` when refused."""
        fields = {
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset}',
        }
        if not self.allowed:
            fields["Retry-After"] = str(self.retry_after)
        return fields


@dataclass
class _Bucket:
    per_window: int
    tokens: float
    filled_at: float


class RateLimiter:
    """Token buckets of one process. A bucket holds one window's allowance, so a burst of that size passes at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, _Bucket] = {}

    def take(self, key: Hashable, *, per_window: int, now: float) -> Quota:
        """Count one request of ``key`` at ``now`` (seconds of a clock that never goes back).

        A refused request costs nothing: the sender that keeps to ``Retry-After`` is let in then. An allowance that was
        changed begins with a full window.
        """
        rate = per_window / WINDOW_S
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None or bucket.per_window != per_window:
                bucket = self._buckets[key] = _Bucket(per_window, float(per_window), now)
            bucket.tokens = min(per_window, bucket.tokens + max(0.0, now - bucket.filled_at) * rate)
            bucket.filled_at = now
            allowed = bucket.tokens >= 1
            if allowed:
                bucket.tokens -= 1
            tokens = bucket.tokens
        reset = math.ceil((per_window - tokens) / rate)
        retry_after = 0 if allowed else max(1, math.ceil((1 - tokens) / rate))
        return Quota(allowed, per_window, int(tokens), reset, retry_after)

    def give_back(self, key: Hashable) -> None:
        """Uncount one request of ``key`` that is going to be judged anew."""
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is not None:
                bucket.tokens = min(bucket.per_window, bucket.tokens + 1)

    def forget(self) -> None:
        """Start anew with full buckets."""
        with self._lock:
            self._buckets.clear()
