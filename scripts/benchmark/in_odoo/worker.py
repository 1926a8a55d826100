"""A stand-in for the command ``integration_worker``, for checkouts that do not have it yet."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from odoo.addons.integration_core.engine.runner import Runner

_TURN_SECONDS = 3600.0


def run(env: Any) -> None:
    """Move deliveries until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    registry = env.registry
    env.cr.rollback()
    sys.stdout.write("integration_worker ready\n")
    sys.stdout.flush()
    while not stopping.is_set():
        Runner(registry, stopping=stopping.is_set).run(seconds=_TURN_SECONDS)
