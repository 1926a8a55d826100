"""What the whole-system tests need to know to run servers of their own."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from suite.demo import Built
from suite.layout import write_private
from suite.odoo import Odoo
from suite.odoo_tree import OdooTree
from suite.postgres import Server
from suite.pyenv import PythonEnv

VARIABLE: Final = "SUITE_TEST_CONTEXT"


@dataclass(frozen=True)
class Context:
    """An Odoo, and a database with the demo hospital to copy.

    Attributes:
        odoo: The Odoo; its configuration file is for the tests' own servers only as a pattern.
        template: The database with the demo hospital.
        master_key: The template's master key file.
        built: Logins, systems and receivers of the template.
        empty: The database with the suite and nothing else, to copy.
        postgres_log: What a private PostgreSQL server writes; None where the user named a server.
    """

    odoo: Odoo
    template: str
    master_key: Path
    built: Built
    empty: str
    postgres_log: Path | None = None

    def save(self, path: Path) -> None:
        """Write it to a file, for its owner alone."""
        odoo = self.odoo
        content = {
            "tree": {**asdict(odoo.tree), "path": str(odoo.tree.path)},
            "python": {"folder": str(odoo.python.folder), "key": odoo.python.key},
            "server": asdict(odoo.server),
            "data": str(odoo.data),
            "conf": str(odoo.conf),
            "log": str(odoo.log),
            "template": self.template,
            "master_key": str(self.master_key),
            "built": asdict(self.built),
            "empty": self.empty,
            "postgres_log": self.postgres_log and str(self.postgres_log),
        }
        write_private(path, json.dumps(content))


def load() -> Context | None:
    """Return the context that ``scripts/test`` made, or None where the tests are run without it."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    tree = OdooTree(**{**content["tree"], "path": Path(content["tree"]["path"])})
    python = PythonEnv(Path(content["python"]["folder"]), content["python"]["key"])
    odoo = Odoo(
        tree,
        python,
        Server(**content["server"]),
        Path(content["data"]),
        Path(content["conf"]),
        Path(content["log"]),
    )
    built = Built(**content["built"])
    log = content["postgres_log"]
    return Context(
        odoo, content["template"], Path(content["master_key"]), built, content["empty"], Path(log) if log else None
    )
