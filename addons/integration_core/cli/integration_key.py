"""``odoo integration_key``: keys of systems and endpoints, the master key, and what a copied database is.

What it tells goes to standard error. Standard output carries nothing but the secret of a new key, once, so that it can
be piped into a secret store.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from odoo import SUPERUSER_ID, api, fields
from odoo.cli import Command
from odoo.exceptions import AccessError, UserError
from odoo.modules.registry import Registry
from odoo.tools import config

_ROLES = {
    **dict.fromkeys(("create", "rotate", "revoke"), "integration_core.group_admin"),
    **dict.fromkeys(("master", "original", "test-copy"), "base.group_system"),
}
"""Whose act it is, as on the screens: keys are an integration administrator's, the rest whoever runs Odoo's."""
_ODOOS_OWN = {"-c": "config", "-d": "database"}


class IntegrationKey(Command):
    """Make, list, rotate and revoke keys; rotate the master key; say what a copied database is."""

    name = "integration_key"

    def run(self, args):
        """Read the command line and carry it out in one database; exit with 1 and a reason where that is refused."""
        options, others = _parser().parse_known_args(args)
        config.parse_config([*_odoos_own(options), *others, "--no-http"], setup_logging=True)
        names = config["db_name"]
        if len(names) != 1:
            sys.exit("Name one database with -d.")
        registry = Registry(names[0])
        if "integration.master.key" not in registry:
            sys.exit(f"The integration addons are not installed in {names[0]}.")
        # Not at the top: the addon can be imported only when Odoo knows its addons path, which a command is given late.
        # Absolute, because Odoo runs this file as a part of odoo.cli.
        from odoo.addons.integration_core.domain import (  # pylint: disable=odoo-addons-relative-import
            key_file,
            keyring,
            lifecycle,
        )

        if getattr(options, "overlap", None) is not None:
            try:
                options.overlap = lifecycle.parse_span(options.overlap)
            except ValueError as error:
                sys.exit(str(error))
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            try:
                _Work(_in_the_name_of(env, options), options).do()
            except keyring.KeyringError as error:
                cr.rollback()
                sys.exit(error.remedy)
            except (Refusal, key_file.KeyFileError, UserError, AccessError) as error:
                cr.rollback()
                sys.exit(str(error))


class Refusal(Exception):
    """The command cannot be carried out; the text says why."""


def _in_the_name_of(env, options):
    """Return ``env`` as the person who is accountable; OdooBot's where nobody is named.

    :raises Refusal: when there is no such person, or the act is not theirs
    """
    act = options.command if options.command != "master" or options.step != "status" else None
    group = _ROLES.get(act)
    if not options.accountable:
        if group:
            _say(
                "The audit trail names OdooBot, and so does the author of a key: --as LOGIN names the person who"
                " answers for it."
            )
        return env
    person = env["res.users"].search([("login", "=", options.accountable), ("share", "=", False)])
    if not person:
        raise Refusal(f"There is no active user '{options.accountable}' who works in Odoo.")
    if group and not person.has_group(group):
        role = env.ref(group).full_name
        raise Refusal(f"{person.name} may not do this: it takes the role {role}.")
    context = {"allowed_company_ids": person.company_ids.ids, "lang": "en_US"}
    # su: what belongs to the server itself is nobody's record; the role was asked for just above
    return api.Environment(env.cr, person.id, context, su=group == "base.group_system")


def _say(text):
    sys.stderr.write(text + "\n")


class _Work:
    """One command in one database."""

    def __init__(self, env, options):
        self.env = env
        self.options = options

    def do(self):
        getattr(self, f"_{self.options.command.replace('-', '_')}")()
        self._commit()

    def _commit(self):
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit; the command's own transaction
        self.env.registry.signal_changes()

    # -- keys of systems and endpoints --------------------------------------------------------------------------------

    def _holder(self):
        if self.options.system:
            found = self.env["integration.system"].search([("code", "=", self.options.system)])
            what = f"system with the code '{self.options.system}'"
        else:
            if "integration.endpoint" not in self.env:
                raise Refusal("integration_outbound is not installed: there are no endpoints.")
            name = self.options.endpoint
            domain = [("id", "=", int(name))] if name.isdecimal() else [("name", "=", name)]
            found = self.env["integration.endpoint"].search(domain)
            what = f"endpoint '{name}'"
        if len(found) != 1:
            raise Refusal(f"There are {len(found)} of the name {what}." if found else f"There is no {what}.")
        if self.options.use and self.options.use != found._key_use:
            raise Refusal(f"The keys of a {found._description.lower()} are {found._key_use}.")
        return found

    def _list(self):
        if self.options.system or self.options.endpoint:
            holder = self._holder()
            keys = self.env["integration.credential"]._of(holder, holder._key_use)
        else:
            keys = self.env["integration.credential"].search([])
        rows = [("KEY", "OF", "USE", "KIND", "STAGE", "FROM (UTC)", "TO (UTC)", "REPLACED BY")]
        for key in keys:
            times = (key.valid_from, key.valid_to)
            rows.append(
                (
                    key.name,
                    key.system_id.code or key._holder().display_name,
                    key.use,
                    key.version,
                    "requested" if key.approval_state == "requested" else key.stage,
                    *(fields.Datetime.to_string(one) if one else "-" for one in times),
                    key.successor_id.name or "-",
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self._show("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())

    def _create(self):
        self._make(replace=False)

    def _rotate(self):
        self._make(replace=True)

    def _make(self, *, replace):
        holder = self._holder()
        keys = self.env["integration.credential"]
        old = keys._of(holder, holder._key_use)._replaceable() if replace else keys
        if replace and not old:
            raise Refusal(f"{holder.display_name} has no key in force that could be replaced: create one.")
        with self._outlet() as out:
            key, text = keys._rotate(
                holder,
                use=holder._key_use,
                version=self.options.kind,
                keys=old,
                valid_to=self.options.valid_to or False,
                text=sys.stdin.readline() if self.options.made_by_partner else None,
                **({"overlap": self.options.overlap} if replace else {}),
            )
            if text and out is not sys.stdout:
                out.write(text + "\n")
            self._commit()
            if text and out is sys.stdout:
                # After the commit: a key that was never made is not shown.
                self._show(text)
        self._tell_of(key, old)

    @contextlib.contextmanager
    def _outlet(self):
        """Give what the secret is written to; a file is new, its owner's alone, and goes when nothing comes of it."""
        path = self.options.secret_file
        if not path:
            yield sys.stdout
            return
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise Refusal(f"{path} cannot be made: {error.strerror}.") from None
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                yield stream
        except BaseException:
            Path(path).unlink()
            raise

    def _tell_of(self, key, old):
        self._say(f"{key.name} of {key._holder().display_name}: {key.stage}")
        if key.approval_state == "requested":
            self._say("A second person must approve it in Odoo: Integration > Approvals.")
            if old:
                self._say(f"Until then {', '.join(old.mapped('name'))} go on unchanged.")
        else:
            for one in old:
                self._say(f"{one.name} goes on until {one.valid_to} UTC")

    def _revoke(self):
        for name in self.options.keys:
            key = self.env["integration.credential"].search([("name", "=", name)])
            if not key:
                raise Refusal(f"There is no key '{name}'.")
            key.action_revoke()
            self._say(f"{name}: revoked")

    # -- the master key -----------------------------------------------------------------------------------------------

    def _master(self):
        getattr(self, f"_master_{self.options.step}")(self.env["integration.master.key"])

    def _master_status(self, master):
        active, counts = master._status()
        for key_id, count in counts.items():
            self._show(f"{key_id}: {'active, ' if key_id == active else ''}wraps {count} data keys")

    def _master_rotate(self, master):
        active, done, forgotten = master._rotate(self._commit)
        self._say(
            f"{active} is active; {done} data keys were wrapped anew; forgotten: {', '.join(forgotten) or 'none'}"
        )
        if forgotten:
            self._say(
                "Back up the new key file now. Keep the old one apart for as long as backups made under it are kept."
            )

    def _master_add(self, master):
        self._say(f"{master._add(self.options.id)} is in the file, not active yet")

    def _master_activate(self, master):
        master._activate(self._named())
        self._say(f"{self.options.id} is active")

    def _master_rewrap(self, master):
        self._say(f"{master._rewrap(self._commit)} data keys were wrapped anew")

    def _master_forget(self, master):
        self._commit()  # what the lock shows must be of now
        master._forget(self._named())
        self._say(f"{self.options.id} is no longer in the file")

    def _named(self):
        if not self.options.id:
            raise Refusal("Name the key.")
        return self.options.id

    # -- copies -------------------------------------------------------------------------------------------------------

    def _original(self):
        self.env["integration.copy"]._declare_original()
        self._say("This database is the original from now on. Never run the one again that it was copied from.")

    def _test_copy(self):
        self.env["integration.copy"]._make_test_copy()
        self._say(
            "This database is a test copy now: keys are blank, systems suspended, endpoints disabled, mail is off."
        )
        self._say("Give it a master key file of its own before its integration is tried.")

    @staticmethod
    def _show(text):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @staticmethod
    def _say(text):
        _say(text)


def _parser():
    parser = argparse.ArgumentParser(
        prog="odoo integration_key",
        description="Keys of systems and endpoints. Odoo's own options (-c, -d, --addons-path, …) work as well.",
    )
    parser.add_argument(
        "--as",
        dest="accountable",
        metavar="LOGIN",
        help="who answers for it: the audit trail and the approval name this person",
    )
    # Else the word after one of these, where it goes before the command, would be taken for the command.
    for short, name in _ODOOS_OWN.items():
        parser.add_argument(short, f"--{name}", dest=name, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_holder(commands.add_parser("list", help="show keys and where each is in its life"), required=False)
    for name, text in (("create", "make a key beside those there are"), ("rotate", "make one in their place")):
        command = commands.add_parser(name, help=text)
        _add_holder(command, required=True)
        command.add_argument("--kind", choices=("v1", "v1a"), help="shared secret (v1) or Ed25519 key pair (v1a)")
        command.add_argument("--valid-to", metavar="'YYYY-MM-DD HH:MM:SS'", help="when the new key ends, in UTC")
        command.add_argument(
            "--secret-file", metavar="PATH", help="a new file for the secret, instead of standard output"
        )
        command.add_argument(
            "--made-by-partner", action="store_true", help="read the partner's key from standard input"
        )
        if name == "rotate":
            command.add_argument("--overlap", default="7d", help="how long the old keys go on: 0, 90m, 12h, 7d, 2w")
    revoke = commands.add_parser("revoke", help="end keys at once, in every process")
    revoke.add_argument("keys", nargs="+", metavar="KEY")
    master = commands.add_parser("master", help="the master key: see where a rotation is, do it, or do one step of it")
    master.add_argument("step", choices=("status", "rotate", "add", "activate", "rewrap", "forget"))
    master.add_argument("id", nargs="?", help="which key to add, activate or forget")
    commands.add_parser("original", help="a restored database is the original from now on")
    commands.add_parser("test-copy", help="a copied database is for tests: blank its keys, give it an identity")
    return parser


def _odoos_own(options):
    return [f"--{name}={getattr(options, name)}" for name in _ODOOS_OWN.values() if getattr(options, name)]


def _add_holder(command, *, required):
    of = command.add_mutually_exclusive_group(required=required)
    of.add_argument("--system", metavar="CODE")
    of.add_argument("--endpoint", metavar="NAME", help="name or number of an endpoint")
    command.add_argument("--use", choices=("inbound", "outbound"))
