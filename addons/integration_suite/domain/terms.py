"""Templates and translations (gettext) as files that are compared: the same terms always make the same bytes.

Odoo's exporter says what there is to translate (:mod:`..tools`); here it is put in order, merged into translations, and
translations are judged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import polib

TEMPLATE: Final = "Odoo Server 19.0"
"""What a file says it belongs to; Odoo writes its whole version, which differs from machine to machine."""

_PLACEHOLDER: Final = re.compile(r"%(?:\(\w+\))?[-#0+]*\d*(?:\.\d+)?[sdifrge]|%%|\{\w*\}|\$\{[^}]*\}")
_TAG: Final = re.compile(r"</?([a-zA-Z][\w.-]*)[^<>]*>")


def stable(text: str) -> str:
    """Return an exported file without what differs between two exports of the same terms: dates, version, order."""
    made = polib.pofile(text)
    made.header = made.header.split("\n")[0]
    made.metadata = _metadata(made.metadata.get("Language"))
    entries = sorted(made, key=_key)
    made.clear()
    for entry in entries:
        entry.occurrences = sorted(set(entry.occurrences))
        made.append(entry)
    return str(made)


def merged(translation: str, template: str, language: str) -> str:
    """Return a translation with the terms of a template: new ones empty, others as they were translated.

    What is no longer a term is kept aside (``#~``), in case it comes back. An empty ``translation`` makes a new one.
    """
    made, terms = polib.pofile(translation or "\n"), polib.pofile(template)
    kept = {_key(entry): entry for entry in made}
    result = polib.pofile(template)
    result.metadata = _metadata(language)
    for entry in result:
        known = kept.pop(_key(entry), None)
        if known is not None:
            entry.msgstr, entry.flags, entry.tcomment = known.msgstr, known.flags, known.tcomment
    for _name, left in sorted(kept.items()):
        if left.msgstr:
            left.obsolete = True
            result.append(left)
    assert len(result) >= len(terms)
    return str(result)


def faults(translation: str, template: str) -> Iterator[str]:
    """Yield what is wrong with a translation: terms that lack, are untranslated, unsure, or lost a placeholder."""
    terms = {_key(entry): entry for entry in polib.pofile(template)}
    made = {_key(entry): entry for entry in polib.pofile(translation) if not entry.obsolete}
    for key in sorted(terms.keys() - made.keys()):
        yield f"is not in the file: {key[0]!r}"
    for key in sorted(made.keys() - terms.keys()):
        yield f"is no term any more: {key[0]!r}"
    for key in sorted(made.keys() & terms.keys()):
        yield from _faults_of(made[key])


def _faults_of(entry: Any) -> Iterator[str]:
    if not entry.msgstr:
        yield f"is not translated: {entry.msgid!r}"
        return
    if "fuzzy" in entry.flags:
        yield f"is marked as unsure (fuzzy): {entry.msgid!r}"
    for what, pattern in (("placeholders", _PLACEHOLDER), ("tags", _TAG)):
        wanted, found = _found(pattern, entry.msgid), _found(pattern, entry.msgstr)
        if wanted != found:
            yield f"has other {what}: {entry.msgid!r} -> {entry.msgstr!r}"
    if _positional(entry.msgid) != _positional(entry.msgstr):
        yield f"has its placeholders in another order: {entry.msgid!r} -> {entry.msgstr!r}"
    for end in ("start", "end"):
        if _is_space(entry.msgid, end) != _is_space(entry.msgstr, end):
            yield f"has other space at its {end}: {entry.msgid!r} -> {entry.msgstr!r}"


def _found(pattern: re.Pattern[str], text: str) -> Counter[str]:
    return Counter(match[1] if pattern is _TAG else match[0] for match in pattern.finditer(text))


def _positional(text: str) -> list[str]:
    """Return the placeholders that are filled by their order."""
    return [one for one in _PLACEHOLDER.findall(text) if one.startswith("%") and "(" not in one and one != "%%"]


def _is_space(text: str, end: str) -> bool:
    return text[:1].isspace() if end == "start" else text[-1:].isspace()


def _key(entry: Any) -> tuple[str, str]:
    return entry.msgid, entry.msgctxt or ""


def _metadata(language: str | None) -> dict[str, str]:
    return {
        "Project-Id-Version": TEMPLATE,
        "Report-Msgid-Bugs-To": "",
        **({"Language": language} if language else {}),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
    }
