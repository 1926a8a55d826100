"""A list of codes into the mappings: by an import of the suite, and by Odoo's own import of the same rows."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

_HEADER = "system,kind,code_system,code,display,entity_id"
_MIB = 1024


def prepare(env: Any, *, services: int) -> list[int]:
    """Make services to map codes to; return the ids of their entities."""
    products = env["product.product"].create(
        [{"name": f"Service {number}", "type": "service"} for number in range(services)]
    )
    entities = env["integration.entity"].create(
        [{"kind": "service", "name": product.name, "product_id": product.id} for product in products]
    )
    return list(entities.ids)


def _rows(entities: list[int], count: int, prefix: str) -> list[tuple[str, ...]]:
    return [
        ("ehr", "service", "bench", f"{prefix}{number}", f"Called {number}", str(entities[number % len(entities)]))
        for number in range(count)
    ]


def _rests() -> None:
    """Let the highest memory be counted from here on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> float:
    """Return the most that this process has had resident since :func:`_rests`, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / _MIB


def ours(env: Any, *, entities: list[int], count: int, prefix: str) -> tuple[float, float, int]:
    """Import a file of codes of a live system, from its bytes to the last batch, each batch committed.

    Returns:
        Seconds, the process's highest memory in MiB, and how many codes answer afterwards.
    """
    rows = _rows(entities, count, prefix)
    content = "\n".join([_HEADER, *(",".join(row) for row in rows)]).encode()
    env.cr.commit()
    _rests()
    began = time.monotonic()
    one = env["integration.mapping.import"].create({"file": base64.b64encode(content), "file_name": f"{prefix}.csv"})
    one.action_check()
    env.cr.commit()
    one.action_apply()
    if one.approval_state == "requested":
        one.with_user(min(one._approval_approvers())).action_approve()
    env.cr.commit()
    while one._chore_apply(100):
        env.cr.commit()
    env.cr.commit()
    taken = time.monotonic() - began
    return taken, _peak(), _answering(env, prefix)


def _answering(env: Any, prefix: str) -> int:
    domain = [("code", "=like", f"{prefix}%"), ("state", "=", "approved")]
    return int(env["integration.identifier"].search_count(domain))


def odoos_own(env: Any, *, entities: list[int], count: int, prefix: str, in_force: bool = False) -> tuple[float, int]:
    """Load the same rows by Odoo's own import, which leaves proposals; return seconds and how many there are.

    With ``in_force`` they are asked for and approved, all at once, as a person would with the list's buttons.
    """
    system = env["integration.system"].search([("code", "=", "ehr")])
    names = ["system_id/.id", "kind", "code_system", "code", "display", "entity_id/.id"]
    rows = [[str(system.id), *row[1:]] for row in _rows(entities, count, prefix)]
    began = time.monotonic()
    answer = env["integration.identifier"].load(names, rows)
    if in_force and answer["ids"]:
        loaded = env["integration.identifier"].browse(answer["ids"])
        loaded.action_request_approval()
        loaded.with_user(min(loaded[:1]._approval_approvers())).action_approve()
    env.flush_all()
    env.cr.commit()
    taken = time.monotonic() - began
    if not answer["ids"]:
        raise ValueError(str(answer["messages"][:1]))
    return taken, _answering(env, prefix) if in_force else len(answer["ids"])
