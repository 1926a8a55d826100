"""Times on the wire: RFC 3339 with an offset, and the dates of HTTP headers (RFC 9110 §5.6.7)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final

_RFC3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,18}))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
_MAX_CHARS: Final = 64


class TimestampError(ValueError):
    """A text is not an RFC 3339 time with an offset."""


def parse(text: str) -> datetime:
    """Return the moment that ``text`` names, aware and in UTC.

    A missing offset is refused: local times of unknown place lose money. Digits beyond microseconds are cut off. A
    leap second (``:60``) is read as the second after it, since Python's clock has no name for it.
    """
    match = _RFC3339.fullmatch(text) if len(text) <= _MAX_CHARS else None
    if match is None:
        raise TimestampError("a time must be RFC 3339 with an offset, such as 2026-11-20T09:30:00Z")
    year, month, day, hour, minute, second = (int(match[index]) for index in range(1, 7))
    leap = second == 60
    try:
        local = datetime(  # the offset is taken off below
            year, month, day, hour, minute, 59 if leap else second, _microseconds(match[7]), timezone.utc
        )
        moment = local - _offset(match)
        if leap:
            moment = _after_leap_second(moment)
    except (ValueError, OverflowError):
        raise TimestampError("a time must name a day and hour that exist") from None
    return moment


def format_utc(moment: datetime) -> str:
    """Return an aware datetime as RFC 3339 in UTC, ending in ``Z``; a fraction is written only when it is not zero.

    Raises ValueError for a naive datetime, because its zone could only be guessed.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in time")
    text = moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
    return text + "Z"


def http_date(text: str) -> datetime | None:
    """Return the moment of an HTTP date in UTC, or None when it is not one."""
    if len(text) > _MAX_CHARS:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:  # '-0000': the HTTP grammar knows GMT alone
        moment = moment.replace(tzinfo=timezone.utc)
    try:
        return moment.astimezone(timezone.utc)
    except (OverflowError, ValueError):
        return None


def _microseconds(digits: str | None) -> int:
    return int((digits or "0")[:6].ljust(6, "0"))


def _offset(match: re.Match[str]) -> timedelta:
    if match[8]:
        return timedelta()
    hours, minutes = int(match[10]), int(match[11])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if match[9] == "-" else offset


def _after_leap_second(moment: datetime) -> datetime:
    if (moment.hour, moment.minute) != (23, 59):  # leap seconds are inserted at the end of a UTC day only
        raise ValueError("no leap second here")
    return moment.replace(microsecond=0) + timedelta(seconds=1)
