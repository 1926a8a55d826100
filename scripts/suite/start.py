"""``scripts/start``: from whatever machine this is to a hospital's charges becoming money in Odoo."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from suite import database as databases_module
from suite import demo, masterkey, packages, postgres, pyenv, server, setup
from suite.database import Databases
from suite.layout import CHECKOUT, State, cache, default_state, write_private
from suite.odoo import Odoo
from suite.postgres import Cluster
from suite.progress import Progress
from suite.refusal import Refusal
from suite.server import Running

_SUITE: Final = ("integration_suite",)
_DEMO: Final = ("integration_suite", "integration_demo")
_STEPS: Final = setup.STEPS + 3
_INTERRUPTED: Final = 130
"""Exit code of a program that Ctrl-C ended (128 + SIGINT)."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for; see :func:`parse`."""

    port: int
    database: str
    state: State
    detach: bool
    fresh: bool
    hospital: bool


def parse(words: Sequence[str]) -> tuple[Options, bool]:
    """Read the command line; the second value tells whether to stop instead of start."""
    parser = argparse.ArgumentParser(
        prog="scripts/start", description="Set up everything and run Odoo 19 with the integration suite on 127.0.0.1."
    )
    parser.add_argument("--port", type=int, default=8069, help="where Odoo listens on 127.0.0.1 (default 8069)")
    parser.add_argument("--db", default="integration", help="name of the database (default integration)")
    parser.add_argument(
        "--state",
        type=Path,
        default=default_state(),
        metavar="DIR",
        help="folder for the database, master key, passwords and logs (default %(default)s)",
    )
    parser.add_argument("--detach", action="store_true", help="return when Odoo answers, and leave it running")
    parser.add_argument("--stop", action="store_true", help="stop what runs with this state folder")
    parser.add_argument("--fresh", action="store_true", help="throw the database away and begin anew")
    parser.add_argument("--no-demo", action="store_true", help="without the demo hospital")
    found = parser.parse_args(words)
    options = Options(
        port=found.port,
        database=postgres.database_name(found.db),
        state=State.at(found.state.expanduser()),
        detach=found.detach,
        fresh=found.fresh,
        hospital=not found.no_demo,
    )
    return options, found.stop


def stop(state: State) -> None:
    """Stop the server, and PostgreSQL where it is a private one."""
    running = server.read(state.pid_file)
    if running:
        server.stop(running, state.pid_file)
        print(f"Odoo on {running.url} is stopped.")
    else:
        print("No Odoo runs with this state folder.")
    if (state.folder / "postgres.json").exists():
        cluster = Cluster(state.folder, state.setup_log)
        if cluster.running():
            cluster.stop()
            print("Its PostgreSQL is stopped.")


def start(options: Options) -> Running:
    """Do all of the set-up that is not done yet, and start the server."""
    state, progress = options.state, Progress(_STEPS)
    progress.say("Healthcare integration suite for Odoo 19")
    progress.say()
    tree, env = setup.tools(
        progress, cache(), state.setup_log, needs=packages.for_suite(), requirements=pyenv.FOR_SUITE
    )
    database_server = setup.database_server(progress, state.folder, state.setup_log, durable=True)
    odoo = Odoo(tree, env, database_server, state.data, state.odoo_conf, state.setup_log)
    odoo.configure(
        db_name=options.database,
        http_port=options.port,
        integration_master_key_file=str(state.master_key),
    )
    keeper = _Keeper(options, Databases(odoo))
    with progress.step(f"Database {options.database}") as step:
        step.note("making it; the first time takes two minutes")
        step.note(keeper.ensure_database())
    with progress.step("Demo hospital" if options.hospital else "Administrator") as step:
        step.note(keeper.ensure_people())
    with progress.step("Odoo") as step:
        running = server.start(
            odoo,
            options.database,
            options.port,
            log=state.odoo_log,
            pid_file=state.pid_file,
            env={masterkey.VARIABLE: str(state.master_key)},
        )
        try:
            server.wait_until_ready(running, state.odoo_log, step.note)
        except Refusal:
            server.stop(running, state.pid_file)
            raise
        step.note("answers")
    return running


class _Keeper:
    """Looks after the one database of a state folder: made, upgraded and filled where that is due."""

    def __init__(self, options: Options, databases: Databases) -> None:
        self._options = options
        self._databases = databases
        self._state = options.state
        self._name = options.database
        self._base_url = f"http://127.0.0.1:{options.port}"
        self._modules = _DEMO if options.hospital else _SUITE
        self._version = f"{databases.odoo.tree.version} {databases_module.digest_of_addons()}"

    def ensure_database(self) -> str:
        """Make the database, or bring it up to date with the addons; return what was done."""
        record = self._record()
        if self._options.fresh and record:
            self._databases.drop(self._name)
            for path in (self._state.master_key, self._state.logins):
                path.unlink(missing_ok=True)
            record = {}
        if not self._databases.exists(self._name):
            template = databases_module.suite_template(self._databases, self._modules)
            # Remembered first: a database that is there and not remembered is taken for somebody else's.
            identity = str(uuid.uuid4())
            self._remember(uuid=identity, version=self._version, modules=self._modules, base_url="")
            self._databases.copy(template, self._name, identity)
            done = "made"
        elif not record:
            raise Refusal(
                f"There is a database {self._name} already that this script did not make.",
                "Please name another one with --db; README.md says how to install the suite in an existing one.",
            )
        elif record["version"] != self._version or not set(self._modules) <= set(record["modules"]):
            missing = [module for module in self._modules if module not in record["modules"]]
            self._databases.odoo.install(self._name, missing, upgrade=["integration_core"])
            modules = sorted({*record["modules"], *self._modules})
            self._remember(uuid=record["uuid"], version=self._version, modules=modules, base_url="")
            done = "upgraded"
        else:
            done = "up to date"
        masterkey.ensure(self._state.master_key, self._databases.uuid(self._name))
        return done

    def ensure_people(self) -> str:
        """Build the demo hospital and set passwords, where that has not been done for this address."""
        if self._record()["base_url"] == self._base_url:
            return "up to date"
        built = demo.build(
            self._databases.odoo,
            self._name,
            base_url=self._base_url,
            master_key=self._state.master_key,
            logins=demo.saved_logins(self._state),
            hospital=self._options.hospital,
            metrics_token=demo.saved_metrics_token(self._state),
        )
        demo.save(self._state, built)
        self._remember(**{**self._record(), "base_url": self._base_url})
        return "built"

    def _record(self) -> dict[str, Any]:
        """Return what is known of the database, where it is still the one that was made here."""
        records = _read_json(self._state.record)
        record: dict[str, Any] = records.get(self._name, {})
        if not record or not self._databases.exists(self._name):
            return {}
        return record if record["uuid"] == self._databases.uuid(self._name) else {}

    def _remember(self, *, uuid: str, version: str, modules: Sequence[str], base_url: str) -> None:
        record = {"uuid": uuid, "version": version, "modules": list(modules), "base_url": base_url}
        records = {**_read_json(self._state.record), self._name: record}
        write_private(self._state.record, json.dumps(records, indent=2) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    return content


def farewell(options: Options, running: Running) -> None:
    """Tell where everything is, who may log in, and what to try."""
    state, logins = options.state, demo.saved_logins(options.state)
    print(f"\nOpen {running.url}/odoo and log in as")
    about = {demo.ADMIN: "may do everything", **demo.ROLES}
    for login, password in logins.items():
        print(f"    {login:<22} {password:<14} {about.get(login, '')}")
    if options.hospital:
        simulate = _command("simulate", state)
        print("\nThree things to try")
        print(f"    {simulate} --listen        (in a second terminal: receives what Odoo sends)")
        print(f"    {simulate} --day           (its day, signed; then look at Integration > Overview)")
        print("    Integration > Charges as finance.reviewer: approve them, then post a draft invoice")
    else:
        print("\nNext: open Integration. Its set-up check says what is missing, its guide what is next.")
    print(f"\nLogs: {state.odoo_log}   Secrets of the demo systems: {state.demo_systems}")
    print(f"Stop: {_command('start', state)} --stop")
    print(f"\nREADY {running.url}", flush=True)


def _command(name: str, state: State) -> str:
    folder = os.path.relpath(CHECKOUT / "scripts" / name)
    shown = folder if not folder.startswith("../..") else str(CHECKOUT / "scripts" / name)
    prefix = "" if shown.startswith(("/", "..")) else "./"
    if state.folder == default_state().absolute():
        return f"{prefix}{shown}"
    if name == "start":
        return f"{prefix}{shown} --state {state.folder}"
    return f"INTEGRATION_STATE={state.folder} {prefix}{shown}"


def serve(options: Options, running: Running) -> int:
    """Stay until the server ends or this process is told to; then stop everything."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    print("Ctrl-C stops it.", flush=True)
    try:
        os.waitpid(running.pid, 0)
    except KeyboardInterrupt:
        print()
        stop(options.state)
        return 0
    print(f"Odoo ended by itself; its last words are in {options.state.odoo_log}.", file=sys.stderr)
    stop(options.state)
    return 1


def main(words: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    try:
        options, stopping = parse(words)
        running = server.read(options.state.pid_file)
        if stopping:
            stop(options.state)
            return 0
        if running and options.fresh:
            server.stop(running, options.state.pid_file)
            running = None
        if running:
            print(f"Odoo runs already on {running.url} (process {running.pid}).")
            farewell(options, running)
            return 0
        running = start(options)
    except Refusal as refusal:
        print(f"\n{refusal.what}\n\n{refusal.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return _INTERRUPTED
    farewell(options, running)
    return 0 if options.detach else serve(options, running)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
