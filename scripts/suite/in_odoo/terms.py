"""Write the templates of translations, and merge them into the translations beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def run(env: Any, *, addons: Path, request: Path, answer: Path) -> None:
    """Bring the files of every addon of the suite up to date.

    Args:
        env: Odoo's environment.
        addons: The folder with the addons.
        request: JSON of ``languages`` to begin where an addon has none.
        answer: Receives a JSON list of the files that changed.
    """
    from odoo.addons.integration_suite import tools

    languages = json.loads(request.read_text(encoding="utf-8"))["languages"]
    changed = [
        str(path)
        for name, template in tools.export_templates(env).items()
        for path in _store(addons / name / "i18n", name, template, languages)
    ]
    answer.write_text(json.dumps(changed), encoding="utf-8")


def _store(folder: Path, name: str, template: str, languages: Sequence[str]) -> Iterator[Path]:
    from odoo.addons.integration_suite.domain import terms

    folder.mkdir(exist_ok=True)
    yield from _put(folder / f"{name}.pot", template)
    for language in sorted({path.stem for path in folder.glob("*.po")} | set(languages)):
        path = folder / f"{language}.po"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        yield from _put(path, terms.merged(before, template, language))


def _put(path: Path, text: str) -> Iterator[Path]:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        yield path
