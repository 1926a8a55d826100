"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from suite.database import Databases

_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections")


def notes(databases: Databases) -> list[str]:
    """Return lines about processor, memory, PostgreSQL, Python and Odoo."""
    odoo = databases.odoo
    asked = ", ".join(f"current_setting('{name}')" for name in _SETTINGS)
    (row,) = databases.rows(f"SELECT split_part(version(), ' ', 2), {asked}")
    settings = ", ".join(f"{name} {value}" for name, value in zip(_SETTINGS, row[1:], strict=True))
    return [
        f"processor    {_cpu()}, {os.cpu_count()} cores; load before the run {os.getloadavg()[0]:.2f}",
        f"memory       {_memory_gib():.1f} GiB",
        f"PostgreSQL   {row[0]}: {settings}",
        f"Python       {platform.python_version()}, {platform.system()} {platform.release()}",
        f"Odoo         {odoo.tree.version}",
        "The PostgreSQL is a durable one, of its own: each commit waits for the disk, as in production.",
    ]


def _cpu() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return int(line.split()[1]) / 2**20
    return 0.0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
