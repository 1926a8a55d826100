"""nginx as the installation guide sets it up, with certificates of the tests' own, and clients that talk to it."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import servers

from suite.certificates import Authority, Pair
from suite.nginx import GATE, PEOPLE, Front, Nginx

ENGINE = "127.0.0.1"
OTHER_ENGINE = "127.0.0.2"
SENDER = "127.0.1.1"
MONITOR = "127.0.9.1"
STRANGER = "127.0.2.1"
CLASSES = {"127.0.0.0/24": "engine", "127.0.1.0/24": "sender", "127.0.9.1/32": "monitor"}
INBOUND = "/integration/v1/inbound/ehr"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict:
        """The body, which must be problem details that fit the status."""
        assert self.headers["content-type"] == "application/problem+json", self
        document = json.loads(self.body)
        assert {"type", "title", "status", "detail", "instance"} <= set(document)
        assert document["status"] == self.status
        assert len(self.headers["x-request-id"]) == 32
        return document

    @property
    def segment(self) -> tuple[int, str]:
        """Status and the last segment of the problem's type."""
        return self.status, self.problem["type"].rpartition("/")[2]


class Certificates:
    """An authority with a server's and a client's certificate; and a client of an authority that nobody knows."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "authority")
        self.server = self.authority.issue("server", GATE, PEOPLE)
        self.client = self.authority.issue("client")
        self.foreign = Authority(folder, "elsewhere").issue("foreign")


class Door:
    """One running nginx, and requests to it."""

    def __init__(self, nginx: Nginx, certificates: Certificates) -> None:
        self.nginx = nginx
        self.certificates = certificates
        self.plain_port = nginx.front.http_port
        self.port = nginx.front.https_port

    def context(self, pair: Pair | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificates.authority.file))
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def connect(
        self,
        source: str = ENGINE,
        host: str = GATE,
        context: ssl.SSLContext | None = None,
        *,
        plain: bool = False,
        port: int | None = None,
    ) -> socket.socket:
        """Open a connection from an address of this machine."""
        place = ("127.0.0.1", port or (self.plain_port if plain else self.port))
        tcp = socket.create_connection(place, timeout=30, source_address=(source, 0))
        return tcp if plain else (context or self.context()).wrap_socket(tcp, server_hostname=host)

    def client(self, source: str = ENGINE, host: str = GATE, **options: object) -> http.client.HTTPConnection:
        """Give a connection that can carry many requests."""
        client = http.client.HTTPConnection(host, timeout=30)
        client.sock = self.connect(source, host, **options)
        return client

    def ask(
        self,
        method: str = "POST",
        path: str = INBOUND,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **options: object,
    ) -> Answer:
        """Send one request over a connection of its own."""
        client = self.client(**options)
        try:
            return send(client, method, path, body=body, headers=headers)
        finally:
            client.close()

    def raw(self, data: bytes, **options: object) -> Answer:
        """Send bytes, and return the answer."""
        with self.connect(**options) as connection:
            connection.sendall(data)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return _answer(answer)


def send(
    client: http.client.HTTPConnection,
    method: str = "POST",
    path: str = INBOUND,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request over a connection that stays open."""
    # As it is: http.client would refuse or change some of what is sent here on purpose.
    client._validate_path = lambda _: None
    client.request(method, path, body, dict(headers or {}))
    return _answer(client.getresponse())


def _answer(answer: http.client.HTTPResponse) -> Answer:
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def door(folder: Path, certificates: Certificates, odoo: str, connections: int = 256) -> Door:
    """Return an nginx before ``odoo`` (host and port), which is not started yet."""
    front = Front(
        servers.free_port(),
        servers.free_port(),
        odoo,
        certificates.server.certificate,
        certificates.server.key,
        certificates.authority.file,
        CLASSES,
        connections,
        websocket=odoo,
    )
    return Door(Nginx(front, folder), certificates)
