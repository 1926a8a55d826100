"""Envelope encryption at rest: a master key outside the database wraps data keys, which encrypt everything else.

Algorithm: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. Additional authenticated data bind every ciphertext
to the place it belongs to (table, row, column), so swapping two rows' ciphertexts is detected.

The master key file is JSON::

    {"version": 1,
     "keys": [{"id": "k1", "key": "<base64 of 32 bytes>", "active": true}],
     "database_uuid": "<uuid of the database>",
     "environment": "production"}

Exactly one key is active: it wraps new data keys, while the others still open old ones (rotation). The uuid and the
environment name the one database the file is for: a restored copy has another uuid, and :meth:`Keyring.matches` says
so before anything is sent or accepted.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM: Final = "AES-256-GCM"
FILE_VARIABLE: Final = "INTEGRATION_MASTER_KEY_FILE"
TEXT_VARIABLE: Final = "INTEGRATION_MASTER_KEY"
MAX_MESSAGES_PER_KEY: Final = 2**32
"""NIST SP 800-38D §8.3: with random nonces, a key must be replaced before this many encryptions."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_VERSION: Final = 1


class Problem(str, Enum):
    """Why there is no usable key, or why something could not be opened."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    MALFORMED = "malformed"
    BAD_KEY = "bad_key"
    NO_ACTIVE_KEY = "no_active_key"
    UNKNOWN_KEY = "unknown_key"
    TAMPERED = "tampered"
    OTHER_DATABASE = "other_database"
    MOVED_DATABASE = "moved_database"


_REMEDIES: Final[Mapping[Problem, str]] = {
    Problem.MISSING: (
        f"No master key is configured. Create a key file and name it in {FILE_VARIABLE} or in"
        " 'integration_master_key_file' of odoo.conf."
    ),
    Problem.UNREADABLE: "The master key file cannot be read. Check its path and that Odoo's user may read it.",
    Problem.MALFORMED: "The master key file is not of the expected form. Restore it from its backup.",
    Problem.BAD_KEY: "Every master key must be the base64 text of 32 bytes, under a name of its own.",
    Problem.NO_ACTIVE_KEY: "Exactly one key of the master key file must have 'active': true.",
    Problem.UNKNOWN_KEY: "The data was encrypted under a key that is not in the master key file. Add that key back.",
    Problem.TAMPERED: "The encrypted data does not belong to this place or was altered. Restore it from a backup.",
    Problem.OTHER_DATABASE: (
        "The master key belongs to another database. This looks like a copy: nothing is sent or accepted until a key"
        " file for this database is in place. Integration > Configuration > Original or copy says what to do."
    ),
    Problem.MOVED_DATABASE: (
        "This database lies in another place than the one it was made in: it is a copy, or was restored from a backup."
        " Nothing is sent or accepted until an administrator says which: under Integration > Configuration > Original"
        " or copy, or by 'odoo integration_key original' or 'odoo integration_key test-copy'."
    ),
}


class KeyringError(Exception):
    """Encryption is not possible.

    ``problem`` is for programs, ``remedy`` for the administrator; both are safe to show.
    """

    def __init__(self, problem: Problem) -> None:
        """Keep the problem; the remedy follows from it."""
        self.problem = problem
        self.remedy = _REMEDIES[problem]
        super().__init__(self.remedy)


class Sealed(NamedTuple):
    """Encrypted bytes with what is needed to open them: ``data`` is nonce, ciphertext and tag."""

    algorithm: str
    key_id: str
    data: bytes


def _encrypt(key: bytes, key_id: str, plaintext: bytes, aad: str) -> Sealed:
    return Sealed(ALGORITHM, key_id, _seal(AESGCM(key), plaintext, aad))


def _seal(cipher: AESGCM, plaintext: bytes, aad: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plaintext, aad.encode("utf-8"))


def _decrypt(key: bytes, sealed: Sealed, aad: str) -> bytes:
    data = bytes(sealed.data)
    if sealed.algorithm != ALGORITHM or len(data) < _NONCE_BYTES + _TAG_BYTES:
        raise KeyringError(Problem.TAMPERED)
    try:
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], aad.encode("utf-8"))
    except InvalidTag:
        raise KeyringError(Problem.TAMPERED) from None


@dataclass(frozen=True)
class DataKey:
    """A key that encrypts rows; it is stored only in its wrapped form."""

    id: str
    wrapped: Sealed
    _key: bytes = field(repr=False)

    def encrypt(self, plaintext: bytes, *, aad: str) -> Sealed:
        """Encrypt bytes for the place that ``aad`` names; ``key_id`` of the result is this key's id."""
        return Sealed(ALGORITHM, self.id, _seal(self._cipher, plaintext, aad))

    @cached_property
    def _cipher(self) -> AESGCM:
        # To make it takes as long as to encrypt a message.
        return AESGCM(self._key)

    def encrypt_all(self, rows: Iterable[tuple[bytes, str]]) -> list[bytes]:
        """Encrypt many, each row a plaintext and its ``aad``; return nonce, ciphertext and tag of each, in order."""
        return [_seal(self._cipher, plaintext, aad) for plaintext, aad in rows]

    def decrypt(self, sealed: Sealed, *, aad: str) -> bytes:
        """Return the plaintext; :class:`KeyringError` when it is another key's, another place's, or altered."""
        if sealed.key_id != self.id:
            raise KeyringError(Problem.UNKNOWN_KEY)
        return _decrypt(self._key, sealed, aad)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose (HKDF-SHA256, RFC 5869), such as keyed hashing.

        They stay the same when the master key is rotated, because rotation only wraps the data key anew.
        """
        return HKDF(
            algorithm=SHA256(),
            length=_KEY_BYTES,
            salt=None,
            info=b"integration/" + purpose.encode("utf-8"),
        ).derive(self._key)


class Keyring:
    """The master keys of one database. Immutable but for a cache of opened data keys; safe to share between threads."""

    def __init__(
        self,
        *,
        keys: Mapping[str, bytes],
        active_key_id: str,
        database_uuid: str,
        environment: str,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """Take checked material; use :meth:`from_json` or :meth:`from_file` for anything from outside."""
        self._keys = dict(keys)
        self._opened: dict[tuple[str, Sealed], DataKey] = {}
        self.active_key_id = active_key_id
        self.database_uuid = database_uuid
        self.environment = environment
        self.warnings = warnings

    @classmethod
    def from_json(cls, text: str, *, warnings: tuple[str, ...] = ()) -> Keyring:
        """Read the master key file's text; raise :class:`KeyringError` for any other form."""
        try:
            content = json.loads(text)
        except ValueError:
            raise KeyringError(Problem.MALFORMED) from None
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            raise KeyringError(Problem.MALFORMED)
        keys, active = _read_keys(content.get("keys"))
        return cls(
            keys=keys,
            active_key_id=active,
            database_uuid=_read_name(content, "database_uuid"),
            environment=_read_name(content, "environment"),
            warnings=warnings,
        )

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Keyring:
        """Read the master key file; a file that others may read is used, with a warning for the administrator."""
        try:
            with Path(path).open(encoding="utf-8") as stream:
                mode = os.fstat(stream.fileno()).st_mode
                text = stream.read()
        except FileNotFoundError:
            raise KeyringError(Problem.MISSING) from None
        except (OSError, UnicodeDecodeError):
            raise KeyringError(Problem.UNREADABLE) from None
        return cls.from_json(text, warnings=_mode_warnings(mode))

    def __repr__(self) -> str:
        """Name the keyring without its keys."""
        return f"<Keyring {self.active_key_id} for {self.environment}>"

    def matches(self, database_uuid: str, environment: str | None = None) -> bool:
        """Tell whether this file was made for that database (and environment, when given)."""
        same_database = hmac.compare_digest(self.database_uuid.encode(), database_uuid.encode())
        return same_database and environment in (None, self.environment)

    def encrypt(self, plaintext: bytes, *, aad: str) -> Sealed:
        """Encrypt under the active master key. Meant for data keys and little else."""
        return _encrypt(self._keys[self.active_key_id], self.active_key_id, plaintext, aad)

    def decrypt(self, sealed: Sealed, *, aad: str) -> bytes:
        """Open what any key of the file encrypted for the place that ``aad`` names."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise KeyringError(Problem.UNKNOWN_KEY)
        return _decrypt(key, sealed, aad)

    def new_data_key(self, data_key_id: str) -> DataKey:
        """Return a new random data key under the name ``data_key_id``; its ``wrapped`` form is what to store."""
        return self._wrap(data_key_id, secrets.token_bytes(_KEY_BYTES))

    def unwrap_data_key(self, data_key_id: str, wrapped: Sealed) -> DataKey:
        """Return the data key that ``wrapped`` holds, from a cache after the first time."""
        wrapped = Sealed(wrapped.algorithm, wrapped.key_id, bytes(wrapped.data))
        found = self._opened.get((data_key_id, wrapped))
        if found is None:
            raw = self.decrypt(wrapped, aad=_data_key_aad(data_key_id))
            found = DataKey(data_key_id, wrapped, raw)
            self._opened[data_key_id, wrapped] = found
        return found

    def rewrap(self, data_key: DataKey) -> DataKey:
        """Return the same data key wrapped by the active master key: all that a rotation has to do."""
        return self._wrap(data_key.id, data_key._key)

    def _wrap(self, data_key_id: str, raw: bytes) -> DataKey:
        return DataKey(data_key_id, self.encrypt(raw, aad=_data_key_aad(data_key_id)), raw)


def new_key_file(*, database_uuid: str, environment: str, key_id: str = "k1") -> str:
    """Return the text of a new master key file with one random key."""
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
    content = {
        "version": _VERSION,
        "keys": [{"id": key_id, "key": key, "active": True}],
        "database_uuid": database_uuid,
        "environment": environment,
    }
    return json.dumps(content, indent=2) + "\n"


_cache_lock = threading.Lock()
_cache: dict[str, tuple[object, Keyring]] = {}


def load(*, path: str | None = None, environ: Mapping[str, str] | None = None) -> Keyring:
    """Return the configured keyring, read again only when its source changed.

    ``path`` (from odoo.conf) goes first, then the file named by ``INTEGRATION_MASTER_KEY_FILE``, then the JSON text in
    ``INTEGRATION_MASTER_KEY``. Raises :class:`KeyringError` with the remedy when there is none or it is unusable.
    """
    variables = os.environ if environ is None else environ
    file = path or variables.get(FILE_VARIABLE)
    if file:
        return _cached(f"file:{file}", _file_stamp(file), lambda: Keyring.from_file(file))
    text = variables.get(TEXT_VARIABLE)
    if not text:
        raise KeyringError(Problem.MISSING)
    return _cached("text", text, lambda: Keyring.from_json(text))


def _cached(name: str, stamp: object, read: Callable[[], Keyring]) -> Keyring:
    with _cache_lock:
        entry = _cache.get(name)
        if entry is None or entry[0] != stamp:
            _cache[name] = entry = (stamp, read())
        return entry[1]


def _file_stamp(path: str) -> tuple[int, int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for every message, and thrice as fast
    except FileNotFoundError:
        raise KeyringError(Problem.MISSING) from None
    except OSError:
        raise KeyringError(Problem.UNREADABLE) from None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def _data_key_aad(data_key_id: str) -> str:
    return f"data-key/{data_key_id}"


def _mode_warnings(mode: int) -> tuple[str, ...]:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ("The master key file can be used by other users of the machine; run chmod 600 on it.",)
    return ()


def _read_name(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise KeyringError(Problem.MALFORMED)
    return value


def _read_keys(entries: object) -> tuple[dict[str, bytes], str]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise KeyringError(Problem.MALFORMED)
    keys: dict[str, bytes] = {}
    active = []
    for entry in entries:
        key_id, raw = _read_key(entry)
        if key_id in keys:
            raise KeyringError(Problem.BAD_KEY)
        keys[key_id] = raw
        if entry.get("active") is True:
            active.append(key_id)
    if len(active) != 1:
        raise KeyringError(Problem.NO_ACTIVE_KEY)
    return keys, active[0]


def _read_key(entry: dict[str, Any]) -> tuple[str, bytes]:
    key_id, text = entry.get("id"), entry.get("key")
    if not isinstance(key_id, str) or not key_id or not isinstance(text, str):
        raise KeyringError(Problem.BAD_KEY)
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise KeyringError(Problem.BAD_KEY) from None
    if len(raw) != _KEY_BYTES:
        raise KeyringError(Problem.BAD_KEY)
    return key_id, raw
