"""Processor time of an Odoo and of its database's backends: what a busy machine does to others does not change it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor time."""

    odoo: float
    postgres: float

    def since(self, earlier: Cpu) -> Cpu:
        """Return what was used since an earlier reading."""
        return Cpu(self.odoo - earlier.odoo, self.postgres - earlier.postgres)


def read(group: int, database: str) -> Cpu:
    """Return what the processes of a process group, and the backends of a database, have used until now."""
    odoo = postgres = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
        used = (int(fields[11]) + int(fields[12])) / _TICKS
        if int(fields[2]) == group:
            odoo += used
        elif title.startswith("postgres:") and f" {database} " in title:
            postgres += used
    return Cpu(odoo, postgres)
