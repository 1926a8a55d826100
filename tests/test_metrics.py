"""The metrics of a real server after real traffic, read as Prometheus reads them."""

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import psycopg2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from simulator.messages import FINALIZED, Message
from simulator.systems import load_systems
from simulator.transport import Client
from suite.layout import CHECKOUT

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
CONTENT = ("event", "receipt", "delivery", "due", "delivery_count", "delivery_total", "metric_figure", "received_total")
LINES = [("1", "ED-MID"), ("2", "NO-SUCH-CODE")]
PATIENT = "MRN-4711"
FORGED = "oim_" + "A" * 43


@pytest.fixture(scope="module")
def server(odoo_server, gate):
    made = odoo_server(environ={"PGHOST": "127.0.0.1", "PGPORT": str(gate.port)})
    made.worker().wait_ready()  # an engine that does not go to sleep: what it counts is counted in seconds
    return made


def ask(server, token: str | None = None, accept: str = "*/*") -> tuple[int, dict[str, str], bytes]:
    headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if token else {})}
    return server.get("/integration/metrics", headers)


def samples(server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    status, _headers, body = ask(server, server.metrics["token"])
    assert status == 200
    found = [sample for family in read_prometheus(body.decode()) for sample in family.samples]
    return {(one.name.removeprefix("odoo_integration_"), frozenset(one.labels.items())): one.value for one in found}


def value(server, name: str, **labels: str) -> float:
    return samples(server).get((name, frozenset(labels.items())), 0.0)


def message(number: int) -> Message:
    data = {
        "encounter": f"E-metrics-{number}",
        "patient": {"id": PATIENT},
        "performed_at": "2026-11-20T09:30:00Z",
        "department": "ED",
        "self_pay": True,
        "lines": [
            {"line": line, "service": service, "quantity": "1", "unit_price": "320.00", "currency": "USD"}
            for line, service in LINES
        ],
    }
    subject = f"encounter/E-metrics-{number}"
    return Message("ehr", f"metrics-{number}", FINALIZED, subject, datetime.now(timezone.utc), data)


@pytest.fixture(scope="module")
def traffic(server) -> int:
    """Post messages with a known and an unknown code, one of them twice; return how many lines that were."""
    messages = [message(number) for number in range(5)]
    client = Client(load_systems(server.state / "demo-systems.json", server.base_url))
    for one in [*messages, messages[0]]:
        assert client.send([one])[0].answer.status in (200, 202)
    return len(messages) * len(LINES)


def of_the_ledger(server) -> dict[str, int]:
    """Return what the tables say became of the receipts of the system."""
    rows = server.sql(
        "SELECT CASE WHEN r.outcome = 'accepted' THEN COALESCE(f.status, 'waiting') ELSE r.outcome END, count(*)"
        "  FROM integration_receipt r JOIN integration_system s ON s.id = r.system_id"
        "  LEFT JOIN integration_effect f ON f.event_id = r.event_id AND f.unit = r.unit AND r.outcome = 'accepted'"
        " WHERE s.code = 'ehr' GROUP BY 1"
    )
    return dict(rows)


def test_the_counters_add_up_with_the_database(server, traffic, wait_until):
    wait_until(lambda: of_the_ledger(server).get("applied", 0) + of_the_ledger(server).get("parked", 0) == traffic)
    moment = time.time()
    wait_until(lambda: value(server, "figures_timestamp_seconds") > moment + 1, what="the figures are counted anew")
    wait_until(
        lambda: (
            [value(server, "received_units_total", system="ehr", outcome=one) for one in ("accepted", "duplicate")]
            == [traffic, len(LINES)]
        ),
        what="what was received is counted",
    )
    found, told = samples(server), of_the_ledger(server)

    def parts(part: str) -> float:
        return found["equation_units", frozenset({"system": "ehr", "part": part}.items())]

    assert told == {"applied": 5, "parked": 5, "duplicate": 2}
    assert [parts(name) for name in ("received", "applied", "parked", "duplicate")] == [12, 5, 5, 2]
    assert [parts(name) for name in ("waiting", "rejected", "unaccounted")] == [0, 0, 0]
    assert value(server, "received_units_total", system="ehr", outcome="duplicate") == 2
    assert value(server, "parked_lines", system="ehr") == 5
    assert value(server, "parked_amount", system="ehr", currency="USD") == 1600
    assert value(server, "mapping_tasks", system="ehr", kind="service") == 1
    assert value(server, "ready") == 1
    assert value(server, "silence_seconds", system="ehr") < 300
    tries = sum(number for (name, _labels), number in found.items() if name == "tries_total")
    assert tries == server.sql("SELECT count(*) FROM integration_attempt")[0][0] > 0
    done = sum(number for (name, _labels), number in found.items() if name == "delivery_latency_seconds_count")
    assert done == server.sql("SELECT count(*) FROM integration_delivery WHERE state = 'done'")[0][0] > 0


RECEIPT = """
INSERT INTO integration_receipt
    (company_id, system_id, webhook_id, outcome, mode, price_unknown, received_at, received_day)
SELECT company_id, id, 'by-a-test', 'rejected', 'live', false, now() AT TIME ZONE 'UTC', current_date - 30
  FROM integration_system WHERE code = 'ehr' RETURNING id
"""


def test_what_commits_late_is_counted_and_once(server, traffic, wait_until):
    def rejected() -> float:
        return value(server, "received_units_total", system="ehr", outcome="rejected")

    def state(column: str) -> object:
        return server.sql(f"SELECT {column} FROM integration_metric_state WHERE name = 'received'")[0][0]

    before = rejected()
    # Whoever writes something else is not waited for, here or in another database.
    with contextlib.closing(psycopg2.connect(server.dsn)) as busy, busy.cursor() as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        with contextlib.closing(psycopg2.connect(server.dsn)) as late, late.cursor() as cursor:
            cursor.execute(RECEIPT)
            [(later_one,)] = server.sql(RECEIPT)
            wait_until(lambda: state("mark") >= later_one, what="the ids are marked")
            looked = state("at")
            wait_until(lambda: state("at") > looked, what="somebody has looked again")
            assert state("cardinality(writers)") == 1
            assert rejected() == before, "one below the mark is not committed yet"
            late.commit()
        wait_until(lambda: rejected() == before + 2, what="both are counted")
    assert state("done") >= later_one
    assert rejected() == before + 2


def test_prometheus_own_tool_finds_nothing_to_say(server, traffic):
    _status, headers, body = ask(server, server.metrics["token"])
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_newer_format_says_the_same(server, traffic):
    _status, headers, body = ask(server, server.metrics["token"], OPENMETRICS)
    assert headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert body.endswith(b"# EOF\n")
    newer = {sample.name for family in read_openmetrics(body.decode()) for sample in family.samples}
    assert newer == {f"odoo_integration_{name}" for name, _labels in samples(server)}


def test_every_family_that_is_told_of_is_exposed_and_no_other(server, traffic):
    page = (CHECKOUT / "docs" / "metrics.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(odoo_integration_\w+)` \| (\w+) \|", page, re.MULTILINE)
    _status, _headers, body = ask(server, server.metrics["token"], OPENMETRICS)
    families = {family.name: family.type for family in read_openmetrics(body.decode())}
    assert {re.sub(r"_(total|info)$", "", name): kind for name, kind in told} == families


def test_nothing_of_a_message_is_told(server, traffic):
    text = ask(server, server.metrics["token"])[2].decode()
    for secret in (PATIENT, "E-metrics", "NO-SUCH-CODE", "metrics-1", server.systems["ehr"]["secret"]):
        assert secret not in text


@pytest.mark.parametrize("header", [None, f"Bearer {FORGED}", "Bearer", "Basic eDp5", "Bearer \xe4", "x" * 5000])
def test_whoever_has_no_token_learns_nothing(server, header):
    status, headers, body = server.get("/integration/metrics", {"Authorization": header} if header else {})
    assert (status, body, headers["www-authenticate"]) == (401, b"", "Bearer")
    assert "set-cookie" not in headers


def test_a_token_in_the_address_is_none(server):
    assert server.get(f"/integration/metrics?token={server.metrics['token']}")[0] == 401


@contextlib.contextmanager
def locked(server) -> Iterator[None]:
    """Let nobody read what an answer could tell of."""
    with contextlib.closing(psycopg2.connect(server.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(f'integration_{name}' for name in CONTENT)} IN ACCESS EXCLUSIVE MODE")
        yield


def test_an_unknown_token_costs_no_look_at_any_content(server, traffic):
    answers = []
    with locked(server):
        assert ask(server, FORGED)[0] == 401
        assert ask(server)[0] == 401
        reader = threading.Thread(target=lambda: answers.append(ask(server, server.metrics["token"])[0]))
        reader.start()
        reader.join(1)
        assert not answers, "who has a token is answered from these tables, so the lock holds"
    reader.join(30)
    assert answers == [200]


def test_without_postgresql_it_is_503_whoever_asks(server, gate, wait_until):
    gate.shut()
    try:
        for token in (server.metrics["token"], FORGED, None):
            status, headers, body = ask(server, token)
            assert status == 503
            assert headers["content-type"].startswith("application/problem+json")
            assert b"not-ready" in body
            assert b"psycopg" not in body
            assert b"127.0.0.1" not in body
        assert server.get("/integration/health/live")[0] == 200
        assert server.get("/integration/health/ready")[0] == 503
    finally:
        gate.open()
    wait_until(lambda: ask(server, server.metrics["token"])[0] == 200, what="the metrics are read again")


def test_a_second_odoo_tells_the_same(server, traffic):
    other = server.start_another()
    here = server.base_url
    mine = value(server, "received_units_total", system="ehr", outcome="accepted")
    server.base_url = other
    try:
        assert value(server, "received_units_total", system="ehr", outcome="accepted") == mine
    finally:
        server.base_url = here
