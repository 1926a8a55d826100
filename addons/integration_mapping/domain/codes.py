"""A code as a message uses it, for :meth:`IntegrationMapping.resolve`."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple


class Code(NamedTuple):
    """One code whose meaning is asked for.

    Attributes:
        code: The code as sent, never empty.
        code_system: The list it is taken from; ``None`` is the one that the system declares for the kind.
        at: The moment of service (an aware ``datetime``), or its day where the service took place (a ``date``);
            ``None`` is the moment that the whole question is about.
        display: What the sender calls it, for the steward's task. Never a patient's data.
    """

    code: str
    code_system: str | None = None
    at: date | datetime | None = None
    display: str | None = None
