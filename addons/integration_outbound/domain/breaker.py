"""The circuit breaker: when to stop asking a receiver that does not answer, and how to find out that it does again.

One breaker watches an endpoint, where every failure counts that a later try might not meet; one watches an origin
(scheme, host and port), where only DNS, connect and TLS failures count, so that one bad path does not stop its
neighbours. It opens at 70 % failures over at least ten tries within five minutes, or at ten failures in a row. Open, it
lets nothing through for 30 s, then exactly one probe: a failed one doubles the time (up to 15 minutes), a successful
one closes the breaker and forgets what was before.

Workers append what they saw as small deltas, one :class:`Sample` per worker and second, so no row is written by two of
them; :func:`evaluate` reads them in any order. A :class:`Breaker` changes only by the functions below, each of which
returns the next one; whoever stores it compares and sets, so that of many workers one gets the probe.

Times are unix seconds of a clock that all workers share (the database's).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

WINDOW_S: Final = 300.0
MIN_SAMPLES: Final = 10
FAILURE_PERCENT: Final = 70
MAX_RUN: Final = 10
FIRST_WAIT_S: Final = 30.0
UNSENT_WAIT_S: Final = 5.0
"""Until the next probe when one was not sent after all."""
MAX_WAIT_S: Final = 900.0

_ORIGIN_ERRORS: Final = frozenset(
    {"dns_failure", "connection_refused", "network", "tls_handshake", "tls_trust", "tls_name"}
)
_ERRORS_OF_ANY_STEP: Final = frozenset({"timeout", "connection_reset"})
_ORIGIN_STEPS: Final = frozenset({"dns", "connect", "tls"})
_UNTRIED: Final = frozenset({"egress_refused", "bad_url", "sender_exhausted"})


class Count(Enum):
    """What one try says about the receiver."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOTHING = "nothing"


def origin_failure(error_code: str | None, step: str = "") -> bool:
    """Tell whether a transport error means that a place cannot be reached at all.

    ``step`` is where the try ended (``connect``, …); a time that ran out, or a connection that was reset, counts only
    where it is known to have happened before the message could be sent.
    """
    return error_code in _ORIGIN_ERRORS or (error_code in _ERRORS_OF_ANY_STEP and step in _ORIGIN_STEPS)


def count_for_origin(error_code: str | None, step: str = "") -> Count:
    """Judge one try for its origin's breaker: whatever got past TLS is a success.

    ``error_code`` is None when the receiver answered, whatever it answered.
    """
    if error_code in _UNTRIED:
        return Count.NOTHING
    return Count.FAILURE if origin_failure(error_code, step) else Count.SUCCESS


def count_for_endpoint(status: int | None, *, failed: bool) -> Count:
    """Judge one try for its endpoint's breaker. ``failed`` is what the verdict on it says (``counts_for_breaker``).

    A receiver that refuses one message (400, say) or this sender (401) has answered, which is a success here. Without
    an answer, what is not a failure (an address that may not be used, a certificate for another name) says nothing.
    """
    if failed:
        return Count.FAILURE
    return Count.NOTHING if status is None else Count.SUCCESS


@dataclass(frozen=True)
class Sample:
    """What one worker saw within one second.

    ``at`` is that second, ``trailing_failures`` how many failures came after the last success within it.
    """

    at: float
    successes: int = 0
    failures: int = 0
    trailing_failures: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot have been counted."""
        if self.successes < 0 or not 0 <= self.trailing_failures <= self.failures:
            raise ValueError("a sample counts from zero, and no more failures after a success than there were")
        if not self.successes and self.trailing_failures != self.failures:
            raise ValueError("without a success, every failure is one in a row")

    @property
    def had_success(self) -> bool:
        """Whether anything succeeded."""
        return self.successes > 0

    def plus(self, count: Count, times: int = 1) -> Sample:
        """Return the sample with more tries of the same worker and second, alike and later than the others."""
        match count:
            case Count.SUCCESS:
                return replace(self, successes=self.successes + times, trailing_failures=0)
            case Count.FAILURE:
                return replace(
                    self, failures=self.failures + times, trailing_failures=self.trailing_failures + times
                )
            case Count.NOTHING:
                return self

    def then(self, later: Sample) -> Sample:
        """Return one sample for two of the same worker and second, of which this one is the earlier."""
        trailing = later.trailing_failures + (0 if later.successes else self.trailing_failures)
        successes, failures = self.successes + later.successes, self.failures + later.failures
        return replace(self, successes=successes, failures=failures, trailing_failures=trailing)


@dataclass(frozen=True)
class Decision:
    """Whether to open, and the figures that say why: tries and failures within the window, failures in a row."""

    opens: bool
    tries: int
    failures: int
    run: int


def evaluate(samples: Iterable[Sample], now: float, *, since: float = -math.inf) -> Decision:
    """Judge what all workers saw, in whatever order it is given.

    ``since`` is when the breaker last closed: what was before is forgotten. The ratio looks at five minutes; the run of
    failures has no age, since an endpoint that gets one message an hour must be noticed too.
    """
    counted = [sample for sample in samples if sample.at >= since]
    # A worker whose clock is ahead is believed, one that is far ahead is not: its samples would never grow old.
    recent = [sample for sample in counted if abs(now - sample.at) <= WINDOW_S]
    failures = sum(sample.failures for sample in recent)
    tries = failures + sum(sample.successes for sample in recent)
    run = _run(counted)
    opens = run >= MAX_RUN or (tries >= MIN_SAMPLES and failures * 100 >= tries * FAILURE_PERCENT)
    return Decision(opens, tries, failures, run)


def _run(samples: Iterable[Sample]) -> int:
    """Return how many failures in a row there surely were up to now.

    What several workers saw within one second has no order. The last success of that second is one of theirs, and after
    it came at least its own worker's trailing failures: so the smallest such number is certain, and no more is.
    """
    seconds: dict[int, list[Sample]] = {}
    for sample in samples:
        seconds.setdefault(math.floor(sample.at), []).append(sample)
    run = 0
    for second in sorted(seconds, reverse=True):
        after_success = [sample.trailing_failures for sample in seconds[second] if sample.had_success]
        if after_success:
            return run + min(after_success)
        run += sum(sample.failures for sample in seconds[second])
    return run


class State(str, Enum):
    """What a breaker lets through: everything, nothing, or nothing while its one probe is out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class Breaker:
    """The state of one breaker.

    ``since`` is when it closed last (samples before that are forgotten), ``opened_at`` when it opened. ``wait`` is how
    long it is open between probes (seconds; 0 while closed), ``due_at`` when the next probe may go: while one is out,
    when that one is given up for lost. ``probe`` numbers the probes, so that the answer of a lost one changes nothing.
    """

    state: State = State.CLOSED
    since: float = -math.inf
    opened_at: float | None = None
    wait: float = 0.0
    due_at: float = math.inf
    probe: int = 0

    @property
    def is_shut(self) -> bool:
        """Whether it keeps things waiting, a probe aside."""
        return self.state is not State.CLOSED


def open_(breaker: Breaker, now: float) -> Breaker:
    """Open a closed breaker; one that is open or has a probe out stays as it is, however many workers ask."""
    if breaker.state is not State.CLOSED:
        return breaker
    return replace(breaker, state=State.OPEN, opened_at=now, wait=FIRST_WAIT_S, due_at=now + FIRST_WAIT_S)


def probe_due(breaker: Breaker, now: float) -> bool:
    """Tell whether one probe may go out now: the wait is over, or the probe before it never came back."""
    return breaker.state is not State.CLOSED and now >= breaker.due_at


def begin_probe(breaker: Breaker, now: float, *, lost_after: float) -> Breaker:
    """Let the one probe out, numbered ``probe``; ValueError when none is due.

    After ``lost_after`` seconds (longer than a try can take) it is given up and another may go.
    """
    if not probe_due(breaker, now):
        raise ValueError("no probe is due")
    return replace(breaker, state=State.HALF_OPEN, due_at=now + lost_after, probe=breaker.probe + 1)


def after_probe(breaker: Breaker, now: float, *, probe: int, count: Count | None) -> Breaker:
    """Return what follows from the answer of probe number ``probe``.

    A success closes and forgets. A failure doubles the wait. A probe that said nothing leaves the wait as it is; one
    that was never sent (``count`` is None) is soon followed by another. The answer of a probe that was given up for
    lost is ignored, unless it is a success: the receiver is there, and that is what was asked.
    """
    if breaker.state is State.CLOSED or probe > breaker.probe:
        return breaker
    if count is Count.SUCCESS:
        return closed(breaker, now)
    if breaker.state is not State.HALF_OPEN or probe != breaker.probe:
        return breaker
    wait = min(breaker.wait * 2, MAX_WAIT_S) if count is Count.FAILURE else breaker.wait
    pause = min(wait, UNSENT_WAIT_S) if count is None else wait
    return replace(breaker, state=State.OPEN, wait=wait, due_at=now + pause)


def closed(breaker: Breaker, now: float) -> Breaker:
    """Close and forget: after a probe that succeeded, or because a person says so. The probes' numbers go on."""
    return Breaker(since=now, probe=breaker.probe)


def hasten(breaker: Breaker, now: float) -> Breaker:
    """Make an open breaker's next probe due at once: a person says that the receiver is back, and one try shows it."""
    return replace(breaker, due_at=min(breaker.due_at, now)) if breaker.state is State.OPEN else breaker
