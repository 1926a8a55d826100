"""What the parts run on: a durable PostgreSQL, templates of databases, the peers, and processes that are ended."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmark.options import Options
from benchmark.site import Site, wait_until
from suite import database as databases_module
from suite import demo, masterkey, packages, postgres, processes, pyenv, setup
from suite.database import Databases
from suite.demo import Template
from suite.layout import ADDONS, CHECKOUT, cache, make_folder
from suite.odoo import Odoo
from suite.postgres import Cluster
from suite.progress import Progress
from suite.refusal import Refusal

BENCH_ADDONS: Final = Path(__file__).parent / "addons"
QUEUE_JOB: Final = "odoo-addon-queue-job>=19.0,<19.1"
_CONNECTOR: Final[tuple[str, ...]] = tuple(
    f"odoo-addon-{name}>=19.0,<19.1" for name in ("connector", "component", "component-event")
)
_PEERS_NEED: Final = ("openupgradelib", "cssselect", "cachetools")
"""What the peers ask for and Odoo's own environment lacks."""
STEPS: Final = setup.STEPS + 3
_OURS: Final = ("integration_suite", "integration_demo", "integration_bench")
_PEERS: Final = ("integration_bench_peers",)
_REMEDY: Final = "set XDG_CACHE_HOME to a folder that you may write"
_NEEDS_NETWORK: Final = "Is the machine online?"
_SYNCFS_SINCE: Final = 14
"""The first PostgreSQL with ``recovery_init_sync_method``."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class PeersOdoo(Odoo):
    """An Odoo that finds what queue_job needs beside the suite's own environment.

    Attributes:
        peer_packages: The folder with it.
    """

    peer_packages: Path = Path()

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that Odoo's process needs besides the present ones."""
        found = super().environment(extra)
        return {**found, "PYTHONPATH": f"{found['PYTHONPATH']}:{self.peer_packages}"}


class Bed:
    """Tools, templates and everything that has to be ended or removed when the run is over.

    Args:
        options: What the command line asks for.
        odoo: The Odoo of the suite; its configuration file is a pattern.
        home: The cache folder of the benchmark.
        scratch: A folder for this run alone.
        cluster: The private PostgreSQL; None where the user named a server, which is never killed.
    """

    def __init__(self, options: Options, odoo: Odoo, home: Path, scratch: Path, cluster: Cluster | None) -> None:
        self.options = options
        self.odoo = odoo
        self.home = home
        self.scratch = scratch
        self.cluster = cluster
        self.databases = Databases(odoo)
        self.ending = ExitStack()
        self.queue_job = home / "queue_job"
        self._template: dict[str, Template] = {}

    def addons_path(self, *, peers: bool) -> str:
        """Return where Odoo finds its addons, with the peers' or without."""
        folders = [ADDONS, BENCH_ADDONS]
        if peers:
            folders.append(self.queue_job / "odoo" / "addons")
        return ",".join(map(str, folders))

    @contextmanager
    def ours(self) -> Iterator[Site]:
        """Give a database with the suite and the demo hospital, which ends with the block."""
        with self._site("ours", peers=False) as site:
            yield site

    @contextmanager
    def peers(self) -> Iterator[Site]:
        """Give a database in which the peers and the prototype are installed beside the suite, whose cron is off."""
        with self._site("peers", peers=True) as site:
            site.sql("UPDATE ir_cron SET active = false WHERE cron_name LIKE 'Integration:%'")
            yield site

    @contextmanager
    def bare(self) -> Iterator[Site]:
        """Give a database with the Odoo apps that the suite builds on, and nothing of the suite."""
        with self._site("bare", peers=False) as site:
            yield site

    @contextmanager
    def with_history(self, events: int, fill: Callable[[Site], None], note: Callable[[str], None]) -> Iterator[Site]:
        """Give a copy of a kept database with a long past, which is made first where it does not exist.

        Args:
            events: How many events are in it.
            fill: Puts them into a fresh database of the suite.
            note: Told what takes long.
        """
        ours = self._template["ours"]
        source = (Path(__file__).parent / "history.py").read_text(encoding="utf-8")

        def build(name: str) -> None:
            # It takes many gigabytes: what was made of an older suite goes first.
            pattern = "integration\\_bench\\_history\\_%"
            for (old,) in self.databases.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", [pattern]):
                self.databases.drop(old)
            self.databases.copy(ours.name, name)
            with self._opened(name, ours, peers=False) as site:
                fill(site)

        built_from = "\n".join([ours.name, str(events), hashlib.sha256(source.encode()).hexdigest()])
        name = self.databases.template("bench_history", built_from, build)
        self._template["history"] = replace(ours, name=name)
        note(f"copying {events:,} events")
        with self._site("history", peers=False) as site:
            yield site

    @contextmanager
    def _site(self, kind: str, *, peers: bool) -> Iterator[Site]:
        template = self._template[kind]
        name = f"b{os.getpid()}_{next(_numbers)}"
        self.databases.copy(template.name, name)
        # What was just copied is written out now rather than during a measurement.
        self.checkpoint()
        try:
            with self._opened(name, template, peers=peers) as site:
                yield site
        finally:
            self.databases.drop(name)

    @contextmanager
    def _opened(self, name: str, template: Template, *, peers: bool) -> Iterator[Site]:
        folder = self.scratch / name
        folder.mkdir()
        pattern = self.odoo_of_peers() if peers else self.odoo
        odoo = replace(pattern, conf=folder / "odoo.conf", log=folder / "setup.log")
        key = folder / "master.key"
        masterkey.copy(template.master_key, key, self.databases.uuid(name))
        site = Site(odoo, name, folder, key, template.built, self.addons_path(peers=peers), peers=peers)
        site.configure()
        try:
            yield site
        finally:
            site.close()
            shutil.rmtree(folder, ignore_errors=True)

    def checkpoint(self) -> None:
        """Have PostgreSQL write out what is dirty, where it is the benchmark's own."""
        self._as_superuser("CHECKPOINT")

    def recover_quickly(self) -> None:
        """Have a crash of PostgreSQL sync the file system rather than each file of every template, one by one.

        Otherwise a recovery takes as long as there are kept databases, which no production server has.
        """
        if self.odoo.server.version >= _SYNCFS_SINCE:
            self._as_superuser("ALTER SYSTEM SET recovery_init_sync_method = 'syncfs'", "SELECT pg_reload_conf()")

    def await_postgresql(self) -> None:
        """Wait until PostgreSQL, of which a process was killed, lets people in again."""

        def answers() -> bool:
            try:
                return bool(self.databases.rows("SELECT 1"))
            except (Refusal, OSError):
                return False

        wait_until(answers, 300, "PostgreSQL has recovered")

    def _as_superuser(self, *statements: str) -> None:
        if self.cluster is None:
            return
        secret = json.loads((self.home / "postgres.json").read_text(encoding="utf-8"))
        superuser = replace(self.odoo.server, user="suite", password=secret["password"])
        with closing(superuser.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def clear(self) -> None:
        """Remove what this run, and any run that died, has left on the server."""
        for (name,) in self.databases.rows(r"SELECT datname FROM pg_database WHERE datname ~ '^b[0-9]+_'"):
            pid = int(name[1:].split("_", 1)[0])
            if pid == os.getpid() or processes.started_at(pid) is None:
                self.databases.drop(name)

    def odoo_of_peers(self) -> PeersOdoo:
        """Return the Odoo of databases in which the peers are installed."""
        odoo = self.odoo
        return PeersOdoo(
            odoo.tree, odoo.python, odoo.server, odoo.data, odoo.conf, odoo.log, peer_packages=self.queue_job / "lib"
        )

    # Templates

    def make_templates(self, note: Callable[[str], None]) -> None:
        """Make the templates that do not exist yet."""
        ours = self._ours_template(note)
        bare = replace(ours, name=databases_module.base_template(self.databases))
        self._template = {"ours": ours, "peers": self._peers_template(ours, note), "bare": bare}

    def _ours_template(self, note: Callable[[str], None]) -> Template:
        base = databases_module.base_template(self.databases)
        content = [base, databases_module.digest_of_addons(), _digest(BENCH_ADDONS / "integration_bench"), *_OURS]

        def prepare(name: str) -> None:
            note("the suite, the demo hospital; a minute or two")
            self.databases.copy(base, name)
            self.odoo.install(name, _OURS)

        return demo.template(self.databases, "bench_ours", "\n".join(content), prepare, home=self.home)

    def _peers_template(self, ours: Template, note: Callable[[str], None]) -> Template:
        content = [ours.name, _digest(BENCH_ADDONS / "integration_bench_peers"), QUEUE_JOB, *_CONNECTOR, *_PEERS]

        def build(name: str) -> None:
            note("the peers; half a minute")
            self.databases.copy(ours.name, name)
            odoo = replace(self.odoo_of_peers(), conf=self.scratch / "peers.conf")
            odoo.configure(log_level="warn", addons_path=self.addons_path(peers=True))
            odoo.install(name, _PEERS)

        name = self.databases.template("bench_peers", "\n".join(content), build)
        return replace(ours, name=name)

    def install_queue_job(self, note: Callable[[str], None]) -> None:
        """Put OCA's queue_job and connector into a folder of their own; they are no requirement of the suite."""
        complete = self.queue_job / ".complete-2"
        if complete.exists():
            note("there already")
            return
        note("fetching it from PyPI")
        wanted: dict[Path, tuple[str, ...]] = {
            self.queue_job: (QUEUE_JOB, *_CONNECTOR),
            self.queue_job / "lib": _PEERS_NEED,
        }
        for folder, names in wanted.items():
            shutil.rmtree(folder, ignore_errors=True)
            processes.run(
                [
                    *(self.odoo.python.python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
                    "--no-deps",
                    "--target",
                    folder,
                    *names,
                ],
                log=self.home / "setup.log",
                failing="OCA's queue_job and connector could not be fetched",
                remedy=_NEEDS_NETWORK,
            )
        complete.touch()
        note("fetched")


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


@contextmanager
def prepared(progress: Progress, options: Options) -> Iterator[Bed]:
    """Set up all that the parts run on, and remove what is for one run only."""
    home = make_folder(cache() / "bench", _REMEDY)
    log = home / "setup.log"
    tree, env = setup.tools(progress, cache(), log, needs=packages.for_suite(), requirements=pyenv.FOR_SUITE)
    own = not postgres.names_server(CHECKOUT / "odoo.conf")
    database_server = setup.database_server(progress, home, log, durable=True)
    data = make_folder(home / "odoo-data", _REMEDY, private=True)
    with tempfile.TemporaryDirectory(prefix="odoo-integration-") as folder:
        scratch = Path(folder)
        odoo = Odoo(tree, env, database_server, data, scratch / "odoo.conf", log)
        odoo.configure(log_level="warn", addons_path=f"{ADDONS},{BENCH_ADDONS}")
        bed = Bed(options, odoo, home, scratch, Cluster(home, log, durable=True) if own else None)
        bed.clear()
        with progress.step("OCA addons, to compare with") as step:
            bed.install_queue_job(step.note)
        with progress.step("Databases to copy") as step:
            bed.make_templates(step.note)
            step.note("ready")
        try:
            with bed.ending:
                yield bed
        finally:
            bed.clear()
