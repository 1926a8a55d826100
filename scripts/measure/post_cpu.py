"""CPU time of one POST over a kept-alive connection: ours beside http.client, urllib3 and requests.

The receiver is a process of its own on loopback, so only the sending side's CPU time is counted. Rounds are paired:
each measures every client once, in turn, and the median over the rounds is shown. Run it with
``PYTHONPATH=scripts python -m measure.post_cpu``.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import socket
import statistics
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

ADDONS: Final = Path(__file__).parents[2] / "addons"
BODY: Final = b'{"specversion":"1.0","data":"' + b"x" * 970 + b'"}'
HEADERS: Final = {
    "user-agent": "odoo-integration/19.0.0.0.0",
    "content-type": "application/cloudevents+json",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "webhook-id": "0190aee0-7d5c-7c3e-9d3a-3f1d2f6d8a11",
    "webhook-timestamp": "1795521600",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
}
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nServer: receiver\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 15\r\n\r\n" + b'{"status":"ok"}'
)

Post = Callable[[], int]
"""Sends one message and returns the answer's status."""


def measure(*, posts: int = 1000, rounds: int = 5) -> dict[str, float]:
    """Return the median CPU milliseconds of one POST for each client."""
    spent: dict[str, list[float]] = {}
    with receiver() as port:
        clients = {name: make(port) for name, make in CLIENTS.items()}
        for _round in range(rounds):
            for name, post in clients.items():
                spent.setdefault(name, []).append(_cpu_ms(post, posts))
    return {name: statistics.median(values) for name, values in spent.items()}


def throughput(*, threads: int = 16, posts: int = 200, rounds: int = 5) -> dict[str, float]:
    """Return the median POSTs a second of ours and of http.client, with ``threads`` that each send ``posts``."""
    found: dict[str, list[float]] = {}
    with receiver() as port:
        ours = _ours(port)
        for _round in range(rounds):
            for name, sends in {
                "ours": [ours] * threads,
                "http.client": [_http_client(port) for _thread in range(threads)],
            }.items():
                began = time.monotonic()
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(lambda post: [post() for _number in range(posts)], sends))
                found.setdefault(name, []).append(threads * posts / (time.monotonic() - began))
    return {name: statistics.median(values) for name, values in found.items()}


@contextmanager
def receiver() -> Iterator[int]:
    """Yield the port of a receiver in a process of its own that answers every POST at once and keeps connections."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _receive(ready: Connection) -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    ready.send(server.getsockname()[1])
    while True:
        connection, _address = server.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
        _head, blank, body = data.partition(b"\r\n\r\n")
        if blank and len(body) >= len(BODY):
            connection.sendall(ANSWER)
            data = body[len(BODY) :]


def _cpu_ms(post: Post, posts: int) -> float:
    for _warm in range(20):
        post()
    began = time.process_time()
    for _number in range(posts):
        if post() != 200:
            raise RuntimeError("the receiver did not take the message")
    return (time.process_time() - began) * 1000 / posts


def _domain(addon: str, module: str) -> Any:
    """Import a module of an addon's domain package without running the addon, which needs Odoo."""
    if addon not in sys.modules:
        package = types.ModuleType(addon)
        package.__path__ = [str(ADDONS / addon)]
        sys.modules[addon] = package
    return __import__(f"{addon}.domain.{module}", fromlist=[module])


def _ours(port: int) -> Post:
    sender = _domain("integration_outbound", "http_sender").Sender()
    url, allowed = f"http://127.0.0.1:{port}/hook", frozenset({f"127.0.0.1:{port}"})

    def post() -> int:
        status: int = sender.send(url, headers=HEADERS, body=BODY, allowed=allowed).status
        return status

    return post


def _ours_signed(port: int) -> Post:
    signing = _domain("integration_core", "signing")
    sender = _domain("integration_outbound", "http_sender").Sender()
    keys = (signing.Secret.generate(),)
    url, allowed = f"http://127.0.0.1:{port}/hook", frozenset({f"127.0.0.1:{port}"})

    def post() -> int:
        signature = signing.sign(keys, HEADERS["webhook-id"], int(time.time()), BODY)
        headers = {**HEADERS, "webhook-signature": signature}
        status: int = sender.send(url, headers=headers, body=BODY, allowed=allowed).status
        return status

    return post


def _http_client(port: int) -> Post:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def post() -> int:
        connection.request("POST", "/hook", BODY, HEADERS)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return post


def _urllib3(port: int) -> Post:
    import urllib3

    pool: Any = urllib3.HTTPConnectionPool("127.0.0.1", port)
    return lambda: int(pool.request("POST", "/hook", body=BODY, headers=HEADERS).status)


def _requests(port: int) -> Post:
    import requests

    session, url = requests.Session(), f"http://127.0.0.1:{port}/hook"
    return lambda: int(session.post(url, data=BODY, headers=HEADERS, timeout=15).status_code)


CLIENTS: Final[dict[str, Callable[[int], Post]]] = {
    "ours": _ours,
    "ours, signed": _ours_signed,
    "http.client": _http_client,
    "urllib3": _urllib3,
    "requests": _requests,
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1000, help="messages a round and client")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found = measure(posts=options.posts, rounds=options.rounds)
    print(f"{'client':<16} {'CPU ms/POST':>12} {'of http.client':>15}")
    for name, value in found.items():
        print(f"{name:<16} {value:12.3f} {value / found['http.client']:15.2f}")
    found = throughput(rounds=options.rounds)
    print(f"\n{'16 threads':<16} {'POSTs/s':>12} {'of http.client':>15}")
    for name, value in found.items():
        print(f"{name:<16} {value:12.0f} {value / found['http.client']:15.2f}")


if __name__ == "__main__":
    main()
