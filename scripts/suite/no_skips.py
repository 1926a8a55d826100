"""A pytest plugin: a test that was skipped has not passed.

Tests that need a browser or a running Odoo skip themselves where that is missing, and a run of nothing but skips looks
green. Here every skip is a failure that tells its reason. One reason is allowed, for data that are not part of the
repository: the run prints it as one line.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

ALLOWED: Final = "not run: data absent"
COUNTS_VARIABLE: Final = "SUITE_COUNTS"
"""Names the file that receives how many tests passed and failed."""

_absent: Counter[str] = Counter()


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = _reason(report)
    if reason.startswith(ALLOWED):
        _absent[reason] += 1
        return
    report.outcome = "failed"
    report.longrepr = f"Skipped, which counts as failed: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn skips into failures."""
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn skips of whole modules into failures."""
    report = yield
    _judge(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was not run, and leave the counts for the summary of the whole run."""
    for reason, number in sorted(_absent.items()):
        terminalreporter.write_line(f"{reason} ({number} tests)")
    path = os.environ.get(COUNTS_VARIABLE)
    if path:
        stats = terminalreporter.stats
        counts = {
            "passed": len(stats.get("passed", [])),
            "failed": len(stats.get("failed", [])) + len(stats.get("error", [])),
        }
        Path(path).write_text(json.dumps(counts), encoding="utf-8")
