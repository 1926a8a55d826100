"""The demo hospital and the logins of a database."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from suite import masterkey
from suite.database import Databases
from suite.layout import State, write_private
from suite.odoo import Odoo

ROLES: Final = {
    "finance.viewer": "sees charges and invoices",
    "finance.reviewer": "approves charges for billing",
    "clinical.liaison": "sees what waits for the clinical side, no money",
    "integration.operator": "watches the flow, retries and replays",
    "mapping.steward": "says what other systems' codes mean here",
    "integration.admin": "registers systems, keys and endpoints",
    "governance.approver": "reads what waits for approval",
    "privacy.officer": "sees who looked at contents",
    "auditor": "reads the configuration and the trail, changes nothing",
}
"""The demo hospital's logins, one per role, and what each is for."""
ADMIN: Final = "admin"
_PASSWORD_BYTES: Final = 9


@dataclass(frozen=True)
class Built:
    """What outsiders need to know of a database.

    Attributes:
        logins: Password by login.
        systems: Address, secret and event types of each demo system.
        receivers: Address and secret of each demo receiver.
        metrics: Address and bearer token of the metrics; empty without the demo hospital.
    """

    logins: dict[str, str]
    systems: dict[str, Any]
    receivers: dict[str, Any]
    metrics: dict[str, str] = field(default_factory=dict)


def build(
    odoo: Odoo,
    database: str,
    *,
    base_url: str,
    master_key: Path,
    logins: dict[str, str],
    hospital: bool,
    listen_port: int | None = None,
    metrics_token: str | None = None,
) -> Built:
    """Build the demo hospital in a database, or complete it, and set everybody's password.

    Args:
        odoo: The Odoo that works in it.
        database: Its name.
        base_url: Where it will be reached.
        master_key: Its master key file.
        logins: Passwords made earlier; the missing ones are made now.
        hospital: False sets the administrator's password alone.
        listen_port: Where the demo endpoint's receiver listens; None leaves it as it is.
        metrics_token: The one made earlier, which stays while it works.
    """
    people = (ADMIN, *ROLES) if hospital else (ADMIN,)
    passwords = {login: logins.get(login) or secrets.token_urlsafe(_PASSWORD_BYTES) for login in people}
    request = {
        "logins": passwords,
        "base_url": base_url,
        "listen_port": listen_port,
        "demo": hospital,
        "metrics_token": metrics_token,
    }
    with tempfile.TemporaryDirectory(prefix="odoo-integration-") as folder:
        question, answer = Path(folder) / "question.json", Path(folder) / "answer.json"
        write_private(question, json.dumps(request))
        write_private(answer, "{}")
        odoo.call(database, "demo", "run", master_key=master_key, request=question, answer=answer)
        made = json.loads(answer.read_text(encoding="utf-8"))
    return Built(passwords, made["systems"], made["receivers"], made["metrics"])


@dataclass(frozen=True)
class Template:
    """A database with the demo hospital, to copy.

    Attributes:
        name: Its name.
        master_key: Its master key file.
        built: Logins, systems and receivers of the demo hospital in it.
    """

    name: str
    master_key: Path
    built: Built


def template(
    databases: Databases,
    kind: str,
    built_from: str,
    prepare: Callable[[str], None],
    *,
    home: Path,
    listen_port: int | None = None,
) -> Template:
    """Return a template with the demo hospital, making it first where it does not exist.

    Args:
        databases: Where it is.
        kind: What sort of template (see :meth:`Databases.template`).
        built_from: All that its content depends on.
        prepare: Makes the database of the given name, with the suite installed.
        home: The folder that keeps its master key and what was built.
        listen_port: Where the demo endpoint's receiver listens.
    """
    partial = home / "partial.key"
    made: list[Built] = []

    def fill(name: str) -> None:
        prepare(name)
        masterkey.create(partial, databases.uuid(name))
        made.append(
            build(
                databases.odoo,
                name,
                base_url="http://127.0.0.1:8069",
                master_key=partial,
                logins={},
                hospital=True,
                listen_port=listen_port,
            )
        )

    name = databases.template(kind, built_from, fill)
    key, facts = home / f"{name}.key", home / f"{name}.json"
    if made:
        partial.replace(key)
        write_private(facts, json.dumps(made[0].__dict__))
    elif not (key.exists() and facts.exists()):
        # Made by a run that was ended at the worst moment, or on a server whose cache folder was thrown away.
        databases.drop(name)
        return template(databases, kind, built_from, prepare, home=home, listen_port=listen_port)
    return Template(name, key, Built(**json.loads(facts.read_text(encoding="utf-8"))))


def for_outsiders(built: Built) -> dict[str, Any]:
    """Return what ``demo-systems.json`` holds: each system by its code, and how to read the metrics."""
    return {**built.systems, **({"metrics": built.metrics} if built.metrics else {})}


def save(state: State, built: Built) -> None:
    """Write what was built into the state folder, for its owner alone."""
    for path, content in (
        (state.logins, built.logins),
        (state.demo_systems, for_outsiders(built)),
        (state.demo_receivers, built.receivers),
    ):
        write_private(path, json.dumps(content, indent=2) + "\n")


def saved_logins(state: State) -> dict[str, str]:
    """Return the logins that :func:`save` wrote, or none."""
    try:
        logins: dict[str, str] = json.loads(state.logins.read_text(encoding="utf-8"))
    except OSError:
        return {}
    return logins


def saved_metrics_token(state: State) -> str | None:
    """Return the token that :func:`save` wrote, or None."""
    try:
        token: str = json.loads(state.demo_systems.read_text(encoding="utf-8"))["metrics"]["token"]
    except (OSError, KeyError, ValueError):
        return None
    return token
