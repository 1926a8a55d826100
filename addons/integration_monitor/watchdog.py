"""Looks from web processes whether the engine has stopped, for an engine that is dead tells nobody.

A request costs one comparison of clocks. Once a minute per process and database a thread of its own looks at the
heartbeats; only when none is fresh does it read more, begin the alert and send the mail itself: what else would send it
may be dead, too. Whatever goes wrong there, no request notices.
"""

import contextlib
import logging
import threading
import time

from odoo import SUPERUSER_ID, api
from odoo.addons.integration_core import discreet, tools
from odoo.modules import module
from odoo.modules.registry import Registry

LOOK_SECONDS = 60
"""Seconds between two looks of a process at a database."""

_logger = logging.getLogger(__name__)
_looked: dict[str, float] = {}  # {database: when this process has looked last}


def look(dbname: str | None) -> None:
    """Look at the engine of a database when it is time; return at once."""
    if is_time(dbname) and not module.current_test:
        with contextlib.suppress(RuntimeError):  # no thread can be had: the request goes on, and the next one looks
            threading.Thread(target=notice, args=(dbname,), name="integration.watchdog", daemon=True).start()


def is_time(dbname: str | None, now: float | None = None) -> bool:
    """Tell whether a process is to look at a database now, and count this as a look.

    The first request starts the clock: after a start of the server the engine has that long to give a sign of life.
    """
    if not dbname:
        return False
    now = time.monotonic() if now is None else now
    # Two requests of one moment may both look: what they begin is unique, and one of them waits for nothing.
    if now - _looked.setdefault(dbname, now) < LOOK_SECONDS:
        return False
    _looked[dbname] = now
    return True


def notice(dbname: str) -> None:
    """Look at the engine in a transaction of its own; nothing escapes."""
    threading.current_thread().dbname = dbname
    try:
        with tools.engine_cursor(Registry(dbname)) as cr:
            api.Environment(cr, SUPERUSER_ID, {})["integration.alert.watch"]._notice_engine()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
        discreet.failed(_logger, "nobody could look whether the engine has stopped", error=error)
