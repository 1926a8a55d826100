"""Signed HTTP to Odoo: post messages side by side, ask what became of them.

A sender behaves as the contract asks of one: it repeats what was not answered, 429 and 503, with the same
``webhook-id``, and nothing else.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from . import wire
from .messages import Message
from .systems import System

CONTENT_TYPE = "application/cloudevents+json"
FORGED_SECRET = "whsec_" + "A" * 43 + "="
RETRIED = (429, 503)
TIMEOUT_S = 60.0
ASK_AGAIN_S = 0.5

Status = dict[str, object]


class UnreachableError(Exception):
    """Odoo did not answer, again and again; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Odoo answered: the status, and the words of its JSON body that matter."""

    status: int
    word: str
    event: str | None
    retry_after: float | None

    @property
    def accepted(self) -> bool:
        """Whether the message was taken in for the first time."""
        return self.status == http.HTTPStatus.ACCEPTED

    @property
    def duplicate(self) -> bool:
        """Whether Odoo had it already."""
        return self.status == http.HTTPStatus.OK

    @property
    def counted(self) -> bool:
        """Whether Odoo counts it as received: verified, and not put off."""
        return self.status not in (401, 413, 429, 503)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message and the answer it got at last."""

    message: Message
    answer: Answer


class Client:
    """Posts for a set of systems over connections that are kept, one per thread and host."""

    def __init__(self, systems: Mapping[str, System], *, patience: float = 60.0) -> None:
        """Keep the systems; ``patience`` is how long (s) one message is repeated before giving up."""
        self._systems = systems
        self._patience = patience
        self._local = threading.local()

    def send(
        self, messages: Sequence[Message], *, workers: int = 4, seen: Callable[[Exchange], None] | None = None
    ) -> list[Exchange]:
        """Post the messages from a few threads and give the answers in the order of the messages.

        :raises UnreachableError: Odoo could not be reached within the patience.
        """

        def post(message: Message) -> Exchange:
            exchange = Exchange(message, self._post(message))
            if seen is not None:
                seen(exchange)
            return exchange

        with ThreadPoolExecutor(max_workers=workers) as pool:
            return list(pool.map(post, messages))

    def statuses(
        self, messages: Iterable[Message], *, settled: Callable[[Status], bool], wait: float = 0.0, workers: int = 4
    ) -> dict[str, Status]:
        """Ask what became of accepted messages: by webhook-id, the JSON object that Odoo answers.

        A message that is not settled is asked about again, for up to ``wait`` seconds in all. Only a few messages
        are asked about at a time, so that asking does not slow down what it asks about.
        """
        deadline = time.monotonic() + wait

        def follow(message: Message) -> Status:
            status = self._status(message)
            while not settled(status) and time.monotonic() < deadline:
                time.sleep(ASK_AGAIN_S)
                status = self._status(message)
            return status

        asked = list(messages)
        with ThreadPoolExecutor(max_workers=workers) as pool:
            return dict(zip((message.message_id for message in asked), pool.map(follow, asked), strict=True))

    def _post(self, message: Message) -> Answer:
        system = self._systems[message.system]
        secret = FORGED_SECRET if message.forged else system.secret
        return _answer(*self._persist("POST", system, secret, message.message_id, message.body))

    def _status(self, message: Message) -> Status:
        system = self._systems[message.system]
        path = "/messages/" + quote(message.message_id, safe="")
        _code, status, _hint = self._persist("GET", system, system.secret, f"status-{uuid.uuid4()}", b"", path)
        return status

    def _persist(
        self, method: str, system: System, secret: str, message_id: str, body: bytes, path: str = ""
    ) -> tuple[int, Status, float | None]:
        """Repeat a request until it is answered otherwise than by *not now*, for as long as the patience lasts."""
        deadline = time.monotonic() + self._patience
        pause = 0.2
        while True:
            try:
                status, content, hint = self._exchange(method, system, secret, message_id, body, path)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    msg = f"{system.url} does not answer ({error.__class__.__name__}: {error})"
                    raise UnreachableError(msg) from error
                hint = None
            else:
                if status not in RETRIED or time.monotonic() > deadline:
                    return status, content, hint
            time.sleep(min(hint or pause, 5.0))
            pause = min(pause * 2, 5.0)

    def _exchange(
        self, method: str, system: System, secret: str, message_id: str, body: bytes, path: str
    ) -> tuple[int, Status, float | None]:
        """Make one signed request; a kept connection that the server has closed is opened again by the retry."""
        parts = urlsplit(system.url)
        headers = wire.headers(secret, message_id, int(time.time()), body)
        if method == "POST":
            headers["content-type"] = CONTENT_TYPE
        connection = self._connection(parts)
        try:
            connection.request(method, parts.path + path, body=body or None, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        if response.will_close:
            connection.close()
        return response.status, _json(content), _seconds(response.getheader("retry-after"))

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        kept: dict[tuple[str, str], http.client.HTTPConnection] = self._local.__dict__.setdefault("kept", {})
        key = (parts.scheme, parts.netloc)
        if key not in kept:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            kept[key] = kind(parts.netloc, timeout=TIMEOUT_S)
        return kept[key]


def _json(content: bytes) -> Status:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _answer(status: int, body: Status, hint: float | None) -> Answer:
    """Pick the word that names the answer: ``accepted``, ``duplicate``, or the last segment of the problem type."""
    word = body.get("status")
    if not isinstance(word, str):
        word = str(body.get("type", "")).rpartition("/")[2] or f"http {status}"
    event = body.get("event")
    return Answer(status, word, event if isinstance(event, str) else None, hint)
