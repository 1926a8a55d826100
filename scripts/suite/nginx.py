"""nginx with the file of the installation guide (``docs/install/files/nginx.conf``), on ports of this machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from suite import packages, processes
from suite.layout import CHECKOUT, open_log
from suite.refusal import Refusal

TEMPLATE: Final = CHECKOUT / "docs" / "install" / "files" / "nginx.conf"
GATE: Final = "integration.hospital.example"
PEOPLE: Final = "odoo.hospital.example"
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Z_]+)\}")
_START_SECONDS: Final = 20
_STOP_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.02
_MAIN: Final = """\
# What Debian's /etc/nginx/nginx.conf does, in a folder of its own.
daemon off;
{user}
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{
    worker_connections 4096;
}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log off;
    # What others may have set there, and what must not hold for the servers of the file.
    gzip on;
    gzip_types *;
    underscores_in_headers on;
    include {folder}/integration.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    """What the placeholders of the file stand for.

    Attributes:
        http_port: For plain HTTP.
        https_port: For TLS.
        odoo: Host and port of Odoo, for messages and for people.
        certificate: The server's certificate, with its chain.
        certificate_key: Its key.
        client_authority: Who issues client certificates.
        senders: Networks and their class: ``engine``, ``sender`` or ``monitor``.
        connections: How many requests Odoo is given at once.
        websocket: Host and port of Odoo's gevent process.
    """

    http_port: int
    https_port: int
    odoo: str
    certificate: Path
    certificate_key: Path
    client_authority: Path
    senders: Mapping[str, str]
    connections: int = 16
    websocket: str = "127.0.0.1:8072"

    def values(self, folder: Path) -> dict[str, str]:
        """Return the placeholders and what each stands for; ``folder`` keeps the files that are made for it."""
        return {
            "GATE_NAME": GATE,
            "PEOPLE_NAME": PEOPLE,
            "GATE_ODOO": self.odoo,
            "PEOPLE_ODOO": self.odoo,
            "WEBSOCKET_ODOO": self.websocket,
            "GATE_CONNECTIONS": str(self.connections),
            "CERTIFICATE": str(self.certificate),
            "CERTIFICATE_KEY": str(self.certificate_key),
            "CLIENT_AUTHORITY": str(self.client_authority),
            "SENDERS": str(folder / "senders.conf"),
            "ACCESS_LOG": str(folder / "access.log"),
            "HTTP_PORT": f"127.0.0.1:{self.http_port}",
            "HTTPS_PORT": f"127.0.0.1:{self.https_port}",
        }


def filled_in(template: str, values: Mapping[str, str]) -> str:
    """Return the file with its placeholders filled in; KeyError for one that ``values`` lacks."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


class Nginx:
    """A running nginx; a context manager that starts and ends it.

    Args:
        front: What the placeholders stand for. The ports listen on 127.0.0.1, and clients may come from all of
            127.0.0.0/8.
        folder: For its files alone.
        workers: How many processes serve.
    """

    def __init__(self, front: Front, folder: Path, workers: int = 1) -> None:
        self.front = front
        self.folder = folder
        self.access_log = folder / "access.log"
        self.error_log = folder / "error.log"
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the gate is, without a trailing slash."""
        return f"https://{GATE}:{self.front.https_port}"

    def command(self, *words: str) -> list[str]:
        """Return the command line of nginx with this configuration.

        Raises:
            Refusal: There is no nginx.
        """
        found = packages.nginx()
        if found is None:
            raise Refusal("There is no nginx.", "Please install it:  sudo apt-get install nginx")
        return [found, "-p", str(self.folder), "-c", str(self.folder / "main.conf"), "-e", str(self.error_log), *words]

    def write(self) -> None:
        """Write its configuration."""
        values = self.front.values(self.folder)
        self._write("senders.conf", "".join(f"{net} {kind};\n" for net, kind in self.front.senders.items()))
        self._write("integration.conf", filled_in(TEMPLATE.read_text(encoding="utf-8"), values))
        user = "user root;" if processes.is_root() else ""
        self._write("main.conf", _MAIN.format(folder=self.folder, user=user, workers=self._workers))

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def start(self) -> None:
        """Start it, and return when it listens.

        Raises:
            Refusal: It ended, or did not listen in time; with its log.
        """
        self.write()
        with open_log(self.error_log) as out:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Refusal(f"nginx does not listen:\n{processes.tail(self.error_log)}", "Please look there.")
            time.sleep(_POLL_SECONDS)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.front.https_port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it and its workers, gently first; what was to be logged is written."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def __enter__(self) -> Nginx:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.stop()
