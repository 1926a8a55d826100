"""Telling whoever sits before the guide that a system was heard of for the first time."""

import logging
import threading
from typing import Any

from odoo import SUPERUSER_ID, api
from odoo.addons.integration_core import discreet
from odoo.addons.integration_core.models.integration_setup_guide import FIRST_EVENT
from odoo.modules.registry import Registry

_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_known: set[tuple[str, str]] = set()
"""(database, system's code) of which this process has accepted something: each is news once per process."""


def note(cr: Any, code: str) -> None:
    """Say, after the commit of ``cr``, that something of the system ``code`` was accepted, if that is news."""
    if _is_news(cr.dbname, code):
        cr.postcommit.add(lambda: _tell(cr.dbname, code))


def note_committed(dbname: str, code: str) -> None:
    """Say that something of the system ``code`` was accepted and is committed, if that is news."""
    if _is_news(dbname, code):
        _tell(dbname, code)


def _is_news(dbname: str, code: str) -> bool:
    """Tell whether this process accepted nothing of this system before, and remember that it did."""
    arrival = (dbname, code)
    if arrival in _known:
        return False
    with _lock:
        news = arrival not in _known
        _known.add(arrival)
    return news


def _tell(dbname: str, code: str) -> None:
    """Send it on the bus. The event is committed: nothing here may turn its answer into an error."""
    try:
        with Registry(dbname).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            system = env["integration.system"].search([("code", "=", code)])
            env.ref("integration_core.group_operator")._bus_send(FIRST_EVENT, {"system_id": system.id})
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
        # The page looks again by itself.
        discreet.failed(_logger, "that %s was heard of could not be told", code, error=error)
