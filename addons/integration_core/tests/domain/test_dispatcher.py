"""The threads of an engine process: each try once, within every limit, and no result is lost."""

import threading
import time
from collections import Counter
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from integration_core.domain.dispatcher import Dispatcher, Try


class Watch:
    """Lets tries run under observation, and waits for their end."""

    def __init__(self, concurrency):
        self.lock, self.under_way, self.most = threading.Lock(), Counter(), Counter()
        self.ended = threading.Semaphore(0)
        self.dispatcher = Dispatcher(concurrency, self.run, reached=self.reached, poke=lambda: None)
        self.results = []

    def run(self, one):
        with self.lock:
            self.under_way[one.channel] += 1
            self.most[one.channel] = max(self.most[one.channel], self.under_way[one.channel])
            self.most["all"] = max(self.most["all"], sum(self.under_way.values()))
        result = one.job()
        with self.lock:
            self.under_way[one.channel] -= 1
        self.ended.release()
        return result

    @staticmethod
    def reached(result):
        return result is not None

    def put(self, *tries):
        moment = time.monotonic()
        self.dispatcher.put([Try(number, channel, lane, job, moment) for number, channel, lane, job in tries])

    def wait(self, number):
        for _one in range(number):
            assert self.ended.acquire(timeout=20)
        deadline = time.monotonic() + 20
        while len(self.results) < number and time.monotonic() < deadline:
            self.results += self.dispatcher.results()
        return self.results


@settings(max_examples=25)
@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60),
)
def test_each_try_is_carried_out_once_within_every_limit(concurrency, wishes):
    watch = Watch(concurrency)
    watch.dispatcher.set_caps(dict.fromkeys(range(4), 3))
    watch.put(*[(number, channel, lane, lambda n=number: n) for number, (channel, lane) in enumerate(wishes)])
    assert sorted(watch.wait(len(wishes))) == list(range(len(wishes)))
    assert watch.most["all"] <= concurrency
    assert all(watch.most[channel] <= 3 for channel in range(4))
    watch.dispatcher.close()


def test_a_channel_that_hangs_does_not_keep_others_waiting():
    release = threading.Event()
    watch = Watch(4)
    watch.dispatcher.set_caps({1: 8, 2: 8})
    watch.put(*[(number, 1, 1, lambda: release.wait(20)) for number in range(20)])
    watch.put(*[(100 + number, 2, 1, lambda n=number: 100 + n) for number in range(10)])
    for _one in range(10):
        assert watch.ended.acquire(timeout=20)
    assert watch.most[1] <= 3
    watch.dispatcher.take_back(lambda one: True)
    release.set()
    watch.dispatcher.close()


def test_what_hangs_gives_back_its_surplus_and_counts_for_nothing():
    release, begun, watch = threading.Event(), threading.Semaphore(0), Watch(4)

    def hang():
        begun.release()
        return release.wait(20)

    watch.dispatcher.set_caps({1: 8, 2: 8})
    now = time.monotonic()
    watch.put(*[(number, 1, 1, hang) for number in range(150)])
    assert all(begun.acquire(timeout=20) for _one in range(2))
    assert watch.dispatcher.ready(now) > 100
    assert watch.dispatcher.take_surplus(now) == [], "it may get on yet"
    later = now + 5
    assert watch.dispatcher.ready(later) == 0
    back = watch.dispatcher.take_surplus(later)
    held = watch.dispatcher.held_by_channel()[1]
    assert held == 4
    assert sorted(back) == list(range(held, 150)), "the last ones first"
    assert watch.dispatcher.room([1, 2], later) == {1: 0, 2: 4}
    assert watch.dispatcher.take_surplus(later) == []
    watch.dispatcher.take_back(lambda one: True)
    release.set()
    watch.dispatcher.close()


def test_the_critical_lane_goes_first():
    gate, order = threading.Event(), []
    watch = Watch(1)
    watch.dispatcher.set_caps({1: 1, 2: 1, 3: 1})
    watch.put((0, 1, 1, lambda: gate.wait(20)))
    watch.put((1, 2, 2, lambda: order.append("bulk") or 1), (2, 3, 0, lambda: order.append("critical") or 2))
    gate.set()
    watch.wait(3)
    assert order == ["critical", "bulk"]
    watch.dispatcher.close()


def test_what_has_not_begun_can_be_taken_back():
    gate = threading.Event()
    watch = Watch(1)
    watch.dispatcher.set_caps({1: 1})
    watch.put((0, 1, 1, lambda: gate.wait(20)))
    watch.put(*[(number, 1, 1, lambda n=number: n) for number in range(1, 6)])
    taken = watch.dispatcher.take_back(lambda one: one.item % 2 == 0 and one.item > 0)
    assert sorted(taken) == [2, 4]
    gate.set()
    assert sorted(result for result in watch.wait(4) if result is not True) == [1, 3, 5]
    assert watch.dispatcher.queued == 0
    watch.dispatcher.close()


def test_what_is_held_is_known_by_channel():
    gate = threading.Event()
    watch = Watch(2)
    watch.dispatcher.set_caps({1: 1, 2: 1})
    watch.put((0, 1, 1, lambda: gate.wait(20)), (1, 1, 1, lambda: 1), (2, 2, 1, lambda: gate.wait(20)))
    assert watch.dispatcher.held_by_channel() == {1: 2, 2: 1}
    gate.set()
    watch.wait(3)
    assert watch.dispatcher.held_by_channel() == {}
    watch.dispatcher.close()


def test_threads_that_could_not_be_started_are_started_as_soon_as_they_can(caplog):
    watch, start = Watch(4), threading.Thread.start
    watch.dispatcher.set_caps({1: 8})
    refused = list(range(5))

    def refuse(thread):
        if refused:
            refused.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    with patch.object(threading.Thread, "start", refuse):
        while refused:
            watch.put((len(refused), 1, 1, lambda: True))
        assert watch.dispatcher.queued == 5
        watch.put((0, 1, 1, lambda: True))
        assert len(watch.wait(6)) == 6
    assert [record.levelname for record in caplog.records] == ["WARNING"], "told once"
    watch.dispatcher.close()


def test_where_no_more_threads_can_be_started_those_that_are_there_go_on():
    watch, gate = Watch(4), threading.Event()
    watch.dispatcher.set_caps({1: 8, 2: 8})
    watch.put((0, 1, 1, lambda: gate.wait(20)))
    with patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")):
        watch.put(*[(number, 2, 1, lambda: True) for number in range(1, 6)])
        gate.set()
        assert len(watch.wait(6)) == 6
    watch.dispatcher.close()
