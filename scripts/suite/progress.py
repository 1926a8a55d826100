"""Telling the person at the terminal what is being done and how far it is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_REFRESH_SECONDS: Final = 1.0
_TITLE_WIDTH: Final = 48


class Step:
    """One numbered line that ends with how long it took."""

    def __init__(self, label: str, out: TextIO) -> None:
        self._label = label
        self._out = out
        self._note = ""
        self._live = out.isatty()
        self._began = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        if self._live:
            self._ticker.start()

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._began

    def note(self, text: str) -> None:
        """Say what the step is busy with, or what it found."""
        self._note = text

    def _line(self) -> str:
        return f"{self._label:<{_TITLE_WIDTH}} {self.seconds:6.1f} s"

    def _tick(self) -> None:
        while not self._over.wait(_REFRESH_SECONDS):
            self._out.write(f"\r\033[K{self._line()}  {self._note}")
            self._out.flush()

    def close(self, *, failed: bool = False) -> None:
        """Write the step's last line."""
        self._over.set()
        if self._live:
            self._ticker.join()
            self._out.write("\r\033[K")
        note = "FAILED" if failed else self._note
        self._out.write(f"{self._line()}  {note}".rstrip() + "\n")
        self._out.flush()


class Progress:
    """The numbered steps of one run.

    Args:
        total: How many steps there will be.
        out: Where to write; a terminal is shown the running seconds as well.
    """

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self._total = total
        self._done = 0
        self._out = out if out is not None else sys.stdout
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Number, time and show one step."""
        self._done += 1
        step = Step(f"[{self._done}/{self._total}] {title}", self._out)
        try:
            yield step
        except BaseException:
            step.close(failed=True)
            raise
        step.close()

    def say(self, text: str = "") -> None:
        """Write a line between the steps."""
        self._out.write(text + "\n")
        self._out.flush()
