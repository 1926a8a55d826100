"""A receiver that is faster than any sender: HTTP/1.1 over raw sockets, in a process of its own.

It answers 204 to every POST, at once or after the delay of its port, and remembers when which message arrived. It is
told what to do over a Unix socket (:class:`benchmark.receiving.Receiver` is the other side).
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from typing import Final

_ANSWER: Final = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_ID: Final = re.compile(rb"\r\nwebhook-id:[ \t]*([^\r\n]+)", re.IGNORECASE)
_SUBJECT: Final = re.compile(rb'"subject"\s*:\s*"([^"]*)"')


@dataclass
class Book:
    """What arrived, and how long each port lets its senders wait.

    Attributes:
        arrivals: Per request: message id, CloudEvents subject, port, wall clock when it was complete.
        ids: The different message ids.
        delays: Seconds before the answer, by port.
    """

    arrivals: list[tuple[str, str, int, float]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    delays: dict[int, float] = field(default_factory=dict)


class Sink(asyncio.Protocol):
    """One connection of a sender, kept alive as long as it likes."""

    def __init__(self, book: Book, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self._book = book
        self._port = port
        self._loop = loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take every request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._take(head, body)

    def _take(self, head: bytes, body: bytes) -> None:
        name, subject = _ID.search(head), _SUBJECT.search(body)
        message_id = name[1].decode() if name else ""
        self._book.arrivals.append((message_id, subject[1].decode() if subject else "", self._port, time.time()))
        self._book.ids.add(message_id)
        delay = self._book.delays.get(self._port, 0.0)
        if delay:
            self._loop.call_later(delay, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(_ANSWER)


def control(connection: Connection, book: Book) -> None:
    """Answer questions about the book until the other side hangs up."""
    while True:
        try:
            question, argument = connection.recv()
        except EOFError:
            return
        match question:
            case "reset":
                book.arrivals, book.ids = [], set()
                gc.collect()
                connection.send(True)
            case "delays":
                book.delays = argument
                connection.send(True)
            case "count":
                connection.send(len(book.ids))
            case "arrivals":
                connection.send(list(book.arrivals))


async def serve(address: str, ports: list[int]) -> None:
    """Listen on every port of 127.0.0.1 until the other side of the Unix socket hangs up."""
    loop = asyncio.get_running_loop()
    book = Book()
    for port in ports:
        await loop.create_server(lambda port=port: Sink(book, port, loop), "127.0.0.1", port, backlog=1024)  # type: ignore[misc]
    done = asyncio.Event()

    def attend() -> None:
        with Listener(address, family="AF_UNIX") as listener:
            sys.stdout.write("receiver ready\n")
            sys.stdout.flush()
            with listener.accept() as connection:
                control(connection, book)
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=attend, daemon=True).start()
    await done.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], [int(word) for word in sys.argv[2:]]))
