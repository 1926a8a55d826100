"""Which format this process logs in: Odoo's own lines, or one JSON object each (:mod:`.domain.json_log`).

``integration_log_format`` of the server's configuration file decides, else the environment variable
``INTEGRATION_LOG_FORMAT``. It holds for every line of the process, whoever writes it, from the moment that this addon
is loaded: at once where ``server_wide_modules`` names an addon of the suite.
"""

import logging
import os

from odoo.netsvc import PostgreSQLHandler
from odoo.tools import config

from . import discreet
from .domain import json_log

_logger = logging.getLogger(__name__)


def install() -> None:
    """Have what Odoo's handlers write be in the format that was asked for. May be called again."""
    try:
        wish = json_log.chosen(config.get(json_log.OPTION), os.environ.get(json_log.VARIABLE))
    except ValueError as error:
        _logger.error("%s: %s", json_log.OPTION, error)
        return
    if wish == json_log.JSON:
        use(json_log.JsonFormatter(discreet.outline))


def use(formatter: logging.Formatter) -> None:
    """Let the handlers of the process write by ``formatter``; the one that writes to the database has no format."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler, PostgreSQLHandler):
            handler.setFormatter(formatter)
