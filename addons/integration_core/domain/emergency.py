"""Breaking the glass: how long the door stays open, and what counts as a reason."""

from __future__ import annotations

from typing import Final

LEAST_REASON: Final = 20
"""Characters of a reason: one word says nothing to whoever reviews it."""
_MINUTES: Final = 30
_MOST_MINUTES: Final = 240
_REVIEW_DAYS: Final = 3
_MOST_REVIEW_DAYS: Final = 30


def is_reason(text: str | None) -> bool:
    """Tell whether a text says enough: at least :data:`LEAST_REASON` characters, not all the same few."""
    plain = "".join((text or "").split())
    return len((text or "").strip()) >= LEAST_REASON and len(set(plain)) > 4


def minutes(setting: str | None) -> int:
    """Return for how many minutes the door stays open: what the setting says within 1 to 240, else 30."""
    return _within(setting, _MINUTES, _MOST_MINUTES)


def review_days(setting: str | None) -> int:
    """Return within how many days somebody reviews it: what the setting says within 1 to 30, else 3."""
    return _within(setting, _REVIEW_DAYS, _MOST_REVIEW_DAYS)


def _within(setting: str | None, usual: int, most: int) -> int:
    text = (setting or "").strip()
    number = int(text) if text.isascii() and text.isdecimal() else usual
    return number if 1 <= number <= most else usual
