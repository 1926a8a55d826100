"""Named points at which a test can make the process die, fail or wait.

They are live only in a process started with ``INTEGRATION_FAILPOINTS``; without it a point costs one comparison. The
variable holds entries separated by commas::

    engine.after_claim=kill              die (SIGKILL) at the first hit
    engine.after_send=kill@3             die at the third hit
    engine.after_send=kill:/tmp/marker   die once: a restarted process finds the marker and lives
    inbound.after_commit=raise           raise FailpointError at every hit
    handler.run=pause:/tmp/go            wait until the file exists, after making /tmp/go.reached
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

VARIABLE: Final = "INTEGRATION_FAILPOINTS"
MAX_PAUSE_S: Final = 120.0

_ENTRY: Final = re.compile(r"([a-z0-9_.]+)=(kill|raise|pause)(?:@([0-9]{1,9}))?(?::(.+))?")
_POLL_S: Final = 0.01


class FailpointError(Exception):
    """Raised where a failpoint says ``raise``."""


@dataclass(frozen=True)
class _Point:
    action: str
    at_hit: int | None
    path: Path | None


def parse(spec: str) -> dict[str, _Point]:
    """Read the variable's text; raise ValueError when it cannot be meant, rather than test nothing in silence."""
    points = {}
    for entry in filter(None, (part.strip() for part in spec.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None or (match[2] == "pause" and not match[4]):
            raise ValueError(f"{VARIABLE}: cannot read '{entry}'")
        path = Path(match[4]) if match[4] else None
        points[match[1]] = _Point(match[2], int(match[3]) if match[3] else None, path)
    return points


_lock = threading.Lock()
_hits: dict[str, int] = {}
_points: dict[str, _Point] | None = parse(os.environ.get(VARIABLE, "")) or None


def hit(name: str) -> None:
    """Pass a named point; do there what the variable says, or nothing."""
    if _points is None:
        return
    point = _points.get(name)
    if point is None:
        return
    with _lock:
        _hits[name] = count = _hits.get(name, 0) + 1
    if point.at_hit in (None, count):
        _act(name, point)


def _act(name: str, point: _Point) -> None:
    if point.action == "pause":
        _pause(name, point)
    elif _is_first_time(point):
        if point.action == "kill":
            _die()
        raise FailpointError(name)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise FailpointError("the process outlived SIGKILL")  # pragma: no cover


def _is_first_time(point: _Point) -> bool:
    if point.path is None:
        return True
    try:
        point.path.touch(exist_ok=False)  # creating and testing in one step: two processes cannot both be first
    except FileExistsError:
        return False
    return True


def _pause(name: str, point: _Point) -> None:
    path = point.path
    if path is None:
        return
    path.with_name(path.name + ".reached").touch()
    deadline = time.monotonic() + MAX_PAUSE_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise FailpointError(f"{name}: nobody let it go on within {MAX_PAUSE_S:.0f} s")
        time.sleep(_POLL_S)
