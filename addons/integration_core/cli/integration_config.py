"""``odoo integration_config``: the configuration as one document, out of one database and into another."""

import argparse
import logging
import sys
from pathlib import Path

from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.exceptions import AccessError, UserError
from odoo.modules.registry import Registry
from odoo.tools import config

_ODOOS_OWN = {"-c": "config", "-d": "database"}


class IntegrationConfig(Command):
    """Export the configuration, say what an import would do, or import it; exit with 1 when something is refused."""

    name = "integration_config"

    def run(self, args):
        """Do what the command line asks for, in the database that ``-d`` names, in the name of ``--as``."""
        options, others = _parser().parse_known_args(args)
        own = [f"--{name}={getattr(options, name)}" for name in ("config", "database") if getattr(options, name)]
        config.parse_config([*own, *others, "--no-http"], setup_logging=True)
        logging.getLogger("odoo.modules").setLevel(logging.WARNING)
        names = config["db_name"]
        if len(names) != 1:
            sys.exit("Name one database with -d.")
        registry = Registry(names[0])
        if "integration.portable" not in registry:
            sys.exit(f"The integration addons are not installed in {names[0]}.")
        with registry.cursor() as cr:
            env = _in_the_name_of(api.Environment(cr, SUPERUSER_ID, {}), options.accountable)
            try:
                code = getattr(_Work(env, options), f"_{options.command}")()
            except (AccessError, UserError, OSError) as error:
                cr.rollback()
                sys.exit(str(error))
        registry.signal_changes()
        sys.exit(code)


def _in_the_name_of(env, login):
    """Return ``env`` as the person who is accountable: approvals ask somebody else than that person."""
    person = env["res.users"].search([("login", "=", login), ("share", "=", False)])
    if not person:
        sys.exit(f"There is no active user '{login}' who works in Odoo.")
    return api.Environment(env.cr, person.id, {"allowed_company_ids": person.company_ids.ids, "lang": "en_US"})


class _Work:
    """One command in one database; each method returns the exit code."""

    def __init__(self, env, options):
        self.env, self.options = env, options
        self.portable = env["integration.portable"]

    def _export(self):
        companies = self.env.companies
        if self.options.company:
            companies = companies.filtered(lambda one: one.id in self.options.company)
        if not companies:
            raise UserError(self.env._("There is no such company in which this person works."))
        data, omitted = self.portable._export(companies, self.options.part)
        for name, told, why in omitted:
            self._say(f"left out: {self.portable._label(name)}: {told}. {why}")
        if self.options.output:
            with Path(self.options.output).open("xb") as out:
                out.write(data)
        else:
            sys.stdout.buffer.write(data)
        return 0

    def _check(self):
        entries, absent, _digest = self._look(self._data(), ())
        return self._tell(entries, absent)

    def _import(self):
        data, places = self._data(), [*self._chosen()]
        entries, absent, digest = self._look(data, places)
        if self.options.leave_out_refused:
            refused = [entry.place for entry in entries if entry.outcome.value == "refused"]
            entries, absent, digest = self._look(data, [*places, *refused])
            places += refused
        if self._tell(entries, absent):
            self._say("Nothing was imported: mend what is refused, or leave it out.")
            return 1
        if not any(entry.outcome.value in ("new", "changed") for entry in entries):
            self._say("Nothing to do.")
            return 0
        if self.portable._import(data, digest, places) is None:
            self._say("Nothing was imported: something has changed meanwhile. Try again.")
            return 1
        self._say("Imported.")
        return 0

    def _chosen(self):
        """Yield the places of all objects of the kinds that are to be left out."""
        document = self._read(self._data())
        for name in self.options.leave_out:
            yield from ((name, item.ident) for item in document.content.get(name, ()))

    def _data(self):
        return Path(self.options.file).read_bytes()

    def _read(self, data):
        # Absolute and late, as in integration_key: Odoo knows its addons path only now.
        from odoo.addons.integration_core.domain import portable  # pylint: disable=odoo-addons-relative-import

        try:
            return portable.read(data)
        except portable.DocumentError as error:
            raise UserError(self.portable._document_words(error)) from None

    def _look(self, data, places):
        self._read(data)
        return self.portable._try(data, places)

    def _tell(self, entries, absent):
        """Print what would become of each object; return 1 when something is refused."""
        counts = {}
        for entry in entries:
            counts[entry.outcome.value] = counts.get(entry.outcome.value, 0) + 1
            if entry.outcome.value != "unchanged":
                self._show(entry)
        for name, told in absent:
            sys.stdout.write(f"here, not in the document: {self.portable._label(name)}: {told}\n")
        told = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in sorted(counts.items()))
        sys.stdout.write(f"{told or 'nothing in it'}, {len(absent)} here but not in the document\n")
        return 1 if counts.get("refused") else 0

    def _show(self, entry):
        details = self.portable._details(entry)
        name = f"{self.portable._label(entry.model)}: {self.portable._told(entry)}"
        sys.stdout.write(f"{entry.outcome.value.replace('_', ' ')}: {name}\n")
        for line in details:
            sys.stdout.write(f"    {line}\n")

    @staticmethod
    def _say(text):
        sys.stderr.write(text + "\n")


def _parser():
    parser = argparse.ArgumentParser(
        prog="odoo integration_config",
        description="The configuration as one document. Odoo's own options (-c, -d, --addons-path, …) work as well.",
    )
    for short, name in _ODOOS_OWN.items():
        parser.add_argument(short, f"--{name}", dest=name, help=argparse.SUPPRESS)
    parser.add_argument(
        "--as",
        dest="accountable",
        metavar="LOGIN",
        required=True,
        help="who answers for it: an integration administrator, whom the audit trail and the approvals name",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    export = commands.add_parser("export", help="write the document to standard output or a new file")
    export.add_argument("--company", type=int, action="append", metavar="ID", help="one company alone; may be repeated")
    export.add_argument("--part", choices=("all", "settings", "mappings"), default="all")
    export.add_argument("--output", metavar="FILE", help="a new file, instead of standard output")
    check = commands.add_parser("check", help="say what an import would do; change nothing")
    check.add_argument("file", metavar="FILE")
    take = commands.add_parser("import", help="carry it out: all of it, or nothing")
    take.add_argument("file", metavar="FILE")
    take.add_argument("--leave-out", action="append", default=[], metavar="KIND", help="such as integration.endpoint")
    take.add_argument("--leave-out-refused", action="store_true", help="take the rest")
    return parser
