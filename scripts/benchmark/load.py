"""Posts many messages to one address from one process, over some connections that are kept alive."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_TIMEOUT: Final = 60
_PATIENCE: Final = 50


class Load:
    """Messages that some clients share, and what became of them.

    Args:
        url: Where they go.
        messages: Header and body of each, made beforehand.
        patient: Send a message again that got no answer, as senders do.
    """

    def __init__(self, url: str, messages: list[tuple[dict[str, str], str]], *, patient: bool = False) -> None:
        self._tries = _PATIENCE if patient else 1
        parts = urlsplit(url)
        self._place, self._path = parts.netloc, parts.path
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
        connection = http.client.HTTPConnection(self._place, timeout=_TIMEOUT)
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
    load = Load(asked["url"], messages, patient=asked.get("patient", False))
    took = load.run(asked["clients"])
    path.write_text(json.dumps({"took": took, "statuses": load.statuses, "seconds": load.seconds}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
