"""The Odoo server as a process: started, watched until it is ready, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from suite import processes
from suite.layout import open_log, write_private
from suite.odoo import Odoo
from suite.refusal import Refusal

READY_PATH: Final = "/integration/health/ready"
_READY_SECONDS: Final = 180
_STOP_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.2
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks without a proxy: the server is on this machine."""


@dataclass(frozen=True)
class Running:
    """A server that was started, as its pid file tells.

    Attributes:
        pid: Its process, which leads a process group of its own.
        started: What tells it from a later process with the same id.
        url: Where it serves.
        database: What it serves.
    """

    pid: int
    started: str
    url: str
    database: str

    def alive(self) -> bool:
        """Tell whether it still runs."""
        return processes.started_at(self.pid) == self.started

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to it and to every process it started."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def read(pid_file: Path) -> Running | None:
    """Return the server a pid file tells of, where that still runs."""
    try:
        running = Running(**json.loads(pid_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return running if running.alive() else None


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start(
    odoo: Odoo,
    database: str,
    port: int,
    *,
    log: Path,
    pid_file: Path,
    env: Mapping[str, str],
    options: tuple[str, ...] = (),
) -> Running:
    """Start a server that outlives this process; it is not ready yet.

    Args:
        odoo: What to start; its configuration file has been written.
        database: The one database it serves.
        port: Where it listens on 127.0.0.1.
        log: Receives what it writes.
        pid_file: Remembers it.
        env: Variables for it alone.
        options: More of Odoo's own options.

    Raises:
        Refusal: The port is taken.
    """
    if not port_is_free(port):
        raise Refusal(
            f"Something else listens on port {port} already.", "Please stop it, or name another port with --port."
        )
    # No --db-filter: with one, Odoo asks PostgreSQL for its databases, over a new connection, for each request that
    # brings no cookie.
    command = odoo.command(
        "server",
        f"--config={odoo.conf}",
        f"--database={database}",
        f"--http-port={port}",
        *options,
    )
    with open_log(log) as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **odoo.environment(env)},
            start_new_session=True,
        )
    started = processes.started_at(process.pid) or ""
    running = Running(process.pid, started, f"http://127.0.0.1:{port}", database)
    write_private(pid_file, json.dumps(running.__dict__))
    return running


def ready(url: str) -> bool:
    """Tell whether the suite answers at ``url`` and can do its work."""
    try:
        with _DIRECT.open(url + READY_PATH, timeout=5) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False


def wait_until_ready(running: Running, log: Path, note: Callable[[str], None] = lambda text: None) -> None:
    """Wait until the suite answers.

    An answer counts only while the server lives: one that another server gives on its port is not its own.

    Raises:
        Refusal: The server ended, or did not become ready in time; with the end of its log.
    """
    deadline = time.monotonic() + _READY_SECONDS
    note("waiting for its answer")
    while True:
        answers = ready(running.url)
        _reap(running.pid)
        if not running.alive():
            raise Refusal(f"Odoo ended by itself:\n{processes.tail(log)}", f"Please look into {log}.")
        if answers:
            return
        if time.monotonic() > deadline:
            raise Refusal(
                f"Odoo does not answer on {running.url}{READY_PATH} after {_READY_SECONDS} s:\n{processes.tail(log)}",
                f"Please look into {log}.",
            )
        time.sleep(_POLL_SECONDS)


def stop(running: Running, pid_file: Path) -> None:
    """End a server, gently first."""
    running.signal_group(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while running.alive() and time.monotonic() < deadline:
        _reap(running.pid)
        time.sleep(_POLL_SECONDS)
    running.signal_group(signal.SIGKILL)
    _reap(running.pid)
    pid_file.unlink(missing_ok=True)


def _reap(pid: int) -> None:
    """Let the system forget a child that ended; a child that was not reaped still has its id."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
