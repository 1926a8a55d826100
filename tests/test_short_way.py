"""What an accepted message costs, as Odoo itself counts it, and that what is known by heart is code, too."""

import contextlib
import re
import time

import psycopg2
import pytest
from partner import Partner

from simulator.transport import FORGED_SECRET

_SERVED = re.compile(r'"POST /integration/v1/inbound/\S+ HTTP/[\d.]+" (\d+) - (\d+) ')
"""Status and number of statements of a request, in Odoo's log."""

SUBSCRIPTIONS = "UPDATE integration_subscription SET state ="
HOLD = "INSERT INTO integration_hold (scope, reason, user_id, since) VALUES ('all', 'test', 1, now())"


@pytest.fixture(scope="module")
def server(odoo_server):
    return odoo_server()


@pytest.fixture
def partner(server) -> Partner:
    system = server.systems["ehr"]
    return Partner(system["url"], system["secret"])


def told(server) -> str:
    """Return what the server wrote."""
    return server.log.read_text(encoding="utf-8", errors="replace")


def statements(server, wait_until, partner: Partner, copies: int = 1) -> list[tuple[int, int]]:
    """Post one message so often; return (status, statements) of each."""
    before = len(_SERVED.findall(told(server)))
    message = partner.message()
    for _copy in range(copies):
        partner.send(message)
    wait_until(lambda: len(_SERVED.findall(told(server))) == before + copies, what="the requests are in the log")
    return [(int(status), int(count)) for status, count in _SERVED.findall(told(server))[before:]]


@pytest.fixture
def warm(server, wait_until, partner):
    """The process knows by heart what it needs."""
    statements(server, wait_until, partner)


@pytest.mark.usefixtures("warm")
def test_an_accepted_message_costs_one_statement(server, wait_until, partner):
    # The engine is looked at a few times a second at most: of three in a row one does nothing else.
    taken = [statements(server, wait_until, partner)[0] for _number in range(3)]
    assert {status for status, _count in taken} == {202}
    assert min(count for _status, count in taken) == 1


@pytest.mark.usefixtures("warm")
def test_a_forged_message_costs_one_statement(server, wait_until, partner):
    forger = Partner(partner.url, FORGED_SECRET)
    assert statements(server, wait_until, forger) == [(401, 1)]
    wait_until(lambda: server.sql("SELECT sum(count) FROM integration_refusal")[0][0], what="it is recorded")


@pytest.mark.usefixtures("warm")
def test_what_is_not_plainly_accepted_goes_the_ordinary_way(server, wait_until, partner):
    [(accepted, _count), (copy, of_copy)] = statements(server, wait_until, partner, copies=2)
    assert (accepted, copy) == (202, 200)
    assert of_copy > 1


@pytest.mark.usefixtures("warm")
def test_other_code_is_loaded_before_anything_is_stored(server, wait_until, partner):
    reloaded = "Reloading the model registry"
    before = told(server).count(reloaded)
    server.sql("INSERT INTO orm_signaling_registry DEFAULT VALUES")  # as Odoo does after a module was upgraded
    [(status, count)] = statements(server, wait_until, partner)
    assert status == 202
    assert count > 1
    assert told(server).count(reloaded) > before  # its cron threads may say the same
    test_an_accepted_message_costs_one_statement(server, wait_until, partner)


def notified(connection) -> int:
    """Return how many NOTIFYs of the gate have arrived, and forget them."""
    connection.poll()
    heard = [one for one in connection.notifies if not one.payload]
    connection.notifies.clear()
    return len(heard)


@pytest.mark.usefixtures("warm")
def test_work_that_is_held_back_wakes_nobody(server, wait_until, partner):
    """While a transaction that notifies commits, no other one can."""
    with contextlib.closing(psycopg2.connect(server.dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute("LISTEN integration_engine")
        for pause, resume in (
            (f"{SUBSCRIPTIONS} 'paused'", f"{SUBSCRIPTIONS} 'active'"),
            (HOLD, "DELETE FROM integration_hold"),
        ):
            server.sql(pause)
            busy = "SELECT FROM integration_heartbeat WHERE state = 'busy'"
            wait_until(lambda busy=busy: not server.sql(busy), what="the engine rests")
            notified(connection)
            until = time.monotonic() + 1  # longer than a process believes that an engine is busy
            while time.monotonic() < until:
                assert statements(server, wait_until, partner)[0][0] == 202
            assert not notified(connection)
            server.sql(resume)

            def posted_and_heard() -> int:
                statements(server, wait_until, partner)
                return notified(connection)

            wait_until(posted_and_heard, what="what may be claimed wakes it")
