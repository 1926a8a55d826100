"""Which column of a file says what: known names in many spellings, and what a saved profile says of a list.

Source of the field names: what an identifier consists of (``integration.identifier``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from .table_file import Table, rearm

FIELDS: Final = (
    "kind",
    "system",
    "code_system",
    "code",
    "display",
    "entity_id",
    "entity",
    "record",
    "valid_from",
    "valid_to",
    "note",
    "price",
    "also",
)
"""Everything that a column may say. ``record`` is a reference in Odoo, ``also`` a second code of the same thing."""
EXPORTED: Final = FIELDS[:11]
"""The columns of an export, in this order and by these names; a file with exactly these is taken for one."""
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": ("kind", "kindofcode"),
    "system": ("system", "systemcode", "sourcesystem"),
    "code_system": ("codesystem", "codelist", "codesystemname"),
    "code": ("code", "chargecode", "servicecode", "procedurecode", "pxcode", "itemcode", "cdmcode"),
    "display": ("display", "called", "description", "proceduredescription", "chargedescription", "itemdescription"),
    "entity_id": ("entityid",),
    "entity": ("entity", "means", "meaning", "entityname"),
    "record": ("record", "odoorecord", "internalreference", "reference", "odooreference"),
    "valid_from": ("validfrom", "from", "startdate", "effectivefrom"),
    "valid_to": ("validto", "validuntil", "until", "enddate", "effectiveto"),
    "note": ("note", "notes", "comment", "remark"),
    "price": ("price", "unitprice", "grosscharge", "listprice"),
    "also": (),
}
_NOISE: Final = re.compile(r"[^0-9a-z]+")
_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?\Z")
_SPACES: Final = re.compile(r"[\s\u00a0\u202f]")
_CURRENCY: Final = re.compile(r"^([$€£]|[A-Z]{3})?(.*?)([$€£]|[A-Z]{3})?$")
_WITH_POINT: Final = re.compile(r"-?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?\Z")
_WITH_COMMA: Final = re.compile(r"-?(?:\d+|\d{1,3}(?:\.\d{3})+)?(?:,\d+)?\Z")


class ColumnError(ValueError):
    """The columns of a file do not fit.

    Attributes:
        code: ``no_code`` (no column has the codes), ``missing`` (one that the profile names is not there), ``twice``
            (two columns could be meant).
        field: What the column should say.
        detail: The name that was looked for, or the names that were found.
    """

    def __init__(self, code: str, field_name: str, detail: str) -> None:
        super().__init__(f"{code}: {field_name}: {detail}")
        self.code = code
        self.field = field_name
        self.detail = detail


class PriceError(ValueError):
    """It is no price."""


class DayError(ValueError):
    """It is no day."""


@dataclass(frozen=True)
class Layout:
    """How a list is laid out, as a profile says it.

    Attributes:
        columns: Name of the column per field; a field that is not named is looked for by its known names.
        constants: What is so for every row, per field; a column of the file goes before it.
        also_code_system: The code system of second codes, such as ``NDC``.
        decimal_comma: Whether prices are written ``1.234,56``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    also_code_system: str = ""
    decimal_comma: bool = False


@dataclass(frozen=True)
class Row:
    """What one line of a file says, each field as a text; what the file does not say is an empty text.

    Attributes:
        line: Where it stands.
        said: Text per field; those of :data:`FIELDS` that there is a column or a constant for.
        width_differs: The line has other fields than the header, so that none of them can be trusted.
    """

    line: int
    said: Mapping[str, str]
    width_differs: bool = False

    def get(self, name: str) -> str:
        """Return what the line says of a field."""
        return self.said.get(name, "")


def plain(name: str) -> str:
    """Return a column's name without what differs between spellings.

    >>> plain("Px Code"), plain("CHARGE_CODE ")
    ('pxcode', 'chargecode')
    """
    return _NOISE.sub("", name.casefold())


def is_export(header: Sequence[str]) -> bool:
    """Tell whether a file is an export of the suite, whose texts come back exactly as they were."""
    return tuple(header) == EXPORTED


def find_columns(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Return the place of each field's column.

    Args:
        header: Names as they stand in the file.
        columns: Names that a profile gives, per field.

    Raises:
        ColumnError: A column is missing, or could be one of two.

    >>> find_columns(["Px Code", "Unit Price"], {"display": ""})
    {'code': 0, 'price': 1}
    """
    names = [plain(name) for name in header]
    places = {}
    taken = {plain(name) for name in columns.values() if name}
    for name in FIELDS:
        wanted = columns.get(name) or ""
        # A column that the profile gives another meaning is not taken by its name as well.
        spellings = [plain(wanted)] if wanted else [one for one in _ALIASES[name] if one not in taken]
        found = [place for place, one in enumerate(names) if one in spellings]
        if len(found) > 1:
            raise ColumnError("twice", name, ", ".join(header[place] for place in found))
        if found:
            places[name] = found[0]
        elif wanted:
            raise ColumnError("missing", name, wanted)
    if "code" not in places:
        raise ColumnError("no_code", "code", ", ".join(header))
    return places


def rows_of(table: Table, layout: Layout) -> list[Row]:
    """Return what the lines of a file say.

    Spaces around a value are not part of it, except in an export of the suite.

    Raises:
        ColumnError: see :func:`find_columns`
    """
    exact = is_export(table.header)
    places = find_columns(table.header, {} if exact else layout.columns)
    constants = {name: value for name, value in layout.constants.items() if value}
    rows = []
    for line in table.lines:
        said = dict(constants)
        for name, place in places.items():
            value = line.values[place] if place < len(line.values) else ""
            value = rearm(value) if exact else value.strip()
            if value.strip():
                said[name] = value
        rows.append(Row(line.number, said, width_differs(table, line.values)))
    return rows


def width_differs(table: Table, values: Sequence[str]) -> bool:
    """Tell whether a line has other fields than the header; a workbook leaves empty ones out at the end."""
    width = len(table.header)
    return any(value.strip() for value in values[width:]) or (table.encoding != "xlsx" and len(values) < width)


def price_of(text: str, *, decimal_comma: bool = False) -> Decimal | None:
    """Return a price in the list's currency; None where there is none. 0 is a price.

    Raises:
        PriceError: It is no number, or one that could be read in two ways.

    >>> price_of("1,141.40"), price_of("$ 0.00"), price_of("1.141,40", decimal_comma=True), price_of("")
    (Decimal('1141.40'), Decimal('0.00'), Decimal('1141.40'), None)
    """
    money = money_of(text, decimal_comma=decimal_comma)
    return money[0] if money else None


def money_of(text: str, *, decimal_comma: bool = False) -> tuple[Decimal, tuple[str, ...]] | None:
    """Return an amount and the signs and codes of its currency that stand beside it; None where there is no amount.

    Raises:
        PriceError: It is no number, or one that could be read in two ways.

    >>> money_of("$ 5.00"), money_of("(7.00 EUR)"), money_of("5"), money_of(" ")
    ((Decimal('5.00'), ('$',)), (Decimal('-7.00'), ('EUR',)), (Decimal('5'), ()), None)
    """
    if not text.strip():
        return None
    bare = _SPACES.sub("", text)
    negative = bare.startswith("(") and bare.endswith(")")
    match = _CURRENCY.match(bare[1:-1] if negative else bare)
    digits = match[2] if match else ""
    pattern = _WITH_COMMA if decimal_comma else _WITH_POINT
    if not any(one.isdigit() for one in digits) or not digits.isascii() or not pattern.match(digits):
        raise PriceError(text)
    if negative and digits.startswith("-"):  # taken back twice, or written twice
        raise PriceError(text)
    digits = digits.replace(".", "").replace(",", ".") if decimal_comma else digits.replace(",", "")
    try:
        value = Decimal(digits)
    except InvalidOperation as error:  # pragma: no cover - the pattern lets numbers through only
        raise PriceError(text) from error
    marks = tuple(mark for mark in (match[1], match[3]) if mark) if match else ()
    return -value if negative else value, marks


def price_text(price: Decimal | None) -> str:
    """Return a price in one spelling, so that ``1517725.0`` and ``1,517,725.00`` are the same.

    >>> price_text(Decimal("1517725.0")), price_text(Decimal("0.10")), price_text(Decimal("0")), price_text(None)
    ('1517725', '0.1', '0', '')
    """
    if price is None:
        return ""
    text = f"{price:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def day_of(text: str) -> date | None:
    """Return a day written ``2026-11-27``; None where there is none. Other spellings could be read in two ways.

    Raises:
        DayError: It is no such day.

    >>> day_of("2026-11-27"), day_of(" ")
    (datetime.date(2026, 11, 27), None)
    """
    if not text.strip():
        return None
    match = _DAY.match(text.strip())
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as error:
        raise DayError(text) from error
    raise DayError(text)
