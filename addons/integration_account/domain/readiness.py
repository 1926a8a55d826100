"""When a charge may be billed: after discharge, or after the service, plus days that finance sets."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

DISCHARGE: Final = "discharge"
SERVICE: Final = "service"


def ready_on(basis: str, days: int, *, service_day: date, discharge_day: date | None) -> date | None:
    """Return the first day on which the charge may be billed; None while the discharge it waits for is unknown.

    :param basis: ``discharge`` or ``service``
    :param days: days to hold after that day, not negative
    :param service_day: day of service, local to the facility
    :param discharge_day: day of discharge, local to the facility
    """
    start = service_day if basis == SERVICE else discharge_day
    if start is None:
        return None
    # Care after the discharge (a late result) is not ready before it happened.
    return max(start, service_day) + timedelta(days=days)
