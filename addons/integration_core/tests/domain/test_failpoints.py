"""Failpoints: nothing without the variable, exactly what it says with it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from integration_core.domain import failpoints
from integration_core.domain.failpoints import FailpointError

ADDON = os.path.dirname(os.path.dirname(failpoints.__file__))  # noqa: PTH120


@pytest.fixture
def live(monkeypatch):
    def start(spec):
        monkeypatch.setattr(failpoints, "_points", failpoints.parse(spec))
        monkeypatch.setattr(failpoints, "_hits", {})

    return start


def test_nothing_without_the_variable(monkeypatch):
    monkeypatch.setattr(failpoints, "_points", None)
    failpoints.hit("engine.after_claim")


def test_other_points_pass(live):
    live("a=raise")
    failpoints.hit("b")
    with pytest.raises(FailpointError, match="a"):
        failpoints.hit("a")


def test_the_third_hit(live):
    live("a=raise@3, b=raise")
    failpoints.hit("a")
    failpoints.hit("a")
    with pytest.raises(FailpointError):
        failpoints.hit("a")
    failpoints.hit("a")


def test_once(live, tmp_path):
    marker = tmp_path / "marker"
    live(f"a=raise:{marker}")
    with pytest.raises(FailpointError):
        failpoints.hit("a")
    assert marker.exists()
    failpoints.hit("a")


def test_pause_until_told(live, tmp_path):
    go = tmp_path / "go"
    live(f"a=pause:{go}")
    thread = threading.Thread(target=failpoints.hit, args=("a",))
    thread.start()
    reached = tmp_path / "go.reached"
    while thread.is_alive() and not reached.exists():
        thread.join(0.001)
    assert reached.exists()
    assert thread.is_alive()
    go.touch()
    thread.join(10)
    assert not thread.is_alive()


def test_a_pause_ends_in_any_case(live, tmp_path, monkeypatch):
    monkeypatch.setattr(failpoints, "MAX_PAUSE_S", 0.0)
    live(f"a=pause:{tmp_path / 'never'}")
    with pytest.raises(FailpointError, match="nobody"):
        failpoints.hit("a")


@pytest.mark.parametrize("spec", ["a", "a=explode", "a=pause", "a=kill@x", "a b=kill"])
def test_a_spec_that_cannot_be_meant_is_refused(spec):
    with pytest.raises(ValueError, match="INTEGRATION_FAILPOINTS"):
        failpoints.parse(spec)


def test_kill_is_not_an_exception(tmp_path):
    marker = tmp_path / "marker"
    code = (
        "from domain import failpoints\n"
        "try:\n    failpoints.hit('x')\n    print('first')\n    failpoints.hit('x')\n"
        "finally:\n    print('never')"
    )
    environ = {"PYTHONPATH": ADDON, failpoints.VARIABLE: f"x=kill@2:{marker}"}

    def run():
        return subprocess.run(
            [sys.executable, "-u", "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60
        )

    died = run()
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "first\n")
    lived = run()
    assert (lived.returncode, lived.stdout) == (0, "first\nnever\n")
