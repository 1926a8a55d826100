"""Where the price of a line comes from, and whether two prices agree (docs/money.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

MESSAGE: Final = "message"
LIST: Final = "price_list"
MESSAGE_ELSE_LIST: Final = "message_else_list"
AGREE: Final = "agree"

NONE: Final = "none"
"""The rule wants a price that is not there."""


def source(rule: str | None, *, priced: bool) -> str:
    """Return which source gives the price: ``message``, ``price_list``, ``agree``, or ``none``.

    Args:
        rule: the source that the rule names; ``None`` without a rule: the message, else the price list.
        priced: whether the message carries a price. 0.00 is one.

    >>> source(None, priced=True), source(None, priced=False)
    ('message', 'price_list')
    >>> source(MESSAGE, priced=False), source(AGREE, priced=False), source(LIST, priced=True)
    ('none', 'none', 'price_list')
    """
    if rule == LIST:
        return LIST
    if rule in (MESSAGE, AGREE):
        return rule if priced else NONE
    return MESSAGE if priced else LIST


def agree(sent: Decimal, listed: Decimal, tolerance: Decimal) -> bool:
    """Tell whether two amounts of one line agree, in one currency and both without tax.

    Args:
        sent: by the message's price.
        listed: by the price list.
        tolerance: percent of ``listed`` by which they may differ, 0 or more.

    >>> agree(Decimal("101.00"), Decimal("100.00"), Decimal("1")), agree(Decimal("101.01"), Decimal("100"), Decimal(1))
    (True, False)
    >>> agree(Decimal("0"), Decimal("0.00"), Decimal("0")), agree(Decimal("0.01"), Decimal("0"), Decimal("100"))
    (True, False)
    """
    return abs(sent - listed) * 100 <= tolerance * abs(listed)
