"""A big crosswalk, by set-based SQL, and what one page of it costs Odoo."""

from __future__ import annotations

import time
from typing import Any

KINDS = {"few": "supplier", "many": "payer"}
"""Both are bound to contacts; each is a crosswalk of its own."""
LOGIN = "integration.admin"
_CODES = """
    INSERT INTO integration_identifier
           (entity_id, kind, company_id, system_id, code_system, code, {more} valid_to, state, approval_state,
            create_uid, create_date, write_uid, write_date)
    SELECT e.id, e.kind, e.company_id, s.id, s.code, 'C' || e.id, {more_values}
           CASE WHEN e.id %% 10 = s.id %% 10 THEN CURRENT_DATE - 2 END,
           CASE WHEN e.id %% 10 = s.id %% 10 THEN 'retired' ELSE 'approved' END, 'approved', 1, now(), 1, now()
      FROM integration_entity e CROSS JOIN integration_system s
     WHERE e.kind = %(kind)s AND s.id = ANY (%(systems)s) AND e.name LIKE 'Bench %%'
"""


def fill(env: Any, *, size: str, entities: int, systems: int) -> int:
    """Make this many entities of the size's kind with a code in each of the systems; return the number of codes.

    Each tenth code ended two days ago, so that there are gaps wherever whoever asks is.
    """
    kind = KINDS[size]
    _partners(env, kind, entities)
    env.cr.execute(
        """
        INSERT INTO integration_entity (name, kind, company_id, active, partner_id, create_uid, create_date, write_uid,
                                        write_date)
        SELECT name, %s, %s, true, id, 1, now(), 1, now() FROM res_partner WHERE ref = %s
        """,
        (kind, env.company.id, f"bench-{kind}"),
    )
    more, values = ("code_key,", "'C' || e.id,") if "code_key" in env["integration.identifier"]._fields else ("", "")
    statement = _CODES.format(more=more, more_values=values)
    env.cr.execute(statement, {"kind": kind, "systems": _systems(env, systems)})
    return int(env.cr.rowcount)


def _partners(env: Any, kind: str, count: int) -> None:
    """Make contacts as copies of one that the ORM has made."""
    pattern = env["res.partner"].create({"name": "Bench pattern", "is_company": True})
    env.flush_all()
    env.cr.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'res_partner'")
    own = {"id", "name", "complete_name", "ref", "commercial_partner_id"}
    columns = ", ".join(f'"{name}"' for (name,) in env.cr.fetchall() if name not in own)
    env.cr.execute(
        f"""
        INSERT INTO res_partner (name, complete_name, ref, {columns})
        SELECT 'Bench ' || lpad(n::text, 6, '0'), 'Bench ' || lpad(n::text, 6, '0'), %s, {columns}
          FROM res_partner CROSS JOIN generate_series(1, %s) AS n WHERE id = %s
        """,
        (f"bench-{kind}", count, pattern.id),
    )


def _systems(env: Any, count: int) -> list[int]:
    """Return the ids of that many systems, made where they are not there; live ones, as a hospital's are."""
    made = env["integration.system"].search([("code", "like", "bench-")])
    news = env["integration.system"].create(
        [{"name": f"Bench {n}", "code": f"bench-{n}"} for n in range(len(made) + 1, count + 1)]
    )
    news._approving().write({"mode": "live", "state": "active"})
    return [*(made | news).ids]


def page(env: Any, *, size: str, times: int, query: dict[str, Any] | None = None) -> list[float]:
    """Return the seconds of each of ``times`` calls for a page, as the administrator of the demo asks for it."""
    crosswalk = _as_admin(env)["integration.crosswalk"]
    found = []
    for _ in range(times + 1):
        env.invalidate_all()
        began = time.monotonic()
        answer = crosswalk.get_page({"kind": KINDS[size], **(query or {})})
        found.append(time.monotonic() - began)
        if not answer["rows"]:
            raise ValueError("the page is empty")
    return found[1:]  # the first one fills what an Odoo keeps in memory


def by_search(env: Any, *, size: str) -> float:
    """Return the seconds of the same page when each cell is looked up by a search of the ORM."""
    env = _as_admin(env)
    env.invalidate_all()
    began = time.monotonic()
    entities = env["integration.entity"].search([("kind", "=", KINDS[size])], order="name, id", limit=80)
    systems = env["integration.system"].search([])
    for entity in entities:
        for system in systems:
            domain = [("entity_id", "=", entity.id), ("system_id", "=", system.id), ("state", "!=", "revoked")]
            env["integration.identifier"].search(domain).mapped("code")
    return time.monotonic() - began


def _as_admin(env: Any) -> Any:
    return env(user=env["res.users"].search([("login", "=", LOGIN)]), su=False)
