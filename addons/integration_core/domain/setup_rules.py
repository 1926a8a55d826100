"""What must be in place before an integration can be trusted: facts of the server and the database in, verdict out.

A fact that is true of a copy, a trial or a demo is amber; the same on a system that is live is red where money or
patient data would suffer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from .verdict import Verdict, _, bad, doubtful, good, graded

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown

CRON_SECONDS: Final = 60.0
"""What one run of the engine inside a scheduled action may take, its last try included."""
SILENT_AFTER: Final = timedelta(minutes=5)
"""The engine's scheduled action starts every minute; silence for so long means that it does not."""
STARTS_WITHIN: Final = timedelta(minutes=3)
MIN_POSTGRESQL: Final = 13
"""64-bit transaction ids as a type (``xid8``) came with it."""
CLOCK_WARNING: Final = timedelta(seconds=2)
CLOCK_LIMIT: Final = timedelta(seconds=60)
"""A signature's time may be 300 s off the server's clock (Standard Webhooks 1.0.0); the sender's may be wrong, too."""
LOW_DISK: Final = 5 << 30
NO_DISK: Final = 1 << 30
_PRODUCTION: Final = "production"


def is_production(environment: str | None) -> bool:
    """Tell whether a master key file's ``environment`` says that real patients are behind this database."""
    return environment == _PRODUCTION


def master_key(*, remedy: str | None, warnings: Collection[str]) -> Verdict:
    """Judge the master key.

    Args:
        remedy: Why there is no usable one and what to do, or None when there is.
        warnings: What is wrong about one that is used.
    """
    if remedy:
        return bad(
            _("There is no usable master key."),
            meaning=_("Nothing is accepted and nothing is sent."),
            steps=[
                remedy,
                _("How to make one stands in the README, under “Installing”. It is read anew without a restart."),
            ],
        )
    if warnings:
        return doubtful(
            _("There is a master key for this database, and others may read its file."),
            meaning=_("Whoever reads it, with a copy of the database, reads every key and message."),
            steps=sorted(warnings),
        )
    return good(_("There is a master key for this database, readable by its owner alone."))


@dataclass(frozen=True)
class EngineFacts:
    """What is known of the engine. Times are naive UTC.

    Attributes:
        now: The moment of looking.
        last_beat: When any engine process last said that it lives; None: never.
        workers: Worker processes that beat now.
        cron_active: Whether the engine's scheduled action is switched on.
        cron_failures: How often in a row it failed.
        expected_since: Since when it could run: since it was installed and, where a server asks, the server is up.
        late_since: Since when the oldest delivery is overdue; None: nothing is.
    """

    now: datetime
    last_beat: datetime | None
    workers: int
    cron_active: bool
    cron_failures: int
    expected_since: datetime
    late_since: datetime | None


def engine(facts: EngineFacts) -> Verdict:
    """Judge whether something moves deliveries."""
    if facts.workers:
        return good(_("%(workers)s worker processes are alive."), workers=facts.workers)
    if not facts.cron_active:
        return bad(
            _("The engine's scheduled action is switched off, and no worker process is alive."),
            meaning=_("What is accepted waits. Nothing is carried out and nothing is sent."),
            steps=[
                _("Switch on the scheduled action “Integration: move deliveries”, or start odoo integration_worker.")
            ],
            since=facts.last_beat,
        )
    silent = facts.last_beat is None or facts.now - facts.last_beat > SILENT_AFTER
    if silent and facts.now - facts.expected_since < STARTS_WITHIN:
        return doubtful(
            _("The engine has not started yet."),
            meaning=_("It starts within a minute or two of Odoo. Check again then."),
        )
    if silent:
        return bad(
            _("The engine gives no sign of life."),
            meaning=_("What is accepted waits. Nothing is carried out and nothing is sent."),
            steps=[
                _("Look whether Odoo's scheduled jobs run: max_cron_threads in odoo.conf must be 1 or more."),
                _("Restart Odoo, or start odoo integration_worker beside it."),
            ],
            since=facts.last_beat or facts.expected_since,
        )
    if facts.late_since or facts.cron_failures:
        return doubtful(
            _("The engine is alive and behind with its work."),
            meaning=_("What is accepted is carried out late."),
            steps=[_("Start odoo integration_worker for volume, and look at Odoo's log for errors of the engine.")],
            since=facts.late_since,
        )
    return good(_("The engine runs in Odoo's scheduled action."))


def cron_limit(*, workers: int, real: int, cron: int) -> float:
    """Return the seconds after which Odoo ends a scheduled action; infinity for never.

    Args:
        workers: ``workers``; 0 is the threaded server.
        real: ``limit_time_real`` (s).
        cron: ``limit_time_real_cron`` (s): -1 stands for ``limit_time_real``; 0 for never in prefork, and for
            ``limit_time_real`` in the threaded server (odoo/service/server.py).
    """
    if cron > 0:
        return cron
    limit = 0 if workers and cron == 0 else real
    return limit or float("inf")


def cron_threads(*, threads: int, limit: float, served: bool) -> Verdict:
    """Judge whether Odoo may run the engine inside its scheduled actions.

    Args:
        threads: ``max_cron_threads``.
        limit: Seconds, as :func:`cron_limit` returns them.
        served: A worker process serves every lane now.
    """
    if threads < 1 and not served:
        return bad(
            _("Odoo runs no scheduled actions (max_cron_threads = 0), and no worker process is alive."),
            meaning=_("Nothing moves deliveries."),
            steps=[_("Set max_cron_threads = 2 in odoo.conf and restart Odoo, or start odoo integration_worker.")],
        )
    if threads >= 1 and limit < CRON_SECONDS:
        return doubtful(
            _("Odoo ends a scheduled action after %(limit)s s (limit_time_real_cron, limit_time_real)."),
            meaning=_(
                "The engine runs for up to %(wanted)s s at a time. It is ended in mid-work, and what it held waits."
            ),
            steps=[_("Set limit_time_real_cron = 120 or more in odoo.conf and restart Odoo.")],
            limit=f"{limit:g}",
            wanted=f"{CRON_SECONDS:g}",
        )
    if threads == 1 and not served:
        return doubtful(
            _("Odoo has one thread for all of its scheduled actions."),
            meaning=_("While the engine works, Odoo's other scheduled actions wait, and the engine waits for them."),
            steps=[_("Set max_cron_threads = 2 in odoo.conf and restart Odoo, or start odoo integration_worker.")],
        )
    if threads < 1:
        return good(_("Worker processes move deliveries; Odoo itself runs no scheduled actions."))
    return good(_("Odoo has %(threads)s threads for scheduled actions."), threads=threads)


def processes(*, workers: int, live: bool) -> Verdict:
    """Judge how many processes serve people and messages.

    Args:
        workers: ``workers``; 0 is the threaded server.
        live: There are live systems.
    """
    if workers:
        return good(_("Odoo serves with %(workers)s processes."), workers=workers)
    if live:
        return doubtful(
            _("Odoo serves everybody from one process (workers = 0)."),
            meaning=_("A long report slows every message down, and one processor core is all there is."),
            steps=[_("Set workers in odoo.conf to about twice the number of processor cores, and restart Odoo.")],
        )
    return good(_("Odoo serves everybody from one process: enough for trying."))


def postgresql(*, version: int) -> Verdict:
    """Judge the version of PostgreSQL, as ``server_version`` of libpq tells it (150018 for 15.18)."""
    name = f"{version // 10000}.{version % 10000}"
    if version // 10000 < MIN_POSTGRESQL:
        return bad(
            _("PostgreSQL is %(name)s; at least %(least)s is needed."),
            meaning=_("Events cannot be put in order."),
            steps=[_("Upgrade PostgreSQL.")],
            name=name,
            least=MIN_POSTGRESQL,
        )
    return good(_("PostgreSQL %(name)s."), name=name)


def clock(*, apart: timedelta) -> Verdict:
    """Judge how far Odoo's clock and PostgreSQL's are apart."""
    seconds = f"{abs(apart).total_seconds():.1f}"
    if abs(apart) > CLOCK_WARNING:
        return graded(
            abs(apart) > CLOCK_LIMIT,
            _("The clocks of Odoo and of PostgreSQL are %(seconds)s s apart."),
            meaning=_("Honest messages are refused as too old, and retries come at the wrong moment."),
            steps=[_("Let both machines keep their time by NTP (chrony or systemd-timesyncd).")],
            seconds=seconds,
        )
    return good(_("The clocks of Odoo and of PostgreSQL agree within %(seconds)s s."), seconds=seconds)


def python_packages(*, wanted: Mapping[str, str], found: Mapping[str, str | None]) -> Verdict:
    """Judge the Python packages that the addons need besides Odoo's own.

    Args:
        wanted: Lowest version by name.
        found: Installed version by name; None where it is missing.
    """
    wrong = [name for name, least in wanted.items() if not _reaches(found.get(name), least)]
    if wrong:
        return bad(
            _("Missing or too old: %(names)s."),
            meaning=_("Messages cannot be checked against their schemas, or keys not be sealed."),
            steps=[_("Run pip install -r requirements.txt in Odoo's Python environment, and restart Odoo.")],
            names=", ".join(f"{name} (≥ {wanted[name]}, there: {found.get(name) or '–'})" for name in wrong),
        )
    return good(_("%(names)s."), names=", ".join(f"{name} {version}" for name, version in found.items()))


def _reaches(version: str | None, least: str) -> bool:
    return version is not None and _numbers(version) >= _numbers(least)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def disk(*, free: int) -> Verdict:
    """Judge the room that is left where Odoo keeps its files, in bytes."""
    room = f"{free / (1 << 30):.1f}"
    if free < LOW_DISK:
        return graded(
            free < NO_DISK,
            _("%(room)s GiB are free where Odoo keeps its files."),
            meaning=_("When it is full, Odoo stops, and so do logs and backups that share the disk."),
            steps=[_("Make room or enlarge the disk. PostgreSQL's own disk is worth a look, too.")],
            room=room,
        )
    return good(_("%(room)s GiB are free where Odoo keeps its files."), room=room)


def neutralized(*, is_copy: bool, live: Collection[str]) -> Verdict:
    """Judge whether this is a neutralised copy.

    Args:
        is_copy: ``odoo neutralize`` was run.
        live: Names of the systems that are live all the same.
    """
    if is_copy:
        return graded(
            bool(live),
            _("This is a neutralised copy of a database. Live in it: %(live)s.")
            if live
            else _("This is a neutralised copy of a database."),
            meaning=_("Its systems are suspended and its keys blank, so that it sends and accepts nothing by mistake."),
            steps=[_("To try something here, give it a master key of its own, new keys, and systems in test mode.")],
            live=", ".join(sorted(live)),
        )
    return good(_("This is no copy for tests."))


def demo_data(*, demo: Collection[str], environment: str | None) -> Verdict:
    """Judge whether made-up data could be taken for real.

    Args:
        demo: Names of what is there: Odoo's own, the demo hospital.
        environment: What the master key file says; None without one.
    """
    if demo and is_production(environment):
        return bad(
            _("There is demo data in this database: %(demo)s."),
            meaning=_("Made-up charges and real ones stand in the same totals."),
            steps=[_("Begin with a database without it. Removing it afterwards leaves traces.")],
            demo=", ".join(sorted(demo)),
        )
    if demo:
        return doubtful(
            _("There is demo data in this database: %(demo)s."),
            meaning=_("Fine for trying. Never let a real system send to this database."),
            demo=", ".join(sorted(demo)),
        )
    return good(_("There is no demo data in this database."))


def approvers(*, names: Collection[str], held_until: str | None = None) -> Verdict:
    """Judge whether two people can look at what matters. ``names`` has each person once.

    ``held_until`` is until when nobody approves their own work although only one person is left, in words.
    """
    if len(names) == 0:
        return bad(
            _("Nobody can approve."),
            meaning=_("No system can go live and no key of a live system can be made."),
            steps=[_("Make two people Integration administrators or Governance approvers (Settings → Users).")],
        )
    if len(names) == 1 and held_until:
        return bad(
            _("Only %(names)s can approve, and not their own work: there were two until lately."),
            meaning=_("What they prepare waits for a second person, until %(until)s UTC."),
            steps=[_("Make a second person Integration administrator or Governance approver (Settings → Users).")],
            names=", ".join(names),
            until=held_until,
        )
    if len(names) == 1:
        return doubtful(
            _("Only %(names)s can approve."),
            meaning=_("Authors approve their own work, which is marked as such, until there are two."),
            steps=[_("Make a second person Integration administrator or Governance approver (Settings → Users).")],
            names=", ".join(names),
        )
    return good(_("%(count)s people can approve each other's work."), count=len(names))


def mail_server(*, servers: int, configured: str | None) -> Verdict:
    """Judge whether Odoo can send mail.

    Args:
        servers: Active outgoing mail servers.
        configured: ``smtp_server`` of odoo.conf where it is not the default.
    """
    if servers or configured:
        return good(_("There is an outgoing mail server."))
    return doubtful(
        _("There is no outgoing mail server."),
        meaning=_("Nobody is told by mail that a key ends, or that something waits for them."),
        steps=[_("Add one under Settings → General Settings → Outgoing Email Servers, and press its test button.")],
    )


def time_zones(*, unknown: Mapping[str, str], in_utc: Collection[str], home: str | None) -> Verdict:
    """Judge the time zones that decide to which day a service belongs.

    Args:
        unknown: Time zone by system, of those that this server does not know.
        in_utc: Names of the systems that count their days in UTC.
        home: Time zone of the company, if it has one.
    """
    if unknown:
        return bad(
            _("This server does not know the time zone of: %(systems)s."),
            meaning=_("Their messages cannot be put on a day."),
            steps=[_("Install the package tzdata, or choose another time zone on the system.")],
            systems=", ".join(f"{name} ({zone})" for name, zone in sorted(unknown.items())),
        )
    if in_utc and home not in ("UTC", "Etc/UTC"):
        return doubtful(
            _("These systems count their days in UTC: %(systems)s."),
            meaning=_("A service late in the evening may be charged on another day than it was rendered."),
            steps=[_("Choose the time zone of the facility on each system.")],
            systems=", ".join(sorted(in_utc)),
        )
    return good(_("Every system has the time zone of its facility."))


UNSEALED_AFTER: Final = timedelta(minutes=15)
"""The engine seals what was written a moment before, or at its next start, once a minute."""


def audit_trail(*, unguarded: Collection[str], since: datetime | None, now: datetime) -> Verdict:
    """Judge whether the audit trail is guarded and sealed.

    Args:
        unguarded: Triggers that are missing or switched off.
        since: Time of the oldest row that waits to be sealed, naive UTC; None when none does.
        now: The present, naive UTC.
    """
    if unguarded:
        return bad(
            _("The database does not guard the audit trail: %(triggers)s."),
            meaning=_("Rows can be changed and deleted; what was changed is only found by verifying the trail."),
            steps=[
                _("Find out who switched the triggers off, and why. Verify the trail."),
                _("Upgrade the module integration_core: that makes the triggers anew."),
            ],
            triggers=", ".join(sorted(unguarded)),
        )
    if since is not None and now - since > UNSEALED_AFTER:
        return doubtful(
            _("Rows of the audit trail wait to be sealed, the oldest since %(moment)s UTC."),
            meaning=_("Until a row is sealed, verifying cannot tell whether it was changed."),
            steps=[_("Look whether the engine runs. Without one: odoo integration_audit seal.")],
            moment=since.strftime("%Y-%m-%d %H:%M"),
        )
    return good(_("The database guards the audit trail, and the engine seals it."))


@dataclass(frozen=True)
class ServerLog:
    """What PostgreSQL writes to its log, by its own settings of these names.

    Attributes:
        log_statement: Which statements it writes as they come: ``none``, ``ddl``, ``mod`` or ``all``.
        log_min_duration_statement: From how many milliseconds on it writes a statement; -1: never.
        log_min_error_statement: From which severity on it writes the statement beside its error.
        log_error_verbosity: ``terse`` leaves out the values of the row that an error is about.
    """

    log_statement: str
    log_min_duration_statement: int
    log_min_error_statement: str
    log_error_verbosity: str


def server_log(facts: ServerLog) -> Verdict:
    """Judge whether PostgreSQL's log may name who pays: a statement holds the values that it stores."""
    wanted = {
        "log_statement = none": facts.log_statement in ("none", "ddl"),
        "log_min_duration_statement = -1": facts.log_min_duration_statement < 0,
        "log_min_error_statement = panic": facts.log_min_error_statement in ("fatal", "panic"),
        "log_error_verbosity = terse": facts.log_error_verbosity == "terse",
    }
    missing = [setting for setting, is_set in wanted.items() if not is_set]
    if not missing:
        return good(_("PostgreSQL's log holds no values of statements."))
    return doubtful(
        _("PostgreSQL may write names and addresses of those who pay into its log."),
        meaning=_("Whoever reads that log reads personal data, for as long as the log is kept."),
        steps=[_("Set in postgresql.conf and reload: %(settings)s.")],
        settings="; ".join(missing),
    )


def break_glass(*, overdue: int, oldest: datetime | None) -> Verdict:
    """Judge whether every break-glass is reviewed in time.

    Args:
        overdue: How many are not.
        oldest: When the oldest of them began.
    """
    if not overdue:
        return good(_("Every break-glass is reviewed in time."))
    return bad(
        _("Nobody has reviewed in time that somebody opened contents in an emergency: %(count)s."),
        meaning=_("Nobody knows whether it was right to look at patients' data."),
        steps=[_("A privacy officer opens Break-glass, asks them, and presses Review.")],
        since=oldest,
        count=overdue,
    )
