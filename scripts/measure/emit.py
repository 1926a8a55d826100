#!/usr/bin/env python3
"""What emitting costs: ``scripts/measure/emit.py -c odoo.conf -d SCRATCH_DATABASE``, in the Python that Odoo runs in.

Prints events per second of many emissions in one transaction, and the median time of a transaction with one event
beside an empty one and one with a bare two-row INSERT. The database needs the suite installed; a model, a table and
many events stay behind in it, so it must be one to throw away.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable

from odoo import SUPERUSER_ID, api, fields, models
from odoo.modules.registry import Registry
from odoo.orm.model_classes import add_to_registry
from odoo.tools import config

TYPE = "masterdata.supplier.changed.v1"
MODEL = "integration.measured"


def measured_model() -> type[models.Model]:
    """Return the definition of what emits here; made when the registry is there, which would load it too early."""

    class Measured(models.Model):  # type: ignore[misc]  # Odoo is untyped
        """What emits here: as little data as an event can have."""

        _name = MODEL
        _inherit = "integration.emitter.mixin"
        _description = "Emits to be measured"
        _module = "integration_core"
        _log_access = False

        name = fields.Char()
        company_id = fields.Many2one("res.company")

        def _event_data(self, type_name: str) -> dict[str, object]:
            return {
                "company": str(self.company_id.id),
                "id": str(self.id),
                "number": None,
                "date": None,
                "name": self.name,
                "attributes": {"active": True, "record": f"integration_measured/{self.id}"},
                "changed": ["name"],
            }

    return Measured


def prepare(database: str) -> Registry:
    """Return the registry with the measured model, its records, one subscription and a key."""
    registry = Registry(database)
    # Only now is the addon on the path.
    keyring = importlib.import_module("odoo.addons.integration_core.domain.keyring")
    with registry.cursor() as cr:
        add_to_registry(registry, measured_model())
        registry._setup_models__(cr, [])
        registry.init_models(cr, [MODEL], {"models_to_check": True})
        env = api.Environment(cr, SUPERUSER_ID, {})
        os.environ["INTEGRATION_MASTER_KEY"] = keyring.new_key_file(
            database_uuid=env["ir.config_parameter"].get_param("database.uuid"), environment="test"
        )
        env["integration.data.key"].search([]).state = "retired"
        env["integration.subscription"].search([]).active = False
        handler = env["integration.subscription"]._selection_handler()[0][0]
        env["integration.subscription"].create(
            {
                "name": "measured",
                "consumer": "handler",
                "handler": handler,
                "state": "paused",
                "event_type_ids": env["integration.event.type"]._named(TYPE).ids,
            }
        )
        cr.execute("CREATE TABLE IF NOT EXISTS measured_bare (id serial PRIMARY KEY, name text, body text)")
    return registry


def make_records(registry: Registry, count: int) -> list[int]:
    """Return the ids of ``count`` new records."""
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        values = [{"name": f"record {number}", "company_id": env.company.id} for number in range(count)]
        ids: list[int] = env[MODEL].create(values).ids
        return ids


def in_one_transaction(registry: Registry, ids: list[int]) -> float:
    """Return the seconds of one transaction in which each record emits, its commit included."""
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        records = env[MODEL].browse(ids)
        records.mapped("name")
        began = time.perf_counter()
        records._emit_event(TYPE)
        cr.commit()
        return time.perf_counter() - began


def transaction(registry: Registry, work: Callable[[api.Environment], object]) -> tuple[float, int]:
    """Return (seconds, statements) of a transaction of its own in which ``work(env)`` runs."""
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        cr.execute("SELECT 1")
        before = cr.sql_log_count
        began = time.perf_counter()
        work(env)
        cr.commit()
        return time.perf_counter() - began, cr.sql_log_count - before


def bare(env: api.Environment) -> None:
    """Insert two rows, as big as an event and a delivery."""
    query = "INSERT INTO measured_bare (name, body) VALUES ('event', %s), ('delivery', %s)"
    env.cr.execute(query, ("x" * 600, "y" * 60))


def medians(registry: Registry, ids: list[int], rounds: int) -> dict[str, tuple[float, int]]:
    """Return {name: (median seconds, statements)} of small transactions, taken in turn."""
    turn = iter(ids)
    works = {
        "empty": lambda env: None,
        "bare": bare,
        "event": lambda env: env[MODEL].browse(next(turn))._emit_event(TYPE),
    }
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in works}
    for _round in range(rounds):
        for name, work in works.items():
            taken[name].append(transaction(registry, work))
    return {name: (statistics.median(t[0] for t in each), each[-1][1]) for name, each in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("-d", "--database", required=True)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=300)
    args = parser.parse_args()
    config.parse_config(["-c", args.config, "-d", args.database, "--no-http", "--log-level=warn"], setup_logging=True)
    registry = prepare(args.database)
    ids = make_records(registry, args.events)
    for _turn in range(3):
        seconds = in_one_transaction(registry, ids)
        print(f"{args.events} events in one transaction: {seconds:.3f} s, {args.events / seconds:.0f} events/s")
    found = medians(registry, ids, args.rounds)
    for name, (median, statements) in found.items():
        print(f"transaction {name:<6} median {median * 1e3:.3f} ms, {statements} statements")
    empty = found["empty"][0]
    added = (found["event"][0] - empty) / (found["bare"][0] - empty)
    print(f"whole: {found['event'][0] / found['bare'][0]:.2f} x bare; added: {added:.2f} x what the bare INSERT adds")


if __name__ == "__main__":
    main()
