"""The monitoring's chores, on or off, in every engine process of the database."""

from __future__ import annotations

from typing import Any


def switch(env: Any, *, on: bool) -> None:
    """Let the engine do the monitoring's chores and folds or leave them out; while they are on, somebody looks."""
    env.cr.execute("DELETE FROM ir_config_parameter WHERE key = 'integration_bench.without_bookkeeping'")
    env.cr.execute("DELETE FROM integration_live_watch")
    if on:
        env.cr.execute(
            "INSERT INTO integration_live_watch"
            " SELECT id, (now() AT TIME ZONE 'UTC') + interval '1 hour' FROM res_company"
        )
    else:
        env.cr.execute(
            "INSERT INTO ir_config_parameter (key, value) VALUES ('integration_bench.without_bookkeeping', '1')"
        )
