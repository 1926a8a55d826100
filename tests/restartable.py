"""A PostgreSQL server of the tests' own, which may be stopped in the middle of everything: nobody else uses it.

Unlike the one that the other tests share it keeps what was committed, as a server with real data does.
"""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from suite import postgres
from suite.database import Databases
from suite.postgres import Cluster, Server
from suite.testbed import Context


@contextmanager
def own_postgresql(context: Context) -> Iterator[tuple[Context, Cluster]]:
    """Give a context whose databases are on a server of its own, which is removed in the end, and that server."""
    home = context.odoo.data.parent / "restartable"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Cluster(home, context.odoo.log).remove()  # what a run that was killed has left
        cluster = Cluster(home, context.odoo.log)
        try:
            yield replace(context, odoo=replace(context.odoo, server=_prepared(context, home))), cluster
        finally:
            cluster.remove()


def _prepared(context: Context, home: Path) -> Server:
    hasty = Cluster(home, context.odoo.log, durable=False)
    server = hasty.ensure(lambda _text: None)
    _bring(context, server)
    hasty.stop()
    return Cluster(home, context.odoo.log).ensure(lambda _text: None)


def _bring(context: Context, server: Server) -> None:
    """Bring the database with the demo hospital over from the tests' PostgreSQL."""
    programs = postgres.programs()
    assert programs, "scripts/test has PostgreSQL's programs installed"
    name = context.template
    Databases(replace(context.odoo, server=server)).create(name)
    with TemporaryDirectory() as folder:
        dump = f"{folder}/dump"
        for source, command in (
            (context.odoo.server, ("pg_dump", "--format=directory", "--compress=0", f"--file={dump}", name)),
            (server, ("pg_restore", "--no-owner", "--no-comments", "--exit-on-error", f"--dbname={name}", dump)),
        ):
            subprocess.run(
                [programs / command[0], "--jobs=2", *command[1:]], check=True, env=source.environment(), timeout=120
            )
