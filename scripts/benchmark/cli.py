"""The command line of ``scripts/bench``."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from benchmark import bed as bed_module
from benchmark import figures, machine
from benchmark.bed import Bed
from benchmark.figures import Figure
from benchmark.options import Options
from suite.layout import CHECKOUT
from suite.progress import Progress
from suite.refusal import Refusal

PARTS: Final = (
    "outbound",
    "latency",
    "emit",
    "handlers",
    "mapping_import",
    "inbound",
    "forgeries",
    "gate",
    "behind_nginx",
    "history",
    "scrape",
    "overview",
    "bookkeeping",
    "snapshot",
    "memory",
    "audit",
    "resolve",
    "crosswalk",
    "encryption",
    "install",
    "faults",
)
ENGINE: Final = (
    *("outbound", "latency", "emit", "handlers", "inbound", "history", "snapshot", "memory", "install", "faults"),
)
"""What is measured where nothing is named: the engine, from the message that comes in to the one that goes out."""
RESULT: Final = CHECKOUT / "build" / "bench.json"
_INTERRUPTED: Final = 130
"""Exit code of a program that Ctrl-C ended (128 + SIGINT)."""

Part = Callable[[Bed, Callable[[str], None]], list[Figure]]


def parse(words: Sequence[str]) -> tuple[Options, tuple[str, ...]]:
    """Read the command line; return the options and the parts that are wanted."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the suite beside its peers and a bare prototype on this machine.",
        epilog="The figures go to build/bench.json. docs/benchmarks.md says what they mean.",
    )
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"what to measure: {', '.join(PARTS)} (default: {', '.join(ENGINE)})"
    )
    parser.add_argument("--all", action="store_true", help="measure every part")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="ten million events, a soak of 30 minutes, 1,000 kills")
    size.add_argument("--quick", action="store_true", help="tiny sizes that only show that every part works")
    parser.add_argument("--kills", type=int, metavar="N", help="how many processes the part 'faults' kills")
    found = parser.parse_args(words)
    unknown = [name for name in found.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if found.kills is not None and found.kills < 1:
        parser.error("--kills has to be at least 1")
    if found.all and found.parts:
        parser.error("--all measures every part: name none")
    asked = PARTS if found.all else found.parts or ENGINE
    wanted = tuple(name for name in PARTS if name in asked)
    return Options(full=found.full, quick=found.quick, kills=found.kills), wanted


def measure(bed: Bed, wanted: Sequence[str], progress: Progress) -> tuple[list[Figure], list[str]]:
    """Run parts one after the other; return their figures and the names of those that could not be measured."""
    measured: list[Figure] = []
    failed = []
    for name in wanted:
        part: Part = importlib.import_module(f"benchmark.parts.{name}").measure
        try:
            with progress.step(f"Measuring {name}") as step:
                found = part(bed, step.note)
                step.note(f"{len(found)} figures")
        except Exception:  # noqa: BLE001 - one part that cannot be measured must not cost the others
            failed.append(name)
            progress.say(f"\n{traceback.format_exc()}")
            continue
        measured += found
        figures.write(RESULT, found)
    return measured, failed


def main(words: Sequence[str]) -> int:
    """Run the command; return its exit code: 0 when everything was measured, whether it met its target or not."""
    options, wanted = parse(words)
    # Everything that was started is ended in either case.
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    progress = Progress(bed_module.STEPS + len(wanted))
    progress.say(f"Healthcare integration suite for Odoo 19: figures, {time.strftime('%Y-%m-%d %H:%M')}\n")
    try:
        with bed_module.prepared(progress, options) as bed:
            notes = machine.notes(bed.databases)
            progress.say("\n" + "\n".join(notes) + "\n")
            measured, failed = measure(bed, wanted, progress)
    except Refusal as refusal:
        print(f"\n{refusal.what}\n\n{refusal.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return _INTERRUPTED
    return report(measured, failed, notes, quick=options.quick, seconds=progress.seconds)


def report(
    measured: Sequence[Figure], failed: Sequence[str], notes: Sequence[str], *, quick: bool, seconds: float
) -> int:
    """Print the table and what could not be measured; return the exit code."""
    print("\n" + "\n".join(notes))
    if quick:
        print("Sizes were tiny (--quick): these figures show that every part works, and nothing else.")
    print("\n" + figures.table(measured))
    print(f"\n{seconds / 60:.1f} minutes; written to {RESULT.relative_to(CHECKOUT)}")
    missed = [figure.measure for figure in measured if figure.met is False]
    if missed:
        print(f"{len(missed)} of {len(measured)} miss their target.")
    if failed:
        print(f"Could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
