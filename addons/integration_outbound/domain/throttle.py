"""How fast one process may send to one endpoint: a token bucket that holds its share of the endpoint's rate.

Every engine process has a bucket of its own, filled with the rate divided by the number of processes that are alive, so
nothing is shared and no row is written per message. Unlike a sender's allowance inbound, which may be spent at once, a
receiver is spared bursts: a bucket holds one message and what comes in within one second, so that nothing is lost to a
process that looks at it every now and then.

Times are seconds of a clock that never goes back. A bucket belongs to one thread.
"""

from __future__ import annotations

import math
from typing import Final

BURST_S: Final = 1.0
_TINY: Final = 1e-9
"""What binary fractions may lose of a token: the one that was waited for is there when its time has come."""


class TokenBucket:
    """Tokens for one endpoint in one process; one token sends one message.

    Over any stretch of time it hands out at most ``rate * share * time`` tokens and :attr:`burst` more.
    """

    __slots__ = ("_at", "_per_second", "_tokens")

    def __init__(self, rate_per_minute: float, *, share: float = 1.0, now: float) -> None:
        """Begin with this process's part of one message, so that many processes that start do not send one each.

        ``share`` is this process's part of the rate, above 0 and at most 1. ValueError for other numbers.
        """
        self._per_second = _per_second(rate_per_minute, share)
        self._tokens = share
        self._at = now

    @property
    def burst(self) -> float:
        """The most tokens that the bucket holds."""
        return 1.0 + self._per_second * BURST_S

    def change(self, rate_per_minute: float, *, share: float, now: float) -> None:
        """Go on with another rate or share from ``now``; what has come in until then came in at the old one."""
        per_second = _per_second(rate_per_minute, share)
        self._fill(now)
        self._per_second = per_second
        self._tokens = min(self._tokens, self.burst)

    def available(self, now: float) -> int:
        """Return how many messages may go at once."""
        self._fill(now)
        return math.floor(self._tokens + _TINY)

    def take(self, wanted: int, now: float) -> int:
        """Take up to ``wanted`` tokens; return how many there were."""
        taken = max(0, min(wanted, self.available(now)))
        self._tokens = max(0.0, self._tokens - taken)
        return taken

    def put_back(self, unused: int) -> None:
        """Return tokens that were taken for messages which were then not sent."""
        self._tokens = min(self.burst, self._tokens + max(0, unused))

    def wait(self, now: float) -> float:
        """Return the seconds until there is a token (0: there is one)."""
        if self.available(now):
            return 0.0
        return (1.0 - self._tokens) / self._per_second

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self._per_second)
            self._at = now


def _per_second(rate_per_minute: float, share: float) -> float:
    if not (0 < rate_per_minute < math.inf and 0 < share <= 1):
        raise ValueError("a rate is above 0, a share above 0 and at most 1")
    return rate_per_minute * share / 60.0
