"""The benchmark's side of the receiver's process."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Final

from benchmark.site import MeasureError, Process, free_port
from suite.layout import CHECKOUT

_POLL_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Arrival:
    """One request that the receiver got.

    Attributes:
        message_id: Its ``webhook-id``.
        subject: The CloudEvents subject of its body.
        port: Where it arrived.
        moment: When it was complete; wall clock in seconds.
    """

    message_id: str
    subject: str
    port: int
    moment: float


class Receiver:
    """A running receiver.

    Attributes:
        ports: Where it listens.
    """

    def __init__(self, ports: list[int], connection: Connection) -> None:
        self.ports = ports
        self._connection = connection

    def _ask(self, question: str, argument: object = None) -> object:
        try:
            self._connection.send((question, argument))
            return self._connection.recv()
        except (EOFError, OSError) as error:
            raise MeasureError("the receiver ended") from error

    @property
    def urls(self) -> list[str]:
        """Its addresses."""
        return [f"http://127.0.0.1:{port}/" for port in self.ports]

    def reset(self, delays: dict[int, float] | None = None) -> None:
        """Forget what arrived, and set how many seconds each port waits before it answers."""
        self._ask("delays", delays or {})
        self._ask("reset")

    def count(self) -> int:
        """Return how many different messages arrived."""
        found = self._ask("count")
        assert isinstance(found, int)
        return found

    def arrivals(self) -> list[Arrival]:
        """Return every request that arrived, in order."""
        found = self._ask("arrivals")
        assert isinstance(found, list)
        return [Arrival(*row) for row in found]

    def wait_for(self, count: int, timeout: float) -> None:
        """Return when ``count`` different messages have arrived.

        Raises:
            MeasureError: They did not arrive within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while (found := self.count()) < count:
            if time.monotonic() > deadline:
                raise MeasureError(f"{found} of {count} messages arrived within {timeout:.0f} s")
            time.sleep(_POLL_SECONDS)

    def last(self, count: int, timeout: float) -> float:
        """Wait for ``count`` different messages; return when the last of them first arrived, wall clock."""
        self.wait_for(count, timeout)
        return max(self.first().values())

    def first(self) -> dict[str, float]:
        """Return when each message first arrived, by its id."""
        moments: dict[str, float] = {}
        for arrival in self.arrivals():
            moments.setdefault(arrival.message_id, arrival.moment)
        return moments


@contextmanager
def receiving(folder: Path, ports: int) -> Iterator[Receiver]:
    """Have a receiver listen on so many ports during the block."""
    chosen: list[int] = []
    while len(chosen) < ports:
        port = free_port()
        if port not in chosen:
            chosen.append(port)
    address = folder / f"receiver-{chosen[0]}"
    command = [sys.executable, "-m", "benchmark.receiver", str(address), *map(str, chosen)]
    process = Process(command, {"PYTHONPATH": str(CHECKOUT / "scripts")}, folder / f"receiver-{chosen[0]}.log")
    try:
        process.wait_for("receiver ready")
        with Client(str(address), family="AF_UNIX") as connection:
            yield Receiver(chosen, connection)
    finally:
        process.kill()
