"""Databases: templates that are made once and copied in seconds.

A template's name ends with a digest of what it was built from, so it is right for as long as it is found, and a change
of any of that makes another one. It gets its name only once it is complete.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from suite.layout import ADDONS
from suite.odoo import Odoo
from suite.postgres import Server

_KEPT: Final = 3
"""How many templates of one kind are kept; each takes some 60 MB."""
_NOT_IN_DATABASE: Final = ("tests", "readme", "__pycache__", "i18n_extra", "static/description")
_BUNDLES: Final = Path(__file__).with_name("in_odoo") / "assets.py"
"""What makes the web client's bundles."""
_LOCK: Final = 0x6F64_6F6F
"""Key of the advisory lock under which templates are made."""


@dataclass(frozen=True)
class Databases:
    """The databases of one server that these scripts make.

    Attributes:
        odoo: The Odoo that works in them.
    """

    odoo: Odoo

    @property
    def server(self) -> Server:
        """The PostgreSQL server they are on."""
        return self.odoo.server

    def rows(self, query: str, parameters: Iterable[object] = (), database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement of SQL and return its rows."""
        with closing(self.server.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(query, tuple(parameters))
            return list(cursor.fetchall()) if cursor.description else []

    def exists(self, name: str) -> bool:
        """Tell whether a database exists."""
        return bool(self.rows("SELECT 1 FROM pg_database WHERE datname = %s", [name]))

    def create(self, name: str) -> None:
        """Make an empty database."""
        self.rows(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'")

    def copy(self, template: str, name: str, identity: str | None = None) -> None:
        """Make a database as a copy of another one, with its files.

        Args:
            template: What to copy; whoever is connected to it is disconnected.
            name: The new database, which appears only when it is complete.
            identity: The uuid it is to have; a new one where None.
        """
        partial = f"{name}_partial"
        self.drop(partial)
        self._disconnect(template)
        self.rows(f"CREATE DATABASE {partial} TEMPLATE {template}")
        self._copy_files(template, name)
        self._renew_identity(partial, identity or str(uuid.uuid4()))
        self.rows(f"ALTER DATABASE {partial} RENAME TO {name}")

    def drop(self, name: str) -> None:
        """Remove a database and its files, if it exists."""
        self._disconnect(name)
        self.rows(f"DROP DATABASE IF EXISTS {name}")
        shutil.rmtree(self._files(name), ignore_errors=True)

    def uuid(self, name: str) -> str:
        """Return Odoo's own identity of a database."""
        return str(self.rows("SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'", database=name)[0][0])

    def template(self, kind: str, built_from: str, build: Callable[[str], None]) -> str:
        """Return the name of a template, making it first where it does not exist.

        Args:
            kind: What sort of template; older ones of the same sort are removed.
            built_from: All that its content depends on.
            build: Fills the database of the given name, which does not exist yet.
        """
        prefix = f"integration_{kind}_"
        name = prefix + hashlib.sha256(built_from.encode()).hexdigest()[:16]
        with self.lock():
            if not self.exists(name):
                partial = f"{prefix}partial"
                self.drop(partial)
                build(partial)
                self._disconnect(partial)
                self.rows(f"ALTER DATABASE {partial} RENAME TO {name}")
                if self._files(partial).exists():
                    shutil.rmtree(self._files(name), ignore_errors=True)
                    self._files(partial).rename(self._files(name))
                self._forget(prefix, name)
        return name

    def _forget(self, prefix: str, newest: str) -> None:
        query = "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY oid DESC"
        names = [row[0] for row in self.rows(query, [prefix.replace("_", r"\_") + "%"])]
        for name in [name for name in names if name != newest][_KEPT - 1 :]:
            self.drop(name)

    def _files(self, name: str) -> Path:
        return self.odoo.data / "filestore" / name

    def _copy_files(self, template: str, name: str) -> None:
        shutil.rmtree(self._files(name), ignore_errors=True)
        if self._files(template).exists():
            shutil.copytree(self._files(template), self._files(name))

    def _renew_identity(self, name: str, identity: str) -> None:
        query = "UPDATE ir_config_parameter SET value = %s WHERE key = %s"
        for key, value in (("database.uuid", identity), ("database.secret", str(uuid.uuid4()))):
            self.rows(query, [value, key], database=name)

    def _disconnect(self, name: str) -> None:
        # An autovacuum worker is a superuser's process and not ours to end; PostgreSQL does that where it must.
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND backend_type = 'client backend'",
            [name],
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock under which templates are made and changed."""
        with closing(self.server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            yield


def digest_of_addons(folder: Path = ADDONS) -> str:
    """Return a digest of everything in the addons that an installed database depends on."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).as_posix()
        aside = file.suffix == ".pot" or any(f"/{part}/" in f"/{inside}" for part in _NOT_IN_DATABASE)
        if file.is_file() and not aside:
            digest.update(inside.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def base_template(databases: Databases) -> str:
    """Return a template with the Odoo apps that the suite builds on, and nothing of the suite."""
    odoo = databases.odoo
    modules = ("account", "analytic", "mail", "product")

    def build(name: str) -> None:
        databases.create(name)
        odoo.install(name, modules)

    built_from = "\n".join([odoo.tree.version, odoo.python.key, str(databases.server.version), *modules])
    return databases.template("odoo", built_from, build)


def suite_template(databases: Databases, modules: Iterable[str]) -> str:
    """Return a template with ``modules`` of the suite installed."""
    wanted = tuple(modules)
    base = base_template(databases)

    def build(name: str) -> None:
        databases.copy(base, name)
        databases.odoo.install(name, wanted)

    name = databases.template("suite", "\n".join([base, digest_of_addons(), *wanted]), build)
    refresh_bundles(databases, name)
    return name


def refresh_bundles(databases: Databases, template: str) -> None:
    """Make a template's web bundles anew where they are not those of this checkout's files.

    Odoo names a bundle after the times of its files, a template is named after their content: in a new checkout every
    browser would find no bundle that fits, and each test would make its own.
    """
    stamp = _stamp_of_bundles()
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with databases.lock():
        if databases.rows(query, [template]) != [(stamp,)]:
            databases.odoo.call(template, "assets", "pregenerate")
            databases.rows(f"COMMENT ON DATABASE {template} IS '{stamp}'")


def _stamp_of_bundles(folder: Path = ADDONS) -> str:
    digest = hashlib.sha256(_BUNDLES.read_bytes())
    for file in sorted(folder.glob("*/static/**/*")):
        if file.is_file():
            digest.update(f"{file.relative_to(folder)}\0{file.stat().st_mtime_ns}\0".encode())
    return digest.hexdigest()


def glue_addons(folder: Path = ADDONS) -> tuple[str, ...]:
    """Return the addons that Odoo installs by itself beside apps that the suite does not need."""
    manifests = {
        path.parent.name: ast.literal_eval(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*/__manifest__.py"))
    }
    needed = manifests["integration_suite"]["depends"]
    return tuple(name for name, told in manifests.items() if told.get("auto_install") and name not in needed)


def glue_template(databases: Databases, suite: str) -> str:
    """Return a template with all addons of the suite, those that come by themselves with the apps they come with.

    Args:
        databases: The server's.
        suite: A template with the suite, see :func:`suite_template`.
    """
    names = glue_addons()

    def build(name: str) -> None:
        databases.copy(suite, name)
        databases.odoo.install(name, names)

    return databases.template("glue", "\n".join([suite, *names]), build)
