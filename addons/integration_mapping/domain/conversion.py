"""Units of measure: how many of ours are so many of theirs. Exact, or refused; never a factor that nobody gave.

Conversions are ratios of whole numbers: a gram is exactly 1/1000 of a kilogram, which no decimal and no binary fraction
needs to approximate. Only what goes into a record is asked whether it fits the decimals kept there.

Source of the rules: an unknown unit is never taken for 1, and nothing is lost by rounding (docs/money.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

FACTOR_PATTERN: Final = r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$"
"""Decimals of up to 15 digits before and after the point; PostgreSQL and Python agree on it. Zero is refused apart."""

_FACTOR: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")


class FactorError(ValueError):
    """A text is no factor: a decimal above zero, up to 15 digits before and after the point."""


class UnrelatedUnits(ValueError):
    """Two units measure different things: nothing but a person can say how many of one are in the other."""


@dataclass(frozen=True)
class Measure:
    """A unit as so many of its root unit.

    Attributes:
        root: what identifies the root; units convert when they share it.
        size: how many root units it is, above zero.
    """

    root: int
    size: Fraction


def read_factor(text: str) -> Decimal:
    """Return the factor that a text says, exactly, without trailing zeros.

    Raises:
        FactorError: for anything but a decimal above zero.

    >>> read_factor("12.50")
    Decimal('12.5')
    >>> read_factor("0")
    Traceback (most recent call last):
    ...
    addons.integration_mapping.domain.conversion.FactorError: a decimal above zero is needed
    """
    if _FACTOR.fullmatch(text) is None:
        raise FactorError("a decimal is needed: up to 15 digits, a point, up to 15 decimals")
    value = Decimal(text)
    if not value:
        raise FactorError("a decimal above zero is needed")
    return Decimal(factor_text(value))


def factor_text(value: Decimal) -> str:
    """Return a factor as it is stored: one text for one value, whole numbers without a point.

    >>> factor_text(Decimal("100.0"))
    '100'
    """
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def size_of(steps: Sequence[str]) -> Fraction:
    """Return how many root units a unit is.

    Args:
        steps: how many of the next larger or smaller unit each is, from the unit up to its root, as decimal texts.

    >>> size_of(["16", "28.3495"])
    Fraction(56699, 125)
    """
    size = Fraction(1)
    for step in steps:
        size *= Fraction(step)
    return size


def ratio(source: Measure, target: Measure) -> Fraction:
    """Return how many ``target`` one ``source`` is.

    Raises:
        UnrelatedUnits: when they have no root in common.

    >>> ratio(Measure(1, Fraction(12)), Measure(1, Fraction(6)))
    Fraction(2, 1)
    """
    if source.root != target.root:
        raise UnrelatedUnits("no root in common")
    return source.size / target.size


def fits(value: Fraction, digits: int) -> bool:
    """Tell whether ``digits`` decimals (0 or more) hold a value without rounding.

    >>> fits(Fraction(3, 8), 3), fits(Fraction(3, 8), 2), fits(Fraction(1, 3), 15)
    (True, False, False)
    """
    needed = digits_needed(value)
    return needed is not None and needed <= digits


def digits_needed(value: Fraction) -> int | None:
    """Return how many decimals hold a value exactly, or ``None`` when no number of them does.

    >>> digits_needed(Fraction(3, 8)), digits_needed(Fraction(1, 3)), digits_needed(Fraction(5))
    (3, None, 0)
    """
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def to_decimal(value: Fraction) -> Decimal:
    """Return a value that some number of decimals holds, exactly.

    Raises:
        ValueError: for one that none does, such as a third.

    >>> to_decimal(Fraction(3, 8))
    Decimal('0.375')
    """
    digits = digits_needed(value)
    if digits is None:
        raise ValueError("no decimal is equal to it")
    # Read from a text: arithmetic would round to the 28 digits of its context.
    return Decimal(f"{int(value * 10**digits)}e-{digits}")


def ratio_text(value: Fraction) -> str:
    """Return a ratio as it is stored and read: ``12``, ``0.375``, or ``1/3`` where no decimal says it.

    >>> ratio_text(Fraction(12)), ratio_text(Fraction(3, 8)), ratio_text(Fraction(1, 3))
    ('12', '0.375', '1/3')
    """
    return str(value) if digits_needed(value) is None else factor_text(to_decimal(value))


def same_money(quantity: float, price: float, exact: Fraction, digits: int) -> bool:
    """Tell whether an invoice line comes to the amount that was sent.

    Odoo multiplies binary numbers and rounds the product half up to the currency's decimals. A price per unit such as
    100/12 has no exact decimal, and the line must come to 100.00 all the same.

    Args:
        quantity: of the line, in its unit.
        price: per that unit.
        exact: quantity × unit price as they were sent.
        digits: decimals of the currency.

    >>> same_money(12.0, float(Fraction(100, 12)), Fraction(100), 2)
    True
    >>> same_money(12.0, 8.33, Fraction(100), 2)
    False
    """
    # As Odoo does it (float_round, HALF-UP): four units in the last place are added, so that halves stay halves.
    scaled = quantity * price * float(10**digits)
    line = round(scaled + math.copysign(abs(scaled) * 2.0**-50, scaled))
    return line == _rounded(round(exact, digits + 6), digits)


def _rounded(value: Fraction, digits: int) -> int:
    """Return a value in the smallest units of a currency, halves away from zero."""
    scaled = abs(value) * 10**digits
    whole = int(scaled + Fraction(1, 2))
    return -whole if value < 0 else whole
