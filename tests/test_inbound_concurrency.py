"""The gate from outside, where its transactions are real: copies that arrive together, and a database that is gone."""

import contextlib
import json
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg2
import pytest
from partner import Partner

from simulator.transport import FORGED_SECRET

COPIES = 50


@pytest.fixture(scope="module")
def server(odoo_server):
    return odoo_server()


@pytest.fixture(scope="module")
def partner(server) -> Partner:
    system = server.systems["ehr"]
    return Partner(system["url"], system["secret"])


def events(server, source_event_id: str) -> int:
    return server.sql("SELECT count(*) FROM integration_event WHERE source_event_id = %s", source_event_id)[0][0]


def test_copies_that_arrive_together(server, partner):
    message = partner.message()
    answers = partner.at_once([(message.message_id, message.body)] * COPIES)
    assert Counter(status for status, _body, _headers in answers) == {202: 1, 200: COPIES - 1}
    assert len({body["event"] for _status, body, _headers in answers}) == 1
    rows = server.sql(
        "SELECT outcome, count(*) FROM integration_receipt WHERE webhook_id = %s GROUP BY 1", message.message_id
    )
    assert dict(rows) == {"accepted": 1, "duplicate": COPIES - 1}


def test_one_event_under_many_message_ids_together(server, partner):
    message = partner.message()
    answers = partner.at_once([(uuid.uuid4().hex, message.body) for _number in range(COPIES)])
    assert Counter(status for status, _body, _headers in answers) == {202: 1, 200: COPIES - 1}
    assert events(server, json.loads(message.body)["id"]) == 1


def test_two_messages_that_claim_one_id_together(server, partner):
    one, other = partner.message(), partner.message()
    answers = partner.at_once([(one.message_id, one.body), (one.message_id, other.body)] * (COPIES // 2))
    counts = Counter(status for status, _body, _headers in answers)
    assert counts == {202: 1, 200: COPIES // 2 - 1, 409: COPIES // 2}
    assert server.sql("SELECT count(*) FROM integration_event WHERE webhook_id = %s", one.message_id)[0][0] == 1


def test_forgeries_together_are_counted_without_waiting(server, partner, wait_until):
    forger = Partner(partner.url, FORGED_SECRET)
    answers = forger.at_once([(uuid.uuid4().hex, b"{}")] * COPIES)
    assert {status for status, _body, _headers in answers} == {401}

    def counted() -> int:
        (total,) = server.sql("SELECT sum(count) FROM integration_refusal WHERE cause = 'no_match'")[0]
        return total

    wait_until(lambda: counted() == COPIES, what="all of them are counted")


def standing_backends(server) -> set[int]:
    """Return the PostgreSQL processes of the connections on which the gate stores what it accepts."""
    rows = server.sql("SELECT pid FROM pg_stat_activity WHERE datname = %s AND query LIKE 'EXECUTE%%'", server.db)
    return {pid for (pid,) in rows}


def cut(server) -> int:
    """End those connections; return how many there were."""
    pids = list(standing_backends(server))
    ended = server.sql("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s::int[]) AS pid", pids)
    return sum(done for (done,) in ended)


def test_a_lost_connection_loses_no_message(server, partner):
    assert partner.send(partner.message())[0] == 202
    before = standing_backends(server)
    assert cut(server) == len(before) > 0
    for _lost in before:  # each message finds out about one of them
        message = partner.message()
        assert partner.send(message)[0] == 202
        assert events(server, json.loads(message.body)["id"]) == 1
        assert partner.send(message)[0] == 200
    assert partner.send(partner.message())[0] == 202
    after = standing_backends(server)
    assert after
    assert not after & before


def test_connections_that_are_lost_all_the_time_lose_no_message(server, partner):
    half = COPIES // 2
    messages = [partner.message() for _number in range(half)]
    posts = [(message.message_id, message.body) for message in messages] * 2
    done = threading.Event()

    def keep_cutting() -> int:
        ended = 0
        while not done.is_set():
            ended += cut(server)
        return ended

    with ThreadPoolExecutor(max_workers=1) as pool:
        cutting = pool.submit(keep_cutting)
        try:
            answers = partner.at_once(posts)
        finally:
            done.set()
        assert cutting.result() > 0
    assert Counter(status for status, _body, _headers in answers) == {202: half, 200: half}
    ids = [message_id for message_id, _body in posts[:half]]
    rows = server.sql("SELECT outcome, count(*) FROM integration_receipt WHERE webhook_id = ANY (%s) GROUP BY 1", ids)
    assert dict(rows) == {"accepted": half, "duplicate": half}


def test_the_first_message_of_all_makes_the_first_key(server, partner):
    server.sql("UPDATE integration_data_key SET state = 'retired' RETURNING id")
    server.kill()
    server.start()
    assert partner.send(partner.message())[0] == 202
    assert server.sql("SELECT count(*) FROM integration_data_key WHERE state = 'active'")[0][0] == 1
    assert partner.send(partner.message())[0] == 202


@contextlib.contextmanager
def database_gone(server):
    """Let PostgreSQL refuse every connection to the server's database, the open ones included."""
    with contextlib.closing(psycopg2.connect(server.dsn, dbname="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{server.db}" ALLOW_CONNECTIONS false')
            try:
                cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [server.db])
                yield
            finally:
                cursor.execute(f'ALTER DATABASE "{server.db}" ALLOW_CONNECTIONS true')


def test_without_its_database_it_asks_to_come_back(server, partner, wait_until):
    message = partner.message()
    with database_gone(server):
        status, body, headers = partner.send(message)
        assert (status, body["type"]) == (503, "/integration/v1/problems/not-ready")
        assert int(headers["retry-after"]) > 0
        assert server.get("/integration/health/live")[0] == 200
        assert server.get("/integration/health/ready")[0] == 503
    wait_until(lambda: server.get("/integration/health/ready")[0] == 200, what="it is ready again")
    assert partner.send(message)[0] == 202


def test_what_is_revoked_in_one_process_is_refused_by_the_other_at_once(server, partner):
    """Each process knows keys by heart; neither is told of a change, and neither believes what no longer holds."""
    other = Partner(f"{server.start_another()}{urlsplit(partner.url).path}", partner.secret)

    def status(process: Partner) -> int:
        return process.send(process.message())[0]

    def change(method: str, model: str, *domain: tuple) -> None:
        server.inside(f"env[arguments['model']].search(arguments['domain']).{method}()", model=model, domain=domain)

    ours = ("code", "=", "ehr")
    assert [status(other), status(partner)] == [202, 202]
    change("action_suspend", "integration.system", ours)
    assert [status(other), status(partner)] == [401, 401]
    change("action_activate", "integration.system", ours)
    assert [status(other), status(partner)] == [202, 202]
    change("action_revoke", "integration.credential", ("system_id.code", "=", "ehr"), ("state", "=", "active"))
    assert [status(other), status(partner)] == [401, 401]
