"""A partner that signs and posts to one system of a server."""

import contextlib
import http.client
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from urllib.parse import urlsplit

from simulator import wire
from simulator.messages import ADMITTED, Message
from simulator.transport import FORGED_SECRET

JSON_TYPE = "application/cloudevents+json"


class Partner:
    """Posts to one address with one secret, exactly once per call."""

    def __init__(self, url: str, secret: str = FORGED_SECRET) -> None:
        self.url = url
        self.secret = secret

    def message(self, system: str = "ehr") -> Message:
        """Return an admission that nobody has sent."""
        number = uuid.uuid4().hex
        now = datetime.now(timezone.utc)
        data = {
            "encounter": f"E-{number}",
            "patient": {"id": "MRN-1"},
            "admitted_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "department": "ED",
        }
        return Message(system, number, ADMITTED, f"encounter/E-{number}", now, data)

    def fields(self, body: bytes, message_id: str | None = None) -> dict[str, str]:
        """Return the headers of a signed ``body``."""
        signed = wire.headers(self.secret, message_id or uuid.uuid4().hex, int(time.time()), body)
        return {**signed, "content-type": JSON_TYPE}

    def post(
        self, body: bytes | None = None, *, message_id: str | None = None, path: str | None = None, **more: str
    ) -> tuple[int, dict, dict]:
        """Send a body signed, by default a new admission; return status, JSON body and headers (lower case)."""
        content = self.message().body if body is None else body
        named = {name.replace("_", "-"): value for name, value in more.items()}
        headers = {**self.fields(content, message_id), **named}
        parts = urlsplit(self.url)
        with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
            connection.request("POST", path or parts.path, body=content, headers=headers)
            answer = connection.getresponse()
            return (
                answer.status,
                json.loads(answer.read()),
                {key.lower(): value for key, value in answer.headers.items()},
            )

    def send(self, message: Message) -> tuple[int, dict, dict]:
        """Send a message under its own id."""
        return self.post(message.body, message_id=message.message_id)

    def at_once(self, posts: list[tuple[str, bytes]]) -> list[tuple[int, dict, dict]]:
        """Post all of these (message id, body) in the same instant."""
        gun = threading.Barrier(len(posts))

        def fire(post: tuple[str, bytes]) -> tuple[int, dict, dict]:
            gun.wait()
            message_id, body = post
            return self.post(body, message_id=message_id)

        with ThreadPoolExecutor(max_workers=len(posts)) as pool:
            return list(pool.map(fire, posts))
