"""Claims as the engine makes them, timed one by one."""

from __future__ import annotations

import time
from typing import Any

from odoo.addons.integration_core.engine import claims
from odoo.addons.integration_core.tools import engine_cursor

_LIMIT = 100


def time_claims(env: Any, *, count: int) -> list[float]:
    """Claim ``count`` times 100 deliveries, each in a transaction of its own; return milliseconds of each.

    :raises RuntimeError: when there was less to claim
    """
    registry, places = env.registry, _places(env)
    found = []
    for _number in range(count):
        began = time.perf_counter()
        with engine_cursor(registry) as cr:
            claimed = claims.claim(cr, places=places, owner="bench", limit=_LIMIT)
        found.append((time.perf_counter() - began) * 1000)
        if len(claimed) != _LIMIT:
            raise RuntimeError(f"{len(claimed)} of {_LIMIT} deliveries could be claimed")
    return found


def _places(env: Any) -> list[claims.Place]:
    """Return every place in which an engine process of its own would look, its capacity being free."""
    subscriptions = env["integration.subscription"].search([("consumer", "=", "endpoint")])
    return [
        claims.Place(subscription.id, subscription.id, lane, tier, _LIMIT)
        for lane in range(3)
        for subscription in subscriptions
        for tier in (claims.FRESH, claims.RETRY)
    ]
