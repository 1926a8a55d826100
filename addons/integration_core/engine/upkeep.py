"""The loop that sees to what every consumer needs: positions, the order of ordering keys, leases that nobody ended.

It runs in every engine process, whatever consumers there are, and in a thread of its own, so that neither a long batch
of a handler nor a busy sender delays it. It wakes the others when it has let something go.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from ..domain import log_context
from . import claims, order
from .loops import Every, Loop, Shared

_logger = logging.getLogger(__name__)

FORGET_AFTER = 60.0
"""Seconds after which a search for leases that ended looks at everything again, for what was committed late."""
SOON = 0.5
"""Seconds after its last work in which this loop counts as busy. With the time between two heartbeats, and that for
which an emitter may believe in one, it is shorter than ``loops.FAST_POLL_FOR``, for which the loop looks by itself."""


class UpkeepLoop(Loop):
    """Puts arriving events in order, lets keys go on that lost their head, takes back the work of dead processes."""

    consumer = "upkeep"

    def __init__(self, shared: Shared, *, let_go: Callable[[], None]) -> None:
        """Take what is to be called when deliveries have become claimable."""
        super().__init__(shared, lanes=frozenset())
        self._tell = let_go
        self._order = Every(0.03, share=0.2)
        self._settle = Every(0.03, share=0.05)
        self._mend = Every(10.0)
        self._reclaim = Every(0.5, share=0.05)
        self._numbered_before = order.BEGINNING
        self._unsure: frozenset[order.Key] = frozenset()
        self._ended_before: datetime | None = None
        self._forgot_at = time.monotonic()

    def turn(self) -> bool:
        """Put arriving events in order, take back leases that ended."""
        inline = self.shared.inline
        let_go = self._mend.run(self._mend_order) if self._mend.due() else 0
        moved = 0
        if self._news or self._order.due() or inline:
            self._news = False
            moved, went = self._order.run(self._sequence)
            let_go += went
        if self._unsure and (self._settle.due() or inline):
            let_go += self._settle.run(self._settle_keys)
        if self._reclaim.due():
            let_go += self._reclaim.run(self._reclaim_lost)
        if let_go:
            self._tell()
        return bool(moved or let_go)

    @property
    def is_busy(self) -> bool:
        """Whether it looks for more by itself: for some time after its last work, with pauses."""
        return self.quiet_for < SOON

    def everything_is_due(self) -> None:
        """Let the next turn look for leases that ended."""
        self._reclaim.again()

    # -- order

    def _sequence(self) -> tuple[int, int]:
        with self._cursor() as cr:
            done = order.sequence(cr, self._numbered_before)
        self._numbered_before = done.since
        self._unsure |= done.unsure
        return done.moved, done.let_go

    def _settle_keys(self) -> int:
        with self._cursor() as cr:
            settled = order.settle(cr, self._unsure)
        self._unsure = settled.unsure
        return settled.let_go

    def _mend_order(self) -> int:
        with self._cursor() as cr:
            mended = order.mend(cr, self._numbered_before)
        if mended:
            _logger.info("%s ordering keys had lost their head; they go on", mended)
        return mended

    # -- leases

    def _reclaim_lost(self) -> int:
        """Take back what dead processes held; return how many deliveries may go on."""
        if time.monotonic() - self._forgot_at > FORGET_AFTER:
            self._forgot_at, self._ended_before = time.monotonic(), None
        with self._cursor() as cr:
            found = claims.reclaim(cr, worker=self.shared.name, since=self._ended_before)
            self._announce_dead(cr, [delivery_id for delivery_id, state in found.lost if state == "dead"])
        self._ended_before = found.since
        for delivery_id, state in found.lost:
            with log_context.about(delivery_id=delivery_id):
                _logger.warning("delivery %s: its process died; %s", delivery_id, state)
        if found.more:
            self._reclaim.again()
        return len(found.lost)
