"""When a supplier's bank account may be paid to: after a call to a number known before, by somebody else, and a while.

A changed bank account is the classic way to steal from whoever pays invoices: a mail in the supplier's name, often with
a new phone number to call back beside it. So the number that is called must have been known for a while.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

PHONE_KNOWN_FOR: Final = timedelta(days=30)
"""For how long a phone number must have stood on the supplier's record to be known. Fraud begins with the phone number,
weeks before the bank account; a constant, because a setting could be changed by whoever prepares it."""


@dataclass(frozen=True, slots=True)
class FormerPhone:
    """A phone number that stood on a record until a moment (naive UTC); empty when there was none."""

    phone: str
    until: datetime


def phones_known(
    current: str | None, former: Sequence[FormerPhone], *, recorded: datetime, now: datetime
) -> tuple[str, ...]:
    """Return the phone numbers that a supplier may be called at to confirm a bank account.

    Args:
        current: What the record says now.
        former: What it said before, each until when.
        recorded: When the supplier's record was made.
        now: When the bank account was entered or changed. All moments are naive UTC.

    >>> now = datetime(2026, 6, 30)
    >>> phones_known("new", [FormerPhone("old", datetime(2026, 6, 20))], recorded=datetime(2020, 1, 1), now=now)
    ('old',)
    >>> phones_known("same", [], recorded=datetime(2020, 1, 1), now=now)
    ('same',)
    >>> phones_known("same", [], recorded=datetime(2026, 6, 29), now=now)
    ()
    """
    since = now - PHONE_KNOWN_FOR
    if recorded > since:
        return ()
    recent = sorted((one for one in former if one.until > since), key=lambda one: one.until)
    # What stood there when the time began; what replaced it since is not known for long enough.
    known = recent[0].phone if recent else current
    return (known,) if known else ()


def digits(phone: str | None) -> str:
    """Return the digits of a phone number, by which two are compared; the last nine, for countries write prefixes.

    >>> digits("+32 (0)9 123 45 67") == digits("0032 9 123 45 67")
    False
    >>> digits("+32 9 123 45 67") == digits("0032 9 123 45 67")
    True
    """
    return "".join(character for character in phone or "" if character.isdigit())[-9:]


def may_be_called(phone: str, *, known: Collection[str], fresh: Collection[str], found_elsewhere: bool) -> bool:
    """Tell whether a call to ``phone`` confirms anything.

    Args:
        phone: The number that was called.
        known: Numbers known before (:func:`phones_known`).
        fresh: Numbers that came up lately: on the record, or in what a system proposed. Never good enough, even when
            somebody says to have found them elsewhere.
        found_elsewhere: Somebody says where it stands independently, in a signed contract or a public register.

    >>> may_be_called("1234567", known=["12 345 67"], fresh=[], found_elsewhere=False)
    True
    >>> may_be_called("7654321", known=["12 345 67"], fresh=["765 43 21"], found_elsewhere=True)
    False
    """
    called = digits(phone)
    if len(called) < 5:
        return False
    if called in {digits(one) for one in known}:
        return True
    return found_elsewhere and called not in {digits(one) for one in fresh}


def usable_from(entered: datetime, cooling_hours: int) -> datetime:
    """Return when an approved account may be paid to at the earliest; counted from when it was entered.

    >>> usable_from(datetime(2026, 6, 30), 48)
    datetime.datetime(2026, 7, 2, 0, 0)
    """
    return entered + timedelta(hours=max(0, cooling_hours))
