"""``odoo integration_worker``: an engine process of its own, for volume. As many as wanted, on as many hosts."""

import argparse
import importlib
import logging
import signal
import sys
import threading

from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.tools import config

_logger = logging.getLogger("odoo.addons.integration_core.worker")
_LANES = ("critical", "normal", "bulk")
_RECONNECT_SECONDS = 2.0


class IntegrationWorker(Command):
    """Move deliveries of one database until told to stop."""

    name = "integration_worker"

    def run(self, args):
        """Read the command line, then work until SIGTERM or SIGINT; what is under way is finished first."""
        options, others = self._parser().parse_known_args(args)
        config.parse_config([*others, "--no-http"], setup_logging=True)
        # It sets the format of the log, also for what is said before a registry is there. Not at the top: see _work.
        importlib.import_module("odoo.addons.integration_core.logs")
        database = self._database()
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        registry = self._registry(database, stopping)
        if registry is not None:
            self._work(registry, options, stopping)

    @staticmethod
    def _parser():
        parser = argparse.ArgumentParser(
            prog="odoo integration_worker",
            description="Moves deliveries of one database. Odoo's own options (-c, -d, --addons-path, …) work as well.",
        )
        parser.add_argument(
            "--lanes",
            type=lambda text: frozenset(_LANES.index(lane.strip()) for lane in text.split(",")),
            default=frozenset(range(len(_LANES))),
            help=f"which lanes to serve, with commas between: {', '.join(_LANES)}; by default all",
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=None,
            help="how many deliveries may be under way at once, and a quarter more of critical ones (default: 32)",
        )
        return parser

    @staticmethod
    def _database():
        names = config["db_name"]
        if len(names) != 1:
            sys.exit("Name one database with -d: a worker moves the deliveries of one.")
        return names[0]

    @staticmethod
    def _registry(database, stopping):
        """Load the registry, waiting for a database that is not there yet."""
        while not stopping.is_set():
            try:
                registry = Registry(database)
            except Exception as error:  # noqa: BLE001 (whatever keeps it from opening may pass)
                _logger.warning("the database %s cannot be opened (%s); trying again", database, type(error).__name__)
                stopping.wait(_RECONNECT_SECONDS)
                continue
            if "integration.engine" not in registry:
                sys.exit(f"The integration addons are not installed in {database}.")
            return registry
        return None

    @staticmethod
    def _work(registry, options, stopping):
        # Not at the top: the addon can be imported only when Odoo knows its addons path, which a command is given late.
        # Absolute, because Odoo runs this file as a part of odoo.cli.
        from odoo.addons.integration_core.engine.runner import (  # pylint: disable=odoo-addons-relative-import
            CONCURRENCY,
            Runner,
        )

        runner = Runner(
            registry,
            kind="worker",
            lanes=options.lanes,
            concurrency=options.concurrency or CONCURRENCY,
            stopping=stopping.is_set,
        )
        _logger.info("integration_worker ready: %s", runner.name)
        runner.run()
        _logger.info("integration_worker stopped: %s", runner.name)
