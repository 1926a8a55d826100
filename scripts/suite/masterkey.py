"""The master key file, under which the suite encrypts secrets and payloads."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any, Final

from suite.layout import write_private

ENVIRONMENT: Final = "demo"
VARIABLE: Final = "INTEGRATION_MASTER_KEY_FILE"
_KEY_BYTES: Final = 32


def ensure(path: Path, database_uuid: str) -> None:
    """Make the key file, or have the existing one name the database it now serves.

    Args:
        path: The file; made readable by its owner alone.
        database_uuid: Odoo's ``database.uuid``. A copied database has a new one, and its data are under the same keys.
    """
    content = _read(path) or _new()
    if content.get("database_uuid") != database_uuid or not path.exists():
        write_private(path, json.dumps({**content, "database_uuid": database_uuid}, indent=2) + "\n")


def create(path: Path, database_uuid: str) -> None:
    """Write a file with a new key."""
    write_private(path, json.dumps({**_new(), "database_uuid": database_uuid}, indent=2) + "\n")


def copy(source: Path, path: Path, database_uuid: str) -> None:
    """Write the keys of ``source`` to ``path``, for a copy of its database."""
    content = json.loads(source.read_text(encoding="utf-8"))
    write_private(path, json.dumps({**content, "database_uuid": database_uuid}, indent=2) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _new() -> dict[str, Any]:
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
    return {"version": 1, "keys": [{"id": "k1", "key": key, "active": True}], "environment": ENVIRONMENT}
