"""Order, fairness, holds and replays with real workers: what one receiver does costs the others nothing.

The tests share one server and two workers. Two endpoints get the same events: the demo hospital's, and another one.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from outward import all_done, attempts, emit, invoices, leave_engine_to_workers, open_deliveries
from receiver import CapturingReceiver, Request
from servers import Server, wait_until

from suite.demo import ADMIN

OPERATOR = "integration.operator"
OTHER = """
first = env["integration.endpoint"].search([], limit=1)
approved = {"approval_state": "approved", "decision_reason": "A test's own."}
env["integration.egress.allow"].create({"host": "127.0.0.1", "port": arguments["port"], "reason": "A test's own."})
endpoint = env["integration.endpoint"].create({
    "name": "Another one", "url": "http://127.0.0.1:%s/" % arguments["port"], "system_id": first.system_id.id,
    "company_id": company.id, "owner_id": first.owner_id.id, "state": "active", "approved_mode": "live", **approved,
})
key, text = env["integration.credential"]._generate({"endpoint_id": endpoint.id}, company=company, use="outbound")
key.write({**approved, "state": "active"})
types = env["integration.subscription"].search([("endpoint_id", "=", first.id)]).event_type_ids
env["integration.subscription"].create({
    "name": "Another one", "company_id": company.id, "consumer": "endpoint", "endpoint_id": endpoint.id,
    "event_type_ids": [(6, 0, types.ids)],
})
env["integration.endpoint"].search([]).write({"timeout": 60, "schedule": "0, 0, 0, 0, 0, 0, 0, 0"})
result = endpoint.id
"""
ORDERED = """
env["integration.subscription"].search([("consumer", "=", "endpoint")]).write({"ordered": arguments["ordered"]})
"""


@pytest.fixture(scope="module")
def listening():
    with CapturingReceiver() as one, CapturingReceiver() as other:
        yield one, other


@pytest.fixture
def receivers(listening):
    """Give the receivers of both endpoints; afterwards both are well-behaved again."""
    yield listening
    for receiver in listening:
        receiver.answer = lambda _request: 204


@pytest.fixture(scope="module")
def server(odoo_server, listening) -> Server:
    made = odoo_server(listen_port=listening[0].port)
    leave_engine_to_workers(made)
    workers = [made.worker(), made.worker()]
    made.inside(OTHER, port=listening[1].port)
    for worker in workers:
        worker.wait_ready()
    return made


@pytest.fixture(scope="module")
def moves(server) -> list[int]:
    made = invoices(server, 6)
    all_done(server)
    return made


@pytest.fixture
def gate_of_answers():
    """Give an event for which answers wait; it is set in the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def got(receiver: CapturingReceiver, events: list[str]) -> list[str]:
    """The events that came, in the order of their arrival, repeated ones included."""
    wanted = set(events)
    return [event["id"] for event in receiver.events() if event["id"] in wanted]


class Confirmed:
    """Answers as it is told, and remembers in which order it confirmed events of each subject."""

    def __init__(self, refuses: Callable[[Request, int], bool]) -> None:
        self._refuses = refuses
        self._lock = threading.Lock()
        self._tries: dict[str, int] = defaultdict(int)
        self.refused = 0
        self.by_subject: dict[str, list[str]] = defaultdict(list)

    def __call__(self, request: Request) -> int:
        event = request.event
        with self._lock:
            self._tries[event["id"]] += 1
            if self._refuses(request, self._tries[event["id"]]):
                self.refused += 1
                return 503
            self.by_subject[event["subject"]].append(event["id"])
            return 204


def test_each_invoices_news_arrive_in_the_order_of_their_commits(server, receivers, moves, gate_of_answers):
    """Two workers, a receiver that refuses some first tries, and one invoice whose news it refuses for long."""
    server.inside(ORDERED, ordered=True)
    stuck = f"invoice/{moves[0]}"
    turned_away: set[str] = set()

    def refuses(request: Request, tries: int) -> bool:
        if request.event["subject"] == stuck:
            return not gate_of_answers.is_set() and not turned_away.add(request.event["id"])
        return tries == 1 and int(request.event["id"][:2], 16) % 4 == 0

    server.sql("UPDATE integration_endpoint SET schedule = %s", ", ".join(["0"] + ["1"] * 60))
    confirmed = receivers[0].answer = Confirmed(refuses)
    rounds = [emit(server, moves) for _ in range(8)]
    expected = {f"invoice/{move}": [events[n] for events in rounds] for n, move in enumerate(moves)}
    others = [subject for subject in expected if subject != stuck]
    wait_until(
        lambda: sum(len(confirmed.by_subject[subject]) for subject in others) >= 8 * len(others),
        what="the other invoices' news arrive",
    )
    assert stuck not in confirmed.by_subject
    assert turned_away == {expected[stuck][0]}
    gate_of_answers.set()
    all_done(server)
    assert confirmed.refused > 2
    assert dict(confirmed.by_subject) == expected
    workers = {name for _event, _outcome, name in attempts(server, [event for events in rounds for event in events])}
    assert len(workers) == 2


def test_an_endpoint_that_hangs_delays_no_other(server, receivers, moves, gate_of_answers):
    server.inside(ORDERED, ordered=False)
    hanging, healthy = receivers

    def hang(_request: Request) -> int:
        gate_of_answers.wait(60)
        return 204

    hanging.answer = hang
    # More than a process claims at once, and the oldest work there is: what cannot be sent must not fill its queue.
    server.inside("env['integration.hold']._hold('all', 'A backlog is made')")
    events = [event for _ in range(80) for event in emit(server, moves)]
    server.sql(
        "UPDATE integration_due u SET due_at = u.due_at - interval '1 hour' FROM integration_subscription s"
        " JOIN integration_endpoint p ON p.id = s.endpoint_id WHERE s.id = u.subscription_id AND p.url LIKE %s",
        f"%:{hanging.port}/",
    )
    server.inside("env['integration.hold'].search([])._release('The backlog is made')")
    wait_until(lambda: len(set(got(healthy, events))) == len(events), 20, "the healthy one has got everything")
    assert 0 < len(got(hanging, events)) < len(events)
    assert not server.sql(
        "SELECT 1 FROM integration_delivery d JOIN integration_subscription s ON s.id = d.subscription_id"
        " JOIN integration_endpoint p ON p.id = s.endpoint_id JOIN integration_event e ON e.id = d.event_id"
        " WHERE e.uuid = ANY (%s) AND p.url LIKE %s AND (d.state <> 'waiting' OR d.attempts > 0)",
        events,
        f"%:{hanging.port}/",
    )
    gate_of_answers.set()
    all_done(server)
    for receiver in receivers:
        assert sorted(got(receiver, events)) == sorted(events)


def test_a_receiver_that_answers_slowly_closes_its_breaker(server, receivers, moves):
    """Plans are read twice a second, and its answer takes longer: it is heard nevertheless."""
    slow, _healthy = receivers
    slow.answer = lambda _request: 503
    server.sql("UPDATE integration_endpoint SET schedule = %s", ", ".join(["0"] + ["1"] * 60))
    ((endpoint, name),) = server.sql(
        "SELECT id, 'endpoint:' || id FROM integration_endpoint WHERE url LIKE %s", f"%:{slow.port}/"
    )

    def state() -> list[tuple]:
        return server.sql("SELECT state FROM integration_breaker WHERE name = %s", name)

    for _ in range(3):
        emit(server, moves)
    wait_until(lambda: state() == [("open",)], what="the breaker opens")

    def think(_request: Request) -> int:
        threading.Event().wait(1.5)
        return 204

    slow.answer = think
    server.rpc(OPERATOR, "integration.endpoint", "action_probe", [endpoint])
    wait_until(lambda: state() == [("closed",)], what="the breaker closes")
    slow.answer = lambda _request: 204
    all_done(server)


def test_pause_everything_stops_at_once_and_release_goes_on(server, receivers, moves, gate_of_answers):
    busy = receivers[0]

    def wait(_request: Request) -> int:
        gate_of_answers.wait(60)
        return 204

    for receiver in receivers:
        receiver.answer = wait
    events = [event for _ in range(5) for event in emit(server, moves)]
    wait_until(lambda: got(busy, events), what="something is under way")
    server.inside("env['integration.hold']._hold('all', 'A test holds everything')")

    def begun() -> int:
        return sum(len(got(receiver, events)) for receiver in receivers)

    def leased() -> int:
        return server.sql("SELECT count(*) FROM integration_due WHERE lease_until IS NOT NULL")[0][0]

    wait_until(lambda: leased() == begun(), what="what has not begun is given back")
    under_way = begun()
    gate_of_answers.set()
    wait_until(lambda: leased() == 0, what="what was under way ends")
    # More news meanwhile wakes the workers, which must leave it.
    events += emit(server, moves)
    beats = "SELECT max(last_beat) FROM integration_heartbeat"
    ((before,),) = server.sql(beats)
    wait_until(
        lambda: server.sql(f"SELECT ({beats}) > %s + interval '1 second'", before)[0][0], what="they have looked"
    )
    assert begun() == under_way < 2 * len(events)
    assert leased() == 0
    assert len(open_deliveries(server)) == 2 * len(events) - under_way
    assert {tries for *_rest, tries in open_deliveries(server)} == {0}
    server.inside("env['integration.hold'].search([])._release('The test goes on')")
    all_done(server)
    for receiver in receivers:
        assert sorted(got(receiver, events)) == sorted(events)


def test_a_replay_that_is_started_twice_at_once_is_made_once(server, receivers, moves):
    """The same button pressed twice, in two browsers at the same instant."""
    replayed, other = receivers
    events = emit(server, moves)
    all_done(server)
    subscription = server.sql(
        "SELECT s.id FROM integration_subscription s JOIN integration_endpoint p ON p.id = s.endpoint_id"
        " WHERE p.url LIKE %s AND s.for_tests IS NOT TRUE",
        f"%:{replayed.port}/",
    )[0][0]
    first = "SELECT date_trunc('second', min(received_at)) FROM integration_event WHERE uuid = ANY (%s)"
    ((since,),) = server.sql(first, events)
    before = len(replayed.requests()), len(other.requests())
    values = {
        "scope": "filter",
        "reason": "They ask for it again",
        "with_done": True,
        "date_from": since.strftime("%Y-%m-%d %H:%M:%S"),
        "subscription_ids": [[6, 0, [subscription]]],
    }
    (replay,) = server.rpc(OPERATOR, "integration.replay", "create", [values])
    server.rpc(OPERATOR, "integration.replay", "action_preview", [replay])
    # Posted invoices belong to the critical lane: it begins when an administrator approves it.
    server.rpc(OPERATOR, "integration.replay", "action_start", [replay])
    together = threading.Barrier(4)

    def press(_number: int) -> bool:
        together.wait()
        try:
            server.rpc(ADMIN, "integration.replay", "action_approve", [replay])
        except AssertionError as refused:
            if "is not waiting for approval" not in str(refused):
                raise
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(press, range(4))) == [False, False, False, True]
    wait_until(lambda: server.sql("SELECT state FROM integration_replay WHERE id = %s", replay) == [("done",)])
    all_done(server)
    made = server.sql(
        "SELECT count(*), count(DISTINCT event_id) FROM integration_delivery WHERE replay_id = %s", replay
    )
    assert made[0][0] == made[0][1] >= len(events)
    assert len(replayed.requests()) - before[0] == made[0][0]
    assert len(other.requests()) == before[1]
    assert sorted(got(replayed, events)) == sorted([*events, *events])
