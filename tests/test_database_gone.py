"""PostgreSQL that does not answer at all: the suite asks to come back, where Odoo by itself would say 404.

Odoo reaches PostgreSQL through a gate of the test's own, so that the gate can be shut without touching a server
that others use too.
"""

import contextlib
import json
import socket
import threading
from datetime import datetime, timezone

import pytest

from simulator.messages import ADMITTED, Message
from simulator.systems import load_systems
from simulator.transport import Client


class Gate:
    """Passes connections from a free port of this machine on to PostgreSQL; shut, it refuses and cuts them."""

    def __init__(self) -> None:
        self.target: tuple[int, object] | None = None
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        assert self._listener
        self._cut(self._listener)
        for end in self._open:
            self._cut(end)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = listener.accept()
                family, address = self.target
                far = socket.socket(family)
                far.connect(address)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        self._cut(other)

    @staticmethod
    def _cut(end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@pytest.fixture(scope="module")
def gate(context):
    place = context.odoo.server
    made = Gate()
    if str(place.host).startswith("/"):
        made.target = (socket.AF_UNIX, f"{place.host}/.s.PGSQL.{place.port}")
    else:
        made.target = (socket.AF_INET, (place.host, int(place.port)))
    made.open()
    return made


@pytest.fixture(scope="module")
def server(odoo_server, gate):
    return odoo_server(environ={"PGHOST": "127.0.0.1", "PGPORT": str(gate.port)})


def problem(answer: tuple[int, dict, bytes]) -> tuple[int, str]:
    """Give status and the problem's type of an answer, which must be a problem and nothing else."""
    status, headers, body = answer
    assert headers["content-type"].startswith("application/problem+json"), (headers, body)
    assert "traceback" not in body.decode().lower()
    return status, json.loads(body)["type"]


def test_a_stopped_postgresql_yields_503_and_nothing_is_lost(server, gate, wait_until):
    message = Message(
        "ehr",
        "while-the-database-is-away",
        ADMITTED,
        "encounter/G-1",
        datetime.now(timezone.utc),
        {"encounter": "G-1", "patient": {"id": "MRN-1"}, "admitted_at": "2026-11-20T09:30:00Z", "department": "ED"},
    )
    systems = load_systems(server.state / "demo-systems.json", server.base_url)
    gate.shut()
    away = "/integration/v1/problems/not-ready"
    assert Client(systems, patience=0).send([message])[0].answer.word == "not-ready"
    assert problem(server.get("/integration/v1/inbound/ehr/messages/1")) == (503, away)
    assert server.get("/integration/health/ready")[0] == 503
    assert server.get("/integration/health/live")[0] == 200
    gate.open()
    wait_until(lambda: server.get("/integration/health/ready")[0] == 200, what="it is ready again")
    assert Client(systems).send([message])[0].answer.status == 202
    assert server.sql("SELECT count(*) FROM integration_event WHERE webhook_id = %s", message.message_id) == [(1,)]
