"""PostgreSQL: the server that the user names, else a private one.

A private server listens on a Unix socket only, with a password of its own. Root may not run PostgreSQL, so for root it
runs as another user of the system, and lives where that user can reach it.
"""

from __future__ import annotations

import configparser
import fcntl
import getpass
import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from suite import packages, processes
from suite.layout import make_folder, write_private
from suite.refusal import Refusal

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_OLDEST: Final = 13
_PORT: Final = 5432
_SOCKET_NAME_BYTES: Final = 107
"""The longest name a Unix socket may have (``sockaddr_un``, Linux)."""
_OWNERS: Final = ("postgres", "nobody")
_SYSTEM_FOLDER: Final = Path("/var/lib/odoo-integration-suite")
_ROLE: Final = "odoo"
_SUPERUSER: Final = "suite"


@dataclass(frozen=True)
class Server:
    """How to reach a PostgreSQL server.

    Attributes:
        host: A host name or the folder of a Unix socket.
        port: Its port.
        user: The role Odoo works as; it may create databases and is no superuser.
        password: Its password; None leaves that to libpq (``~/.pgpass``, peer authentication).
        version: The major version.
    """

    host: str
    port: int
    user: str
    password: str | None
    version: int = 0

    def connect(self, database: str = "postgres") -> Connection:
        """Open a connection that commits each statement.

        Raises:
            Refusal: The server cannot be reached.
        """
        import psycopg2

        try:
            connection = psycopg2.connect(
                host=self.host, port=self.port, user=self.user, password=self.password, dbname=database
            )
        except psycopg2.OperationalError as error:
            raise Refusal(
                f"PostgreSQL on {self.host}:{self.port} does not let {self.user} in: {str(error).strip()}",
                "Please check PGHOST, PGPORT, PGUSER, PGPASSWORD or the db_… lines of odoo.conf.",
            ) from error
        connection.autocommit = True
        return connection

    def environment(self) -> dict[str, str]:
        """Return the variables by which PostgreSQL's own programs reach the server."""
        named = {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user}
        return named if self.password is None else {**named, "PGPASSWORD": self.password}


def _settings(odoo_conf: Path) -> dict[str, str]:
    """Return what the environment and ``odoo.conf`` say about the server; the environment goes first, as for Odoo."""
    parser = configparser.RawConfigParser()
    parser.read(odoo_conf, encoding="utf-8")
    options = dict(parser.items("options")) if parser.has_section("options") else {}
    both = {
        "host": os.environ.get("PGHOST") or options.get("db_host", ""),
        "port": os.environ.get("PGPORT") or options.get("db_port", ""),
        "user": os.environ.get("PGUSER") or options.get("db_user", ""),
        "password": os.environ.get("PGPASSWORD") or options.get("db_password", ""),
    }
    return {name: value for name, value in both.items() if value.strip() not in ("", "False")}


def names_server(odoo_conf: Path) -> bool:
    """Tell whether the user names a server of their own, by ``PGHOST`` or the ``db_host`` of ``odoo.conf``."""
    return "host" in _settings(odoo_conf)


def named_server(odoo_conf: Path) -> Server | None:
    """Return the server that the user names, or None.

    Raises:
        Refusal: Odoo could not use it.
    """
    settings = _settings(odoo_conf)
    if "host" not in settings:
        return None
    return _checked(
        Server(
            host=settings["host"],
            port=int(settings.get("port", _PORT)),
            user=settings.get("user", getpass.getuser()),
            password=settings.get("password"),
        )
    )


def _checked(server: Server) -> Server:
    if server.user == "postgres":
        raise Refusal(
            "Odoo refuses to work as PostgreSQL's user 'postgres'.",
            "Please make a role for it (createuser --createdb odoo) and name it in PGUSER or odoo.conf.",
        )
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            row = cursor.fetchone()
        version = connection.server_version // 10000
    finally:
        connection.close()
    if version < _OLDEST:
        raise Refusal(f"This is PostgreSQL {version}.", f"Odoo 19 needs PostgreSQL {_OLDEST} or later.")
    if not row or not row[0]:
        raise Refusal(
            f"The role {server.user} may not create databases on {server.host}.",
            f"Please allow it:  ALTER ROLE {server.user} CREATEDB",
        )
    return replace(server, version=version)


def need() -> packages.Need:
    """Return what has to be installed for a private server."""
    return packages.for_postgresql(lambda: programs() is not None)


def programs() -> Path | None:
    """Return the folder with PostgreSQL's server programs, of the newest version there is, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]), reverse=True)
    if debian:
        return debian[0].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Cluster:
    """A private PostgreSQL server; what :func:`need` names has to be installed.

    Args:
        home: The folder that it belongs to. Its data are in ``postgres`` there, or, where the user that PostgreSQL
            has to run as cannot reach that, in a folder of the system.
        log: Receives what its tools write.
        durable: False gives up crash safety for speed; for tests.
    """

    def __init__(self, home: Path, log: Path, *, durable: bool = True) -> None:
        self._home = home
        self._log = log
        self._durable = durable
        self._owner = _owner() if processes.is_root() else None
        self._folder = self._place()
        self._data = self._folder / "data"
        self._secrets = home / "postgres.json"

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self._folder

    @property
    def server_log(self) -> Path:
        """What its server writes."""
        return self._folder / "postgres.log"

    def ensure(self, note: Callable[[str], None]) -> Server:
        """Make and start the server where that has not been done, and return how to reach it.

        Raises:
            Refusal: It does not start.
        """
        with self._lock():
            if not self.exists():
                note("making a database cluster")
                self._initialise()
            if not self.running():
                note("starting it")
                self._start()
            elif self._configure(self._socket_folder()):
                self._reload()
            return self._server()

    def exists(self) -> bool:
        """Tell whether the cluster has been made."""
        return (self._data / "PG_VERSION").exists() and self._secrets.exists()

    def running(self) -> bool:
        """Tell whether its server runs."""
        return self.exists() and self._postmaster() is not None

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server, if it runs.

        Args:
            mode: What becomes of those who are connected, in the words of ``pg_ctl``: ``fast`` ends what they are at,
                ``immediate`` is a crash, after which the server recovers when it is started.
        """
        if self.running():
            self._shut_down(mode)

    def remove(self) -> None:
        """Stop the server, also one that an earlier run left behind, and throw its databases away."""
        if self._postmaster() is not None:
            self._shut_down("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._secrets.unlink(missing_ok=True)

    def _shut_down(self, mode: str = "fast") -> None:
        self._run(
            [self._program("pg_ctl"), "-D", self._data, "-m", mode, "-w", "stop"],
            failing="PostgreSQL could not be stopped",
            remedy=f"Please look into {self.server_log}.",
        )

    # Where and as whom

    def _place(self) -> Path:
        folder = self._home / "postgres"
        if self._owner is None:
            return folder
        self._home.mkdir(parents=True, exist_ok=True)
        reachable = processes.capture([*_become(self._owner), "test", "-x", self._home]) is not None
        if reachable:
            return folder
        name = hashlib.sha256(str(self._home).encode()).hexdigest()[:16]
        return _SYSTEM_FOLDER / name

    def _prefix(self) -> list[str]:
        return [] if self._owner is None else _become(self._owner)

    def _program(self, name: str) -> Path:
        made_by = self._data / "PG_VERSION"
        version = made_by.read_text(encoding="utf-8").strip() if made_by.exists() else ""
        matching = Path("/usr/lib/postgresql") / version / "bin" / name
        if version and matching.exists():
            return matching
        newest = programs()
        if newest is None:
            raise Refusal("PostgreSQL's server programs are gone.", "Please run:  apt-get install postgresql")
        found = processes.capture([newest / "postgres", "--version"]) or ""
        if version and f" {version}." not in f"{found}.":
            raise Refusal(
                f"The database cluster in {self._folder} is of PostgreSQL {version}, here is {found}.",
                f"Please install postgresql-{version}, or remove that folder to begin anew.",
            )
        return newest / name

    def _run(self, command: list[str | Path], *, failing: str, remedy: str) -> None:
        # PostgreSQL complains where it cannot enter the folder it is started in.
        processes.run(
            command, log=self._log, failing=failing, remedy=remedy, prefix=self._prefix(), cwd=Path("/"), env=_C_LOCALE
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / "postgres.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # Making

    def _initialise(self) -> None:
        if self._postmaster() is not None:
            # The state folder was thrown away under a running server; what is left of it is of no use to anyone.
            self._shut_down()
        shutil.rmtree(self._folder, ignore_errors=True)
        make_folder(self._folder, "name another state folder with --state")
        password = secrets.token_urlsafe(24)
        pwfile = self._folder / "initial-password"
        write_private(pwfile, password)
        self._give(self._folder, pwfile)
        try:
            self._run(
                [
                    self._program("initdb"),
                    "-D",
                    self._data,
                    f"--username={_SUPERUSER}",
                    f"--pwfile={pwfile}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                ],
                failing="PostgreSQL's cluster could not be made",
                remedy="Please see whether there is free space.",
            )
        finally:
            pwfile.unlink()
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("include_if_exists = 'suite.conf'\n")
        write_private(self._secrets, json.dumps({"password": password, "role": False}))

    def _give(self, *paths: Path) -> None:
        if self._owner is not None:
            for path in paths:
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    # Running

    def _socket_folder(self) -> Path:
        folder = self._folder / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_NAME_BYTES:
            return folder
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        # The sticky bit of /tmp keeps others from taking the folder away; _start checks whose it is.
        return Path("/tmp") / f"odoo-integration-{name}"  # noqa: S108

    def _start(self) -> None:
        sockets = self._socket_folder()
        sockets.mkdir(parents=True, exist_ok=True)
        self._give(sockets)
        owner = self._owner.pw_uid if self._owner is not None else os.geteuid()
        if sockets.stat().st_uid != owner:
            raise Refusal(f"{sockets} belongs to somebody else.", "Please use a shorter path for the state folder.")
        self._configure(sockets)
        # Whatever process the file names is no PostgreSQL (see running), but PostgreSQL would believe it is.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._run(
            [self._program("pg_ctl"), "-D", self._data, "-l", self.server_log, "-w", "-t", "60", "start"],
            failing="PostgreSQL does not start",
            remedy=f"Please look into {self.server_log}.",
        )

    def _reload(self) -> None:
        self._run(
            [self._program("pg_ctl"), "-D", self._data, "reload"],
            failing="PostgreSQL does not read its settings anew",
            remedy=f"Please look into {self.server_log}.",
        )

    def _configure(self, sockets: Path) -> bool:
        """Write the settings; tell whether they are others than before."""
        settings: dict[str, str] = {
            "listen_addresses": "''",
            "port": str(_PORT),
            "unix_socket_directories": "'" + str(sockets).replace("'", "''") + "'",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_locks_per_transaction": "256",
            # A statement, and the row that an error quotes, may hold the name and address of who pays.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
        conf = self._data / "suite.conf"
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        before = conf.read_text(encoding="utf-8") if conf.exists() else ""
        conf.write_text(text, encoding="utf-8")
        self._give(conf)
        return text != before

    def _postmaster(self) -> int | None:
        """Return the process id of the running server, or None.

        After a machine's sudden end the pid file is still there, and its number may be another program's by now.
        """
        try:
            pid = int((self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        return pid if name in ("postgres", "postmaster") else None

    def _server(self) -> Server:
        secret: dict[str, Any] = json.loads(self._secrets.read_text(encoding="utf-8"))
        host = str(self._socket_folder())
        if not secret["role"]:
            connection = Server(host, _PORT, _SUPERUSER, secret["password"]).connect()
            with connection.cursor() as cursor:
                cursor.execute(f"DROP ROLE IF EXISTS {_ROLE}")
                cursor.execute(f"CREATE ROLE {_ROLE} LOGIN CREATEDB PASSWORD %s", (secret["password"],))
            connection.close()
            write_private(self._secrets, json.dumps({**secret, "role": True}))
        return _checked(Server(host, _PORT, _ROLE, secret["password"]))


_C_LOCALE: Final = {"LC_ALL": "C.UTF-8"}


def _owner() -> pwd.struct_passwd:
    for name in _OWNERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Refusal("There is no unprivileged user for PostgreSQL to run as.", "Please install the package postgresql.")


def _become(user: pwd.struct_passwd) -> list[str]:
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def database_name(text: str) -> str:
    """Return ``text`` where it is a name that needs no quoting in any shell, file or URL.

    Raises:
        Refusal: It is not.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,50}", text):
        raise Refusal(
            f"{text!r} is no name for a database here.", "Please use up to 51 of a-z, 0-9 and _, a letter first."
        )
    return text
