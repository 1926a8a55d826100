"""Synthea's CSV export as messages: each CHARGE of ``claims_transactions.csv`` is one line of a finalized service.

Only ids, codes, amounts and times are read; the export's names and addresses stay where they are.
Source of the columns: https://github.com/synthetichealth/synthea/wiki/CSV-File-Data-Dictionary.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from .messages import FINALIZED, Data, Message, Phase
from .systems import SettingsError

SYSTEM = "synthea"
CURRENCY = "USD"
FILE = "claims_transactions.csv"

Row = dict[str, str]


def phases(folder: Path, *, limit: int | None = None) -> list[Phase]:
    """Read the export: one message per encounter, its charges as lines.

    :param limit: take only so many encounters.
    :raises SettingsError: the folder is not such an export.
    """
    encounters: dict[str, list[Row]] = defaultdict(list)
    for row in _charges(folder / FILE):
        encounters[row["APPOINTMENTID"]].append(row)
    chosen = list(encounters.items())[:limit]
    messages = tuple(_message(encounter, rows) for encounter, rows in chosen)
    return [Phase("Charges of synthetic patients", messages)]


def _charges(path: Path) -> Iterator[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["TYPE"] == "CHARGE":
                    yield row
    except FileNotFoundError:
        msg = f"{path} is not there: --synthea wants the folder of a Synthea CSV export."
        raise SettingsError(msg) from None
    except KeyError as error:
        msg = f"{path} has no column {error}: it is not a Synthea export."
        raise SettingsError(msg) from None


def _message(encounter: str, rows: list[Row]) -> Message:
    first = min(row["FROMDATE"] for row in rows)
    data: Data = {
        "encounter": encounter,
        "patient": {"id": rows[0]["PATIENTID"]},
        "performed_at": first,
        "self_pay": True,
        "lines": [_line(row) for row in rows],
    }
    moment = datetime.strptime(first, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return Message(SYSTEM, f"synthea-{encounter}", FINALIZED, f"encounter/{encounter}", moment, data)


def _line(row: Row) -> dict[str, str]:
    line = {
        "line": row["ID"],
        "service": row["PROCEDURECODE"],
        "quantity": row["UNITS"],
        "unit_price": row["UNITAMOUNT"],
        "currency": CURRENCY,
        "performed_at": row["FROMDATE"],
        "claim": row["CLAIMID"],
    }
    if row["NOTES"]:
        line["display"] = row["NOTES"]
    return line
