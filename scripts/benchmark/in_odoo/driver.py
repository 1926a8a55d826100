"""Carries out functions of this package for the benchmark, so that Odoo is loaded once and not for every step."""

from __future__ import annotations

import importlib
import sys
import traceback
from multiprocessing.connection import Client
from typing import Any

import psycopg2.errors
from odoo import SUPERUSER_ID, api

REPEATS = 5


def serve(env: Any, address: str) -> None:
    """Answer calls that arrive at a Unix socket until ``None`` comes."""
    registry = env.registry
    env.cr.rollback()
    sys.stdout.write("driver ready\n")
    sys.stdout.flush()
    with Client(address, family="AF_UNIX") as connection:
        while (call := connection.recv()) is not None:
            function, arguments = call
            connection.send(_carry_out(registry, function, arguments))


def _carry_out(registry: Any, function: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
    """Call a function in a transaction of its own; again, as Odoo does, when another process got in its way."""
    module, _, name = function.partition(".")
    try:
        called = getattr(importlib.import_module(f"benchmark.in_odoo.{module}"), name)
        for turn in range(REPEATS):
            try:
                return True, _committed(registry, called, arguments)
            except psycopg2.errors.SerializationFailure:
                if turn == REPEATS - 1:
                    raise
    except Exception:  # noqa: BLE001 - whoever called is told
        return False, traceback.format_exc()
    return False, ""


def _committed(registry: Any, called: Any, arguments: dict[str, Any]) -> Any:
    registry.check_signaling()
    with registry.cursor() as cr:
        value = called(api.Environment(cr, SUPERUSER_ID, {}), **arguments)
    registry.signal_changes()
    return value
