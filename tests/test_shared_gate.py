"""What several processes of the gate share: one allowance per system, one row per refusal, the last use of a key."""

import contextlib
import os
import signal
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from partner import Partner
from servers import wait_until

from benchmark import open_load
from suite import processes

LAB = "/integration/v1/inbound/lab"
WORKERS = 3
PER_MINUTE = 120
PACE = 24
SECONDS = 25


@pytest.fixture(scope="module")
def server(odoo_server):
    return odoo_server(workers=WORKERS)


@pytest.fixture
def partner(server):
    system = server.systems["ehr"]
    return Partner(system["url"], system["secret"])


@pytest.fixture
def forger(server):
    return Partner(server.systems["ehr"]["url"])


def counted(server, claimed: str) -> int:
    (total,) = server.sql("SELECT coalesce(sum(count), 0) FROM integration_refusal WHERE claimed = %s", claimed)[0]
    return int(total)


def at_once(partner: Partner, count: int, **how: str) -> Counter:
    with ThreadPoolExecutor(16) as pool:
        return Counter(pool.map(lambda _number: partner.post(b"{}", **how)[0], range(count)))


def test_one_row_whichever_process_refused(server, forger):
    assert at_once(forger, 60) == {401: 60}
    wait_until(lambda: counted(server, "ehr") == 60, 10, "the refusals are stored")
    rows = server.sql("SELECT count(*), count(DISTINCT minute) FROM integration_refusal WHERE claimed = 'ehr'")
    assert rows[0][0] == rows[0][1]


def test_the_answers_request_id_leads_to_the_row(server, forger):
    _status, _body, headers = forger.post(b"{}", path="/integration/v1/inbound/by-request-id")
    find = [["request_ids", "ilike", headers["x-request-id"]]]
    found = wait_until(lambda: server.rpc("admin", "integration.refusal", "search_read", find), 10, "it is found")
    assert [(row["claimed"], row["cause"], row["address"]) for row in found] == [
        ("by-request-id", "unknown_system", "127.0.0.1")
    ]
    assert found[0]["remedy"]


def test_invented_names_make_a_bounded_number_of_rows(server, forger):
    names = [uuid.uuid4().hex for _number in range(400)]
    began = server.sql("SELECT date_trunc('minute', now() AT TIME ZONE 'UTC')")[0][0]
    before = counted(server, "(others)")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: forger.post(b"{}", path=f"/integration/v1/inbound/{name}"), names))
    rows = "FROM integration_refusal WHERE minute >= %s AND (claimed = ANY (%s) OR claimed = '(others)')"

    def stored() -> int:
        (total,) = server.sql(f"SELECT coalesce(sum(count), 0) {rows}", began, names)[0]
        return int(total) - before

    wait_until(lambda: stored() >= len(names), 15, "all refusals are stored")
    per_minute = server.sql(f"SELECT minute, count(*) {rows} GROUP BY 1", began, names)
    assert all(count <= 101 for _minute, count in per_minute), per_minute


def test_nothing_noted_is_lost_when_odoo_is_stopped(server, forger):
    """The very last requests, too: nobody waits for the second within which they would be stored anyway."""
    for turn, number in enumerate([signal.SIGTERM, signal.SIGINT], 1):
        assert at_once(forger, 12, path=LAB) == {401: 12}
        os.kill(server.pid, number)
        server.wait_dead()
        assert counted(server, "lab") == turn * 12, processes.tail(server.log)
        server.start()


def test_nothing_noted_is_lost_when_a_worker_is_replaced(server, forger):
    before, pids = counted(server, "lab"), workers(server)
    assert at_once(forger, 12, path=LAB) == {401: 12}
    for pid in pids:
        os.kill(pid, signal.SIGINT)  # what a worker tells itself at its limits
    wait_until(lambda: not set(pids) & set(workers(server)), 15, "the workers are replaced")
    assert counted(server, "lab") == before + 12, processes.tail(server.log)
    wait_until(lambda: forger.post(b"{}")[0] == 401, 30, "it serves again")


def workers(server) -> list[int]:
    """Return the processes that serve HTTP: those for crons are nicer, the one for websockets is another program."""
    found = []
    for pid in processes.children(server.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            other = b"gevent" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if not other and os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, server.pid):
                found.append(pid)
    return found


def test_the_last_use_of_a_key_is_known_and_changes_nothing_else(server, partner):
    def stamp() -> str:
        return server.sql("SELECT stamp FROM integration_configuration")[0][0]

    before = stamp()
    assert partner.post()[0] == 202
    used = """
        SELECT u.last_used_at FROM integration_credential_use u
          JOIN integration_credential c ON c.id = u.credential_id
          JOIN integration_system s ON s.id = c.system_id AND s.code = 'ehr'
    """
    wait_until(lambda: server.sql(used), 10, "the use is stored")
    assert stamp() == before
    stored = server.sql(used)
    for _number in range(2 * WORKERS):
        assert partner.post()[0] == 202
    assert server.sql(used) == stored  # once a minute
    keys = server.rpc("admin", "integration.credential", "search_read", [["last_used_at", "!=", False]], ["system_id"])
    assert keys


def test_one_allowance_for_all_processes_on_all_hosts(server, partner):
    """Within ten per cent over ten seconds: first with a full bucket, then with an empty one."""
    other = server.start_another()
    server.sql("UPDATE integration_system SET rate_per_minute = %s WHERE code = 'ehr' RETURNING id", PER_MINUTE)
    asked = "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'integration_rate'"
    loads = []
    for url in (partner.url, f"{other}{urlsplit(partner.url).path}"):
        bodies = [partner.message().body for _number in range(PACE * SECONDS // 2)]
        requests = [open_load.raw(url, partner.fields(body), body) for body in bodies]
        loads.append(open_load.OpenLoad(url, requests, pace=PACE / 2, seconds=SECONDS))
    before = server.sql(asked)[0][0]
    with ThreadPoolExecutor(len(loads)) as pool:
        list(pool.map(lambda load: load.run(8), loads))
    answers = [answer for load in loads for answer in load.answers]
    assert {status for _at, status in answers} == {202, 429}
    accepted = [at for at, status in answers if status == 202]
    assert sum(at < 10 for at in accepted) == pytest.approx(PER_MINUTE + PER_MINUTE / 6, rel=0.1)
    steady = SECONDS - 10
    assert sum(10 <= at < SECONDS for at in accepted) == pytest.approx(PER_MINUTE * steady / 60, rel=0.1)
    changes = wait_until(lambda: server.sql(asked)[0][0] - before, 15, "PostgreSQL's statistics arrive")
    assert changes <= (WORKERS + 1) * SECONDS * 3
