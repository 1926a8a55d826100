"""A long audit trail, its verification, and rows that are written while the engine works."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

_FILL = """
    INSERT INTO integration_audit (at, user_id, user_name, company_id, company_name, action, res_model, res_id,
                                   res_name, detail)
    SELECT (now() AT TIME ZONE 'UTC') - make_interval(secs => n), 2, 'Ada Lovelace', %(company)s, 'Clinic',
           'system.change', 'integration.system', n %% 50 + 1, 'System ' || n %% 50,
           'rate_per_minute: ' || n || ' → ' || n + 1
      FROM generate_series(%(first)s, %(last)s) AS n
"""
_PART = 50_000


def fill(env: Any, *, count: int) -> float:
    """Append ``count`` rows through the triggers and seal them; return the seconds that sealing took."""
    for first in range(1, count + 1, _PART):
        last = min(first + _PART - 1, count)
        env.cr.execute(_FILL, {"company": env.company.id, "first": first, "last": last})
        env.cr.commit()
    began = time.monotonic()
    seals = env["integration.audit.seal"]
    while seals._seal_one():
        env.cr.commit()
    return time.monotonic() - began


def verify(env: Any) -> tuple[int, float, float]:
    """Verify everything; return (rows verified, seconds, MiB of memory that it took at most).

    Raises:
        ValueError: Something is wrong with the trail.
    """
    before = _peak_mib(reset=True)
    began = time.monotonic()
    report, found = env["integration.audit.verification"]._verify()
    seconds = time.monotonic() - began
    if found:
        raise ValueError(found[0].text())
    return sum(chain.rows for chain in report.chains.values()), seconds, _peak_mib() - before


def _peak_mib(*, reset: bool = False) -> float:
    """Return the most memory that this process has taken, in MiB; with ``reset`` what it takes now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def chain(env: Any, *, on: bool) -> None:
    """Switch the trail's queue, and with it the sealing, on or off."""
    env["integration.audit.seal"]._seal_all()
    word = "ENABLE" if on else "DISABLE"
    env.cr.execute(f"ALTER TABLE integration_audit {word} TRIGGER integration_audit_queues")
