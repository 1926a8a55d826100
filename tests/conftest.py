"""Fixtures of the whole-system tests: real processes, real PostgreSQL, real sockets."""

import socket
from collections.abc import Callable, Iterator, Mapping

import pytest
import servers
from gate import Gate

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
        listen_port: int | None = None, environ: Mapping[str, str] | None = None, failpoints: str = ""
    ) -> servers.Server:
        made = servers.Server(context, tmp_path_factory.mktemp("state"), listen_port, environ)
        started.append(made)
        made.start(failpoints)
        return made

    yield start
    for made in started:
        made.close()


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
