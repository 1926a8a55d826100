"""Clinic visits whose charges are ready on the day of service, and what became of them."""

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

from servers import Server

from simulator.messages import ADMITTED, FINALIZED, Message

LINES = 3
"""Lines of each visit."""


def visits(prefix: str, count: int) -> list[Message]:
    """Some clinic visits whose charges are ready on the day of service."""
    now = datetime.now(timezone.utc)
    return [visit(f"{prefix}-{number}", now) for number in range(count)]


def visit(encounter: str, moment: datetime) -> Message:
    lines = [
        {"line": str(n), "service": "WOUND", "quantity": "2", "unit_price": "52.25", "currency": "USD"}
        for n in range(LINES)
    ]
    data = {
        "encounter": encounter,
        "patient": {"id": f"MRN-{encounter}"},
        "performed_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "department": "CLINIC",
        "self_pay": True,
        "lines": lines,
    }
    return Message("ehr", f"visit-{encounter}", FINALIZED, f"encounter/{encounter}", moment, data)


def admission(message: Message) -> Message:
    """The admission of a visit, whose class makes its charges ready without a discharge."""
    data = {
        "encounter": message.data["encounter"],
        "patient": message.data["patient"],
        "admitted_at": message.data["performed_at"],
        "department": "CLINIC",
        "class": "outpatient",
    }
    return replace(message, message_id=f"admit-{message.data['encounter']}", type=ADMITTED, data=data)


def charged(server: Server, prefix: str) -> dict[str, tuple[int, Decimal]]:
    """How many charges each encounter has, and their sum."""
    rows = server.sql(
        "SELECT encounter, count(*), sum(amount)::text FROM integration_charge WHERE encounter LIKE %s GROUP BY 1",
        f"{prefix}-%",
    )
    return {encounter: (count, Decimal(amount)) for encounter, count, amount in rows}
