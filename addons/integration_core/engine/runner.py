"""One engine process: its loops, its heartbeat, and the connection on which it is woken.

The same :class:`Runner` runs for a while inside Odoo's cron, and for good in a process of its own
(``cli/integration_worker.py``).
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg2
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

from ..tools import engine_cursor
from .handling import HandlerLoop
from .inbox import Inbox
from .loops import Loop, Shared, is_connection_error
from .plan import ALL_LANES
from .sending import SendLoop

_logger = logging.getLogger(__name__)

CONCURRENCY = 32
GRACE = 1.0
"""Seconds for which an engine still listens after it has said that it sleeps: for longer than an emitter may believe
that it is awake."""
BEAT_EVERY = 1.0
CRITICAL = 0


class Runner:
    """Moves deliveries of one database."""

    def __init__(
        self,
        registry: Registry,
        *,
        kind: str = "cron",
        lanes: frozenset[int] = ALL_LANES,
        concurrency: int = CONCURRENCY,
        inline: bool = False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make an engine that has yet to begin.

        :param kind: ``cron`` or ``worker``, as the heartbeat shows it
        :param inline: everything happens in the calling thread and nothing listens (tests, scripts)
        :param stopping: asked again and again; once it is true, the engine finishes what it has begun
        """
        self.kind, self.lanes = kind, lanes
        self.name = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10000}"
        self._stopping = stopping
        self._shared = Shared(registry, self.name, inline=inline)
        self._main = HandlerLoop(self._shared, lanes=lanes)
        self._loops: list[Loop] = [self._main]
        if CRITICAL in lanes and not inline:
            self._loops.append(HandlerLoop(self._shared, lanes=frozenset({CRITICAL}), behind=self._main))
        for consumer, model in self._consumers().items():
            self._loops.append(
                SendLoop(self._shared, consumer=consumer, model=model, lanes=lanes, concurrency=concurrency)
            )
        self._last_beat = 0.0
        self._state = ""

    # -- running

    def run(self, *, seconds: float = float("inf"), patience: float = float("inf")) -> None:
        """Move deliveries for up to ``seconds``.

        :param patience: seconds without work after which it returns earlier
        """
        threads = [
            threading.Thread(target=loop.run, name=f"integration-{loop.consumer}", daemon=True) for loop in self._loops
        ]
        try:
            self._listen(threads, time.monotonic() + seconds, patience=patience)
        finally:
            self._shared.stopping.set()
            for loop in self._loops:
                loop.wake()
            self._join(threads)
            with suppress(psycopg2.Error):
                self._beat("asleep", force=True)

    @property
    def quiet_for(self) -> float:
        """Seconds since any loop last had something to do."""
        return min(loop.quiet_for for loop in self._loops)

    @property
    def has_more(self) -> bool:
        """Whether it stopped with something left to do that nobody would wake it for."""
        return any(loop.has_more for loop in self._loops)

    def drain(self, rounds: int = 1000) -> None:
        """Carry out everything that is due now in the calling thread, then return."""
        for _ in range(rounds):
            self._main.everything_is_due()
            turns = [loop.turn() for loop in self._loops]
            if not any(turns):
                return

    def _listen(self, threads: list[threading.Thread], until: float, *, patience: float) -> None:
        inbox = None
        # They look before anybody listens, so that what woke this process leaves at once, and again as soon as
        # somebody does: a commit from then on is heard, and whatever was committed before is seen.
        for thread in threads:
            thread.start()
        while time.monotonic() < until and not self._stopping():
            try:
                if inbox is None:
                    inbox = Inbox(self._shared.registry.db_name)
                    self._wake()
                    _logger.info("the engine %s listens", self.name)
                if self._pause(inbox, patience=patience):
                    break
            except psycopg2.Error as error:
                if not is_connection_error(error):
                    raise
                _logger.warning("the database is not there (%s); trying again", type(error).__name__)
                inbox = self._dropped(inbox)
                self._shared.stopping.wait(0.5)
        if inbox is not None:
            with suppress(psycopg2.Error):
                inbox.close()

    @staticmethod
    def _dropped(inbox: Inbox | None) -> None:
        if inbox is not None:
            with suppress(psycopg2.Error):
                inbox.close()

    def _pause(self, inbox: Inbox, *, patience: float) -> bool:
        """Beat and wait for news; return whether there has been nothing to do for so long that the engine may go."""
        quiet = self.quiet_for
        asleep = quiet > patience
        # Emitters leave out waking an engine only when every loop looks for more by itself.
        busy = all(loop.is_busy for loop in self._loops if not loop.is_reserve)
        self._beat("asleep" if asleep else "busy" if busy else "awake")
        if quiet > patience + GRACE:
            return True
        news = inbox.wait(0.25)
        if news is not None:
            self._wake(plan="plan" in news)
        return False

    def _wake(self, *, plan: bool = False) -> None:
        for loop in self._loops:
            loop.wake(plan=plan)

    def _join(self, threads: list[threading.Thread]) -> None:
        """Wait for what is under way; the heart goes on beating meanwhile."""
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
                with suppress(psycopg2.Error):
                    self._beat("asleep")

    def _consumers(self) -> dict[str, str]:
        with self._shared.registry.cursor() as cr:
            return api.Environment(cr, SUPERUSER_ID, {})["integration.delivery"]._consumers()

    def _beat(self, state: str, *, force: bool = False) -> None:
        moment = time.monotonic()
        hurry = state != self._state and "asleep" in (state, self._state)
        if not force and not hurry and moment - self._last_beat < BEAT_EVERY:
            return
        with engine_cursor(self._shared.registry) as cr:
            heartbeat = api.Environment(cr, SUPERUSER_ID, {})["integration.heartbeat"]
            heartbeat._beat(self.name, state, kind=self.kind, lanes=self.lanes)
            if state != self._state:
                heartbeat._forget_the_dead()
            self._shared.peers = max(1, heartbeat._awake_count())
        self._state, self._last_beat = state, moment
        # Modules, fields and caches that were changed elsewhere.
        self._shared.registry = self._shared.registry.check_signaling()
