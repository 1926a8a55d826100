"""One database with an Odoo, and the processes that work in it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any, Final

from suite import masterkey, processes, server
from suite.demo import Built
from suite.layout import open_log, write_private
from suite.odoo import Odoo
from suite.refusal import Refusal

READY: Final = "integration_worker ready"
"""What a worker writes when it has begun to listen."""
_START_SECONDS: Final = 90
_STOP_SECONDS: Final = 30
_CALL_SECONDS: Final = 1800
_POLL_SECONDS: Final = 0.05


class MeasureError(Exception):
    """Something could not be measured; the text says what and why."""


def wait_until(predicate: Callable[[], Any], timeout: float, what: str) -> Any:
    """Return the first true value of ``predicate``, asked again and again.

    Raises:
        MeasureError: It did not become true within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise MeasureError(f"not within {timeout:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)
    return value


def free_port() -> int:
    """Return a port of this machine that nothing listens on and that is not handed out to connections."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    while True:
        port = random.randrange(10_000, lowest)  # noqa: S311 - any free port will do
        if server.port_is_free(port):
            return port


class Process:
    """A process that was started here, and its log.

    Args:
        command: Program and arguments.
        env: Variables besides the present ones.
        log: Receives what it writes; emptied first.
        stdin: Text for its standard input.
    """

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path, stdin: str = "") -> None:
        log.unlink(missing_ok=True)
        self.log = log
        self.command = command
        with open_log(log) as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )
        assert self._process.stdin
        with self._process.stdin as given:
            given.write(stdin.encode())

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_for(self, text: str, timeout: float = _START_SECONDS) -> None:
        """Return when its log holds ``text``.

        Raises:
            MeasureError: It ended first, or took too long.
        """
        deadline = time.monotonic() + timeout
        while text not in self.log.read_text(encoding="utf-8", errors="replace"):
            if not self.alive or time.monotonic() > deadline:
                raise MeasureError(f"no {text!r} from {self.command[-1]}:\n{processes.tail(self.log)}")
            time.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """End it and what it started with ``kill -9``."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it, gently first."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self.kill()


class Inside:
    """A process of Odoo's that carries out functions of :mod:`benchmark.in_odoo`, each in a transaction of its own."""

    def __init__(self, process: Process, listener: Listener) -> None:
        self._process = process
        self._listener = listener
        self._connection: Connection | None = None

    def connect(self) -> None:
        """Wait for the process to call."""
        self._process.wait_for("driver ready")
        self._connection = self._listener.accept()

    def __call__(self, function: str, /, **arguments: object) -> Any:
        """Call ``module.function(env, **arguments)`` inside Odoo, commit, and return its value.

        Raises:
            MeasureError: It raised, or the process is gone; with its traceback.
        """
        assert self._connection
        try:
            self._connection.send((function, arguments))
            if not self._connection.poll(_CALL_SECONDS):
                raise MeasureError(f"{function} is not done after {_CALL_SECONDS} s")
            good, value = self._connection.recv()
        except (EOFError, OSError) as error:
            raise MeasureError(f"{function}: Odoo's process ended:\n{processes.tail(self._process.log)}") from error
        if not good:
            raise MeasureError(f"{function}:\n{value}")
        return value

    def close(self) -> None:
        """End the process."""
        if self._connection:
            with suppress(OSError):
                self._connection.send(None)
            self._connection.close()
        self._listener.close()
        self._process.stop()


class Site:
    """One database, its Odoo and the processes that were started for it.

    Args:
        odoo: The Odoo; its configuration file is this database's.
        name: The database.
        folder: For its files alone.
        key: Its master key file.
        built: What the demo hospital consists of.
        addons_path: Where its Odoo finds addons.
        peers: Whether the peers are installed in it.
    """

    def __init__(
        self, odoo: Odoo, name: str, folder: Path, key: Path, built: Built, addons_path: str, *, peers: bool
    ) -> None:
        self.odoo = odoo
        self.name = name
        self.folder = folder
        self.key = key
        self.built = built
        self.environ: dict[str, str] = {}
        self._addons_path = addons_path
        self._peers = peers
        self._inside: Inside | None = None
        self._processes: list[Process] = []
        self._running: list[tuple[server.Running, Path]] = []

    def configure(self, sections: str = "", **options: str | int) -> None:
        """Write the configuration file.

        Args:
            sections: More sections of the file, such as ``[queue_job]``.
            options: More of Odoo's options.
        """
        wide = "base,rpc,web,integration_inbound" + (",queue_job" if self._peers else "")
        settings: dict[str, str | int] = {
            "addons_path": self._addons_path,
            "server_wide_modules": wide,
            "db_name": self.name,
            "integration_master_key_file": str(self.key),
            "log_level": "info",
            **options,
        }
        self.odoo.configure(**settings)
        if sections:
            write_private(self.odoo.conf, self.odoo.conf.read_text(encoding="utf-8") + sections)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        return {**self.odoo.environment({masterkey.VARIABLE: str(self.key)}), **self.environ}

    @property
    def dsn(self) -> str:
        """How libpq reaches the database."""
        place = self.odoo.server
        password = [f"password={place.password}"] if place.password is not None else []
        words = [f"host={place.host}", f"port={place.port}", f"user={place.user}", *password, f"dbname={self.name}"]
        return " ".join(words)

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement, committed at once, and return its rows."""
        import psycopg2  # the environment that has it is made by this very program

        with closing(psycopg2.connect(self.dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return list(cursor.fetchall()) if cursor.description else []

    # Processes

    def _shell(self, script: str, log: str) -> Process:
        command = self.odoo.command("shell", f"--config={self.odoo.conf}", f"--database={self.name}", "--no-http")
        return self._remember(Process(command, self.environment, self.folder / f"{log}.log", script))

    def _remember(self, process: Process) -> Process:
        self._processes.append(process)
        return process

    def program(self, module: str, *words: str) -> Process:
        """Start ``python -m module`` that reaches the database by the ``PG…`` variables."""
        command = [str(self.odoo.python.python), "-m", module, *words]
        env = {**self.odoo.environment(), "PGDATABASE": self.name}
        log = self.folder / f"{module}-{len(self._processes)}.log"
        return self._remember(Process(command, env, log))

    @property
    def inside(self) -> Inside:
        """Whatever runs functions inside Odoo; started at the first use."""
        if self._inside is None:
            address = self.folder / f"driver-{len(self._processes)}"
            listener = Listener(str(address), family="AF_UNIX")
            script = f"from benchmark.in_odoo import driver\ndriver.serve(env, {str(address)!r})\n"
            self._inside = Inside(self._shell(script, f"driver-{len(self._processes)}"), listener)
            self._inside.connect()
        return self._inside

    def start_worker(self, *words: str) -> Process:
        """Start a worker, which is not ready yet; ``words`` are more of its options."""
        command = self.odoo.command(
            f"--addons-path={self._addons_path}",
            "integration_worker",
            *(f"--config={self.odoo.conf}", f"--database={self.name}", *words),
        )
        log = self.folder / f"worker-{len(self._processes)}.log"
        return self._remember(Process(command, self.environment, log))

    def worker(self, *words: str) -> Process:
        """Start a worker and return when it listens; ``words`` are more of its options."""
        process = self.start_worker(*words)
        process.wait_for(READY)
        return process

    @contextmanager
    def workers(self, count: int = 1, *words: str) -> Iterator[list[Process]]:
        """Have ``count`` workers run during the block."""
        started = [self.worker(*words) for _ in range(count)]
        try:
            yield started
        finally:
            for process in started:
                process.stop()

    def start_server(
        self,
        workers: int = 0,
        cron_threads: int = 2,
        port: int | None = None,
        options: tuple[str, ...] = (),
        *,
        wait: bool = True,
    ) -> server.Running:
        """Start an Odoo server, with this many prefork workers (0: threaded), and ``wait`` until it answers."""
        number = len(self._running)
        log, pid_file = self.folder / f"server-{number}.log", self.folder / f"server-{number}.pid"
        words = [f"--workers={workers}", f"--max-cron-threads={cron_threads}", *options]
        if workers:
            words.append(f"--gevent-port={free_port()}")
        running = server.start(
            self.odoo,
            self.name,
            port or free_port(),
            log=log,
            pid_file=pid_file,
            env=self.environment,
            options=tuple(words),
        )
        self._running.append((running, pid_file))
        if not wait:
            return running
        try:
            server.wait_until_ready(running, log)
        except Refusal as refusal:
            raise MeasureError(f"{refusal.what} {refusal.remedy}") from refusal
        return running

    def stop_server(self, running: server.Running) -> None:
        """End a server."""
        for one, pid_file in self._running:
            if one is running:
                server.stop(running, pid_file)

    @contextmanager
    def serving(
        self, workers: int = 0, cron_threads: int = 2, options: tuple[str, ...] = ()
    ) -> Iterator[server.Running]:
        """Have an Odoo server run during the block."""
        running = self.start_server(workers, cron_threads, options=options)
        try:
            yield running
        finally:
            self.stop_server(running)

    def close(self) -> None:
        """End every process that was started for this database."""
        if self._inside:
            self._inside.close()
        for process in self._processes:
            process.kill()
        for running, pid_file in self._running:
            if running.alive():
                running.signal_group(signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(running.pid, 0)
            pid_file.unlink(missing_ok=True)
