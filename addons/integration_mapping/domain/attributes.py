"""What other systems say about a supplier, service or cost center, and whose word counts for it.

A proposal carries free attributes. Those this suite knows are read under one name each (``read``); the rest is shown as
it came and does nothing. Numbers of bank accounts are cut to their last four characters before anything is stored: a
message never decides where money goes, so nobody needs to copy a number out of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from . import evidence

ADDRESS: Final = ("street", "street2", "city", "zip", "state", "country")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name",),
    "address": ADDRESS,
    "phone": ("phone",),
    "email": ("email",),
    "website": ("website",),
    "vat": ("vat",),
    "registry": ("registry",),
    "payment_terms": ("payment_terms",),
    "bank_account": ("bank_account",),
    "code": ("code",),
}
"""Attributes, and the parts that a message gives of each. Ownership is per attribute: an address is one."""
OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "supplier": (
        "name",
        "address",
        "phone",
        "email",
        "website",
        "vat",
        "registry",
        "payment_terms",
        "bank_account",
    ),
    "service": ("name", "code"),
    "cost_center": ("name", "code"),
}
"""Attributes of each kind that can be proposed."""
NEVER_A_SYSTEMS: Final = ("bank_account",)
"""No system may own these: a person enters them, after a call, and a second person approves."""
SENSITIVE: Final = ("name", "vat", "registry", "payment_terms")
"""A change of these needs a person's approval even from their owner: they say who is paid, and when."""

_ALIASES: Final[Mapping[str, str]] = {
    "tax_id": "vat",
    "vat_number": "vat",
    "vat_id": "vat",
    "company_registry": "registry",
    "registration_number": "registry",
    "global_location_number": "gln",
    "duns_number": "duns",
    "e_mail": "email",
    "mail": "email",
    "telephone": "phone",
    "url": "website",
    "postal_code": "zip",
    "postcode": "zip",
    "zip_code": "zip",
    "line1": "street",
    "line2": "street2",
    "country_code": "country",
    "state_code": "state",
    "payment_term": "payment_terms",
    "iban": "bank_account",
    "account_number": "bank_account",
    "acc_number": "bank_account",
    "bank_account_number": "bank_account",
}
_BANK_WORDS: Final = ("iban", "bank", "account", "routing", "sort_code", "swift", "bic")
MAX_TEXT: Final = 255
MAX_PARTS: Final = 100


@dataclass(frozen=True)
class Proposed:
    """A record of another system as it proposed it.

    Attributes:
        code: Its identifier in that system, byte for byte.
        name: Its name there.
        told: Known parts by name (``vat``, ``street``, ``country`` …), as sent; bank numbers masked.
        other: Parts that are not known here, as sent; only shown.
        numbers: Numbers that are evidence, as compared (:func:`evidence.numbers`).
        bank: Bank numbers as sent, only to be compared with what Odoo has. Never stored.
        revision: Which state of the record this is, where the sender counts.
    """

    code: str
    name: str
    told: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    bank: tuple[str, ...] = ()
    revision: int | None = None


def mask(number: str) -> str:
    """Return a bank account's number so that people can tell two apart and nobody can use it.

    >>> mask("BE68 5390 0754 7034"), mask("12")
    ('•••• 7034', '••••')
    """
    bare = "".join(character for character in number if character.isalnum())
    return f"•••• {bare[-4:]}" if len(bare) >= 8 else "••••"


def read(data: Mapping[str, Any]) -> Proposed:
    """Read the ``data`` of a ``masterdata.*.proposed`` event.

    Args:
        data: Satisfies the event type's schema: texts ``id`` and ``name``, an object ``attributes`` or none.

    >>> sent = {"tax_id": "BE0477472701", "address": {"city": "Ghent"}}
    >>> told = read({"id": "S-9", "name": "Acme", "attributes": sent})
    >>> told.told, dict(told.numbers)
    ({'name': 'Acme', 'vat': 'BE0477472701', 'city': 'Ghent'}, {'vat': 'BE0477472701'})
    >>> read({"id": "S-9", "name": "Acme", "attributes": {"iban": "BE68539007547034"}}).told["bank_account"]
    '•••• 7034'
    """
    parts = dict(_flat(data.get("attributes") or {}))
    told, other, bank, revision = {"name": data["name"].strip()[:MAX_TEXT]}, {}, [], None
    for path, text in list(parts.items())[:MAX_PARTS]:
        name = _known_name(path)
        if name == "bank_account" or (name is None and any(word in path for word in _BANK_WORDS)):
            bank.append(text)
            if name:
                told.setdefault(name, mask(text))
            else:
                other[path] = mask(text)
        elif name == "revision":
            revision = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
        elif name:
            told.setdefault(name, text)
        else:
            other[path] = text
    numbers = evidence.numbers({**told, "email_domain": told.get("email")})
    return Proposed(data["id"], told["name"], told, other, numbers, tuple(bank), revision)


def _flat(attributes: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in attributes.items():
        here = f"{path}.{name.strip().lower()}" if path else name.strip().lower()
        if isinstance(value, Mapping):
            found += _flat(value, here) if here.count(".") < 4 else []
        elif isinstance(value, list):
            found += _flat({str(place): one for place, one in enumerate(value, 1)}, here) if here.count(".") < 4 else []
        elif value is not None and not isinstance(value, bool):
            text = str(value).strip()[:MAX_TEXT]
            found += [(here, text)] if text else []
    return found


def _known_name(path: str) -> str | None:
    parent, _dot, name = path.rpartition(".")
    name = _ALIASES.get(name, name)
    if parent in ("", "identifiers", "contact", "numbers") or (parent == "address" and name in ADDRESS):
        known = {part for parts in FIELDS.values() for part in parts} | {*evidence.STRONG, "revision"}
        return name if name in known else None
    return "bank_account" if name == "bank_account" else None


def differences(kind: str, told: Mapping[str, str], present: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what a message says otherwise than Odoo: ``{attribute: {part: text as told}}``.

    What a message does not mention does not differ: silence deletes nothing. Bank accounts are left out; whoever calls
    knows more than four characters of them.

    >>> differences("supplier", {"city": "Ghent", "phone": "+32 9 1"}, {"city": "Gent", "phone": "+3291"})
    {'address': {'city': 'Ghent'}}
    """
    found = {}
    for attribute in OF_KIND[kind]:
        if attribute in NEVER_A_SYSTEMS:
            continue
        parts = {part: told[part] for part in FIELDS[attribute] if told.get(part)}
        other = {part: text for part, text in parts.items() if not _same(part, text, present.get(part, ""), told)}
        if other:
            found[attribute] = other
    return found


def _same(part: str, one: str, other: str, told: Mapping[str, str]) -> bool:
    if part in evidence.STRONG:
        country = told.get("country")
        mine = evidence.normalise(part, one, country=country)
        return mine is not None and mine == evidence.normalise(part, other, country=country)
    rule = _COMPARED.get(part, _words)
    return rule(one) == rule(other)


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _phone(text: str) -> str:
    return "".join(character for character in text if character.isdigit() or character == "+")


def _site(text: str) -> str:
    return text.casefold().strip().removeprefix("https://").removeprefix("http://").rstrip("/")


_COMPARED: Final[Mapping[str, Callable[[str], str]]] = {"phone": _phone, "website": _site, "name": str.strip}
