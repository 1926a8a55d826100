"""Running Odoo's own commands: installing, upgrading, a shell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from suite import processes
from suite.layout import ADDONS, CHECKOUT, write_private
from suite.odoo_tree import OdooTree
from suite.postgres import Server
from suite.pyenv import PythonEnv

LAUNCHER: Final = CHECKOUT / "scripts" / "suite" / "in_odoo" / "launcher.py"
_SERVER_WIDE: Final = "base,rpc,web,integration_inbound"


@dataclass(frozen=True)
class Odoo:
    """An Odoo that can be run: its code, Python, PostgreSQL and data folder.

    Attributes:
        tree: Odoo's code.
        python: The environment it runs in.
        server: The PostgreSQL server.
        data: Its data folder.
        conf: Its configuration file, written by :meth:`configure`.
        log: Receives what its commands write.
    """

    tree: OdooTree
    python: PythonEnv
    server: Server
    data: Path
    conf: Path
    log: Path

    def configure(self, **options: str | int) -> None:
        """Write the configuration file, which holds the password of the database."""
        settings: dict[str, str | int] = {
            "addons_path": str(ADDONS),
            "server_wide_modules": _SERVER_WIDE,
            "data_dir": str(self.data),
            "db_host": self.server.host,
            "db_port": self.server.port,
            "db_user": self.server.user,
            "list_db": "False",
            "http_interface": "127.0.0.1",
            "without_demo": "True",
            **({"db_password": self.server.password} if self.server.password is not None else {}),
            **options,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        write_private(self.conf, "\n".join(["[options]", *lines, ""]))

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that Odoo's process needs besides the present ones."""
        return {
            "PYTHONPATH": f"{self.tree.path}:{CHECKOUT / 'scripts'}",
            "PYTHONUNBUFFERED": "1",
            # For Odoo the environment goes before the configuration file, so it has to say the same.
            "ODOO_RC": str(self.conf),
            **self.python.environment(),
            **self.server.environment(),
            **(extra or {}),
        }

    def command(self, *words: str) -> list[str]:
        """Return the command line for one of Odoo's commands."""
        return [str(self.python.python), str(LAUNCHER), *words]

    def install(self, database: str, modules: Iterable[str], *, upgrade: Iterable[str] = ()) -> None:
        """Install ``modules`` in ``database``, and upgrade others, without serving."""
        flags = [f"--init={','.join(modules)}", f"--update={','.join(upgrade)}"]
        processes.run(
            self.command(
                "server",
                f"--config={self.conf}",
                f"--database={database}",
                *[flag for flag in flags if not flag.endswith("=")],
                "--stop-after-init",
                "--no-http",
                "--max-cron-threads=0",
                "--log-level=warn",
            ),
            log=self.log,
            env=self.environment(),
            failing=f"Odoo could not install the suite in {database}",
            remedy="This is a fault of the suite or of its environment; please report it with the output.",
        )

    def call(self, database: str, module: str, function: str, *, master_key: Path | None = None, **paths: Path) -> None:
        """Call ``function(env, **paths)`` of a module under ``suite.in_odoo`` in a shell of Odoo's."""
        passed = "".join(f", {name}=Path({str(path)!r})" for name, path in paths.items())
        key = {"INTEGRATION_MASTER_KEY_FILE": str(master_key)} if master_key else {}
        script = f"from pathlib import Path\nfrom suite.in_odoo import {module}\n{module}.{function}(env{passed})\n"
        processes.run(
            self.command("shell", f"--config={self.conf}", f"--database={database}", "--no-http", "--log-level=warn"),
            log=self.log,
            env=self.environment(key),
            stdin=script,
            failing=f"Odoo could not carry out {module}.{function} in {database}",
            remedy="This is a fault of the suite; please report it with the output.",
        )
