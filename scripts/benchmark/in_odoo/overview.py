"""Reading the Overview as people of some roles do, inside Odoo."""

from __future__ import annotations

import time
from statistics import median
from typing import Any


def prepare(env: Any, *, roles: list[str]) -> None:
    """Make a user of each role."""
    for role in roles:
        env["res.users"].create(
            {
                "name": role,
                "login": f"bench.{role}",
                "company_id": env.company.id,
                "company_ids": [(6, 0, env.company.ids)],
                "group_ids": [(6, 0, env.ref(f"integration_core.group_{role}").ids)],
            }
        )


def read(env: Any, *, role: str, times: int, period: str = "today") -> float:
    """Read the page so many times, after once that is not counted; return the median milliseconds.

    Raises:
        ValueError: The page does not show what was received.
    """
    user = env["res.users"].search([("login", "=", f"bench.{role}")])
    overview = env["integration.overview"].with_user(user)
    took = []
    for _time in range(times + 1):
        env.invalidate_all()
        began = time.perf_counter()
        data = overview.get_data(period)
        took.append((time.perf_counter() - began) * 1000)
        if data["state"] != "ok":
            raise ValueError(f"the Overview is {data['state']}")
    return median(took[1:])
