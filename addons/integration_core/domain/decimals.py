"""Money and quantities: decimal strings on the wire, exact :class:`~decimal.Decimal` inside.

A JSON number passes through binary floating point in most readers; ``0.1`` would not survive. So the contract's
amounts and quantities are strings of at most 15 digits before and 10 after the point, without exponent, plus sign
or leading zeros. All arithmetic here is exact or raises.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Final

MAX_INTEGER_DIGITS: Final = 15
MAX_DECIMALS: Final = 10

_BODY: Final = r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?"
PATTERN_SIGNED: Final = f"^-?{_BODY}$"
PATTERN_UNSIGNED: Final = f"^{_BODY}$"
PATTERN_POSITIVE: Final = rf"^(?!0(?:\.0+)?$){_BODY}$"
"""JSON Schema patterns (ECMA-262 and Python agree on them) of any, non-negative and positive decimals."""

_SIGNED: Final = re.compile(rf"-?{_BODY}")
# Two factors of 25 digits give 50; the traps turn any loss into an exception.
_EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])


class DecimalError(ValueError):
    """A value is not a decimal string of the contract."""


def parse(text: object, *, signed: bool = False, positive: bool = False) -> Decimal:
    """Return the exact value of a decimal string.

    Negative values need ``signed``; with ``positive``, zero is refused too. Anything but a string is refused, numbers
    included. Negative zero becomes zero.
    """
    if not isinstance(text, str) or _SIGNED.fullmatch(text) is None:
        raise DecimalError("a decimal string is needed: up to 15 digits, a point, up to 10 decimals, no exponent")
    value = Decimal(text)
    if value < 0 and not signed:
        raise DecimalError("a negative value is not allowed here")
    if value <= 0 and positive:
        raise DecimalError("a value above zero is needed")
    return value.copy_abs() if value == 0 else value


def to_text(value: Decimal) -> str:
    """Return a finite decimal in plain notation, its trailing zeros kept (``120.00`` stays ``120.00``)."""
    if not value.is_finite():
        raise DecimalError("only finite values can be written")
    return format(value.copy_abs() if value == 0 else value, "f")


def multiply(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """Return the exact product of two contract decimals."""
    return _EXACT.multiply(quantity, unit_price)


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum; used for totals, where a silent rounding would hide a loss."""
    return _EXACT.add(left, right)


def digits_needed(value: Decimal) -> int:
    """Return how many decimals hold ``value`` exactly: 1 for ``0.10``, 0 for ``120.00``."""
    exponent = value.normalize(_EXACT).as_tuple().exponent
    if not isinstance(exponent, int):
        raise DecimalError("only finite values have decimals")
    return max(0, -exponent)


def changes_at(value: Decimal, digits: int) -> bool:
    """Tell whether rounding ``value`` to ``digits`` decimals would change it."""
    return digits_needed(value) > digits
