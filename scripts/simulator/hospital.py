"""The demo hospital as its clinical systems know it: departments, payers and service codes.

Read from the same file the demo addon builds Odoo from, so that the two cannot drift apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "addons" / "integration_demo" / "hospital.json"


@dataclass(frozen=True, slots=True)
class Service:
    """One thing that a system charges for; ``price`` in the hospital's currency."""

    system: str
    code: str
    price: Decimal
    departments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hospital:
    """What the clinical side knows of the hospital."""

    facility: str
    currency: str
    timezone: str
    payers: tuple[str, ...]
    services: tuple[Service, ...]

    def of(self, system: str, *codes: str) -> tuple[Service, ...]:
        """Give a system's services, or those of them that are named."""
        return tuple(
            service for service in self.services if service.system == system and (not codes or service.code in codes)
        )


def load(path: Path = FILE) -> Hospital:
    """Read the hospital."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Hospital(
        facility=facts["facility"]["code"],
        currency=facts["currency"],
        timezone=facts["timezone"],
        payers=tuple(payer["code"] for payer in facts["payers"]),
        services=tuple(
            Service(entry["system"], entry["code"], Decimal(entry["price"]), tuple(entry["departments"]))
            for entry in facts["services"]
        ),
    )
