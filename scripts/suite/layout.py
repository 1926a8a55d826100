"""Where things are: the checkout, the per-user cache and the state folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from suite.refusal import Refusal

CHECKOUT: Final = Path(__file__).resolve().parents[2]
"""The root of this checkout."""

ADDONS: Final = CHECKOUT / "addons"
CACHE_NAME: Final = "odoo-integration-suite"


def cache() -> Path:
    """Return the folder for what other checkouts can use too: Odoo, Python environments, test databases.

    It follows the XDG Base Directory specification: ``$XDG_CACHE_HOME``, else ``~/.cache``.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if base.startswith("/") else Path.home() / ".cache") / CACHE_NAME
    return make_folder(folder, "set XDG_CACHE_HOME to a folder that you may write")


def make_folder(folder: Path, remedy: str, *, private: bool = False) -> Path:
    """Create ``folder`` with its parents and return it.

    Raises:
        Refusal: It cannot be written; ``remedy`` says what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o755)
    except OSError as error:
        raise Refusal(f"The folder {folder} cannot be made: {error.strerror}.", f"Please {remedy}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refusal(f"The folder {folder} cannot be written.", f"Please {remedy}.")
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, replacing an older one in one step."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def default_state() -> Path:
    """Return the state folder where none is named.

    It is ``$INTEGRATION_STATE``, else follows the XDG Base Directory specification: ``$XDG_STATE_HOME``, else
    ``~/.local/state``.
    """
    named = os.environ.get("INTEGRATION_STATE", "")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / CACHE_NAME


def open_log(path: Path) -> TextIO:
    """Open a log for appending; its owner alone may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")


@dataclass(frozen=True)
class State:
    """The files one running suite keeps, under one folder.

    Attributes:
        folder: The folder; others cannot list it, and every file in it is readable by its owner alone.
    """

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> State:
        """Return the state in ``folder``, which is created where missing."""
        made = make_folder(folder.absolute(), "name another one with --state")
        # Others may pass through, so that PostgreSQL, which is not root, reaches its cluster in it; they see nothing.
        made.chmod(0o711)
        return cls(made)

    @property
    def master_key(self) -> Path:
        """The master key file (see ``integration_core/domain/keyring.py``)."""
        return self.folder / "master.key"

    @property
    def demo_systems(self) -> Path:
        """Addresses and secrets of the demo hospital's systems."""
        return self.folder / "demo-systems.json"

    @property
    def demo_receivers(self) -> Path:
        """Addresses and secrets of the receivers that the demo hospital sends to."""
        return self.folder / "demo-receivers.json"

    @property
    def logins(self) -> Path:
        """The passwords that were made for the users of the database."""
        return self.folder / "logins.json"

    @property
    def odoo_conf(self) -> Path:
        """The configuration Odoo is started with."""
        return self.folder / "odoo.conf"

    @property
    def odoo_log(self) -> Path:
        """What Odoo writes."""
        return self.folder / "odoo.log"

    @property
    def setup_log(self) -> Path:
        """What the tools write that set everything up."""
        return self.folder / "setup.log"

    @property
    def pid_file(self) -> Path:
        """Which process serves."""
        return self.folder / "odoo.pid"

    @property
    def record(self) -> Path:
        """Which databases these scripts made, and from what."""
        return self.folder / "databases.json"

    @property
    def data(self) -> Path:
        """Odoo's data folder: filestore and sessions."""
        return make_folder(self.folder / "odoo-data", "name another state folder with --state", private=True)
