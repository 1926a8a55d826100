"""Reading the metrics, and counting for them in the background, inside Odoo."""

from __future__ import annotations

import time
from typing import Any


def token(env: Any) -> str:
    """Return a bearer token of a reader of its own."""
    reader = env["integration.metrics.token"].create({"name": "The benchmark"})
    text: str = reader._make()
    return text


def fold(env: Any) -> int:
    """Fold counts of tries as the engine's chore does; return 1 while there is more to fold."""
    left: int = env["integration.delivery.count"]._chore_fold(100_000)
    return left


def count_received(env: Any) -> tuple[float, int, bool]:
    """Count receipts as the engine's chore does; return seconds, how many ids it got on, and whether it is done."""
    figures = env["integration.metric.figures"]
    before = figures._marks()[0]
    began = time.perf_counter()
    figures._chore_received(1000)
    took = time.perf_counter() - began
    done, mark, *_ = figures._marks()
    env.cr.execute("SELECT last_value FROM integration_receipt_id_seq")
    return took, done - before, done == mark == env.cr.fetchone()[0]


def count_figures(env: Any) -> float:
    """Count the figures of the background; return seconds."""
    began = time.perf_counter()
    env["integration.metric.figures"]._count_figures()
    return time.perf_counter() - began
