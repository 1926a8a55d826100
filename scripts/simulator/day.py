"""The demo hospital's day, made from a date and a seed: the same messages, byte for byte, whenever it is asked for.

The clinical work lies in the 24 hours before midnight (UTC) of the date, so nothing is ever in the future. What goes
wrong in a real hospital goes wrong here too: lines that are voided, corrected, late, unmapped, out of order, sent
twice, not allowed, or not signed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from . import totals
from .hospital import Hospital
from .messages import DISCHARGED, FINALIZED, TOTALS, Message, Unit, rfc3339
from .writer import Encounter, Fate, LineKey, Plan, Writer

INPATIENTS, STILL_IN_HOUSE = 12, 3
EMERGENCIES, CLINIC, LAB, PHARMACY = 14, 20, 10, 6
RESENT = 8
STAYS = ("inpatient", "emergency")
ONE = Decimal(1)


def plan_day(hospital: Hospital, day: date, seed: int) -> Plan:
    """Write the whole day."""
    writer = Writer(hospital, day, seed)
    _open_encounters(writer)
    admissions = [writer.admitted(encounter) for encounter in writer.plan.encounters]
    early, late_admissions = admissions[2:], [replace(m, note="out of order") for m in admissions[:2]]
    services = [message for encounter in writer.plan.encounters for message in _care(writer, encounter)]
    writer.add("Admissions", early)
    writer.add("A void that overtakes its line", [_overtaking_void(writer)])
    writer.add("Services", services)
    writer.add("Admissions that arrive late", late_admissions)
    writer.add("Voids, corrections and trouble", _voids(writer) + _corrections(writer) + _unresolved(writer))
    writer.add("Discharges", _discharges(writer))
    writer.add("A late charge", [_late_charge(writer)])
    writer.add("Sent again by a nervous sender", [replace(message, note="re-send") for message in services[:RESENT]])
    writer.add("What must be refused", _refused(writer, services[0]))
    writer.add("What the clinical record says it sent", [_control_totals(writer)])
    _hold_the_rest(writer.plan)
    return writer.plan


def plan_day_after(hospital: Hospital, day: date, seed: int) -> Plan:
    """Write what reaches billing after the day's bills went out: voids, a correction and a late charge.

    The plan holds the day's lines too, as they stand afterwards; its phases are only the new messages.
    """
    writer = Writer(hospital, day, seed)
    writer.plan = plan_day(hospital, day, seed)
    writer.plan.phases = []
    writer.tag += "-after"
    moment = writer.midnight
    whole, part, corrected = writer.pick("emergency"), writer.pick("outpatient", quantity=2), writer.pick("outpatient")
    writer.add(
        "Corrections after billing",
        [
            writer.voided(whole, moment, "entered for the wrong patient"),
            writer.voided(part, moment, "given once only", ONE),
            _correct(writer, corrected, writer.plan.lines[corrected].quantity + ONE),
        ],
    )
    writer.change(whole, fate=Fate.WITHDRAWN)
    writer.change(part, quantity=writer.plan.lines[part].quantity - ONE)
    writer.change(corrected, quantity=writer.plan.lines[corrected].quantity + ONE)
    writer.add("A late charge after billing", [_late_charge(writer)])
    return writer.plan


# -- the undisturbed day --------------------------------------------------------------------------------------------


def _open_encounters(writer: Writer) -> None:
    for _ in range(INPATIENTS):
        writer.begin("ehr", "inpatient", "I", writer.chance.choice(("WARD-A", "WARD-B")))
    for _ in range(EMERGENCIES):
        writer.begin("ehr", "emergency", "E", "ED")
    for _ in range(CLINIC):
        writer.begin("ehr", "outpatient", "O", "CLINIC")
    for _ in range(LAB):
        writer.begin("lab", "outpatient", "L", "LAB")
    for _ in range(PHARMACY):
        writer.begin("pharmacy", "outpatient", "P", "PHARM")


def _care(writer: Writer, encounter: Encounter) -> list[Message]:
    """Write one or two messages with the lines of care of an encounter."""
    codes: dict[tuple[str, str], tuple[str, ...]] = {
        ("ehr", "inpatient"): (
            "WARD-DAY", "ICU-DAY", "OR-HOUR", "ANES-15", "PHYSIO", "DIET", "CT", "XRAY", "ECG", "WOUND",
        ),
        ("ehr", "emergency"): ("TRIAGE", "ED-LOW", "ED-MID", "ED-HIGH", "ECG", "IV-START", "WOUND", "XRAY", "US"),
        ("ehr", "outpatient"): ("CLIN-NEW", "CLIN-FUP", "PHYSIO", "DIET", "WOUND", "US"),
    }  # fmt: skip
    few, many = {"inpatient": (7, 10), "emergency": (4, 6), "outpatient": (2, 4)}[encounter.kind]
    if encounter.system == "lab":
        few, many = 4, 6
    choice = writer.hospital.of(encounter.system, *codes.get((encounter.system, encounter.kind), ()))
    services = [writer.chance.choice(choice) for _ in range(writer.chance.randint(few, many))]
    lines = [writer.line(encounter, service, Decimal(writer.chance.choice((1, 1, 1, 2, 3)))) for service in services]
    half = len(lines) // 2 if encounter.kind in STAYS else len(lines)
    parts = [part for part in (lines[:half], lines[half:]) if part]
    return [writer.finalized(encounter, writer.after(encounter, 1 + 3 * n), part) for n, part in enumerate(parts)]


def _discharges(writer: Writer) -> list[Message]:
    stays = [encounter for encounter in writer.plan.encounters if encounter.kind in STAYS]
    leaving = stays[:-EMERGENCIES][STILL_IN_HOUSE:] + stays[-EMERGENCIES:]
    return [writer.discharged(encounter, writer.after(encounter, 10)) for encounter in leaving]


def _hold_the_rest(plan: Plan) -> None:
    """Lines of stays that have not ended are held, whatever else is right with them."""
    staying = {(e.system, e.number) for e in plan.encounters if e.kind in STAYS and not e.discharged}
    for key, line in plan.lines.items():
        if key[:2] in staying and line.fate is Fate.READY:
            plan.lines[key] = replace(line, fate=Fate.HELD)


# -- what goes wrong ------------------------------------------------------------------------------------------------


def _overtaking_void(writer: Writer) -> Message:
    """Void a line before the line itself arrives."""
    key = writer.pick("emergency")
    writer.change(key, fate=Fate.WITHDRAWN)
    return replace(writer.voided(key, writer.midnight, "ordered by mistake"), note="out of order")


def _voids(writer: Writer) -> list[Message]:
    """Void two whole lines, and a part of a third."""
    messages = []
    for kind in ("emergency", "outpatient"):
        key = writer.pick(kind)
        writer.change(key, fate=Fate.WITHDRAWN)
        messages.append(writer.voided(key, writer.midnight, "not performed"))
    part = writer.pick("emergency", quantity=2)
    messages.append(writer.voided(part, writer.midnight, "one fewer than written down", ONE))
    writer.change(part, quantity=writer.plan.lines[part].quantity - ONE)
    return messages


def _corrections(writer: Writer) -> list[Message]:
    """Correct one line with a higher revision, and contradict another without one."""
    corrected, contradicted = writer.pick("emergency"), writer.pick("outpatient")
    quantity = writer.plan.lines[corrected].quantity + ONE
    message = _correct(writer, corrected, quantity)
    writer.change(corrected, quantity=quantity)
    encounter = writer.encounter(contradicted)
    other = str(writer.plan.lines[contradicted].quantity + 7)
    line = writer.sent(contradicted, quantity=other)
    conflict = writer.finalized(encounter, writer.after(encounter, 6), [line], "contradiction")
    return [message, conflict]


def _correct(writer: Writer, key: LineKey, quantity: Decimal) -> Message:
    encounter = writer.encounter(key)
    line = writer.sent(key, quantity=str(quantity)) | {"revision": 2}
    return writer.finalized(encounter, writer.after(encounter, 6), [line], "correction")


def _unresolved(writer: Writer) -> list[Message]:
    """Send what Odoo cannot resolve by itself: a code, a department, a payer and a precision."""
    lab = next(e for e in writer.plan.encounters if e.system == "lab")
    clinic = next(e for e in writer.plan.encounters if e.system == "ehr" and e.kind == "outpatient")
    pharmacy = next(e for e in writer.plan.encounters if e.system == "pharmacy")
    unknown = _unresolved_line(writer, lab, "CBC", ONE) | {"service": "NEW-PANEL", "display": "New panel"}
    unknown |= {"unit_price": "64.00", "currency": writer.hospital.currency}
    elsewhere = _unresolved_line(writer, clinic, "CLIN-FUP", ONE) | {"department": "CLINIC-2"}
    fraction = _unresolved_line(writer, pharmacy, "SALINE", Decimal("0.375"))
    return [
        writer.finalized(lab, writer.after(lab, 2), [unknown], "unknown code"),
        writer.finalized(clinic, writer.after(clinic, 2), [elsewhere], "unknown department"),
        writer.finalized(pharmacy, writer.after(pharmacy, 2), [fraction], "three decimals"),
        *_without_payer(writer),
    ]


def _unresolved_line(writer: Writer, encounter: Encounter, code: str, quantity: Decimal) -> dict[str, object]:
    (service,) = writer.hospital.of(encounter.system, code)
    return writer.line(encounter, service, quantity, Fate.PARKED)


def _without_payer(writer: Writer) -> list[Message]:
    encounter = writer.begin("ehr", "outpatient", "N", "CLINIC")
    encounter.payer = {}
    line = _unresolved_line(writer, encounter, "CLIN-NEW", ONE)
    services = writer.finalized(encounter, writer.after(encounter, 1), [line], "no payer")
    return [writer.admitted(encounter, "no payer"), services]


def _late_charge(writer: Writer) -> Message:
    """Charge something after the discharge."""
    encounter = next(e for e in writer.plan.encounters if e.kind == "inpatient" and e.discharged)
    (service,) = writer.hospital.of("ehr", "CT")
    line = writer.line(encounter, service, ONE)
    return writer.finalized(encounter, writer.after(encounter, 12), [line], "late charge")


def _control_totals(writer: Writer) -> Message:
    """Tell how many lines the clinical record sent, and one that it believes it has sent and that got lost."""
    kept = [m for phase in writer.plan.phases for m in phase.messages if m.system == "ehr" and not m.forged]
    counted = totals.count(kept, writer.hospital.timezone)
    (lost,) = writer.hospital.of("ehr", "ECG")
    day, department = next(key for key in sorted(counted) if key[1] in lost.departments)
    counted[day, department].add(Unit("lost", lost.price, writer.hospital.currency, priced=True))
    data = totals.statement(counted, writer.hospital.currency, rfc3339(writer.midnight))
    writer.number += 1
    message_id = f"ehr-{writer.tag}-{writer.number:04d}"
    subject = f"totals/{writer.midnight:%Y-%m-%d}"
    return Message("ehr", message_id, TOTALS, subject, writer.midnight, data, "one line lost")


def _refused(writer: Writer, honest: Message) -> list[Message]:
    """Send what must not get in: a type that is not granted, a body that breaks its schema, a forged signature."""
    pharmacy = next(e for e in writer.plan.encounters if e.system == "pharmacy")
    clinic = next(e for e in writer.plan.encounters if e.system == "ehr" and e.kind == "outpatient")
    ungranted = writer.message(
        DISCHARGED,
        pharmacy,
        writer.midnight,
        {"encounter": pharmacy.number, "patient": {"id": "MRN-0"}, "discharged_at": rfc3339(writer.midnight)},
        "type not granted",
    )
    broken = writer.message(
        FINALIZED,
        clinic,
        writer.midnight,
        {"encounter": clinic.number, "patient": {"id": "MRN-0"}},
        "breaks its schema",
    )
    forged = replace(honest, message_id=honest.message_id + "-forged", note="forged signature", forged=True)
    return [ungranted, broken, forged]
