"""What two records say about being the same: numbers that an authority gave out once, compared after one normalisation.

A number is evidence only when it can be compared (``normalise``) and can have been given out (``valid``: its form and,
where a rule is published, its check digits). A name is never evidence: how alike two are (``likeness``) is advice for
the person who looks.

=============  ========  ===========================================================================================
scheme         strength  rule
=============  ========  ===========================================================================================
vat            strong    Country prefix and number (Directive 2006/112/EC, article 215; ``EL`` is Greece). Check digits
                         of the member states by python-stdnum, which Odoo itself requires; elsewhere the form alone
gln            strong    GS1 General Specifications: 13 digits, check digit modulo 10 with weights 1 and 3
npi            strong    45 CFR 162.406: 10 digits, ISO/IEC 7812-1 (Luhn) check digit computed with the prefix 80840
duns           strong    9 digits; Dun & Bradstreet withdrew the check digit in 2006
registry       strong    Number in a register of companies, within one country
email_domain   weak      Domain of an address that is not a public mail provider's
=============  ========  ===========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stdnum.eu import vat as eu_vat

STRONG: Final = ("vat", "gln", "npi", "duns", "registry")
WEAK: Final = ("email_domain",)
SCHEMES: Final = (*STRONG, *WEAK)
LABELS: Final = {
    "vat": "VAT",
    "gln": "GLN",
    "npi": "NPI",
    "duns": "DUNS",
    "registry": "Company ID",
    "email_domain": "e-mail domain",
}
"""Short names, the same in every language but the last two."""
ONE_PER_PARTY: Final = ("vat", "npi", "duns", "registry")
"""Of these a party has one: two different ones speak against being the same. GLNs name places, of which it has many."""

# Prefix of a VAT number where it is not the ISO 3166 code of its country.
_VAT_PREFIX: Final = {"GR": "EL"}
_EU_WORDS: Final = "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_EU: Final = frozenset(_EU_WORDS.split())
_VAT_FORM: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,18}")
_NOT_SIGNIFICANT: Final = re.compile(r"[\s.\-/_,:]+")
_REGISTRY_FORM: Final = re.compile(r"[A-Z]{2}:[0-9A-Z]{2,30}")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
_DIGITS: Final = {"gln": 13, "npi": 10, "duns": 9}
_MAIL_WORDS: Final = (
    "gmail.com googlemail.com hotmail.com outlook.com live.com msn.com yahoo.com icloud.com me.com aol.com gmx.com"
    " gmx.de gmx.net web.de t-online.de mail.com proton.me protonmail.com yandex.com mail.ru qq.com 163.com"
)
_PUBLIC_MAIL: Final = frozenset(_MAIL_WORDS.split())


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """One number that two records share: the scheme, the number as compared, and whether it is strong by itself."""

    scheme: str
    value: str
    strong: bool

    @property
    def text(self) -> str:
        """The evidence as a person reads it.

        >>> Evidence("vat", "BE0477472701", True).text
        'VAT BE0477472701'
        """
        return f"{LABELS[self.scheme]} {self.value}"


def normalise(scheme: str, text: str | None, *, country: str | None = None) -> str | None:
    """Return a number in the form in which it is compared, or None when it cannot be compared.

    Args:
        scheme: One of :data:`SCHEMES`.
        text: The number as somebody wrote it; an e-mail address for ``email_domain``.
        country: ISO 3166 alpha-2 code of the party's country. A VAT number without its prefix and a number of a
            register can be compared only where it is known: two countries give out the same digits.

    Raises:
        ValueError: ``scheme`` is unknown.

    >>> normalise("vat", "BE 0477.472.701")
    'BE0477472701'
    >>> normalise("vat", "0477.472.701", country="BE"), normalise("vat", "0477.472.701")
    ('BE0477472701', None)
    >>> normalise("gln", "4006381 33393 1")
    '4006381333931'
    >>> normalise("registry", "HRB 1234", country="de"), normalise("registry", "HRB 1234")
    ('DE:HRB1234', None)
    >>> normalise("email_domain", "Ann@Acme.example.org"), normalise("email_domain", "ann@gmail.com")
    ('acme.example.org', None)
    """
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r}")
    if not text or not text.isascii():
        return None
    if scheme == "email_domain":
        return _domain(text)
    bare = _NOT_SIGNIFICANT.sub("", text).upper()
    if scheme == "vat":
        return _vat(bare, country)
    if scheme == "registry":
        return _registry(bare, text, country)
    digits = bare.zfill(13) if scheme == "gln" and len(bare) == 12 else bare  # written without its leading zero
    return digits if digits.isdigit() and len(digits) == _DIGITS[scheme] else None


def _vat(bare: str, country: str | None) -> str | None:
    prefix = _VAT_PREFIX.get((country or "").upper(), (country or "").upper())
    if bare[:2] in _VAT_PREFIX:
        bare = _VAT_PREFIX[bare[:2]] + bare[2:]
    written = bare[:2].isalpha() and any(c.isdigit() for c in bare[2:])
    # Some countries' own numbers begin with letters: the prefix is the country's, or one that stands for itself.
    if not written or (prefix and bare[:2] != prefix and bare[:2] not in _EU and bare[:2] not in ("GB", "XI", "CH")):
        if len(prefix) != 2 or not any(c.isdigit() for c in bare):
            return None
        bare = prefix + bare
    if bare[:2] == "CH":  # the Swiss one is written with and without the letters of its tax
        bare = re.sub(r"(?:MWST|TVA|IVA)$", "", bare)
    return bare if _VAT_FORM.fullmatch(bare) else None


def _registry(bare: str, text: str, country: str | None) -> str | None:
    if re.match(r"\s*[A-Za-z]{2}:", text):  # normalised before
        country, bare = bare[:2], bare[2:]
    value = f"{(country or '').upper()}:{bare}"
    return value if _REGISTRY_FORM.fullmatch(value) and any(c.isdigit() for c in bare) else None


def _domain(text: str) -> str | None:
    domain = text.strip().rpartition("@")[2].lower().rstrip(".>")
    return domain if _DOMAIN.fullmatch(domain) and domain not in _PUBLIC_MAIL else None


def valid(scheme: str, text: str | None, *, country: str | None = None) -> bool:
    """Tell whether a number can have been given out: form and published check digits. Says nothing about to whom.

    >>> valid("vat", "BE0477472701"), valid("vat", "BE0477472702")
    (True, False)
    >>> valid("gln", "4006381333931"), valid("gln", "4006381333932")
    (True, False)
    >>> valid("npi", "1234567893"), valid("npi", "1234567890")
    (True, False)
    >>> valid("duns", "15-048-3782")
    True
    """
    number = normalise(scheme, text, country=country)
    if number is None:
        return False
    if scheme == "vat":
        return eu_vat.is_valid(number) if number[:2] in _EU else len(number) >= 7
    if scheme == "gln":
        return gs1_check_digit(number[:-1]) == int(number[-1])
    if scheme == "npi":
        return number[0] in "12" and luhn_is_valid("80840" + number)
    # A number of one digit throughout is a placeholder that somebody typed into a mandatory field.
    return len(set(number.rpartition(":")[2])) > 1 if scheme in ("duns", "registry") else True


def gs1_check_digit(digits: str) -> int:
    """Return the check digit of a GS1 key without it (GS1 General Specifications, section 7.9).

    >>> gs1_check_digit("400638133393")
    1
    """
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -weighted % 10


def luhn_is_valid(digits: str) -> bool:
    """Tell whether the last digit checks the others (ISO/IEC 7812-1, annex B).

    >>> luhn_is_valid("79927398713"), luhn_is_valid("79927398710")
    (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def numbers(told: Mapping[str, str | None], *, country: str | None = None) -> dict[str, str]:
    """Return the numbers of a party that are evidence, as compared; what cannot be compared is left out.

    The country is that of the argument, else that of the entry ``country``.

    >>> numbers({"vat": "0477.472.701", "gln": "123", "name": "Acme"}, country="BE")
    {'vat': 'BE0477472701'}
    """
    country = country or told.get("country")
    found = {scheme: told.get(scheme) for scheme in SCHEMES}
    compared = {scheme: normalise(scheme, text, country=country) for scheme, text in found.items() if text}
    return {scheme: number for scheme, number in compared.items() if number and valid(scheme, number)}


def overlap(one: Mapping[str, str], other: Mapping[str, str]) -> list[Evidence]:
    """Return what speaks for two parties being the same, strong before weak.

    Args:
        one: Numbers by scheme, as somebody wrote them or as :func:`numbers` returned them.
        other: The same of the other party.

    >>> overlap({"vat": "BE 0477 472 701", "name": "Acme"}, {"vat": "BE0477472701"})
    [Evidence(scheme='vat', value='BE0477472701', strong=True)]
    >>> overlap({"name": "Acme"}, {"name": "Acme"})
    []
    """
    mine, theirs = numbers(one), numbers(other)
    return [
        Evidence(scheme, number, scheme in STRONG) for scheme, number in mine.items() if theirs.get(scheme) == number
    ]


def contradictions(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the schemes in which two parties have different numbers although a party has but one.

    Numbers of different countries do not contradict each other: a company is registered for VAT in several.

    >>> contradictions({"vat": "BE0477472701", "gln": "4006381333931"}, {"vat": "BE0403019261"})
    ['vat']
    """
    mine, theirs = numbers(one), numbers(other)
    return [
        scheme
        for scheme in ONE_PER_PARTY
        if scheme in mine
        and scheme in theirs
        and mine[scheme] != theirs[scheme]
        # The first two letters are the country, where a scheme has one.
        and (scheme not in ("vat", "registry") or mine[scheme][:2] == theirs[scheme][:2])
    ]
