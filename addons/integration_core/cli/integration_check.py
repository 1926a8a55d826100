"""``odoo integration_check``: the set-up check on the command line, for scripts and for whoever sees no screen."""

import argparse
import logging
import sys

from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.tools import config


class IntegrationCheck(Command):
    """Print what is in place for the integration and what is not; exit with 1 when something is red."""

    name = "integration_check"

    def run(self, args):
        """Judge the database that ``-d`` names, with the configuration that this command is given."""
        options, others = self._parser().parse_known_args(args)
        config.parse_config([*others, "--no-http"], setup_logging=True)
        logging.getLogger("odoo.modules").setLevel(logging.WARNING)
        names = config["db_name"]
        if len(names) != 1:
            sys.exit("Name one database with -d.")
        registry = Registry(names[0])
        if "integration.setup.check" not in registry:
            sys.exit(f"The integration addons are not installed in {names[0]}.")
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {"lang": options.lang})
            env = env(context={**env.context, "allowed_company_ids": env["res.company"].search([]).ids})
            text, red = env["integration.setup.check"]._report()
            cr.rollback()
        sys.stdout.write(f"{text}\n")
        sys.exit(1 if red else 0)

    @staticmethod
    def _parser():
        parser = argparse.ArgumentParser(
            prog="odoo integration_check",
            description=(
                "Prints what is in place for the integration and what is not, and exits with 1 when something is red."
                " Odoo's own options (-c, -d, --addons-path, …) work as well; give it the server's configuration."
            ),
        )
        parser.add_argument("--lang", default="en_US", help="language of the texts (default: en_US)")
        return parser
