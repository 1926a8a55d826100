"""States of a charge, grouped by what may still happen to it."""

from __future__ import annotations

from typing import Final

UNBILLED: Final = ("parked", "held", "ready", "approved")
"""On no invoice yet."""

OPEN: Final = ("parked", "held", "ready")
"""What a mended mapping, setting or price may still change by itself: nothing that a person has approved."""

STANDING: Final = (*UNBILLED, "billed")
"""On its way to an invoice or on one; nothing has ended or reversed it."""
