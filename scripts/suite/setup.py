"""The first steps, which ``start`` and ``test`` have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from suite import odoo_tree, packages, postgres, pyenv
from suite.layout import CHECKOUT
from suite.odoo_tree import OdooTree
from suite.postgres import Cluster, Server
from suite.progress import Progress
from suite.pyenv import PythonEnv

STEPS = 4
"""How many steps of progress :func:`tools` and :func:`database_server` take together."""


def tools(
    progress: Progress,
    cache: Path,
    log: Path,
    *,
    needs: Sequence[packages.Need],
    requirements: Sequence[Path],
) -> tuple[OdooTree, PythonEnv]:
    """Provide system packages, Odoo and the Python environment, and let this process use the latter."""
    with progress.step("System packages") as step:
        own = None if _names_server() else postgres.need()
        packages.ensure([*needs, *([own] if own else [])], log, step.note)
        step.note("all there")
    with progress.step("Odoo 19") as step:
        tree = odoo_tree.ensure(cache, log, step.note)
        step.note(tree.origin)
    with progress.step("Python packages") as step:
        env = pyenv.ensure(cache, requirements, log, step.note)
        env.activate()
        step.note("all there")
    return tree, env


def database_server(progress: Progress, home: Path, log: Path, *, durable: bool) -> Server:
    """Find or start the PostgreSQL server; a private one belongs to the folder ``home``."""
    with progress.step("PostgreSQL") as step:
        server = postgres.named_server(CHECKOUT / "odoo.conf")
        if server:
            step.note(f"your own, {server.host}:{server.port}")
        else:
            cluster = Cluster(home, log, durable=durable)
            server = cluster.ensure(step.note)
            step.note(f"a private one, in {cluster.folder}")
    return server


def _names_server() -> bool:
    return postgres.names_server(CHECKOUT / "odoo.conf")
