"""``scripts/test``: every check there is, two at a time, and what became of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from suite import browser, demo, packages, postgres, processes, pyenv, setup, testbed
from suite import database as databases_module
from suite.database import Databases, glue_addons
from suite.layout import ADDONS, CHECKOUT, cache, make_folder
from suite.no_skips import COUNTS_VARIABLE
from suite.odoo import Odoo
from suite.progress import Progress
from suite.refusal import Refusal
from suite.testbed import Context

MODULES: Final = ("integration_suite", "integration_demo")
_STEPS: Final = setup.STEPS + 2
_AT_ONCE: Final = 2
_NOTHING_COLLECTED: Final = 5
_INTERRUPTED: Final = 130
"""Exit code of a program that Ctrl-C ended (128 + SIGINT)."""
_SHOWN_LINES: Final = 400
_NOT_OURS: Final = "missing-readme,consider-merging-classes-inherited"
"""OCA's robot makes README.rst from ``readme/``; a big model is told in several files, each with one concern."""
_TYPED: Final = ("scripts/suite", "scripts/simulator", "scripts/benchmark", "scripts/measure")
_FEED_PORT: Final = 8099
"""Where the template's demo endpoint points; each test's server has it moved."""


@dataclass(frozen=True)
class Part:
    """One check: a program that succeeds or not.

    Attributes:
        name: What it is called.
        command: The program and its arguments, run in the root of the checkout.
        env: Variables to set besides the present ones.
        counts: Whether it is a pytest run with the plugin that counts.
        before: Makes ready what this part alone needs; its time counts.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    counts: bool = False
    before: Callable[[], None] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a part.

    Attributes:
        part: The part.
        code: Its exit code.
        seconds: How long it took.
        passed: Tests that passed; a check without tests counts as one.
        failed: Tests that failed.
        output: What it wrote.
    """

    part: Part
    code: int
    seconds: float
    passed: int
    failed: int
    output: str

    @property
    def good(self) -> bool:
        """Whether the part found nothing wrong."""
        return self.code == 0 and self.failed == 0


class Bed:
    """Everything the parts run on: tools, databases, and folders that outlive no run.

    Args:
        odoo: The Odoo to test with.
        tools: Folders to put first on the path.
        home: The cache folder of the tests.
        scratch: A folder for this run alone.
    """

    def __init__(self, odoo: Odoo, tools: Sequence[Path], home: Path, scratch: Path) -> None:
        self.odoo = odoo
        self.home = home
        self.scratch = scratch
        self.suite = ""
        """The database with the suite and nothing else, to copy."""
        self.databases = Databases(odoo)
        self._path = os.pathsep.join([str(odoo.python.bin), *map(str, tools), os.environ.get("PATH", os.defpath)])
        self.addons_database = f"t{os.getpid()}_addons"
        self.glue_database = f"t{os.getpid()}_glue"

    def environment(self) -> dict[str, str]:
        """Return the variables for checks that do not need Odoo."""
        return {
            **self.odoo.python.environment(),
            "PATH": self._path,
            "PYTHONPATH": str(CHECKOUT / "scripts"),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.home / "hypothesis"),
            "ODOO_RC": "",
        }

    def odoo_environment(self) -> dict[str, str]:
        """Return the variables for tests inside Odoo."""
        return {**self.environment(), **self.odoo.environment()}

    def make_glue_database(self) -> None:
        """Make the database in which the addons that come by themselves are installed, with the apps they come with."""
        self.databases.copy(databases_module.glue_template(self.databases, self.suite), self.glue_database)

    def clear(self) -> None:
        """Remove what this run, and any run that died, has left on the server."""
        for (name,) in self.databases.rows(r"SELECT datname FROM pg_database WHERE datname ~ '^t[0-9]+_'"):
            pid = int(name[1:].split("_", 1)[0])
            if pid == os.getpid() or processes.started_at(pid) is None:
                self.databases.drop(name)


def _pytest(bed: Bed, name: str, words: Sequence[str], env: dict[str, str]) -> Part:
    command = (
        str(bed.odoo.python.python),
        "-m",
        "pytest",
        "--color=no",
        f"--config-file={CHECKOUT / 'pyproject.toml'}",
        f"--rootdir={CHECKOUT}",
        "-p",
        "suite.no_skips",
        "--durations=25",
        "--durations-min=3",
        "-o",
        f"cache_dir={bed.home / 'pytest'}",
        *words,
    )
    return Part(name, command, env, counts=True)


def _static(bed: Bed) -> list[Part]:
    domains = [str(path.relative_to(CHECKOUT)) for path in sorted(ADDONS.glob("*/domain"))]
    addons = [str(path.parent.relative_to(CHECKOUT)) for path in sorted(ADDONS.glob("*/__manifest__.py"))]
    env = bed.environment()
    return [
        Part("pylint-odoo", ("pylint", "--rcfile=.pylintrc", f"--disable={_NOT_OURS}", *addons), env),
        Part(
            "mypy --strict",
            ("mypy", f"--cache-dir={bed.home / 'mypy'}", *domains, *_TYPED),
            env,
        ),
        Part("ruff", ("ruff", "check", "--no-cache", "addons", "scripts", "tests"), env),
    ]


def _domain_tests(bed: Bed, words: Sequence[str]) -> Part:
    return _pytest(bed, "domain tests", ["-p", "no:odoo", *words], bed.environment())


def _addon_tests(bed: Bed, words: Sequence[str]) -> Part:
    odoo = [f"--odoo-config={bed.odoo.conf}", f"--odoo-database={bed.addons_database}", "--odoo-http"]
    aside = ["--ignore-glob=*/tests/domain", *(f"--ignore={ADDONS / name}" for name in glue_addons())]
    return _pytest(bed, "addon tests", [*odoo, *aside, *words], bed.odoo_environment())


def _glue_tests(bed: Bed, words: Sequence[str]) -> Part:
    odoo = [f"--odoo-config={bed.odoo.conf}", f"--odoo-database={bed.glue_database}", "--odoo-http"]
    made = _pytest(bed, "glue addon tests", [*odoo, *words], bed.odoo_environment())
    return replace(made, before=bed.make_glue_database)


def _odoo_lint(bed: Bed) -> Part:
    odoo = [f"--odoo-config={bed.odoo.conf}", f"--odoo-database={bed.addons_database}"]
    tests = bed.odoo.tree.path / "odoo" / "addons" / "test_lint" / "tests"
    if not tests.is_dir():
        tests = bed.odoo.tree.path / "addons" / "test_lint" / "tests"
    return _pytest(bed, "Odoo's test_lint", [*odoo, "-p", "suite.odoo_lint", str(tests)], bed.odoo_environment())


def _system_tests(bed: Bed, words: Sequence[str]) -> Part:
    env = {**bed.environment(), testbed.VARIABLE: str(bed.scratch / "context.json")}
    return _pytest(bed, "whole-system tests", ["-p", "no:odoo", *words], env)


def _glue_folders() -> list[str]:
    return [str(ADDONS / name) for name in glue_addons()]


def every_part(bed: Bed) -> list[Part]:
    """Return all checks, the long ones first."""
    domains = [str(path) for path in sorted(ADDONS.glob("*/tests/domain"))]
    return [
        _addon_tests(bed, [str(ADDONS)]),
        _system_tests(bed, [str(CHECKOUT / "tests")]),
        _glue_tests(bed, _glue_folders()),
        _odoo_lint(bed),
        _domain_tests(bed, domains),
        *_static(bed),
    ]


def chosen_parts(bed: Bed, words: Sequence[str]) -> list[Part]:
    """Return the pytest runs that the arguments of the command line are for.

    Paths decide: those under an addon's ``tests/domain`` are domain tests, other ones under ``addons`` run inside Odoo,
    the rest are whole-system tests. Without any path, such as ``-k name``, all of them look for what is meant.
    """
    options: list[str] = []
    paths: dict[str, list[str]] = {"domain": [], "addon": [], "glue": [], "system": []}
    for word in words:
        path = (Path.cwd() / word.split("::", 1)[0]).resolve()
        if word.startswith("-") or not path.exists():
            options.append(word)
        elif "domain" in path.parts and path.is_relative_to(ADDONS):
            paths["domain"].append(str(Path.cwd() / word))
        elif any(path.is_relative_to(ADDONS / name) for name in glue_addons()):
            paths["glue"].append(str(Path.cwd() / word))
        elif path.is_relative_to(ADDONS):
            paths["addon"].append(str(Path.cwd() / word))
        else:
            paths["system"].append(str(Path.cwd() / word))
    if not any(paths.values()):
        paths = {
            "domain": [str(path) for path in sorted(ADDONS.glob("*/tests/domain"))],
            "addon": [str(ADDONS)],
            "glue": _glue_folders(),
            "system": [str(CHECKOUT / "tests")],
        }
    makers = {"domain": _domain_tests, "addon": _addon_tests, "glue": _glue_tests, "system": _system_tests}
    return [maker(bed, [*options, *paths[kind]]) for kind, maker in makers.items() if paths[kind]]


def run_part(bed: Bed, part: Part) -> Outcome:
    """Run one check to its end."""
    name = part.name.replace(" ", "-").replace("'", "")
    counts_file, log = bed.scratch / f"{name}.json", bed.scratch / f"{name}.log"
    began = time.monotonic()
    if part.before:
        part.before()
    with log.open("w", encoding="utf-8") as out:
        done = subprocess.run(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=CHECKOUT,
            env={**os.environ, **part.env, COUNTS_VARIABLE: str(counts_file)},
            check=False,
        )
    seconds = time.monotonic() - began
    output = log.read_text(encoding="utf-8", errors="replace")
    if not part.counts:
        good = done.returncode == 0
        return Outcome(part, done.returncode, seconds, int(good), int(not good), output)
    counts = json.loads(counts_file.read_text(encoding="utf-8")) if counts_file.exists() else {"passed": 0, "failed": 1}
    return Outcome(part, done.returncode, seconds, counts["passed"], counts["failed"], output)


def run_parts(bed: Bed, parts: Sequence[Part], progress: Progress) -> list[Outcome]:
    """Run all checks, some at once, telling about each when it ends."""
    progress.say(f"\nRunning {len(parts)} checks, {_AT_ONCE} at a time:")
    outcomes = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for future in as_completed([pool.submit(run_part, bed, part) for part in parts]):
            outcome = future.result()
            outcomes.append(outcome)
            verdict = "ok" if outcome.good else "FAILED"
            progress.say(f"    {outcome.part.name:<24} {outcome.seconds:7.1f} s  {verdict}")
    return outcomes


def report(outcomes: Sequence[Outcome], seconds: float, *, narrowed: bool) -> int:
    """Print what failed and the summary; return the exit code."""
    nothing = narrowed and any(outcome.passed for outcome in outcomes)
    judged = [
        replace(outcome, code=0) if nothing and outcome.code == _NOTHING_COLLECTED else outcome for outcome in outcomes
    ]
    for outcome in judged:
        if narrowed or not outcome.good:
            lines = outcome.output.splitlines()[-_SHOWN_LINES:]
            print(f"\n--- {outcome.part.name} ---\n" + "\n".join(lines))
    for outcome in judged:
        for line in outcome.output.splitlines():
            if line.startswith("not run: "):
                print(f"\n{line}")
    print(f"\n{'check':<24} {'seconds':>8} {'passed':>7} {'failed':>7}")
    for outcome in judged:
        print(f"{outcome.part.name:<24} {outcome.seconds:8.1f} {outcome.passed:7} {outcome.failed:7}")
    good = all(outcome.good for outcome in judged)
    passed = sum(outcome.passed for outcome in judged)
    failed = sum(outcome.failed or int(outcome.code != 0) for outcome in judged)
    print(f"\n{'All good' if good else 'Something is wrong'} after {seconds:.0f} s.\n")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if good and passed else 1


@contextmanager
def prepared(progress: Progress) -> Iterator[Bed]:
    """Set up all that the checks run on, and remove what is for one run only."""
    home = make_folder(cache() / "tests", "set XDG_CACHE_HOME to a folder that you may write")
    log = home / "setup.log"
    # Even where the user names a server: that one is never restarted to see what happens.
    needs = [*packages.for_suite(), *packages.for_tests(), postgres.need()]
    tree, env = setup.tools(progress, cache(), log, needs=needs, requirements=pyenv.FOR_TESTS)
    with progress.step("Browser and eslint") as step:
        tools = browser.ensure(env, cache(), log, step.note)
        step.note("all there")
    server = setup.database_server(progress, home, log, durable=False)
    data = make_folder(home / "odoo-data", "set XDG_CACHE_HOME to a folder that you may write", private=True)
    with tempfile.TemporaryDirectory(prefix="odoo-integration-") as folder:
        scratch = Path(folder)
        odoo = Odoo(tree, env, server, data, scratch / "odoo.conf", log)
        odoo.configure(log_level="warn")
        bed = Bed(odoo, tools, home, scratch)
        bed.clear()
        with progress.step("Test databases") as step:
            step.note("making them; the first time takes two minutes")
            suite = databases_module.suite_template(bed.databases, MODULES)
            bed.suite = suite
            bed.databases.copy(suite, bed.addons_database)
            demo_context(bed, suite).save(scratch / "context.json")
            step.note("ready")
        try:
            yield bed
        finally:
            bed.clear()


def demo_context(bed: Bed, suite: str) -> Context:
    """Return a template with the demo hospital, for the servers of the whole-system tests to copy."""
    builder = (CHECKOUT / "scripts" / "suite" / "in_odoo" / "demo.py").read_text(encoding="utf-8")
    made = demo.template(
        bed.databases,
        "demo",
        suite + builder,
        lambda name: bed.databases.copy(suite, name),
        home=bed.home,
        listen_port=_FEED_PORT,
    )
    databases_module.refresh_bundles(bed.databases, made.name)
    named = postgres.names_server(CHECKOUT / "odoo.conf")
    log = None if named else postgres.Cluster(bed.home, bed.odoo.log, durable=False).server_log
    return Context(bed.odoo, made.name, made.master_key, made.built, empty=suite, postgres_log=log)


def main(words: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    progress = Progress(_STEPS)
    progress.say("Healthcare integration suite for Odoo 19: checks\n")
    try:
        with prepared(progress) as bed:
            parts = chosen_parts(bed, words) if words else every_part(bed)
            outcomes = run_parts(bed, parts, progress)
    except Refusal as refusal:
        print(f"\n{refusal.what}\n\n{refusal.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return _INTERRUPTED
    return report(outcomes, progress.seconds, narrowed=bool(words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
