"""What ``scripts/bench`` says of what it measured, and the receiver and the prototype that it trusts."""

import http.client
import json
import os
import random
import threading
import time

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import cli, figures, prototype, telling
from benchmark.figures import Figure
from benchmark.receiving import receiving

ENDPOINTS = 3


@pytest.mark.parametrize(
    ("target", "ours", "reference", "met"),
    [
        (figures.ratio_at_least(0.6), 60.0, 100.0, True),
        (figures.ratio_at_least(0.6), 59.0, 100.0, False),
        (figures.ratio_at_most(1.3), 1.3, 1.0, True),
        (figures.ratio_at_most(1.3), 1.4, 1.0, False),
        (figures.at_least(5000), 4999.0, None, False),
        (figures.at_most(10), 10.0, None, True),
        (figures.more_at_most(0.3), 1.2, 1.0, True),
        (figures.more_at_most(0.3), 1.4, 1.0, False),
        (figures.more_at_most(0.3), 1.4, None, None),
        (figures.NO_TARGET, 1.0, 1.0, None),
    ],
)
def test_whether_a_target_is_met(target, ours, reference, met):
    ratio = ours / reference if reference else None
    assert Figure("m", ours, reference, ratio, target).met is met


def test_the_ratio_is_the_median_of_the_rounds_own():
    figure = figures.paired("m", [(10.0, 10.0), (30.0, 10.0), (40.0, 100.0)])
    assert (figure.ours, figure.reference, figure.ratio) == (30.0, 10.0, 1.0)


def test_nothing_measured_is_no_figure():
    with pytest.raises(ValueError, match="nothing was measured"):
        figures.paired("m", [])


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_enough_others_do_not_exceed(values, share):
    found = figures.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_parts_measured_alone_replace_their_own_rows(tmp_path):
    path = tmp_path / "build" / "bench.json"
    figures.write(path, [Figure("one", 1.0), Figure("two", 2.0, 4.0, 0.5, figures.ratio_at_least(0.6))])
    figures.write(path, [Figure("one", 3.0)])
    assert {row["measure"]: row["ours"] for row in json.loads(path.read_text())} == {"one": 3.0, "two": 2.0}
    assert {"measure", "ours", "reference", "ratio", "target", "met"} == set(figures.read(path)[0])
    assert figures.read(path)[0]["met"] is False


def test_the_exit_code_tells_what_could_not_be_measured_not_what_is_slow(capsys):
    missed = [Figure("slow", 1.0, None, None, figures.at_least(2))]
    assert cli.report(missed, [], ["a machine"], quick=False, seconds=60) == 0
    assert "1 of 1 miss" in capsys.readouterr().out
    assert cli.report([], ["faults"], ["a machine"], quick=False, seconds=60) == 1


@pytest.mark.parametrize("words", [["nonsense"], ["faults", "--kills", "0"], ["--full", "--quick"], ["--all", "emit"]])
def test_bad_arguments_are_refused(words):
    with pytest.raises(SystemExit):
        cli.parse(words)


def test_parts_keep_their_order():
    assert cli.parse(["faults", "outbound"])[1] == ("outbound", "faults")


def test_where_nothing_is_named_the_engine_is_measured_and_all_is_all():
    assert set(cli.parse([])[1]) == set(cli.ENGINE) < set(cli.PARTS)
    assert cli.parse(["--all"])[1] == cli.PARTS


def post(connection: http.client.HTTPConnection, message_id: str, subject: str) -> int:
    connection.request("POST", "/", json.dumps({"subject": subject}), {"Webhook-Id": message_id})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_the_receiver_keeps_every_request_and_counts_messages_once(tmp_path):
    with receiving(tmp_path, 2) as receiver:
        connection = http.client.HTTPConnection("127.0.0.1", receiver.ports[1])
        assert [post(connection, message_id, "s/1") for message_id in ("a", "a", "b")] == [204, 204, 204]
        assert receiver.count() == 2
        found = receiver.arrivals()
        assert [(one.message_id, one.subject, one.port) for one in found] == [
            (message_id, "s/1", receiver.ports[1]) for message_id in ("a", "a", "b")
        ]
        receiver.reset({receiver.ports[1]: 0.2})
        began = time.monotonic()
        post(connection, "c", "s/2")
        assert time.monotonic() - began >= 0.2
        assert [one.message_id for one in receiver.arrivals()] == ["c"]


@pytest.fixture
def database(context):
    """An empty database of one test."""
    from suite.database import Databases

    databases, name = Databases(context.odoo), f"t{os.getpid()}_prototype"
    databases.drop(name)
    databases.create(name)
    server = context.odoo.server
    yield lambda: psycopg2.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname=name
    )
    databases.drop(name)


def test_the_prototype_delivers_everything_once(database, tmp_path):
    connection = database()
    connection.autocommit = True
    with receiving(tmp_path, ENDPOINTS) as receiver, connection.cursor() as cursor:
        prototype.create(cursor)
        prototype.add(cursor, [(f"m{n}", "", "{}", receiver.urls[n % ENDPOINTS]) for n in range(250)])
        listening = threading.Event()
        running = prototype.Prototype(database)
        thread = threading.Thread(target=running.run, args=(60.0,), kwargs={"ready": listening.set})
        thread.start()
        assert listening.wait(10)
        receiver.wait_for(250, 30)
        # What is added while it listens wakes it.
        prototype.add(cursor, [("late", "", "{}", receiver.urls[0])])
        receiver.wait_for(251, 10)
        running.stopping.set()
        thread.join(10)
        assert not thread.is_alive()
        assert len(receiver.arrivals()) == 251
        cursor.execute("SELECT state, count(*) FROM bench_delivery GROUP BY 1")
        assert cursor.fetchall() == [("done", 251)]
    connection.close()


def random_times(seed: int, count: int = 4000, **how: float) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(how.get("mean", 100.0), how.get("spread", 10.0)) for _ in range(count)]


def test_the_same_times_are_told_apart_no_better_than_by_guessing():
    times = {cause: random_times(seed) for seed, cause in enumerate("abcde")}
    worst, _pair = telling.worst_pair(times)
    assert 0.45 < worst < 0.53
    assert 0.17 < telling.accuracy(times) < 0.23


@pytest.mark.parametrize("how", [{"mean": 104.0}, {"mean": 96.0}, {"spread": 15.0}, {"spread": 7.0}])
def test_times_that_are_later_earlier_or_spread_otherwise_are_told_apart(how):
    worst, pair = telling.worst_pair({"a": random_times(1), "b": random_times(2), "c": random_times(3, **how)})
    assert worst > 0.55
    assert "c" in pair


def test_times_that_never_meet_are_always_told_apart():
    assert telling.accuracy({"a": random_times(1), "b": random_times(2, 500, mean=900.0)}) == 1.0


@pytest.mark.parametrize("times", [{}, {"a": [1.0, 2.0]}, {"a": [1.0, 2.0], "b": [1.0]}])
def test_too_few_times_tell_nothing(times):
    with pytest.raises(ValueError, match="two"):
        telling.accuracy(times)
