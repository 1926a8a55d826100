"""The audit trail for others: as FHIR R4 ``AuditEvent``, as CSV, and as plain rows that a seal can be checked with.

Codes are of DICOM (PS3.16, context groups 400 and 401), which FHIR recommends; the suite's own word for the deed goes
along as a subtype. Why somebody did something is free text, in which a patient may be named: it is left out of FHIR.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any, Final, TypeAlias

from . import sealing
from .sealing import Certificate, Row, Seal

Json: TypeAlias = dict[str, Any]

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
OWN: Final = "https://github.com/odoo-healthcare-integration/suite"
"""The suite's own names are below this address: ``/audit-action``, ``/user``, ``/record/<model>``."""
ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"

_ACTIVITY: Final = ("110100", "Application Activity")
_LOG_USED: Final = ("110101", "Audit Log Used")
_EXPORT: Final = ("110106", "Export")
_PATIENT_RECORD: Final = ("110110", "Patient Record")
_ALERT: Final = ("110113", "Security Alert")
_AUTHENTICATION: Final = ("110114", "User Authentication")
_LOGIN: Final = ("110122", "Login")
_NODE: Final = ("110126", "Node Authentication")
_SECURITY: Final = ("110129", "Security Configuration")
_SOFTWARE: Final = ("110131", "Software Configuration")
_ROLES: Final = ("110136", "Security Roles Changed")

Code: TypeAlias = tuple[str, str]
_KINDS: Final[dict[str, tuple[Code, Code | None]]] = {
    "alert": (_ACTIVITY, None),
    "approval": (_ALERT, _SECURITY),
    "audit": (_LOG_USED, None),
    "credential": (_ALERT, _SECURITY),
    "delivery": (_ACTIVITY, None),
    "egress": (_ALERT, _SECURITY),
    "gate": (_ALERT, _NODE),
    "list": (_EXPORT, None),
    "login": (_AUTHENTICATION, _LOGIN),
    "master_key": (_ALERT, _SECURITY),
    "metrics_token": (_ALERT, _SECURITY),
    "payload": (_PATIENT_RECORD, None),
    "role": (_ALERT, _ROLES),
}
"""First word of an action: type and subtype of the event. Whatever else there is, is configuration."""
_DEEDS: Final = {
    "allow": "C", "begin": "C", "create": "C", "add": "C", "issue": "C",
    "read": "R", "export": "R", "verify": "R", "print": "R",
    "change": "U", "activate": "U", "suspend": "U", "revoke": "U", "rotate": "U", "retire": "U",
    "delete": "D", "forbid": "D", "end": "D", "remove": "D", "forget": "D",
}  # fmt: skip
_FAILED: Final = frozenset({"login.fail", "gate.refusals"})
CSV_COLUMNS: Final = (*sealing.COLUMNS, "leaf")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def instant(moment: datetime | None) -> str | None:
    """Write a naive UTC time as FHIR and JSON have it."""
    return None if moment is None else moment.isoformat(timespec="microseconds") + "Z"


def _coding(code: Code) -> Json:
    return {"system": DCM, "code": code[0], "display": code[1]}


def _filled(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def audit_event(row: Row, *, source: str) -> Json:
    """Return a row as a FHIR R4 ``AuditEvent``.

    Args:
        row: A row of the trail.
        source: Which Odoo observed it, such as the identity of its database.
    """
    action = row.action or ""
    kind, _dot, deed = action.partition(".")
    main, sub = _KINDS.get(kind, (_ACTIVITY, _SOFTWARE))
    own = {"system": f"{OWN}/audit-action", "code": action}
    return _filled(
        {
            "resourceType": "AuditEvent",
            "id": f"audit-{row.id}",
            "type": _coding(main),
            "subtype": [*([_coding(sub)] if sub else []), own],
            "action": _DEEDS.get(deed, "E"),
            "recorded": instant(row.at),
            "outcome": "4" if action in _FAILED else "0",
            "agent": [_agent(row)],
            "source": _filled({"site": row.company_name, "observer": {"display": f"Odoo {source}"}}),
            "entity": _entity(row),
        }
    )


def _agent(row: Row) -> Json:
    if not row.user_id:
        return {"who": {"display": "not known"}, "requestor": True}
    who = {"identifier": {"system": f"{OWN}/user", "value": str(row.user_id)}, "display": row.user_name}
    return {"who": _filled(who), "requestor": True}


def _entity(row: Row) -> list[Json]:
    what = {}
    if row.res_model and row.res_id:
        what = {"identifier": {"system": f"{OWN}/record/{row.res_model}", "value": str(row.res_id)}}
    person = row.res_model == "res.users"
    kind = {"system": ENTITY_TYPE, "code": "1" if person else "2", "display": "Person" if person else "System Object"}
    detail = [{"type": "detail", "valueString": row.detail}] if row.detail else []
    entity = _filled({"what": what, "type": kind, "name": row.res_name, "detail": detail})
    return [entity] if set(entity) > {"type"} else []


def fhir_line(row: Row, *, source: str) -> str:
    """Return a row as a line of FHIR's newline-delimited JSON."""
    return json.dumps(audit_event(row, source=source), ensure_ascii=False, separators=(",", ":")) + "\n"


def csv_line(values: tuple[object, ...]) -> str:
    """Return a line of CSV (RFC 4180); what a spreadsheet would take for a formula is quoted by an apostrophe."""
    out = io.StringIO()
    csv.writer(out).writerow(_harmless(value) for value in values)
    return out.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def csv_row(row: Row) -> str:
    """Return a row as a line of CSV, with its leaf behind :data:`sealing.COLUMNS`."""
    return csv_line((row.id, instant(row.at), *row[2:], sealing.leaf(row).hex()))


def plain_row(row: Row) -> str:
    """Return a row as a line of JSON, exactly as it is sealed."""
    values = [instant(value) if isinstance(value, datetime) else value for value in row]
    return _plain("row", dict(zip(sealing.COLUMNS, values, strict=True)))


def plain_seal(one: Seal) -> str:
    """Return a seal as a line of JSON."""
    return _plain("seal", {**vars(one), "leaves": None if one.leaves is None else one.leaves.hex()})


def plain_certificate(paper: Certificate) -> str:
    """Return a certificate as a line of JSON."""
    return _plain("certificate", vars(paper))


def _plain(kind: str, values: Json) -> str:
    told = {name: instant(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return json.dumps({kind: told}, ensure_ascii=False, separators=(",", ":")) + "\n"
