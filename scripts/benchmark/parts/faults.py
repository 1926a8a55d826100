"""``kill -9`` of workers, of Odoo and of PostgreSQL's processes at random instants under load, and what became of it.

An event is lost when it is in the journal, or its sender was told so, and it never arrived or had no effect. Arriving
twice with the same id is what receivers are promised; with another id, or an effect twice inside Odoo, is a fault.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

from benchmark.bed import Bed
from benchmark.figures import Figure, at_least, at_most
from benchmark.parts.inbound import signed_one
from benchmark.receiving import Receiver, receiving
from benchmark.site import READY, MeasureError, Site, free_port, wait_until
from simulator.messages import ADMITTED, Message
from suite import processes, server
from suite.refusal import Refusal

LEASE_SECONDS: Final = 3
TRY_SECONDS: Final = 2
"""Deadline of one try: shorter than the lease, as in production."""
NOTICE_SECONDS: Final = 2.0
"""For noticing that a lease ended, and for PostgreSQL's own recovery; the lease began before the kill."""
ENDPOINTS: Final = 4
_SETTLE_SECONDS: Final = 120.0
_WORKERS: Final = 2
_UNREACHABLE: Final = re.compile(r"^psycopg2\.((Operational|Interface)Error|errors\.\w+Shutdown)", re.MULTILINE)
"""How a log says that PostgreSQL was not there, or not yet."""


@dataclass
class Told:
    """What the senders were told.

    Attributes:
        emitted: Ids of events whose transaction was committed, as far as the emitter knows.
        accepted: Ids of messages that were answered with 2xx.
        unsure: Transactions and requests that failed; they may have been committed.
    """

    emitted: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    unsure: int = 0


class Sending:
    """A steady load: events emitted in Odoo, and messages posted to it, repeated until they are accepted.

    Args:
        site: The database.
        types: Event types to emit.
        port: Where Odoo serves.
    """

    def __init__(self, site: Site, types: list[str], port: int) -> None:
        self.told = Told()
        self._site = site
        self._types = types
        self._place = f"127.0.0.1:{port}"
        self._secret = site.built.systems["ehr"]["secret"]
        self._over = threading.Event()
        self._answer = "none"
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._emit, self._post)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, look_after: Callable[[], None]) -> None:
        """End; what was not accepted yet is sent until it is, while somebody looks after the processes."""
        self._over.set()
        deadline = time.monotonic() + _SETTLE_SECONDS
        while any(thread.is_alive() for thread in self._threads):
            if time.monotonic() > deadline:
                raise MeasureError(f"a sender did not get its message accepted; the last answer was {self._answer}")
            look_after()
            time.sleep(0.2)

    def abandon(self) -> None:
        """End without waiting for anything."""
        self._over.set()

    def _emit(self) -> None:
        while not self._over.wait(0.05):
            try:
                self.told.emitted += self._site.inside("ours.emit_for_each", count=8, types=self._types)
            except MeasureError:
                # Committed or not: the journal tells.
                self.told.unsure += 1

    def _post(self) -> None:
        while not self._over.wait(0.02):
            message = _admission()
            while self._post_once(message) not in (200, 202):
                self.told.unsure += 1
                time.sleep(0.1)
            self.told.accepted.append(message.message_id)

    def _post_once(self, message: Message) -> int:
        headers, body = signed_one(self._secret, message)
        connection = http.client.HTTPConnection(self._place, timeout=10)
        try:
            connection.request("POST", "/integration/v1/inbound/ehr", body.encode(), headers)
            response = connection.getresponse()
            self._answer = f"{response.status} {response.read(1000)!r}"
            return response.status
        except (OSError, http.client.HTTPException) as error:
            self._answer = repr(error)
            return 0
        finally:
            connection.close()


def _admission() -> Message:
    name, now = uuid.uuid4().hex, datetime.now(timezone.utc)
    data: dict[str, object] = {
        "encounter": f"F-{name}",
        "patient": {"id": f"MRN-{name}"},
        "admitted_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "department": "CLINIC",
    }
    return Message("ehr", f"fault-{name}", ADMITTED, f"encounter/F-{name}", now, data)


class Crew:
    """The processes that are killed, and started again as a supervisor would.

    Args:
        site: The database.
        port: Where Odoo serves, whatever happens to it.
        chance: What decides who is killed.

    Attributes:
        ended_by_themselves: How many ended although nobody killed them, for another cause than the next one.
        ended_with_postgresql: How often Odoo's master ended, by an error in code of Odoo's alone, because PostgreSQL
            recovered while it started or had to replace a worker; a supervisor starts it again.
    """

    def __init__(self, site: Site, port: int, chance: random.Random) -> None:
        self.ended_by_themselves = 0
        self.ended_with_postgresql = 0
        self._site = site
        self._port = port
        self._chance = chance
        self._killed: set[int] = set()
        self._workers = [site.worker() for _ in range(_WORKERS)]
        self._odoo = site.start_server(workers=2, cron_threads=1, port=port)

    def kill_worker(self) -> None:
        """Kill a worker, while another one is there."""
        for worker in self._workers:
            worker.wait_for(READY)
        victim = self._chance.choice(self._workers)
        self._killed.add(victim.pid)
        victim.kill()

    def kill_odoo(self) -> None:
        """Kill one of Odoo's processes; with its master goes everything."""
        self._await_odoo()
        victim = self._chance.choice([self._odoo.pid, *processes.descendants(self._odoo.pid)])
        if victim != self._odoo.pid:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            return
        self._killed.add(victim)
        self._odoo.signal_group(signal.SIGKILL)

    def _await_odoo(self) -> None:
        def answers() -> bool:
            # Odoo's master ends when it has to replace a worker while PostgreSQL recovers: supervisors start it again.
            self.look_after()
            return server.ready(self._odoo.url)

        try:
            wait_until(answers, 60, "Odoo answers")
        except MeasureError as error:
            log = max(self._site.folder.glob("server-*.log"), key=lambda path: path.stat().st_mtime)
            children = processes.descendants(self._odoo.pid)
            alive = f"{self._odoo.pid} alive: {self._odoo.alive()}, its children: {children}"
            raise MeasureError(f"{error}; {alive}; {log.name} ends with\n{processes.tail(log, 60)}") from error

    def kill_backend(self) -> None:
        """Kill one of PostgreSQL's processes that serve this database: all of them restart, by PostgreSQL itself."""
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        pids = [pid for (pid,) in self._site.sql(query, self._site.name)]
        if not pids:
            raise MeasureError("nobody is connected to the database")
        with suppress(ProcessLookupError):
            os.kill(self._chance.choice(pids), signal.SIGKILL)

    def look_after(self) -> None:
        """Start again what ended, and count what nobody killed."""
        for number, worker in enumerate(self._workers):
            if not worker.alive:
                if worker.pid not in self._killed:
                    self._tell_ended("a worker", "worker-*.log")
                self._workers[number] = self._site.start_worker()
        with suppress(ChildProcessError):
            os.waitpid(self._odoo.pid, os.WNOHANG)
        if not self._odoo.alive():
            if self._odoo.pid not in self._killed:
                self._tell_odoo_ended()
            wait_until(lambda: server.port_is_free(self._port), 30, "Odoo's port is free")
            self._odoo = self._site.start_server(workers=2, cron_threads=1, port=self._port, wait=False)

    def _tell_odoo_ended(self) -> None:
        """Count Odoo's master, which nobody killed, by the error that its log ends with."""
        log = max(self._site.folder.glob("server-*.log"), key=lambda path: int(path.stem.partition("-")[2]))
        text = log.read_text(encoding="utf-8", errors="replace")
        if end := re.search(rf"^\S+ \S+ {self._odoo.pid} INFO .*: Stopping forcefully", text, re.MULTILINE):
            text = text[: end.start()]
        error = text.rpartition("Traceback (most recent call last):")[2]
        if _UNREACHABLE.search(error) and "/integration_" not in error:
            self.ended_with_postgresql += 1
        else:
            self._tell_ended("Odoo", "server-*.log")

    def _tell_ended(self, what: str, logs: str) -> None:
        """Count a process that nobody killed, and show what such processes wrote last."""
        self.ended_by_themselves += 1
        newest = sorted(self._site.folder.glob(logs), key=lambda path: path.stat().st_mtime)[-3:]
        tails = "\n".join(f"{log.name}:\n{processes.tail(log, 15)}" for log in newest)
        print(f"{what} ended by itself; the newest logs end with\n{tails}", file=sys.stderr)


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Kill processes under load, let everything settle, and count."""
    bed.recover_quickly()
    with bed.ours() as site, receiving(bed.scratch, ENDPOINTS) as receiver:
        try:
            return _measure(bed, site, receiver, note)
        finally:
            bed.await_postgresql()


def _measure(bed: Bed, site: Site, receiver: Receiver, note: Callable[[str], None]) -> list[Figure]:
    kills = bed.options.kills or bed.options.pick(6, 60, 1_000)
    seed = random.randrange(2**32)  # noqa: S311 - so that a run can be repeated
    chance = random.Random(seed)  # noqa: S311
    site.environ["INTEGRATION_LEASE_SECONDS"] = str(LEASE_SECONDS)
    types: list[str] = site.inside("ours.prepare", ports=receiver.ports, timeout=TRY_SECONDS)
    site.inside("ours.admit_everything")
    site.inside("ours.count_admissions")
    receiver.reset()
    port = free_port()
    crew = Crew(site, port, chance)
    ways = {"a worker": crew.kill_worker, "an Odoo process": crew.kill_odoo}
    if bed.cluster is not None:
        ways["a PostgreSQL backend"] = crew.kill_backend
    recoveries: defaultdict[str, list[float]] = defaultdict(list)
    with _sending(site, types, port, crew.look_after) as sending:
        for number in range(kills):
            time.sleep(chance.uniform(0.1, 1.5))
            way = chance.choice(list(ways))
            note(f"kill {number + 1} of {kills}: {way} (seed {seed})")
            recoveries[way].append(_recovery(site, ways[way]))
            crew.look_after()
    note("letting everything settle")
    _settle(site, "every delivery is complete")
    note(f"seed {seed}")
    return [*_counted(site, receiver, sending.told), *_recovered(recoveries, crew)]


@contextmanager
def _sending(site: Site, types: list[str], port: int, look_after: Callable[[], None]) -> Iterator[Sending]:
    sending = Sending(site, types, port)
    sending.start()
    try:
        yield sending
    except BaseException:
        sending.abandon()
        raise
    sending.stop(look_after)


def _recovery(site: Site, kill: Callable[[], None]) -> float:
    """Kill, and return seconds until everything that was open at that moment is complete."""
    moment, began = datetime.now(timezone.utc).replace(tzinfo=None), time.monotonic()
    kill()
    try:
        wait_until(lambda: _open(site, moment) == 0, LEASE_SECONDS + NOTICE_SECONDS, "it is complete within a lease")
    except MeasureError:
        print(f"open {time.monotonic() - began:.1f} s after a kill:\n{_told_open(site)}", file=sys.stderr)
    _settle(site, "what was open at the kill is complete", moment)
    return time.monotonic() - began


def _settle(site: Site, what: str, before: datetime | None = None) -> None:
    """Wait until everything made before a moment is complete.

    Raises:
        MeasureError: It takes too long; with what is still open, and why.
    """
    try:
        wait_until(lambda: _open(site, before) == 0, _SETTLE_SECONDS, what)
    except MeasureError as error:
        logs = "\n".join(processes.tail(log, 12) for log in sorted(site.folder.glob("worker-*.log"))[-2:])
        raise MeasureError(f"{error}; open are\n{_told_open(site)}\n{logs}") from error


def _told_open(site: Site) -> str:
    """Say what is open, and who has it."""
    import psycopg2  # the environment that has it is made by this very program

    query = """
        SELECT d.consumer, u.tier, d.attempts, d.crashes, d.error_code, u.lease_owner, count(*),
               min(d.created_at)::text, min(u.due_at)::text, max(u.lease_until)::text
          FROM integration_due u JOIN integration_delivery d ON d.id = u.id GROUP BY 1, 2, 3, 4, 5, 6
    """
    try:
        rows = "\n".join(map(str, site.sql(query)))
    except (psycopg2.Error, Refusal) as error:
        rows = str(error)
    return f"now is {datetime.now(timezone.utc)}\n{rows}"


def _open(site: Site, before: datetime | None = None) -> int:
    """Return how many deliveries made before a moment are open; -1 while PostgreSQL recovers."""
    import psycopg2  # the environment that has it is made by this very program

    query = """
        SELECT count(*) FROM integration_due u JOIN integration_delivery d ON d.id = u.id
         WHERE d.state = 'waiting' AND d.created_at < %s
    """
    try:
        ((count,),) = site.sql(query, before or datetime.max)
    except (psycopg2.Error, Refusal):
        return -1
    return int(count)


def _counted(site: Site, receiver: Receiver, told: Told) -> list[Figure]:
    """Return what was lost and what was doubled."""
    query = """
        SELECT e.source_event_id FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id
         WHERE t.name LIKE 'bench.%'
    """
    journal = {row[0] for row in site.sql(query)}
    arrivals = receiver.arrivals()
    arrived = Counter(arrival.message_id for arrival in arrivals)
    by_subject: defaultdict[str, set[str]] = defaultdict(set)
    for arrival in arrivals:
        by_subject[arrival.subject].add(arrival.message_id)
    effects: dict[str, int] = {
        str(name): int(count)
        for name, count in site.sql("SELECT webhook_id, count(*) FROM integration_bench_count GROUP BY 1")
    }
    lost_outside = len(journal - set(arrived)) + len(set(told.emitted) - journal)
    lost_inside = sum(1 for message in told.accepted if message not in effects)
    ((dead,),) = site.sql("SELECT count(*) FROM integration_delivery WHERE state = 'dead'")
    return [
        Figure("faults: events emitted", len(journal), None, None, at_least(1)),
        Figure("faults: messages accepted", len(told.accepted), None, None, at_least(1)),
        Figure("faults: emitted or accepted, and lost", lost_outside + lost_inside, None, None, at_most(0)),
        Figure("faults: effects doubled in Odoo", sum(c > 1 for c in effects.values()), None, None, at_most(0)),
        Figure(
            "faults: arrived outside under another id, or never committed",
            sum(len(ids) > 1 for ids in by_subject.values()) + len(set(arrived) - journal),
            None,
            None,
            at_most(0),
        ),
        Figure("faults: arrived again under the same id (allowed)", arrived.total() - len(arrived)),
        Figure("faults: dead letters", int(dead), None, None, at_most(0)),
    ]


def _recovered(recoveries: dict[str, list[float]], crew: Crew) -> list[Figure]:
    """Return the kills of each sort and the slowest recovery from them."""
    found = []
    for way, seconds in sorted(recoveries.items()):
        found.append(Figure(f"faults: kills of {way}", len(seconds)))
        title = f"faults: slowest recovery from a kill of {way}, s (lease {LEASE_SECONDS} s)"
        found.append(Figure(title, max(seconds), None, None, at_most(LEASE_SECONDS + NOTICE_SECONDS)))
    return [
        *found,
        Figure("faults: processes that ended by themselves", crew.ended_by_themselves, None, None, at_most(0)),
        Figure("faults: Odoo's master ended while PostgreSQL recovered", crew.ended_with_postgresql),
    ]
