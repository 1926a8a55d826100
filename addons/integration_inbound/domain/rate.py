"""How fast one system may send: one bucket of tokens for all processes, of which each takes small shares.

The bucket (:class:`Bucket`) holds one window's allowance and fills evenly. It lies where all processes reach it, in the
database. A process asks it for a share of one per cent of the allowance, decides in memory for as long as that lasts,
and asks again. So the bucket is asked about once a second however many messages come, and what all processes admit
together is what one bucket would have admitted, but for shares that lie unused: at most one per cent per process.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 60
"""Seconds over which a system's allowance is counted."""

SHARE: Final = 0.01
"""What part of the allowance a process takes at once."""

SHARE_S: Final = 10.0
"""For how long a process may use a share; then it gives back what is left of it, with its next question."""

ASK_S: Final = 0.4
"""After the bucket had less than a share, a process does not ask again for so long."""


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


@dataclass(frozen=True)
class Question:
    """What a process asks of the bucket of one system: ``want`` tokens, giving ``back`` what it has not used."""

    per_window: int
    want: int
    back: int


@dataclass(frozen=True)
class Answer:
    """What it gets: ``granted`` tokens, at most those it wanted, and how many are ``left`` in the bucket."""

    granted: int
    left: float


Ask = Callable[[Question], "Answer | None"]


@dataclass
class Bucket:
    """The rules of the bucket that all processes share; the database carries out the same in one statement.

    Times are seconds of one clock. An allowance that was changed is used up to the same part as before: processes that
    do not know of the change yet may ask by the old one meanwhile, and must not fill the bucket by that.
    """

    per_window: int
    tokens: float
    filled_at: float

    def answer(self, question: Question, now: float) -> Answer:
        """Fill up, take back and grant whole tokens, as far as there are."""
        if question.per_window != self.per_window:
            self.tokens *= question.per_window / self.per_window
            self.per_window = question.per_window
        filled = self.tokens + max(0.0, now - self.filled_at) * self.per_window / WINDOW_S + question.back
        available = min(float(self.per_window), filled)
        granted = max(0, min(question.want, math.floor(available)))
        self.tokens, self.filled_at = available - granted, max(now, self.filled_at)
        return Answer(granted, self.tokens)


@dataclass
class _Share:
    """What a process holds of one system's allowance, and what it knows of the rest."""

    per_window: int
    tokens: int = 0
    left: float = 0.0
    asked_at: float = -math.inf
    silent_until: float = -math.inf
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def rate(self) -> float:
        return self.per_window / WINDOW_S

    def left_at(self, now: float) -> float:
        """Tokens that are probably in the bucket now; what others have taken since is not known."""
        return min(float(self.per_window), self.left + max(0.0, now - self.asked_at) * self.rate)


class RateLimiter:
    """The shares of one process. Safe to use from several threads; a thread may wait for another one's answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: dict[Hashable, _Share] = {}

    def take(self, key: Hashable, *, per_window: int, now: float, ask: Ask) -> Quota:
        """Count one request of ``key`` at ``now`` (seconds of a clock that never goes back).

        A refused request costs nothing: the sender that keeps to ``Retry-After`` is let in then, unless others of the
        same system were faster. ``ask`` carries a question to the bucket; None: it could not be reached, and until it
        can the process counts for itself.
        """
        share = self._share(key, per_window)
        with share.lock:
            if share.tokens < 1 or now - share.asked_at > SHARE_S:
                self._ask(share, now, ask)
            allowed = share.tokens >= 1
            if allowed:
                share.tokens -= 1
            return self._quota(share, allowed, now)

    def _share(self, key: Hashable, per_window: int) -> _Share:
        with self._lock:
            share = self._shares.get(key)
            if share is None or share.per_window != per_window:
                share = self._shares[key] = _Share(per_window)
            return share

    @staticmethod
    def _ask(share: _Share, now: float, ask: Ask) -> None:
        if now < share.silent_until:
            return
        want = max(1, math.ceil(share.per_window * SHARE))
        answer = ask(Question(share.per_window, want, share.tokens))
        if answer is None:
            # So often it may take so much, as if it were alone.
            share.tokens, share.left, share.asked_at = want, 0.0, now
            share.silent_until = now + want / share.rate
            return
        share.tokens, share.left, share.asked_at = answer.granted, answer.left, now
        if answer.granted < want:
            share.silent_until = now + max(ASK_S, (1 - answer.left) / share.rate)

    @staticmethod
    def _quota(share: _Share, allowed: bool, now: float) -> Quota:
        left = share.tokens + share.left_at(now)
        reset = math.ceil(max(0.0, share.per_window - left) / share.rate)
        if allowed:
            return Quota(True, share.per_window, min(share.per_window - 1, int(left)), reset)
        return Quota(False, share.per_window, 0, max(1, reset), max(1, math.ceil(share.silent_until - now)))

    def give_back(self, key: Hashable) -> None:
        """Uncount one request of ``key`` that is going to be judged anew."""
        with self._lock:
            share = self._shares.get(key)
        if share is not None:
            with share.lock:
                share.tokens += 1

    def forget(self) -> None:
        """Start anew without any share."""
        with self._lock:
            self._shares.clear()
