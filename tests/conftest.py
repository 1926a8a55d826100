"""Fixtures of the whole-system tests: real processes, real PostgreSQL, real sockets."""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import servers
from gate import Gate
from receiver import CapturingReceiver

from suite import testbed


@pytest.fixture(scope="session")
def shared_context() -> testbed.Context:
    """What ``scripts/test`` has set up, for all tests together."""
    found = testbed.load()
    if found is None:
        pytest.fail("These tests need databases that scripts/test makes:  ./scripts/test tests")
    return found


@pytest.fixture(scope="module")
def context(shared_context: testbed.Context) -> testbed.Context:
    """Where a module's servers and databases are; a module may have a PostgreSQL of its own."""
    return shared_context


@pytest.fixture(scope="module")
def odoo_server(
    context: testbed.Context, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., servers.Server]]:
    """Give a function that starts a server with the demo hospital; it ends with the module."""
    started: list[servers.Server] = []

    def start(
        listen_port: int | None = None,
        environ: Mapping[str, str] | None = None,
        failpoints: str = "",
        workers: int = 0,
    ) -> servers.Server:
        made = servers.Server(context, tmp_path_factory.mktemp("state"), listen_port, environ, workers)
        started.append(made)
        made.start(failpoints)
        return made

    yield start
    for made in started:
        made.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[CapturingReceiver]:
    """Give a receiver that says yes to everything, unless a test has it answer otherwise."""
    with CapturingReceiver() as listening:
        yield listening


@pytest.fixture
def start(server: servers.Server) -> Iterator[Callable[..., servers.Worker]]:
    """Give the function that starts a worker of the module's server; none outlives the test."""
    started: list[servers.Worker] = []

    def begin(*words: str, **options: Any) -> servers.Worker:
        started.append(server.worker(*words, **options))
        return started[-1]

    yield begin
    for worker in started:
        worker.kill()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., object]:
    """Give the function that waits for a condition with a deadline."""
    return servers.wait_until


@pytest.fixture(scope="module")
def gate(context: testbed.Context) -> Gate:
    """Give an open gate before the tests' PostgreSQL."""
    place = context.odoo.server
    made = Gate()
    if str(place.host).startswith("/"):
        made.target = (socket.AF_UNIX, f"{place.host}/.s.PGSQL.{place.port}")
    else:
        made.target = (socket.AF_INET, (place.host, int(place.port)))
    made.open()
    return made
