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

from .. import discreet
from ..tools import engine_cursor
from .handling import HandlerLoop
from .inbox import Inbox
from .loops import Every, Loop, Shared, is_connection_error
from .plan import ALL_LANES
from .sending import SendLoop
from .upkeep import UpkeepLoop

_logger = logging.getLogger(__name__)

CONCURRENCY = 32
GRACE = 1.0
"""Seconds for which an engine still listens after it has said that it sleeps: for longer than an emitter may believe
that it is awake."""
BEAT_EVERY = 1.0
MODULES_AGAIN = 15.0
"""Seconds after which modules that could not be loaded are tried again: each time takes some."""
ENGINE = "integration.engine"
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
        self._concurrency = concurrency
        self._upkeep = UpkeepLoop(self._shared, let_go=self._wake_others)
        main = HandlerLoop(self._shared, lanes=lanes)
        self._loops: list[Loop] = [self._upkeep, main]
        if CRITICAL in lanes and not inline:
            self._loops.append(HandlerLoop(self._shared, lanes=frozenset({CRITICAL}), behind=main))
        self._senders: dict[str, SendLoop] = {}
        self._threads: list[threading.Thread] = []
        self._serve(self._consumers(registry))
        self._modules, self._modules_known = Every(0.0), True
        self._trouble: str | None = None
        self._last_beat = 0.0
        self._state = ""

    # -- running

    def run(self, *, seconds: float = float("inf"), patience: float = float("inf")) -> None:
        """Move deliveries for up to ``seconds``.

        :param patience: seconds without work after which it returns earlier
        """
        try:
            self._listen(time.monotonic() + seconds, patience=patience)
        finally:
            self._shared.stopping.set()
            self._wake()
            self._join()
            with suppress(Exception):
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
            for loop in self._loops:
                loop.everything_is_due()
            turns = [loop.turn() for loop in self._loops]
            if not any(turns):
                return

    def _listen(self, until: float, *, patience: float) -> None:
        inbox = None
        # They look before anybody listens, so that what woke this process leaves at once, and again as soon as
        # somebody does: a commit from then on is heard, and whatever was committed before is seen.
        for loop in self._loops:
            self._begin(loop)
        while time.monotonic() < until and not self._stopping() and not self._shared.stopping.is_set():
            try:
                if inbox is None:
                    inbox = Inbox(self._shared.registry.db_name)
                    self._wake()
                    _logger.info("the engine %s listens", self.name)
                if self._pause(inbox, patience=patience):
                    break
                self._trouble = None
            except Exception as error:  # noqa: BLE001 (reported; its loops work on meanwhile, and it listens again)
                self._report(error)
                inbox = self._dropped(inbox)
                self._shared.stopping.wait(0.5)
        self._dropped(inbox)

    def _report(self, error: Exception) -> None:
        """Log what keeps this process from listening, once for as long as it is the same."""
        lost = is_connection_error(error)
        trouble = "the database is not there" if lost else discreet.name_of(error)
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if lost:
            _logger.warning("the database is not there (%s); trying again", type(error).__name__)
        else:
            discreet.failed(_logger, "the engine %s could not listen; trying again", self.name, error=error)

    @staticmethod
    def _dropped(inbox: Inbox | None) -> None:
        if inbox is not None:
            with suppress(psycopg2.Error):
                inbox.close()

    def _begin(self, loop: Loop) -> None:
        thread = threading.Thread(target=loop.run, name=f"integration-{loop.consumer}", daemon=True)
        self._threads.append(thread)
        thread.start()

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
        for loop in tuple(self._loops):
            loop.wake(plan=plan)

    def _wake_others(self) -> None:
        """Wake whoever may claim what the upkeep has let go; itself it looks by the clock, not after each step."""
        for loop in tuple(self._loops):
            if loop is not self._upkeep:
                loop.wake()

    def _join(self) -> None:
        """Wait for what is under way; the heart goes on beating meanwhile."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(0.5)
                with suppress(Exception):
                    self._beat("asleep")

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
        if self._modules.due() and not self._shared.stopping.is_set():
            self._look_at_modules()

    # -- modules

    @staticmethod
    def _consumers(registry: Registry) -> dict[str, str]:
        """Return {consumer outside: its model}."""
        with registry.cursor() as cr:
            return api.Environment(cr, SUPERUSER_ID, {})["integration.delivery"]._consumers()

    def _look_at_modules(self) -> None:
        """Follow what was changed elsewhere: modules, fields, caches.

        What cannot be loaded (a module half installed, or one whose libraries are not there) is tried again after a
        while; until then the engine goes on with what it knows.
        """
        try:
            registry = self._shared.registry.check_signaling()
            if registry is not self._shared.registry:
                self._follow(registry)
        except Exception as error:
            if is_connection_error(error):
                raise
            self._modules = Every(MODULES_AGAIN)
            self._modules.run(lambda: None)
            if self._modules_known:
                self._modules_known = False
                discreet.failed(_logger, "the modules could not be loaded anew; trying again", error=error)
            return
        self._modules, self._modules_known = Every(0.0), True

    def _follow(self, registry: Registry) -> None:
        """Go on with ``registry``: consumers that came with it are served from now on, those that went no longer."""
        if ENGINE not in registry:
            _logger.warning("the integration addons are no longer installed; the engine %s ends", self.name)
            self._shared.stopping.set()
            return
        consumers = self._consumers(registry)
        self._shared.registry = registry
        self._serve(consumers)
        self._wake(plan=True)

    def _serve(self, consumers: dict[str, str]) -> None:
        """Have one loop for each of these consumers outside, and for no other."""
        for consumer in self._senders.keys() - consumers.keys():
            loop = self._senders.pop(consumer)
            self._loops.remove(loop)
            loop.dismiss()
        for consumer in consumers.keys() - self._senders.keys():
            loop = SendLoop(
                self._shared,
                consumer=consumer,
                model=consumers[consumer],
                lanes=self.lanes,
                concurrency=self._concurrency,
            )
            self._senders[consumer] = loop
            self._loops.append(loop)
            if self._threads:
                _logger.info("the engine %s serves %s, too", self.name, consumer)
                self._begin(loop)
