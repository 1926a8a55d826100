"""A large mapping, and ways to find what codes mean: the suite's, a search per code, OCA connector's binder."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_PRODUCTS = 1_000
_CODES = """
    INSERT INTO integration_identifier (entity_id, kind, company_id, system_id, code_system, code, code_key, state,
                                        approval_state)
    SELECT e.ids[1 + n %% array_length(e.ids, 1)], 'service', %(company)s, %(system)s, 'bench', 'B-' || n, 'B-' || n,
           'approved', 'approved'
      FROM generate_series(%(first)s, %(last)s) AS n, (SELECT %(entities)s::int[] AS ids) AS e
"""
_BINDINGS = """
    INSERT INTO integration_bench_binding (backend_id, odoo_id, external_id)
    SELECT %(backend)s, p.ids[1 + n %% array_length(p.ids, 1)], 'B-' || n
      FROM generate_series(1, %(count)s) AS n, (SELECT %(products)s::int[] AS ids) AS p
"""


def fill(env: Any, *, first: int, last: int) -> None:
    """Put in identifiers number ``first`` to ``last`` of one system, of a thousand services."""
    entities = env["integration.entity"].search([("name", "like", "Bench service"), ("kind", "=", "service")])
    if not entities:
        products = env["product.product"].create(
            [{"name": f"Bench service {number}", "type": "service"} for number in range(_PRODUCTS)]
        )
        entities = env["integration.entity"].create(
            [{"kind": "service", "name": product.name, "product_id": product.id} for product in products]
        )
    values = {"company": env.company.id, "system": _system(env).id, "entities": entities.ids}
    env.cr.execute(_CODES, {**values, "first": first, "last": last})
    env.cr.execute("ANALYZE integration_identifier")


def fill_bindings(env: Any, *, count: int) -> None:
    """Put in as many bindings of OCA's connector."""
    backend = env["integration.bench.backend"].create({"name": "bench"})
    products = env["integration.entity"].search([("name", "like", "Bench service")]).product_id
    env.cr.execute(_BINDINGS, {"backend": backend.id, "products": products.ids, "count": count})
    env.cr.execute("ANALYZE integration_bench_binding")


def _system(env: Any) -> Any:
    return env["integration.system"].search([("state", "=", "active")], order="id", limit=1)


def _lines(size: int, lines: int, codes: int) -> list[str]:
    """Return the codes of ``lines`` lines, of which ``codes`` are distinct, spread over all that there are."""
    step = max(1, size // codes)
    distinct = [f"B-{1 + number * step}" for number in range(codes)]
    return [distinct[number % codes] for number in range(lines)]


def _timed(env: Any, wanted: list[str], find: Callable[[list[str]], list[int]]) -> float:
    """Return milliseconds.

    Raises:
        ValueError: Not every line was answered.
    """
    env.invalidate_all()
    began = time.perf_counter()
    found = find(wanted)
    took = (time.perf_counter() - began) * 1000
    if len(found) != len(wanted) or not all(found):
        raise ValueError(f"{sum(map(bool, found))} of {len(wanted)} lines were answered")
    return took


def resolve(env: Any, *, size: int, lines: int, codes: int) -> float:
    """Return the milliseconds in which the suite finds the product of every line."""
    mapping, system = env["integration.mapping"], _system(env)

    def find(wanted: list[str]) -> list[int]:
        from odoo.addons.integration_mapping.domain.codes import Code

        asked = [Code(code, "bench") for code in wanted]
        answers = mapping.resolve(system, "service", asked)
        return [answers[code].product_id.id for code in asked]

    return _timed(env, _lines(size, lines, codes), find)


def search(env: Any, *, size: int, lines: int, codes: int) -> float:
    """Return the milliseconds of a search in the ORM for each line's code, as one would write it by hand."""
    identifiers, system = env["integration.identifier"], _system(env)
    own = [("system_id", "=", system.id), ("kind", "=", "service"), ("code_system", "=", "bench")]
    own += [("company_id", "=", env.company.id), ("state", "in", ("approved", "retired"))]

    def find(wanted: list[str]) -> list[int]:
        found = []
        for code in wanted:
            one = identifiers.search([*own, ("code_key", "=", code)], limit=1)
            found.append(one.entity_id.product_id.id)
        return found

    return _timed(env, _lines(size, lines, codes), find)


def bind(env: Any, *, size: int, lines: int, codes: int) -> float:
    """Return the milliseconds in which OCA connector's binder finds the product of every line."""
    backend = env["integration.bench.backend"].search([], limit=1)

    def find(wanted: list[str]) -> list[int]:
        with backend.work_on("integration.bench.binding") as work:
            binder = work.component(usage="binder")
            return [binder.to_internal(code, unwrap=True).id for code in wanted]

    return _timed(env, _lines(size, lines, codes), find)
