"""PostgreSQL crashes and comes back under load, and stays away for longer than a lease: everything recovers by itself.

The tests have a PostgreSQL server of their own, which they shut down the hard way (``pg_ctl -m immediate``).
"""

import contextlib
import http.client
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest
from outward import EVENT, Emitter, all_done, attempts, emit, invoices
from receiver import Request
from restartable import own_postgresql
from servers import Server, Worker, wait_until
from visits import LINES, admission, charged, visit

from simulator import wire
from simulator.messages import Message
from simulator.systems import load_systems
from suite.postgres import Cluster

LEASE_SECONDS = 5
"""Of it, a try begins within two: more than a busy machine needs from a claim to its request."""
RECONNECT_SECONDS = 5
"""The longest pause of the engine's loops between two looks for a database that is away."""
LOOKS_SECONDS = 2
"""More than what passes between two looks for leases that ended (0.5 s) and for what goes alone (0.1 s), and a try."""
EQUATION = """
today, day = datetime.date.today(), datetime.timedelta(days=1)
rows = env["integration.ledger"]._equation(company, today - day, today + day)
result = [[row.tally("received").units, row.balanced] for row in rows]
"""
NEWS = """
SELECT e.uuid FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id WHERE t.name = %s
"""


@dataclass(frozen=True)
class Answer:
    """What the gate said at a moment (of the monotonic clock)."""

    moment: float
    status: int
    headers: dict[str, str]
    body: bytes


class Sender(threading.Thread):
    """Posts visits, each with its admission, again and again until each is taken in; remembers every answer."""

    def __init__(self, server: Server, prefix: str) -> None:
        super().__init__(daemon=True)
        self._systems = load_systems(server.state / "demo-systems.json", server.base_url)
        self.prefix = prefix
        self._stopping = threading.Event()
        self.answers: list[Answer] = []
        self.taken: list[tuple[Message, int]] = []
        self.broken: list[Exception] = []

    def run(self) -> None:
        try:
            for number in itertools.count():
                message = visit(f"{self.prefix}-{number}", datetime.now(timezone.utc))
                for one in (admission(message), message):
                    self._post_until_taken(one)
                if self._stopping.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.broken.append(error)

    def finish(self) -> None:
        """Stop after the visit that is being sent."""
        self._stopping.set()
        self.join(60)
        assert not self.is_alive()

    def _post_until_taken(self, message: Message) -> None:
        while (answer := self._post(message)).status not in (200, 202):
            assert answer.status == 503, answer
            self._stopping.wait(0.1)  # as hurried as a sender may be
        self.taken.append((message, answer.status))

    def _post(self, message: Message) -> Answer:
        system = self._systems[message.system]
        parts = urlsplit(system.url)
        headers = wire.headers(system.secret, message.message_id, int(time.time()), message.body)
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        with contextlib.closing(connection):
            content_type = {"content-type": "application/cloudevents+json"}
            connection.request("POST", parts.path, message.body, {**headers, **content_type})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            self.answers.append(Answer(time.monotonic(), response.status, named, response.read()))
        return self.answers[-1]


class Late:
    """Lets the arrivals of some events wait: first ones until ``first`` is set, and they fail; later ones until
    ``again`` is set. Others are confirmed at once.

    Attributes:
        waiting: How many arrivals of each event wait.
    """

    def __init__(self) -> None:
        self.first, self.again = threading.Event(), threading.Event()
        self.waiting: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._closed = False
        self._lock = threading.Lock()

    def close(self) -> list[str]:
        """Let no further events wait; return those that do."""
        with self._lock:
            self._closed = True
            return sorted(self._seen)

    def __call__(self, request: Request) -> int:
        event = request.event["id"]
        with self._lock:
            first = event not in self._seen
            if first and self._closed:
                return 204
            self._seen.add(event)
            self.waiting[event] += 1
        (self.first if first else self.again).wait(60)
        with self._lock:
            self.waiting -= Counter([event])
        return 503 if first else 204


@pytest.fixture(scope="module")
def own(shared_context):
    with own_postgresql(shared_context) as made:
        yield made


@pytest.fixture(scope="module")
def context(own):
    return own[0]


@pytest.fixture(scope="module")
def cluster(own):
    return own[1]


@pytest.fixture
def late(receiver):
    made = Late()
    yield made
    made.first.set()
    made.again.set()
    receiver.answer = lambda _request: 204


@pytest.fixture(scope="module")
def server(odoo_server, receiver) -> Server:
    made = odoo_server(listen_port=receiver.port, environ={"INTEGRATION_LEASE_SECONDS": str(LEASE_SECONDS)})
    # What a test lets wait shall not end by itself meanwhile, nor keep second tries from beginning beside first ones.
    made.sql("UPDATE integration_endpoint SET timeout = 60, concurrency = 32")
    return made


@pytest.fixture(scope="module")
def worker(server) -> Worker:
    """A worker for the critical lane, which lives as long as the module; the other lanes are left to Odoo's crons."""
    made = server.worker("--lanes=critical")
    made.wait_ready()
    return made


@pytest.fixture(scope="module")
def senders() -> list[Sender]:
    """Whoever has sent something to the server."""
    return []


@pytest.fixture(scope="module")
def moves(server, worker) -> list[int]:
    return invoices(server, 4)


def start(cluster: Cluster) -> None:
    cluster.ensure(lambda _text: None)


def keep_claims(server: Server) -> None:
    """Let what was claimed outlive a crash: claims do not wait for the disk, and one that is lost is made again."""
    server.sql("UPDATE ir_config_parameter SET value = value WHERE key = 'database.uuid'")  # a commit that waits


def assert_asked_to_come_back(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert json.loads(answer.body)["type"] == "/integration/v1/problems/not-ready"
    assert "traceback" not in answer.body.decode().lower()


def assert_each_message_had_its_effect_once(server: Server, senders: list[Sender]) -> None:
    for sender in senders:
        assert not sender.broken
        taken = [message for message, _status in sender.taken]
        rows = server.sql(
            "SELECT webhook_id, count(*) FROM integration_event WHERE webhook_id LIKE %s GROUP BY 1",
            f"%-{sender.prefix}-%",
        )
        assert dict(rows) == dict.fromkeys((message.message_id for message in taken), 1)
        encounters = {message.data["encounter"] for message in taken}
        assert len(taken) == 2 * len(encounters) > 0
        found = {encounter: count for encounter, (count, _sum) in charged(server, sender.prefix).items()}
        assert found == dict.fromkeys(encounters, LINES)


def assert_the_equation_holds(server: Server, senders: list[Sender]) -> None:
    """What is received is what the senders know of; a message that was taken in unheard is a duplicate as well."""
    expected = sum(
        len(message.units) * (2 if status == 200 else 1) for sender in senders for message, status in sender.taken
    )
    rows = server.inside(EQUATION)
    assert sum(received for received, _balanced in rows) == expected > 0
    assert all(balanced for _received, balanced in rows)


def assert_no_delivery_is_blamed(server: Server) -> None:
    """The outage has cost no delivery a try, and made none a dead letter."""
    assert server.sql("SELECT count(*) FROM integration_delivery WHERE state = 'dead'") == [(0,)]
    outcomes = {outcome for (outcome,) in server.sql("SELECT DISTINCT outcome FROM integration_attempt")}
    assert outcomes <= {"applied", "delivered", "crashed"}


def test_crons_that_were_idle_come_back(server, cluster, senders):
    """Nobody is awake but Odoo's own cron threads, which wait for news from PostgreSQL when it crashes."""
    listening = "SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = 'postgres' AND application_name = %s"
    wait_until(lambda: server.sql(listening, f"odoo-{server.pid}") == [(True,)], what="both cron threads listen")
    assert server.sql("SELECT count(*) FROM integration_heartbeat") == [(0,)]
    cluster.stop(mode="immediate")
    wait_until(lambda: server.get("/integration/health/ready")[0] == 503, what="Odoo misses PostgreSQL")
    start(cluster)
    sender = Sender(server, "idle")
    sender.start()
    sender.finish()
    all_done(server)
    assert_each_message_had_its_effect_once(server, [sender])
    senders.append(sender)


def test_postgresql_crashes_under_load(server, cluster, worker, receiver, moves, senders):
    """Nothing is lost, what is sent twice has the same id, and nobody but PostgreSQL was restarted."""
    active = [Sender(server, "S"), Sender(server, "T")]
    senders += active
    emitter = Emitter(server, moves)
    for thread in (*active, emitter):
        thread.start()

    def both_deliver() -> bool:
        names = [name for (name,) in server.sql("SELECT DISTINCT worker FROM integration_attempt")]
        return any(map(worker.owns, names)) and not all(map(worker.owns, names)) and len(receiver.requests()) > 20

    wait_until(both_deliver, 20, "the worker and the cron deliver")
    cluster.stop(mode="immediate")
    gone = time.monotonic()

    def since(moment: float, *statuses: int) -> bool:
        assert [sender.broken for sender in active] == [[], []]
        return all(any(a.moment > moment and a.status in statuses for a in sender.answers) for sender in active)

    wait_until(lambda: since(gone, 503), what="the senders are told to come back")
    wait_until(lambda: "the database is not there" in worker.log.read_text(), what="the worker misses PostgreSQL")
    start(cluster)
    back = time.monotonic()
    wait_until(lambda: since(back, 200, 202), what="messages are taken in again")
    for thread in (*active, emitter):
        thread.finish()
    all_done(server)
    assert worker.alive
    assert server.alive
    for answer in [answer for sender in active for answer in sender.answers if answer.status not in (200, 202)]:
        assert_asked_to_come_back(answer)
    assert_each_message_had_its_effect_once(server, active)
    assert_the_equation_holds(server, senders)
    journal = {uuid for (uuid,) in server.sql(NEWS, EVENT)}
    arrived = [request for request in receiver.requests() if request.event["type"] == EVENT]
    assert set(emitter.told) <= journal == {request.event["id"] for request in arrived}
    assert all(request.headers["webhook-id"] == request.event["id"] for request in arrived)
    assert_no_delivery_is_blamed(server)


def test_an_outage_longer_than_a_lease(server, cluster, worker, receiver, late, moves, senders):
    """What was under way is done again, and what comes of the first tries then changes nothing."""
    # An endpoint that has said yes a few times gets more at once than two: room for second tries beside the first ones.
    for _round in range(3):
        emit(server, moves)
    all_done(server)
    receiver.answer = late
    sender = Sender(server, "long")
    senders.append(sender)
    sender.start()
    events = emit(server, moves)
    wait_until(lambda: len(late.waiting) >= 2, what="the receiver is busy")
    under_way = late.close()
    keep_claims(server)
    cluster.stop(mode="immediate")
    ended = time.monotonic() + LEASE_SECONDS
    wait_until(lambda: time.monotonic() > ended, what="every lease has ended")
    start(cluster)
    back = time.monotonic()
    wait_until(lambda: late.waiting >= Counter(under_way + under_way), what="what was under way comes again")
    assert time.monotonic() - back < RECONNECT_SECONDS + LOOKS_SECONDS
    late.first.set()
    wait_until(lambda: late.waiting == Counter(under_way), what="the first tries end")
    # These end later in the same process.
    others = emit(server, moves)
    wait_until(lambda: {event for event, *_rest in attempts(server, others)} == set(others), what="more news arrive")
    assert Counter(row[:2] for row in attempts(server, under_way)) == dict.fromkeys(
        ((event, "crashed") for event in under_way), 1
    )
    late.again.set()
    sender.finish()
    all_done(server)
    assert worker.alive
    assert Counter(row[:2] for row in attempts(server, under_way)) == dict.fromkeys(
        ((event, outcome) for event in under_way for outcome in ("crashed", "delivered")), 1
    )
    arrived = Counter(request.event["id"] for request in receiver.requests())
    assert {arrived[event] for event in under_way} == {2}
    assert all(arrived[event] for event in events)
    assert_each_message_had_its_effect_once(server, [sender])
    assert_the_equation_holds(server, senders)
    assert_no_delivery_is_blamed(server)
