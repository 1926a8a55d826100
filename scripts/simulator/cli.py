"""The command line of ``scripts/simulate``."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from pathlib import Path

from . import day, hospital, report, synthea
from .listen import listen
from .messages import ADMITTED, Message, Phase
from .systems import SettingsError, load_receiver, load_systems
from .transport import Client, Exchange, Status, UnreachableError

EPILOG = """\
Try: ./scripts/simulate --day --wait, approve and post in Odoo, then ./scripts/simulate --day-after --wait.
The same date and seed give the same messages, so running --day twice sends only duplicates; --seed 2 is another day.
"""
WAIT_S = 600.0
NOBODY_PAYS = "no_payer"
"""The reason of lines that wait for an admission, or else for a person."""
PAYS = frozenset({"coverage", "guarantor", "self_pay"})
"""Fields that say who pays."""


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    made = argparse.ArgumentParser(
        prog="simulate",
        description="Play the clinical side against a running Odoo, with real signatures.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("--day", action="store_true", help="the demo hospital's day")
    what.add_argument("--day-after", action="store_true", help="what reaches billing after that day was invoiced")
    what.add_argument("--synthea", type=Path, metavar="DIR", help="the charges of a Synthea CSV export")
    what.add_argument("--listen", action="store_true", help="receive, verify and print what Odoo sends")
    made.add_argument("--url", help="where Odoo is, when elsewhere than the file says (http://host:port)")
    made.add_argument(
        "--systems", type=Path, metavar="FILE", help="addresses and secrets (default: those of ./scripts/start)"
    )
    made.add_argument("--receivers", type=Path, metavar="FILE", help="the key that --listen verifies with")
    made.add_argument("--wait", action="store_true", help="until Odoo has worked off everything (at most 10 minutes)")
    made.add_argument("--again", action="store_true", help="send everything a second time; nothing may change")
    made.add_argument("--seed", type=int, default=1, help="another day (default 1)")
    made.add_argument("--date", type=date.fromisoformat, help="the day it is sent (default: today, UTC)")
    made.add_argument("--limit", type=int, help="only so many encounters of the Synthea export")
    made.add_argument("--workers", type=int, default=4, help="how many connections send side by side (default 4)")
    made.add_argument("--port", type=int, help="where --listen listens (default: where the demo endpoint points)")
    made.add_argument("--record", type=Path, metavar="FILE", help="--listen: append each event as a JSON line")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when all was answered and the equation holds, 1 when not, 2 when a file is missing."""
    options = parser().parse_args(arguments)
    try:
        return _listen(options) if options.listen else _simulate(options)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except UnreachableError as error:
        print(f"\n{error}. Is Odoo running? ./scripts/start starts it.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def state_folder() -> Path:
    """Give the folder where ``scripts/start`` keeps its state."""
    named = os.environ.get("INTEGRATION_STATE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "odoo-integration-suite"


def _listen(options: argparse.Namespace) -> int:
    receiver = load_receiver(options.receivers or state_folder() / "demo-receivers.json")
    listen((receiver.host, options.port or receiver.port), receiver.secret, options.record)
    return 0


def _phases(options: argparse.Namespace) -> list[Phase]:
    if options.synthea:
        return synthea.phases(options.synthea, limit=options.limit)
    today = options.date or datetime.now(timezone.utc).date()
    plan = day.plan_day_after if options.day_after else day.plan_day
    return plan(hospital.load(), today, options.seed).phases


def _simulate(options: argparse.Namespace) -> int:
    systems = load_systems(options.systems or state_folder() / "demo-systems.json", options.url)
    phases = _phases(options)
    missing = {message.system for phase in phases for message in phase.messages} - systems.keys()
    if missing:
        msg = f"The file names no system {', '.join(sorted(missing))}."
        raise SettingsError(msg)
    client = Client(systems)
    exchanges = _send(client, phases, options.workers)
    holds = _summary(client, exchanges, wait=options.wait)
    if options.again:
        print("\nEverything once more: Odoo must know all of it.\n")
        again = _send(client, phases, options.workers)
        holds = _summary(client, again, wait=False) and holds
    return 0 if holds else 1


def _send(client: Client, phases: Sequence[Phase], workers: int) -> list[Exchange]:
    total = sum(len(phase.messages) for phase in phases)
    progress = Progress(total)
    exchanges: list[Exchange] = []
    for phase in phases:
        progress.title = phase.title
        exchanges += client.send(phase.messages, workers=workers, seen=progress.step)
    progress.done()
    return exchanges


def _summary(client: Client, exchanges: Sequence[Exchange], *, wait: bool) -> bool:
    """Ask Odoo what became of everything, print the tables, and tell whether the equation holds."""
    accepted = [exchange.message for exchange in exchanges if exchange.answer.accepted]
    statuses = client.statuses(accepted, settled=report.is_settled, wait=WAIT_S if wait else 0.0)
    if wait:
        statuses |= resumed(client, resuming(accepted), statuses)
    result = report.equation(exchanges, statuses)
    print("\n" + report.sent_table(exchanges))
    for line in report.refusals(exchanges):
        print(f"  refused: {line}")
    print("\n" + report.equation_table(result))
    if result.reasons:
        print("\n" + report.parked_table(result))
        print("These wait for a person, not for a message." if wait else "Some of these may resume by themselves.")
    return result.unaccounted == 0


def resuming(messages: Sequence[Message]) -> list[Message]:
    """Give those of accepted messages that resume by themselves where nobody pays yet: an admission tells who."""
    told = {
        (message.system, message.data["encounter"])
        for message in messages
        if message.type == ADMITTED and not PAYS.isdisjoint(message.data)
    }
    return [m for m in messages if m.type != ADMITTED and (m.system, m.data.get("encounter")) in told]


def resumed(client: Client, messages: Sequence[Message], statuses: Mapping[str, Status]) -> dict[str, Status]:
    """Ask about messages that resume by themselves until each has, and give what Odoo said last.

    A service may be seen to before its admission, which tells who pays: it resumes when that is known.
    """
    parked = [message for message in messages if report.is_parked(statuses[message.message_id], NOBODY_PAYS)]
    return client.statuses(parked, settled=lambda status: not report.is_parked(status, NOBODY_PAYS), wait=WAIT_S)


class Progress:
    """One line that says how far it is; only where somebody looks, else one line per phase."""

    def __init__(self, total: int) -> None:
        """Begin at 0 of ``total``."""
        self.title = ""
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._live = sys.stderr.isatty()

    def step(self, _exchange: Exchange) -> None:
        """Count one answer."""
        with self._lock:
            self._done += 1
            if self._live:
                print(f"\r\x1b[K{self._done:5}/{self._total}  {self.title}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """End the line with the time it took."""
        seconds = time.monotonic() - self._began
        start = "\r\x1b[K" if self._live else ""
        print(f"{start}{self._done} messages answered in {seconds:.1f} s.", file=sys.stderr, flush=True)
