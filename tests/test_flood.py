"""The flood of the benchmark sends at its own pace, whatever the other side does, and tells what it really did."""

import threading
import time

import pytest
from echo import HELD, Echo

from benchmark.flood import Flood, Target
from benchmark.parts.behind_nginx import as_bytes

PER_SECOND = 200


@pytest.fixture
def echo():
    with Echo() as serving:
        yield serving


def flooded(echo: Echo, path: str, until) -> tuple[Flood, float]:
    """Flood the echo from two addresses until a condition holds; return the flood and how long it took."""
    port = int(echo.place.rpartition(":")[2])
    request = as_bytes(f"http://localhost{path}", ({"webhook-id": "1"}, '{"é": 1}')).encode("latin-1")
    flood = Flood(Target("", port, ""), [request], ["127.0.5.1", "127.0.5.2"])

    def stop() -> None:
        deadline = time.monotonic() + 30
        while not until(flood) and time.monotonic() < deadline:
            time.sleep(0.01)
        flood.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    took = flood.run(PER_SECOND)
    thread.join()
    return flood, took


def test_it_keeps_its_pace_and_counts_the_answers(echo):
    flood, took = flooded(echo, "/", lambda flood: flood.statuses["202"] > 100)
    assert flood.sent == pytest.approx(PER_SECOND * took, abs=PER_SECOND * 0.1)
    assert flood.unsent == 0
    assert flood.statuses["202"] > 100
    assert echo.seen[0].body == '{"é": 1}'.encode()


def test_a_server_that_does_not_answer_does_not_slow_it_down(echo):
    flood, took = flooded(echo, HELD, lambda flood: flood.sent > 100)
    assert flood.sent == pytest.approx(PER_SECOND * took, abs=PER_SECOND * 0.1)
    assert flood.statuses == {}
