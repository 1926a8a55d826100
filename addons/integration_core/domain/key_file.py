"""Changes to the master key file, each made in one step that a crash leaves done or not done.

A rotation is: *add* a key, make it *active*, wrap every data key anew, *forget* the old one. At each point between, the
file holds every key that something in the database still needs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .keyring import Keyring, KeyringError, Problem

_KEY_BYTES: Final = 32


class KeyFileError(Exception):
    """A change of the key file is refused. The text says why and is safe to show."""


def key_ids(text: str) -> list[str]:
    """Return the ids of a file's keys, oldest first.

    :raises KeyringError: when it is no usable key file
    """
    return [entry["id"] for entry in _read(text)["keys"]]


def active_id(text: str) -> str:
    """Return the id of the key that new data keys are wrapped by."""
    return Keyring.from_json(text).active_key_id


def add(text: str, key_id: str | None = None) -> tuple[str, str]:
    """Return (text, id) with one more random key, which is not active yet.

    :raises KeyFileError: when there is a key of that id
    """
    content = _read(text)
    known = {entry["id"] for entry in content["keys"]}
    chosen = key_id or next(name for name in (f"k{n}" for n in range(1, len(known) + 2)) if name not in known)
    if chosen in known:
        raise KeyFileError(f"There is a key '{chosen}' in the file already.")
    raw = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
    content["keys"].append({"id": chosen, "key": raw, "active": False})
    return _write(content), chosen


def activate(text: str, key_id: str) -> str:
    """Return the text with this key as the one that wraps.

    :raises KeyFileError: when there is no such key
    """
    content = _read(text)
    if key_id not in {entry["id"] for entry in content["keys"]}:
        raise KeyFileError(f"There is no key '{key_id}' in the file.")
    for entry in content["keys"]:
        entry["active"] = entry["id"] == key_id
    return _write(content)


def forget(text: str, key_id: str) -> str:
    """Return the text without this key.

    :raises KeyFileError: when it is the active one, or there is no such key
    """
    content = _read(text)
    if key_id == active_id(text):
        raise KeyFileError(f"'{key_id}' is the active key: make another one active first.")
    kept = [entry for entry in content["keys"] if entry["id"] != key_id]
    if len(kept) == len(content["keys"]):
        raise KeyFileError(f"There is no key '{key_id}' in the file.")
    return _write({**content, "keys": kept})


def for_database(text: str, database_uuid: str) -> str:
    """Return the text such that it names another database."""
    return _write({**_read(text), "database_uuid": database_uuid})


def read(path: str | os.PathLike[str]) -> str:
    """Return the file's text.

    :raises KeyringError: when it is not there or no usable key file
    """
    Keyring.from_file(path)
    return Path(path).read_text(encoding="utf-8")


def replace(path: str | os.PathLike[str], text: str) -> None:
    """Put ``text`` in the place of the file, for its owner alone; a crash leaves the old one or the new one, whole.

    :raises KeyFileError: when the folder cannot be written to
    """
    Keyring.from_json(text)  # never write what could not be read again
    target = Path(os.path.realpath(path))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise KeyFileError(
            f"The folder {target.parent} cannot be written to ({error.strerror}). Where the file comes from a secret"
            " store, change it there: the steps 'add', 'activate', 'rewrap' and 'forget' are for that."
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        _keep_owner(target, name)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _keep_owner(target: Path, name: str) -> None:
    """Let the one read the new file who could read the old one: the command may be run by root."""
    status = target.stat()
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(name, status.st_uid, status.st_gid)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(text: str) -> dict[str, Any]:
    Keyring.from_json(text)  # refuses what is no key file
    content = json.loads(text)
    if not isinstance(content, dict):  # pragma: no cover - seen by from_json
        raise KeyringError(Problem.MALFORMED)
    return content


def _write(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
