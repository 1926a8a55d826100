"""``odoo integration_audit``: verify the audit trail, write down where it stands, give it to others."""

import argparse
import logging
import sys
from datetime import datetime
from pathlib import Path

from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.tools import config

NO_COMPANY = "-"


class IntegrationAudit(Command):
    """Verify, anchor, seal or export the audit trail; exit with 1 when something is wrong with it."""

    name = "integration_audit"

    def run(self, args):
        """Do what the command line asks for, in the database that ``-d`` names."""
        options, others = _parser().parse_known_args(args)
        own = [f"--{name}={getattr(options, name)}" for name in ("config", "database") if getattr(options, name)]
        config.parse_config([*own, *others, "--no-http"], setup_logging=True)
        logging.getLogger("odoo.modules").setLevel(logging.WARNING)
        names = config["db_name"]
        if len(names) != 1:
            sys.exit("Name one database with -d.")
        registry = Registry(names[0])
        if "integration.audit.seal" not in registry:
            sys.exit(f"The integration addons are not installed in {names[0]}.")
        with registry.cursor() as cr:
            code = getattr(_Work(api.Environment(cr, SUPERUSER_ID, {}), options), options.command)()
        sys.exit(code)


class _Work:
    """One command in one database; each method returns the exit code."""

    def __init__(self, env, options):
        self.env, self.options = env, options

    def _companies(self):
        name = getattr(self.options, "company", None)
        return None if name is None else [None if name == NO_COMPANY else int(name)]

    def verify(self):
        # Absolute and late, as in integration_key: Odoo knows its addons path only now.
        from odoo.addons.integration_core.domain import sealing  # pylint: disable=odoo-addons-relative-import

        try:
            texts = [Path(name).read_text(encoding="utf-8") for name in self.options.anchor]
            anchors = [anchor for text in texts for anchor in sealing.read_anchors(text)]
        except (OSError, ValueError) as error:
            sys.exit(str(error))
        report, _kept = self.env["integration.audit.verification"]._verify(
            self._companies(), anchors, found=lambda finding: self._show(f"WRONG  {finding.text()}")
        )
        for company, chain in report.chains.items():
            self._show(self._summary(company, chain))
        if not report.chains:
            self._show("There is nothing in the trail.")
        against = f", compared with {len(anchors)} anchors" if anchors else ""
        if report.is_sound:
            self._show(f"The trail is sound{against}.")
        else:
            self._show(f"{report.findings} things are wrong with the trail{against}.")
        return 0 if report.is_sound else 1

    def _summary(self, company, chain):
        parts = [f"{_count(chain.rows, 'row')} verified", _count(chain.seals, "seal")]
        if chain.removed_seals:
            removed = f"{_count(chain.removed, 'row')} of {_count(chain.removed_seals, 'seal')}"
            parts.append(f"{removed} removed by retention, with certificate")
        if chain.unsealed:
            age = int((datetime.utcnow() - chain.unsealed_since).total_seconds()) if chain.unsealed_since else 0
            parts.append(f"to be sealed: {_count(chain.unsealed, 'row')}, the oldest for {age} s")
        if chain.findings:
            parts.append(f"{chain.findings} WRONG")
        return f"{self.env['integration.audit.seal']._label(company)}: {', '.join(parts)}"

    def anchor(self):
        for anchor in self.env["integration.audit.seal"]._anchors():
            self._show(anchor.text())
        self.env["integration.audit"]._record("audit.anchor")
        return 0

    def seal(self):
        # Absolute and late, as above.
        from odoo.addons.integration_core.tools import (  # pylint: disable=odoo-addons-relative-import
            begin_read_committed,
        )

        cr, total = self.env.cr, 0
        while True:
            begin_read_committed(cr)
            count = self.env["integration.audit.seal"]._seal_one()
            cr.commit()  # pylint: disable=invalid-commit; each seal is a transaction of its own
            total += count
            if not count:
                break
        self._say(f"{total} rows were sealed.")
        return 0

    def export(self):
        lines = self.env["integration.audit.export"]._export(
            self.options.format, self._companies(), self.options.begin, self.options.end
        )
        if self.options.output:
            with Path(self.options.output).open("x", encoding="utf-8", newline="") as out:
                out.writelines(lines)
        else:
            sys.stdout.writelines(lines)
        return 0

    @staticmethod
    def _show(text):
        sys.stdout.write(text + "\n")

    @staticmethod
    def _say(text):
        sys.stderr.write(text + "\n")


def _count(number, what):
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _moment(text):
    return datetime.fromisoformat(text)


def _parser():
    parser = argparse.ArgumentParser(
        prog="odoo integration_audit",
        description="The audit trail. Odoo's own options (-c, -d, --addons-path, …) work as well.",
    )
    parser.add_argument("-c", "--config", help=argparse.SUPPRESS)
    parser.add_argument("-d", "--database", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="say which rows and seals are not what they were; exit with 1 if any")
    _add_company(verify)
    verify.add_argument(
        "--anchor", action="append", default=[], metavar="FILE", help="the trail must contain what this file names"
    )
    commands.add_parser("anchor", help="print where each chain stands, to be kept where nobody of Odoo's can write")
    commands.add_parser("seal", help="seal what waits, where no engine runs")
    export = commands.add_parser("export", help="write the trail to standard output or a new file")
    _add_company(export)
    export.add_argument("--format", choices=("fhir", "csv", "rows"), default="fhir")
    for name, place, text in (("from", "begin", "rows from then on, UTC"), ("to", "end", "rows before then, UTC")):
        export.add_argument(f"--{name}", dest=place, type=_moment, metavar="YYYY-MM-DD[THH:MM]", help=text)
    export.add_argument("--output", metavar="FILE", help="a new file, instead of standard output")
    return parser


def _add_company(command):
    command.add_argument("--company", metavar="ID", help=f"one company alone; {NO_COMPANY} for rows without a company")
