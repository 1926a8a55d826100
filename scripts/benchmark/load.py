"""Posts many messages to one address from one process, over some connections that are kept alive."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_TIMEOUT: Final = 60
_PATIENCE: Final = 50


class _OnThisMachine(http.client.HTTPSConnection):
    """A connection to 127.0.0.1, whatever the host's name is."""

    def __init__(self, place: str, context: ssl.SSLContext) -> None:
        super().__init__(place, timeout=_TIMEOUT, context=context)
        self._trusting = context

    def connect(self) -> None:
        """Connect, and check that the certificate is that of the name."""
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._trusting.wrap_socket(plain, server_hostname=self.host)


class Load:
    """Messages that some clients share, and what became of them.

    Args:
        url: Where they go; ``https`` goes to this machine.
        messages: Header and body of each, made beforehand.
        cafile: Whom to trust, for ``https``.
        patient: Send a message again that got no answer, as senders do.
    """

    def __init__(
        self,
        url: str,
        messages: list[tuple[dict[str, str], str]],
        *,
        cafile: str | None = None,
        patient: bool = False,
    ) -> None:
        self._tries = _PATIENCE if patient else 1
        parts = urlsplit(url)
        self._place, self._path = parts.netloc, parts.path
        self._context = ssl.create_default_context(cafile=cafile) if parts.scheme == "https" else None
        self._messages = iter(messages)
        self._lock = threading.Lock()
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []

    def run(self, clients: int) -> float:
        """Post everything; return how long that took, in seconds."""
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - began

    def _client(self) -> None:
        connection = self._connection()
        while True:
            with self._lock:
                message = next(self._messages, None)
            if message is None:
                break
            began = time.monotonic()
            status = next(filter(None, (self._post(connection, *message) for _try in range(self._tries))), 0)
            with self._lock:
                self.statuses[status] += 1
                self.seconds.append(time.monotonic() - began)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._context:
            return _OnThisMachine(self._place, self._context)
        return http.client.HTTPConnection(self._place, timeout=_TIMEOUT)

    def _post(self, connection: http.client.HTTPConnection, headers: dict[str, str], body: str) -> int:
        """Return the status of one POST; 0 where the connection failed."""
        try:
            connection.request("POST", self._path, body.encode(), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0
        return answer.status


def main(path: Path) -> None:
    """Do what a file of JSON asks for, and write what came of it into the same file."""
    asked = json.loads(path.read_text(encoding="utf-8"))
    messages = [(headers, body) for headers, body in asked["messages"]]
    load = Load(asked["url"], messages, cafile=asked.get("cafile"), patient=asked.get("patient", False))
    took = load.run(asked["clients"])
    path.write_text(json.dumps({"took": took, "statuses": load.statuses, "seconds": load.seconds}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
