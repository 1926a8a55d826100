"""Each rule in each of its states; a text never misses a value."""

from datetime import datetime, timedelta

import pytest

from integration_core.domain import setup_rules as rules
from integration_core.domain.verdict import Level, Verdict, worst

NOW = datetime(2026, 11, 20, 10, 0)
OK, WARNING, DANGER = Level.OK, Level.WARNING, Level.DANGER


def said(verdict: Verdict) -> str:
    """All that people would read, with the values in it."""
    return " ".join([verdict.text, verdict.meaning, *verdict.steps]) % verdict.values


def engine(**facts) -> Verdict:
    return rules.engine(
        rules.EngineFacts(
            **{
                "now": NOW,
                "last_beat": NOW - timedelta(seconds=30),
                "workers": 0,
                "cron_active": True,
                "cron_failures": 0,
                "expected_since": NOW - timedelta(days=1),
                "late_since": None,
                **facts,
            }
        )
    )


def threads(threads: int, *, limit: float = 120, served: bool = False) -> Verdict:
    return rules.cron_threads(threads=threads, limit=limit, served=served)


def packages(version: str | None) -> Verdict:
    return rules.python_packages(wanted={"jsonschema": "4.18"}, found={"jsonschema": version})


LONG_AGO = NOW - timedelta(hours=3)
CASES = {
    "trail guarded": (rules.audit_trail(unguarded=(), since=NOW - timedelta(minutes=5), now=NOW), OK, "guards"),
    "trail sealed": (rules.audit_trail(unguarded=(), since=None, now=NOW), OK, "seals"),
    "trail waits": (rules.audit_trail(unguarded=(), since=LONG_AGO, now=NOW), WARNING, "2026-11-20 07:00"),
    "trail unguarded": (rules.audit_trail(unguarded=["a_trigger"], since=None, now=NOW), DANGER, "a_trigger"),
    "no key": (rules.master_key(remedy="No master key.", warnings=()), DANGER, "No master key."),
    "a key for all": (rules.master_key(remedy=None, warnings=["run chmod 600"]), WARNING, "chmod 600"),
    "a key": (rules.master_key(remedy=None, warnings=()), OK, "readable by its owner alone"),
    "workers": (engine(workers=2, last_beat=None, cron_active=False), OK, "2 worker"),
    "cron switched off": (engine(cron_active=False), DANGER, "switched off"),
    "engine silent": (engine(last_beat=LONG_AGO), DANGER, "no sign of life"),
    "engine never": (engine(last_beat=None), DANGER, "no sign of life"),
    "engine new": (engine(last_beat=None, expected_since=NOW - timedelta(minutes=1)), WARNING, "not started yet"),
    "engine restarted": (
        engine(last_beat=LONG_AGO, expected_since=NOW - timedelta(minutes=1)),
        WARNING,
        "not started yet",
    ),
    "engine late": (engine(late_since=LONG_AGO), WARNING, "behind"),
    "engine failing": (engine(cron_failures=3), WARNING, "behind"),
    "engine": (engine(), OK, "runs"),
    "no cron threads": (threads(0), DANGER, "max_cron_threads = 0"),
    "no cron threads, workers": (threads(0, served=True), OK, "Worker"),
    "short crons": (threads(2, limit=30), WARNING, "after 30 s"),
    "one cron thread": (threads(1), WARNING, "one thread"),
    "one cron thread, workers": (threads(1, served=True), OK, "1 threads"),
    "cron threads": (threads(2), OK, "2 threads"),
    "threaded, live": (rules.processes(workers=0, live=True), WARNING, "one process"),
    "threaded, trying": (rules.processes(workers=0, live=False), OK, "one process"),
    "prefork": (rules.processes(workers=4, live=True), OK, "4 processes"),
    "old PostgreSQL": (rules.postgresql(version=120019), DANGER, "12.19"),
    "PostgreSQL": (rules.postgresql(version=150018), OK, "15.18"),
    "clocks far apart": (rules.clock(apart=timedelta(seconds=-61)), DANGER, "61.0 s"),
    "clocks apart": (rules.clock(apart=timedelta(seconds=3)), WARNING, "3.0 s"),
    "clocks": (rules.clock(apart=timedelta(seconds=-0.1)), OK, "0.1 s"),
    "no package": (packages(None), DANGER, "jsonschema (≥ 4.18, there: –)"),
    "old package": (packages("4.9.1"), DANGER, "4.9.1"),
    "package": (packages("4.23.0"), OK, "jsonschema 4.23.0"),
    "disk full": (rules.disk(free=1 << 29), DANGER, "0.5 GiB"),
    "disk filling": (rules.disk(free=2 << 30), WARNING, "2.0 GiB"),
    "disk": (rules.disk(free=50 << 30), OK, "50.0 GiB"),
    "live copy": (rules.neutralized(is_copy=True, live=["EHR"]), DANGER, "EHR"),
    "copy": (rules.neutralized(is_copy=True, live=[]), WARNING, "neutralised"),
    "original": (rules.neutralized(is_copy=False, live=["EHR"]), OK, "no copy"),
    "demo in production": (rules.demo_data(demo=["Odoo's own"], environment="production"), DANGER, "Odoo's own"),
    "demo": (rules.demo_data(demo=["the demo hospital"], environment="demo"), WARNING, "the demo hospital"),
    "no demo": (rules.demo_data(demo=[], environment="production"), OK, "no demo data"),
    "no approver": (rules.approvers(names=[]), DANGER, "Nobody"),
    "one approver": (rules.approvers(names=["Ada"]), WARNING, "Only Ada"),
    "one approver left": (rules.approvers(names=["Ada"], held_until="2026-12-04 10:00"), DANGER, "not their own work"),
    "two approvers": (rules.approvers(names=["Ada", "Ben"]), OK, "2 people"),
    "no mail": (rules.mail_server(servers=0, configured=None), WARNING, "no outgoing"),
    "mail": (rules.mail_server(servers=1, configured=None), OK, "outgoing"),
    "mail in odoo.conf": (rules.mail_server(servers=0, configured="smtp.example.org"), OK, "outgoing"),
    "unknown zone": (
        rules.time_zones(unknown={"EHR": "Mars/Base"}, in_utc=[], home="UTC"),
        DANGER,
        "EHR (Mars/Base)",
    ),
    "in UTC": (rules.time_zones(unknown={}, in_utc=["EHR"], home="America/New_York"), WARNING, "EHR"),
    "at home in UTC": (rules.time_zones(unknown={}, in_utc=["EHR"], home="UTC"), OK, "time zone"),
    "zones": (rules.time_zones(unknown={}, in_utc=[], home=None), OK, "time zone"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_is_told(name):
    verdict, level, words = CASES[name]
    assert verdict.level is level
    assert words in said(verdict)
    # Whoever reads of a fault reads what it does and, where it is red, what to do.
    assert bool(verdict.meaning) == (level is not OK)
    assert verdict.steps or level is not DANGER


def test_a_fault_tells_since_when():
    assert engine(last_beat=LONG_AGO).since == LONG_AGO
    assert engine(late_since=LONG_AGO).since == LONG_AGO
    assert engine().since is None


@pytest.mark.parametrize(
    ("workers", "real", "cron", "seconds"),
    [
        (0, 120, 300, 300),
        (0, 120, 0, 120),
        (0, 120, -1, 120),
        (4, 120, 0, float("inf")),
        (4, 120, -1, 120),
        (4, 0, -1, float("inf")),
    ],
)
def test_the_limit_of_scheduled_actions_is_the_servers(workers, real, cron, seconds):
    assert rules.cron_limit(workers=workers, real=real, cron=cron) == seconds


def test_the_worst_stands_for_all():
    assert worst([OK, DANGER, WARNING]) is DANGER
    assert worst([OK, WARNING]) is WARNING
    assert worst([]) is OK


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (("none", -1, "panic", "terse"), []),
        (("ddl", -1, "fatal", "terse"), []),
        (("mod", -1, "panic", "terse"), ["log_statement = none"]),
        (("none", 0, "panic", "terse"), ["log_min_duration_statement = -1"]),
        (("none", -1, "error", "default"), ["log_min_error_statement = panic", "log_error_verbosity = terse"]),
    ],
)
def test_postgresqls_log_holds_no_values(settings, missing):
    verdict = rules.server_log(rules.ServerLog(*settings))
    assert verdict.level is (WARNING if missing else OK)
    assert [word for word in missing if word not in said(verdict)] == []


def test_every_break_glass_is_reviewed():
    assert rules.break_glass(overdue=0, oldest=None).level is OK
    verdict = rules.break_glass(overdue=2, oldest=NOW)
    assert (verdict.level, verdict.since) == (DANGER, NOW)
    assert "2" in said(verdict)
