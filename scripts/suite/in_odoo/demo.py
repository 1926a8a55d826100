"""Build the demo hospital and set the passwords of its people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def set_passwords(env: Any, logins: dict[str, str]) -> None:
    """Give every user named in ``logins`` that password; the names not in the database are left out."""
    for user in env["res.users"].search([("login", "in", list(logins))]):
        user.password = logins[user.login]


def build(env: Any, base_url: str, listen_port: int | None, metrics_token: str | None) -> dict[str, Any]:
    """Build the demo hospital, or complete it.

    Returns:
        ``systems``: address, secret and event types per system; ``receivers``: address and secret per receiver;
        ``metrics``: address and bearer token.
    """
    made = env["integration.demo"]._build(base_url, listen_port)
    systems = {
        code: {
            "url": f"{base_url}/integration/v1/inbound/{code}",
            "secret": system["secret"],
            "event_types": system["event_types"],
        }
        for code, system in made.items()
    }
    metrics = {
        "url": f"{base_url}/integration/metrics",
        "token": env["integration.demo"]._metrics_token(metrics_token),
    }
    return {"systems": systems, "receivers": env["integration.demo"]._receivers(), "metrics": metrics}


def run(env: Any, *, request: Path, answer: Path) -> None:
    """Do what is asked for and commit. Passwords and keys go through files, which others cannot read.

    Args:
        env: Odoo's environment.
        request: JSON of ``logins`` (login to password), ``base_url``, ``listen_port``, ``demo`` (whether to build)
            and ``metrics_token`` (the one made earlier).
        answer: The file that receives what :func:`build` returns; it exists and its owner alone may read it.
    """
    asked = json.loads(request.read_text(encoding="utf-8"))
    built: dict[str, Any] = {"systems": {}, "receivers": {}, "metrics": {}}
    if asked["demo"]:
        built = build(env, asked["base_url"], asked["listen_port"], asked["metrics_token"])
    set_passwords(env, asked["logins"])
    env.cr.commit()
    answer.write_text(json.dumps(built), encoding="utf-8")
