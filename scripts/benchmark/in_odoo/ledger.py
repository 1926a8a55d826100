"""A general ledger of many journal items, made by set-based SQL from one invoice."""

from __future__ import annotations

from typing import Any

_CHUNK = 50_000
"""How many copies of the invoice one statement makes."""
_MOVE_OWN = {"name": "'BENCH/' || n", "sequence_number": "n", "sequence_prefix": "'BENCH/'"}


def fill(env: Any, *, items: int) -> int:
    """Have at least ``items`` journal items in the database; return how many there are."""
    move = _invoice(env)
    env.cr.commit()
    copies = -(-items // len(move.line_ids))
    for first in range(1, copies + 1, _CHUNK):
        _copy(env, move.id, first, min(first + _CHUNK - 1, copies))
        env.cr.commit()
    env.cr.execute("SELECT count(*) FROM account_move_line")
    return int(env.cr.fetchone()[0])


def _invoice(env: Any) -> Any:
    company = env.company
    if not company.chart_template:
        env["account.chart.template"].try_loading("generic_coa", company)
    partner = env["res.partner"].create({"name": "Bench"})
    product = env["product.product"].create({"name": "Bench", "type": "service"})
    line = (0, 0, {"product_id": product.id, "quantity": 1, "price_unit": 100.0})
    values = {"move_type": "out_invoice", "partner_id": partner.id, "invoice_line_ids": [line] * 3}
    move = env["account.move"].create(values)
    move.action_post()
    return move


def _copy(env: Any, move_id: int, first: int, last: int) -> None:
    moves = _columns(env, "account_move")
    values = ", ".join(_MOVE_OWN.get(name, f'm."{name}"') for name in moves)
    env.cr.execute("SELECT COALESCE(max(id), 0) FROM account_move")
    before = env.cr.fetchone()[0]
    env.cr.execute(
        f"INSERT INTO account_move ({_quoted(moves)}) SELECT {values} "
        "FROM account_move m CROSS JOIN generate_series(%s, %s) AS n WHERE m.id = %s",
        (first, last, move_id),
    )
    lines = _columns(env, "account_move_line")
    values = ", ".join("m.id" if name == "move_id" else f'l."{name}"' for name in lines)
    env.cr.execute(
        f"INSERT INTO account_move_line ({_quoted(lines)}) SELECT {values} "
        "FROM account_move m CROSS JOIN account_move_line l WHERE m.id > %s AND l.move_id = %s",
        (before, move_id),
    )


def _columns(env: Any, table: str) -> list[str]:
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s AND column_name <> 'id' AND is_generated = 'NEVER'",
        (table,),
    )
    return [row[0] for row in env.cr.fetchall()]


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
