"""The engine's chores under several processes and ``kill -9``: replays, retention and the folding of counts.

Each is one transaction at a time, so that a crash at any instruction neither loses nor doubles anything. The tests
share one server, whose own cron is switched off.
"""

import signal
from collections import Counter
from pathlib import Path

import pytest
from outward import EVENT, all_done, emit, invoices, leave_engine_to_workers
from receiver import CapturingReceiver
from servers import Server, wait_until

from suite.demo import ADMIN

OPERATOR = "integration.operator"
WINDOW = 1000
"""Events that a replay looks at in one transaction (``integration_replay.py``)."""
FILLER = """
INSERT INTO integration_event
    (uuid, company_id, event_type_id, source, source_event_id, received_at, correlation_id, depth, mode)
SELECT gen_random_uuid(), company_id, event_type_id, source, gen_random_uuid(), received_at, gen_random_uuid(), 0, mode
  FROM integration_event, generate_series(1, %s) WHERE uuid = %s
"""
PAST = "minute < (now() AT TIME ZONE 'UTC') - interval '30 minutes'"
COUNTS = f"""
SELECT company_id, subscription_id, lane, state, outcome, slot, sum(tries), sum(latency_ms)
  FROM integration_delivery_count WHERE {PAST} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""


@pytest.fixture(scope="module")
def server(odoo_server, receiver) -> Server:
    made = odoo_server(listen_port=receiver.port, environ={"INTEGRATION_LEASE_SECONDS": "3"})
    leave_engine_to_workers(made)
    return made


@pytest.fixture(scope="module")
def news(server) -> list[list[str]]:
    """Three rounds of events that have been delivered, each in another window of a replay."""
    moves = invoices(server, 4)
    second = "SELECT date_trunc('second', now())"
    ((posted,),) = server.sql(second)
    wait_until(lambda: server.sql(second) > [(posted,)], what="a second that the news of their posting are not in")
    rounds = []
    for _round in range(3):
        rounds.append(emit(server, moves))
        server.sql(FILLER, WINDOW, rounds[-1][-1])
    worker = server.worker()
    all_done(server)
    worker.kill()
    return rounds


def begin_replay(server: Server, rounds: list[list[str]]) -> int:
    """Start a replay of these events; the deliveries of the first round are made at once."""
    ((since, until),) = server.sql(
        "SELECT date_trunc('second', min(received_at)), max(received_at) + interval '1 second' FROM integration_event"
        " WHERE uuid = ANY (%s)",
        [event for events in rounds for event in events],
    )
    values = {
        "scope": "filter",
        "reason": "They ask for it again",
        "with_done": True,
        "date_from": since.strftime("%Y-%m-%d %H:%M:%S"),
        "date_to": until.strftime("%Y-%m-%d %H:%M:%S"),
    }
    (replay,) = server.rpc(OPERATOR, "integration.replay", "create", [values])
    server.rpc(OPERATOR, "integration.replay", "action_preview", [replay])
    server.rpc(OPERATOR, "integration.replay", "action_start", [replay])
    server.rpc(ADMIN, "integration.replay", "action_approve", [replay])
    return replay


def made_by(server: Server, replay: int) -> list[str]:
    return [
        uuid
        for (uuid,) in server.sql(
            "SELECT e.uuid FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id"
            " WHERE d.replay_id = %s ORDER BY e.id",
            replay,
        )
    ]


def ended(server: Server, replay: int) -> bool:
    return server.sql("SELECT state FROM integration_replay WHERE id = %s", replay) == [("done",)]


def assert_replayed_once(server: Server, replay: int, rounds: list[list[str]]) -> None:
    wait_until(lambda: ended(server, replay), what="the replay ends")
    events = [event for of_one in rounds for event in of_one]
    assert made_by(server, replay) == events
    assert server.sql("SELECT made, total FROM integration_replay WHERE id = %s", replay) == [(len(events),) * 2]
    states = "SELECT DISTINCT state FROM integration_delivery WHERE replay_id = %s"
    assert server.sql(states, replay) == [("done",)]


def arrivals(receiver: CapturingReceiver) -> Counter[str]:
    assert all(request.headers["webhook-id"] == request.event["id"] for request in receiver.requests())
    return Counter(request.event["id"] for request in receiver.requests() if request.event["type"] == EVENT)


def test_a_replay_goes_on_after_its_process_was_killed_in_the_middle(server, receiver, news, start):
    replay = begin_replay(server, news)
    assert made_by(server, replay) == news[0]
    before = arrivals(receiver)
    doomed = start(failpoints="chore.integration.replay=kill")
    assert doomed.wait_dead(60) == -signal.SIGKILL
    assert made_by(server, replay) == news[0], "nothing is left of the window that was being made"
    start()
    assert_replayed_once(server, replay, news)
    again = arrivals(receiver) - before
    assert set(again) == {event for events in news for event in events}
    # What the killed process was sending comes once more, with the same id.
    assert set(again.values()) <= {1, 2}
    assert {again[event] for event in news[1] + news[2]} == {1}


def test_two_processes_do_nothing_twice(server, receiver, news, start, tmp_path):
    """Each stands still in the middle of a chore, its transaction open, while the other one passes there."""
    replay = begin_replay(server, news)
    server.sql("UPDATE integration_retention SET rest_until = NULL, last_id = 0")
    server.sql("UPDATE integration_attempt SET started_at = started_at - interval '1 year'")
    server.sql("UPDATE integration_delivery_count SET minute = minute - interval '1 hour'")
    ((old,),) = server.sql("SELECT count(*) FROM integration_attempt")
    counts = server.sql(COUNTS)
    removed = "SELECT COALESCE(removed, 0) FROM integration_retention WHERE what = 'attempt'"
    ((removed_before,),) = server.sql(removed)
    assert old
    assert counts

    def process(name: str, *, stops_at: set[str]) -> dict[str, Path]:
        chores = ("integration.replay", "integration.retention", "integration.delivery.count")
        go = {chore: tmp_path / f"{name}-{chore}" for chore in chores}
        for chore in set(chores) - stops_at:
            go[chore].touch()
        start(failpoints=",".join(f"chore.{chore}=pause:{path}" for chore, path in go.items()))
        return go

    def passes(go: dict[str, Path], chore: str) -> None:
        wait_until(go[chore].with_name(f"{go[chore].name}.reached").exists, 20, f"{go[chore].name} is reached")

    one = process("one", stops_at={"integration.replay", "integration.delivery.count"})
    passes(one, "integration.replay")
    other = process("other", stops_at={"integration.retention"})
    passes(other, "integration.replay")
    passes(other, "integration.retention")
    one["integration.replay"].touch()
    passes(one, "integration.retention")
    passes(one, "integration.delivery.count")
    other["integration.retention"].touch()
    passes(other, "integration.delivery.count")
    one["integration.delivery.count"].touch()
    assert_replayed_once(server, replay, news)
    unfolded = f"SELECT 1 FROM integration_delivery_count WHERE grain = 0 AND {PAST}"
    wait_until(lambda: not server.sql(unfolded), what="the counts are folded")
    ((left,),) = server.sql("SELECT count(*) FROM integration_attempt WHERE started_at < now() - interval '180 days'")
    ((removed_now,),) = server.sql(removed)
    assert (left, removed_now - removed_before) == (0, old)
    assert server.sql(COUNTS) == counts
