"""What is stored of an accepted message, put together without a database: the same whichever way it came in."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone, tzinfo
from decimal import Decimal
from typing import Final

import psycopg2

from .domain import chain, hashing, units
from .domain.envelope import Envelope
from .domain.sender import Sender

EVENT_COLUMNS: Final = (
    "uuid",
    "company_id",
    "system_id",
    "origin_system_id",
    "event_type_id",
    "source",
    "source_event_id",
    "webhook_id",
    "occurred_at",
    "sequence",
    "received_at",
    "partition_key",
    "correlation_id",
    "causation_id",
    "depth",
    "held_reason",
    "traceparent",
    "mode",
    "body_digest",
    "body_size",
    "request_id",
)
"""The columns of ``integration_event`` that a message fills."""

_UNIT_COLUMNS: Final = (
    "unit",
    "amount",
    "currency",
    "price_unknown",
    "department",
    "cost_center",
    "received_at",
    "received_day",
    "service_day",
)

ReceiptRow = tuple[str, Decimal | None, str | None, bool | None, str | None, str | None, datetime, date, date | None]


def statement_values(
    sender: Sender,
    message: Envelope,
    body: bytes,
    *,
    message_units: Iterable[units.Unit],
    webhook_id: str,
    request_id: str,
    received_at: datetime,
    event_uuid: str,
    depth: int,
    notify: bool,
) -> Mapping[str, object]:
    """Return the values of the statement that stores an accepted message (``integration.event._storing``).

    :param body: the body after content-decoding
    :param received_at: naive UTC
    :param event_uuid: the id that the event gets
    :param depth: how many events led to this one; a chain that is too long is held, and nobody gets it
    :param notify: wake the engine when somebody gets it
    """
    held_reason = "chain_too_long" if chain.is_too_long(depth) else None
    if held_reason:
        sender = replace(sender, recipients=())
    return {
        **_sender_values(sender, message),
        "depth": depth,
        "held_reason": held_reason,
        "uuid": event_uuid,
        "correlation_id": message.correlationid or event_uuid,
        "webhook_id": webhook_id,
        "received_at": received_at,
        "body_digest": hashing.body_digest(body),
        "body_size": len(body),
        "request_id": request_id,
        "stamp": sender.stamp,
        "data_key": sender.vault.data_key_id,
        "sealed": psycopg2.Binary(sender.vault.seal(body, aad=f"integration.payload:{event_uuid}")),
        "receipts": _receipts_text(message_units, received_at, sender.zone),
        "encounter": units.encounter_of(message.data),
        "recipients": None if sender.recipients is None else sender.recipients_text,
        "notify": notify,
    }


def _sender_values(sender: Sender, message: Envelope) -> dict[str, object]:
    ordering_key = message.ordering_key
    return {
        "company_id": sender.company_id,
        "system_id": sender.system_id,
        "origin_system_id": sender.system_id,
        "event_type_id": sender.event_type_id,
        "source": message.source,
        "source_event_id": message.id,
        "occurred_at": message.time and message.time.replace(tzinfo=None),
        "sequence": message.sequence,
        # A sender may order by patient: only a keyed hash is kept outside the payload.
        "partition_key": ordering_key and sender.vault.keyed_hash(ordering_key, scope=f"ordering:{sender.code}"),
        "causation_id": message.causationid,
        "traceparent": message.traceparent,
        "mode": sender.mode,
    }


def receipt_rows(message_units: Iterable[units.Unit], received_at: datetime, zone: tzinfo) -> Sequence[ReceiptRow]:
    """Return what is the unit's own of each receipt; no units count as one, the message.

    :param received_at: naive UTC
    :param zone: the system's, in which days are told
    """
    received_day = received_at.replace(tzinfo=timezone.utc).astimezone(zone).date()
    return [
        (
            unit.line or "",
            unit.amount,
            unit.currency,
            unit.price_unknown,
            unit.department,
            unit.cost_center,
            received_at,
            received_day,
            units.service_day(unit, zone),
        )
        for unit in message_units or [units.MESSAGE]
    ]


def _receipts_text(message_units: Iterable[units.Unit], received_at: datetime, zone: tzinfo) -> str:
    """Return the receipts as the JSON text that ``integration.receipt._accepted_sql`` reads."""
    rows = [dict(zip(_UNIT_COLUMNS, row, strict=True)) for row in receipt_rows(message_units, received_at, zone)]
    return json.dumps(rows, default=str)
