"""``scripts/i18n``: what there is to translate, as files of gettext, and the translations brought up to it."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from suite import database as databases_module
from suite import packages, postgres, pyenv, setup
from suite.checks import MODULES
from suite.database import Databases
from suite.layout import ADDONS, CHECKOUT, cache, make_folder
from suite.odoo import Odoo
from suite.progress import Progress
from suite.refusal import Refusal

_STEPS: Final = setup.STEPS + 1
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2}|_\d{3})?")


def _language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise argparse.ArgumentTypeError("name a language as Odoo does, such as es, pt_BR or es_419")
    return text


def options(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="./scripts/i18n",
        description="Writes addons/<addon>/i18n/<addon>.pot, by Odoo's own exporter, and merges it into the"
        " translations beside it: what is translated stays, what is new is empty.",
    )
    parser.add_argument(
        "languages", nargs="*", type=_language, metavar="LANGUAGE", help="begin these translations where there is none"
    )
    return parser.parse_args(words)


def update(progress: Progress, scratch: Path, languages: Sequence[str]) -> list[Path]:
    """Bring the files up to date, by what a database with all addons knows; return those that changed."""
    home = make_folder(cache() / "tests", "set XDG_CACHE_HOME to a folder that you may write")
    log = home / "setup.log"
    needs = [*packages.for_suite(), postgres.need()]
    tree, env = setup.tools(progress, cache(), log, needs=needs, requirements=pyenv.FOR_TESTS)
    server = setup.database_server(progress, home, log, durable=False)
    data = make_folder(home / "odoo-data", "set XDG_CACHE_HOME to a folder that you may write", private=True)
    odoo = Odoo(tree, env, server, data, scratch / "odoo.conf", log)
    odoo.configure(log_level="warn")
    databases, names = Databases(odoo), [f"t{os.getpid()}_i18n", f"t{os.getpid()}_i18n_glue"]
    request, answer = scratch / "request.json", scratch / "answer.json"
    request.write_text(json.dumps({"languages": list(languages)}), encoding="utf-8")
    with progress.step("Terms") as step:
        step.note("looking for them; the first time takes two minutes")
        suite = databases_module.suite_template(databases, MODULES)
        glue = databases_module.glue_template(databases, suite)
        changed: list[Path] = []
        for name, template in zip(names, (suite, glue), strict=True):
            databases.copy(template, name)
            try:
                odoo.call(name, "terms", "run", addons=ADDONS, request=request, answer=answer)
            finally:
                databases.drop(name)
            changed += [Path(path) for path in json.loads(answer.read_text(encoding="utf-8"))]
        step.note("found")
    return changed


def main(words: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    asked = options(words)
    progress = Progress(_STEPS)
    progress.say("Healthcare integration suite for Odoo 19: terms to translate\n")
    try:
        with tempfile.TemporaryDirectory(prefix="odoo-integration-") as scratch:
            changed = update(progress, Path(scratch), asked.languages)
    except Refusal as refusal:
        print(f"\n{refusal.what}\n\n{refusal.remedy}", file=sys.stderr)
        return 1
    for path in changed:
        print(f"    {path.relative_to(CHECKOUT)}")
    print(f"{len(changed)} files changed" if changed else "Everything is current.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
