"""The configuration as one document: how it is read and written, what may be in it, and how two states compare.

A document says, for each kind of record, what there is: objects with a *key* (by which the same thing is known in
another database) and *values*. No database ids, no times, no people, no secrets, no patient's data: those cannot be in
it, because of what :func:`may_travel` lets through, whatever a model declares.

The same configuration gives the same bytes: members and objects are sorted, and nothing tells of the moment. The
digest is the SHA-256 of the canonical JSON of everything else (:func:`strict_json.dumps`), so how the file is laid out
does not matter to it, and what it says does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

from . import schema, strict_json
from .strict_json import JSON, JSONObject

FORMAT: Final = "integration.configuration/1"
MAX_BYTES: Final = 64 << 20
"""The largest document that is read, in bytes."""
SCHEMA: Final = Path(__file__).resolve().parent.parent / "schemas" / "configuration.v1.schema.json"

TYPES: Final = frozenset({"boolean", "char", "date", "float", "integer", "many2many", "many2one", "selection", "text"})
"""Kinds of fields that can be carried. No moments: what went live somewhere did so there. No bytes, no structures."""
_NAMED: Final = frozenset({"char", "many2many", "many2one", "text"})
"""Kinds of fields whose name is looked at: a number, a day or a choice of a list holds no secret and names nobody."""
_SECRET: Final = re.compile(
    r"(?:^|_)(?:api_?keys?|keys?|secrets?|passwords?|passwd|passphrase|tokens?|bearer|private|sealed|wrapped|otp|totp"
    r"|salt|cookie|session|credentials?|login)(?:_|$)"
)
_PERSONAL: Final = re.compile(
    r"(?:^|_)(?:patients?|mrn|ssn|birth\w*|born|gender|guarantors?|insured|street2?|phone|mobile|e?mail|payloads?|body"
    r"|example\w*|diagnos[ei]s|partner_name|contact)(?:_|$)"
)
_PEOPLE: Final = frozenset({"res.users", "res.partner.bank", "res.users.apikeys", "hr.employee"})
"""Models that are never referred to: people are chosen anew in each database, account numbers are no configuration."""
_TOLD_LENGTH: Final = 80


class DocumentError(ValueError):
    """The bytes are no document that can be taken. ``code`` names the rule, ``place`` where it is broken, if known."""

    def __init__(self, code: str, place: str = "") -> None:
        """Keep the rule and the place."""
        self.code = code
        self.place = place
        super().__init__(f"{code} {place}".strip())


class Outcome(str, Enum):
    """What becomes of an object, in the order in which a person wants to read it."""

    REFUSED = "refused"
    CHANGED = "changed"
    NEW = "new"
    ABSENT = "absent"
    LEFT_OUT = "left_out"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Change:
    """One field whose value differs: here, and in the document."""

    field: str
    old: JSON
    new: JSON


@dataclass(frozen=True)
class Item:
    """One object of a document.

    Attributes:
        key: Its natural key, by field.
        values: What else it says, by field.
        withheld: Fields that are not in the document because their value is or may be secret.
    """

    key: JSONObject
    values: JSONObject = field(default_factory=dict)
    withheld: tuple[str, ...] = ()

    @property
    def ident(self) -> str:
        """The key as one text: equal keys have equal texts."""
        return ident(self.key)

    def to_json(self) -> JSONObject:
        """Return the object as it stands in the document."""
        whole: JSONObject = {"key": self.key, "values": self.values}
        return {**whole, "withheld": [*sorted(self.withheld)]} if self.withheld else whole

    @classmethod
    def from_json(cls, found: Any) -> Item:
        """Return the object that stands in a document which its schema was found to hold."""
        return cls(found["key"], found["values"], tuple(found.get("withheld", ())))


@dataclass(frozen=True)
class Document:
    """A configuration.

    Attributes:
        environment: What the master key calls the database it comes from, such as ``test``; empty where it has none.
        companies: Whose configuration it is, as references.
        content: The objects of each kind, by the name of its model; a kind without objects is named, too.
        omitted: How many of a kind could not be put into words that hold elsewhere.
    """

    environment: str
    companies: tuple[JSONObject, ...]
    content: Mapping[str, Sequence[Item]]
    omitted: Mapping[str, int] = field(default_factory=dict)

    def _told(self) -> JSONObject:
        return {
            "format": FORMAT,
            "environment": self.environment,
            "companies": [*sorted(self.companies, key=ident)],
            "omitted": {**self.omitted},
            "content": {
                name: [item.to_json() for item in sorted(items, key=lambda one: (one.ident, _text(one.to_json())))]
                for name, items in self.content.items()
            },
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of everything but the digest itself, in hexadecimal."""
        return digest(self._told())

    def write(self) -> bytes:  # pylint: disable=method-required-super; no model of Odoo's
        """Return the document as bytes: one object a line, so that two of them can be compared line by line."""
        told = self._told()
        content = told.pop("content")
        lines = [f"{_text(name)}: {_text(value)}" for name, value in sorted({**told, "digest": self.digest}.items())]
        lines.append(f'"content": {_laid_out(content)}')
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8")


def read(data: bytes) -> Document:
    """Return the document in these bytes.

    Raises:
        DocumentError: ``too_large``, ``not_json``, ``format`` (another one, or a newer release's), ``schema``,
            ``digest`` (somebody has edited it, or it was cut).

    >>> read(Document("test", (), {}).write()).environment
    'test'
    """
    if len(data) > MAX_BYTES:
        raise DocumentError("too_large")
    try:
        found: Any = strict_json.loads(data)
    except strict_json.StrictJsonError as error:
        raise DocumentError("not_json", error.detail) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DocumentError("format")
    for violation in schema.compile_schema(SCHEMA.read_bytes()).validate(found, base=""):
        raise DocumentError("schema", f"{violation.pointer or '/'}: {violation.detail}")
    content = {name: [Item.from_json(one) for one in items] for name, items in found["content"].items()}
    document = Document(found["environment"], tuple(found["companies"]), content, found["omitted"])
    if digest({name: value for name, value in found.items() if name != "digest"}) != found["digest"]:
        raise DocumentError("digest")
    return document


def digest(value: JSON) -> str:
    """Return the SHA-256 of the canonical JSON of a value, in hexadecimal.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(strict_json.dumps(value)).hexdigest()


def ident(key: JSON) -> str:
    """Return a key or a reference as one text.

    >>> ident({"code": "ehr"})
    '{"code":"ehr"}'
    """
    return strict_json.dumps(key).decode("utf-8")


def compare(here: Item, there: Item) -> tuple[Change, ...]:
    """Return where the values of the document differ from what is here; what it does not say or withholds is left.

    >>> compare(Item({}, {"days": 3, "basis": "service"}), Item({}, {"days": 5}))
    (Change(field='days', old=3, new=5),)
    """
    kept = {*here.withheld, *there.withheld}
    return tuple(
        Change(name, here.values.get(name), value)
        for name, value in sorted(there.values.items())
        if name not in kept and ident(here.values.get(name)) != ident(value)
    )


def may_travel(name: str, kind: str, *, refers_to: str = "", hidden: bool = False) -> bool:
    """Tell whether a field can be part of a document, whatever the model says.

    Args:
        name: The field's name.
        kind: The field's type, such as ``char``.
        refers_to: The model that it refers to, if any.
        hidden: Whether nobody may read it.

    >>> may_travel("timezone", "selection"), may_travel("live_from", "datetime"), may_travel("webhook_secret", "char")
    (True, False, False)
    >>> may_travel("owner_id", "many2one", refers_to="res.users"), may_travel("patient_data", "boolean")
    (False, True)
    """
    if hidden or kind not in TYPES or refers_to in _PEOPLE:
        return False
    return kind not in _NAMED or not (_SECRET.search(name) or _PERSONAL.search(name))


def in_order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the kinds such that each comes after those it refers to; of equals the one that the alphabet puts first.

    Raises:
        ValueError: They refer to each other in a circle.

    >>> in_order({"identifier": ["entity", "system"], "system": [], "entity": []})
    ['entity', 'system', 'identifier']
    """
    sorter = TopologicalSorter({name: {*others} & {*needs} - {name} for name, others in needs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"kinds refer to each other in a circle: {error.args[1]}") from None
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return found


def told(value: JSON) -> str:
    """Return a value as a person reads it, cut to a bearable length.

    What is its own comes before what it refers to. The company is left out where there is anything else to know it by:
    whoever reads it works there.

    >>> told({"system_id": {"code": "ehr"}, "code": "GLU", "valid_to": None, "company_id": {"vat": "1"}})
    'GLU, ehr'
    >>> told(None), told([{"name": "a"}, "b"]), told({"company_id": {"vat": "1"}})
    ('-', 'a; b', '1')
    """
    text = _told(value)
    return text if len(text) <= _TOLD_LENGTH else text[: _TOLD_LENGTH - 1] + "…"


def _told(value: JSON) -> str:
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda pair: (isinstance(pair[1], dict), pair[0]))
        parts = [_told(one) for name, one in members if one not in (None, "") and name != "company_id"]
        return ", ".join(dict.fromkeys(parts)) or _told(value.get("company_id"))
    if isinstance(value, list):
        return "; ".join(map(_told, value)) or "-"
    return "-" if value in (None, "") else " ".join(str(value).split())


def _text(value: JSON) -> str:
    return strict_json.dumps(value).decode("utf-8")


def _laid_out(content: Any) -> str:
    kinds = []
    for name, items in sorted(content.items()):
        lines = ",\n".join(map(_text, items))
        kinds.append(f"{_text(name)}: [\n{lines}\n]" if items else f"{_text(name)}: []")
    return "{\n" + ",\n".join(kinds) + "\n}" if kinds else "{}"
