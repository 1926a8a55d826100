"""Engine processes of their own: stopped, killed and restarted, and with PostgreSQL away.

They share one server, whose own cron stands down for them and then is switched off. A lease lasts three seconds.
"""

import signal
import threading
from collections import Counter
from datetime import timedelta

import pytest
from outward import all_done, attempts, emit, invoices, leave_engine_to_workers
from receiver import CapturingReceiver, Request
from servers import Server, Worker, wait_until
from visits import LINES, charged, visits

from simulator.systems import load_systems
from simulator.transport import Client

LEASE_SECONDS = 3
LOOKS = timedelta(seconds=2)
"""More than a look for leases that ended (each 0.5 s), one for what goes alone (0.5 s at most) and a try take."""
CRON = "SELECT res_id FROM ir_model_data WHERE module = 'integration_core' AND name = 'cron_engine'"
WITHOUT_SENDERS = """
WITH RECURSIVE senders (name) AS (
    VALUES ('integration_outbound'::varchar)
    UNION SELECT m.name FROM senders s JOIN ir_module_module_dependency d ON d.name = s.name
            JOIN ir_module_module m ON m.id = d.module_id)
UPDATE ir_module_module SET state = 'uninstalled'
 WHERE state = 'installed' AND name IN (SELECT name FROM senders) RETURNING name
"""
HELD = "SELECT count(*) FROM integration_due WHERE lease_until IS NOT NULL"


class Doors:
    """Lets the first arrival of each event wait until it is opened; what comes again is answered at once.

    Attributes:
        full: Once it is true, who waits goes on waiting, and whoever comes is answered at once.
    """

    def __init__(self) -> None:
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self.full = False
        self.waiting: set[str] = set()

    def open(self) -> None:
        self._open.set()

    def __call__(self, request: Request) -> int:
        event = request.event["id"]
        with self._lock:
            first = event not in self._seen and not self.full
            self._seen.add(event)
            if first:
                self.waiting.add(event)
        if first:
            self._open.wait(60)
            with self._lock:
                self.waiting.discard(event)
        return 204


@pytest.fixture
def doors(receiver):
    made = Doors()
    receiver.answer = made
    yield made
    made.open()
    receiver.answer = lambda _request: 204


@pytest.fixture(scope="module")
def server(odoo_server, receiver) -> Server:
    made = odoo_server(listen_port=receiver.port, environ={"INTEGRATION_LEASE_SECONDS": str(LEASE_SECONDS)})
    # What a test lets wait shall not end by itself meanwhile.
    made.sql("UPDATE integration_endpoint SET timeout = 60")
    return made


@pytest.fixture(scope="module")
def moves(server) -> list[int]:
    leave_engine_to_workers(server)
    return invoices(server, 4)


def send_visits(server: Server, prefix: str, count: int) -> None:
    client = Client(load_systems(server.state / "demo-systems.json", server.base_url))
    assert {exchange.answer.status for exchange in client.send(visits(prefix, count))} == {202}


def emit_many(server: Server, moves: list[int], times: int) -> list[str]:
    return [event for _ in range(times) for event in emit(server, moves)]


def arrivals(receiver: CapturingReceiver, events: list[str]) -> Counter[str]:
    return Counter(event["id"] for event in receiver.events() if event["id"] in set(events))


def assert_in_order(receiver: CapturingReceiver, rounds: list[list[str]]) -> None:
    """Each round has one event of each invoice: an invoice's events have come, and first came in the rounds' order."""
    news = [event["id"] for event in receiver.events()]
    for of_one_invoice in map(list, zip(*rounds, strict=True)):
        assert list(dict.fromkeys(event for event in news if event in of_one_invoice)) == of_one_invoice


def in_order(server: Server) -> None:
    server.inside("env['integration.subscription'].search([('consumer', '=', 'endpoint')]).write({'ordered': True})")


def kinds(server: Server) -> set[str]:
    return {kind for (kind,) in server.sql("SELECT kind FROM integration_heartbeat")}


def test_a_worker_moves_everything_and_odoos_cron_stands_down(server, receiver, start):
    worker = start()
    worker.wait_ready()
    server.sql("DELETE FROM integration_heartbeat WHERE kind = 'cron'")
    ran = f"SELECT lastcall FROM ir_cron WHERE id = ({CRON})"
    before = server.sql(ran)
    server.nudge()
    wait_until(lambda: server.sql(ran) != before, what="Odoo has run its cron")
    send_visits(server, "W", 4)
    events = emit_many(server, invoices(server, 4), 2)
    all_done(server)
    assert charged(server, "W").keys() == {f"W-{n}" for n in range(4)}
    assert arrivals(receiver, events) == dict.fromkeys(events, 1)
    workers = server.sql("SELECT DISTINCT worker FROM integration_attempt")
    assert workers
    assert all(worker.owns(name) for (name,) in workers)
    assert kinds(server) == {"worker"}


def test_a_worker_that_is_told_to_stop_finishes_what_is_under_way(server, receiver, doors, moves, start):
    worker = start(environ={"INTEGRATION_LEASE_SECONDS": "60"})
    worker.wait_ready()
    events = emit_many(server, moves, 4)
    wait_until(lambda: len(doors.waiting) >= 2, what="the receiver is busy")
    worker.terminate()

    def lands() -> bool:
        beating = server.sql("SELECT name FROM integration_heartbeat WHERE state <> 'asleep'")
        return not any(worker.owns(name) for (name,) in beating) and server.sql(HELD) == [(len(doors.waiting),)]

    wait_until(lands, what="what has not begun is given back")
    assert worker.alive
    under_way = set(doors.waiting)
    assert 2 <= len(under_way) < len(events)
    doors.open()
    assert worker.wait_dead() == 0
    assert server.sql(HELD) == [(0,)]
    assert {event["id"] for event in receiver.events()} & {*events, *under_way} == under_way
    tries = [(event, outcome) for event, outcome, _worker in attempts(server, [*under_way])]
    assert sorted(tries) == [(event, "delivered") for event in sorted(under_way)]
    start().wait_ready()
    all_done(server)
    assert arrivals(receiver, events) == dict.fromkeys(events, 1)


@pytest.mark.parametrize("failpoint", ["engine.after_claim", "engine.after_send"])
def test_a_killed_workers_deliveries_are_taken_over_within_a_lease(server, receiver, moves, start, failpoint):
    """Nothing is lost; what is sent twice has the same webhook-id; what happens in Odoo happens once.

    A lease begins before its process dies, so that by the end of the lease after the death every lease has ended. Then
    somebody has to look: twice, and the try takes its time.
    """
    prefix = failpoint.replace(".", "-")
    other = start()
    other.wait_ready()
    doomed = start(failpoints=f"{failpoint}=kill")
    send_visits(server, prefix, 4)
    events: list[str] = []
    wait_until(lambda: events.extend(emit(server, moves)) or not doomed.alive, what="the worker dies at its work")
    assert doomed.wait_dead() == -signal.SIGKILL
    leased = server.sql(
        "SELECT u.id, e.uuid, u.lease_until, u.lease_owner FROM integration_due u"
        " JOIN integration_event e ON e.id = u.event_id WHERE u.lease_owner IS NOT NULL"
    )
    lost = {delivery: (event, until) for delivery, event, until, owner in leased if doomed.owns(owner)}
    assert lost
    all_done(server)
    done = dict(server.sql("SELECT id, done_at FROM integration_delivery WHERE id = ANY (%s)", [*lost]))
    assert max(done[delivery] - until for delivery, (_event, until) in lost.items()) < LOOKS
    assert {encounter: count for encounter, (count, _sum) in charged(server, prefix).items()} == {
        f"{prefix}-{n}": LINES for n in range(4)
    }
    arrived = arrivals(receiver, events)
    assert set(arrived) == set(events)
    assert set(arrived.values()) <= {1, 2}
    twice = {event for event, count in arrived.items() if count == 2}
    assert twice <= {event for event, _until in lost.values()}
    assert bool(twice) == (failpoint == "engine.after_send")
    ids = [r.headers["webhook-id"] for r in receiver.requests() if r.event["id"] in set(events)]
    assert set(ids) == set(events)
    assert server.sql("SELECT count(*) FROM integration_delivery WHERE state = 'dead'") == [(0,)]


def test_of_two_workers_one_is_killed_and_restarted_and_the_others_work_is_untouched(
    server, receiver, doors, moves, start
):
    doomed, steady = start(), start(environ={"INTEGRATION_LEASE_SECONDS": "60"})
    for worker in (doomed, steady):
        worker.wait_ready()
    events: list[str] = []

    def owned(worker: Worker) -> dict[str, tuple]:
        rows = server.sql(
            "SELECT e.uuid, u.id, u.token, u.lease_until, u.lease_owner FROM integration_due u"
            " JOIN integration_event e ON e.id = u.event_id WHERE u.lease_owner IS NOT NULL"
        )
        return {uuid: rest for uuid, *rest, owner in rows if worker.owns(owner) and uuid in doors.waiting}

    def both_are_busy() -> bool:
        events.extend(emit(server, moves[:1]))
        return len(owned(doomed)) >= 1 and len(owned(steady)) >= 1

    wait_until(both_are_busy, what="both have something under way")
    # Else what has yet to be sent would take the places of what comes again.
    doors.full = True
    doomed.kill()
    lost, kept = owned(doomed), owned(steady)
    again = start()
    again.wait_ready()
    wait_until(lambda: all(arrivals(receiver, events)[event] == 2 for event in lost), what="the lost ones come again")
    assert {event: owned(steady).get(event) for event in kept} == kept
    doors.open()
    all_done(server)
    counted = arrivals(receiver, events)
    assert set(counted) == set(events)
    again_came = {event for event, count in counted.items() if count > 1}
    assert set(lost) <= again_came
    assert not again_came & set(kept)
    tried = attempts(server, sorted(kept))
    assert sorted((event, outcome) for event, outcome, _worker in tried) == [(e, "delivered") for e in sorted(kept)]
    assert all(steady.owns(name) for _event, _outcome, name in tried)
    assert server.sql(
        "SELECT count(*) FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id"
        " WHERE e.uuid = ANY (%s) AND d.crashes > 0",
        sorted(kept),
    ) == [(0,)]


def test_postgresql_goes_away_under_load_and_everything_recovers_by_itself(server, receiver, doors, moves, start, gate):
    """Nothing is lost, the order of each invoice's news is kept, and the process is the same."""
    in_order(server)
    worker = start(environ={"PGHOST": "127.0.0.1", "PGPORT": str(gate.port)})
    worker.wait_ready()
    rounds = [emit(server, moves) for _ in range(3)]
    send_visits(server, "before", 4)
    wait_until(lambda: len(doors.waiting) >= 2, what="the receiver is busy")
    gate.shut()
    doors.open()
    wait_until(lambda: "the database is not there" in worker.log.read_text(), what="the worker misses PostgreSQL")
    rounds += [emit(server, moves) for _ in range(3)]
    send_visits(server, "meanwhile", 4)
    gate.open()
    rounds += [emit(server, moves) for _ in range(3)]
    all_done(server)
    assert worker.alive
    assert_in_order(receiver, rounds)
    for prefix in ("before", "meanwhile"):
        assert {count for count, _sum in charged(server, prefix).values()} == {LINES}
        assert len(charged(server, prefix)) == 4
    assert server.sql("SELECT count(*) FROM integration_delivery WHERE state = 'dead'") == [(0,)]


def test_the_order_holds_though_a_worker_is_killed_and_the_others_connections_are_cut(
    server, receiver, doors, moves, start
):
    in_order(server)
    doomed, steady = start(), start()
    for worker in (doomed, steady):
        worker.wait_ready()
    rounds = [emit(server, moves)]

    def doomed_sends() -> list[tuple]:
        rounds.append(emit(server, moves))
        owners = server.sql(
            "SELECT lease_owner, uuid FROM integration_due d JOIN integration_event e ON e.id = event_id"
        )
        return [uuid for owner, uuid in owners if owner and doomed.owns(owner) and uuid in doors.waiting]

    wait_until(doomed_sends, what="the one to be killed has something under way")
    doomed.kill()
    doors.open()
    cut = 0
    while cut < 10:
        cut += len(
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                f"odoo-{steady.pid}",
            )
        )
        rounds.append(emit(server, moves))
    all_done(server)
    assert steady.alive
    assert_in_order(receiver, rounds)
    assert server.sql("SELECT count(*) FROM integration_delivery WHERE state = 'dead'") == [(0,)]


def test_a_consumer_that_is_installed_beside_a_running_worker_is_served(server, receiver, moves, start):
    """As far as a worker can see: when it starts there are no modules that send; later there are, and it is told."""
    without = [name for (name,) in server.sql(WITHOUT_SENDERS)]
    assert "integration_outbound" in without
    try:
        worker = start()
        worker.wait_ready()
    finally:
        server.sql("UPDATE ir_module_module SET state = 'installed' WHERE name = ANY (%s)", without)
    events = emit_many(server, moves, 1)
    server.sql("INSERT INTO orm_signaling_registry DEFAULT VALUES")
    all_done(server)
    assert arrivals(receiver, events) == dict.fromkeys(events, 1)
    assert "serves endpoint, too" in worker.log.read_text(encoding="utf-8", errors="replace")


@pytest.mark.usefixtures("moves")
def test_what_kills_three_processes_is_a_dead_letter_and_costs_the_others_nothing(server, start):
    """Real processes, really killed, while a handler works at one message. What came later goes on meanwhile."""
    send_visits(server, "poison", 1)
    ((event,),) = server.sql(
        "SELECT event_id FROM integration_delivery WHERE consumer = 'handler' AND state = 'waiting' ORDER BY id LIMIT 1"
    )
    for _number in range(3):
        doomed = start(failpoints="engine.handler_before_commit=kill", environ={"INTEGRATION_LEASE_SECONDS": "1"})
        assert doomed.wait_dead(60) == -signal.SIGKILL
    send_visits(server, "later", 2)
    start().wait_ready()
    all_done(server)
    assert server.sql(
        "SELECT state, crashes, attempts, error_code FROM integration_delivery"
        " WHERE event_id = %s AND consumer = 'handler'",
        event,
    ) == [("dead", 3, 0, "process_died")]
    outcomes = server.sql(
        "SELECT a.outcome FROM integration_attempt a JOIN integration_delivery d ON d.id = a.delivery_id"
        " WHERE d.event_id = %s AND d.consumer = 'handler'",
        event,
    )
    assert outcomes == [("crashed",)] * 3
    assert charged(server, "poison") == {}
    assert len(charged(server, "later")) == 2


def test_odoos_cron_serves_the_lanes_that_no_worker_serves(server, receiver, moves, start):
    worker = start("--lanes=normal,bulk", "--concurrency=2")
    worker.wait_ready()
    server.sql("DELETE FROM integration_heartbeat")
    lanes = "SELECT lanes FROM integration_heartbeat WHERE kind = %s"
    wait_until(lambda: server.sql(lanes, "worker"), what="the worker's heart beats")
    server.sql(f"UPDATE ir_cron SET active = true WHERE id = ({CRON})")
    # That somebody is awake for the other lanes does not keep the cron asleep.
    events = emit_many(server, moves, 1)
    wait_until(lambda: server.sql(lanes, "cron"), 20, "the cron runs")
    assert server.sql(lanes, "cron") == [("critical",)]
    assert server.sql(lanes, "worker") == [("normal,bulk",)]
    all_done(server)
    assert arrivals(receiver, events) == dict.fromkeys(events, 1)
    assert not any(worker.owns(name) for _event, _outcome, name in attempts(server, events))
