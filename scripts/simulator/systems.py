"""Who sends and who receives: the two files that ``scripts/start`` writes into its state folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

METRICS = "metrics"
"""The entry of the file that is no system: where the metrics are, and their bearer token."""


class SettingsError(Exception):
    """A file with addresses and secrets is missing or malformed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class System:
    """One system that posts to Odoo: its code, its inbound address, its secret and what it may send."""

    code: str
    url: str
    secret: str
    event_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receiver:
    """One system that Odoo posts to: its name, the address it listens on and the key to verify with."""

    code: str
    host: str
    port: int
    secret: str


def _load(path: Path, what: str) -> dict[str, dict[str, object]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{path} is not there. Run ./scripts/start first; it makes {what}. Or name the file."
        raise SettingsError(msg) from None
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {error}"
        raise SettingsError(msg) from None
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        msg = f"{path} does not hold {what}."
        raise SettingsError(msg)
    return content


def load_systems(path: Path, base_url: str | None = None) -> dict[str, System]:
    """Read the sending systems.

    :param base_url: where Odoo is, when it is elsewhere than the file says (``http://host:port``).
    :raises SettingsError: the file is missing or malformed.
    """
    systems = {}
    for code, entry in _load(path, "the demo systems").items():
        if code == METRICS:
            continue
        types = entry.get("event_types")
        url, secret = entry.get("url"), entry.get("secret")
        if not isinstance(url, str) or not isinstance(secret, str) or not isinstance(types, list):
            msg = f"{path}: system {code} lacks its url, secret or event_types."
            raise SettingsError(msg)
        address = _elsewhere(url, base_url) if base_url else url
        systems[code] = System(code, address, secret, tuple(str(name) for name in types))
    return systems


def load_receiver(path: Path) -> Receiver:
    """Read the first receiver of the file.

    :raises SettingsError: the file is missing or malformed.
    """
    for code, entry in _load(path, "the demo receiver").items():
        url, secret = entry.get("url"), entry.get("secret")
        if isinstance(url, str) and isinstance(secret, str):
            parts = urlsplit(url)
            return Receiver(code, parts.hostname or "127.0.0.1", parts.port or 80, secret)
    msg = f"{path} names no receiver."
    raise SettingsError(msg)


def _elsewhere(url: str, base_url: str) -> str:
    """Keep the path of ``url`` and take scheme, host and port of ``base_url``."""
    base, own = urlsplit(base_url), urlsplit(url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + own.path, "", ""))
