"""A hospital's day against a real Odoo: what was sent becomes exactly the invoices, credits and news that it must."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from cloudevents.http import from_http
from standardwebhooks import Webhook

from simulator import day, hospital
from simulator.messages import TOTALS, Message, Phase
from simulator.systems import load_systems
from simulator.transport import Client
from simulator.writer import Fate, Plan, PlannedLine

REPO = Path(__file__).resolve().parents[1]
HOSPITAL = json.loads((REPO / "addons" / "integration_demo" / "hospital.json").read_text())
REVIEWER = "finance.reviewer"
OPERATOR = "integration.operator"
PRINTED = {
    "integration_account.invoice_evidence": (REVIEWER, "Evidence of"),
    "integration_monitor.report_outage_document": (OPERATOR, "Outage report"),
    "integration_monitor.report_health_system": (OPERATOR, "How it stands"),
    "integration_monitor.report_health_endpoint": (OPERATOR, "How it stands"),
}
"""Who prints what, and what it says."""
SMALLEST_PDF = 5000
"""Bytes that a page with a table has at the least."""
TODAY = datetime.now(timezone.utc).date()
DAY = ("--day", "--date", str(TODAY))
CENT = Decimal("0.01")
PARKED = {"service_unmapped", "department_unmapped", "no_payer", "quantity_precision", "conflict"}


def simulate(server, *arguments: str) -> str:
    """Run the simulator as a person would, and give what it printed."""
    systems = str(server.state / "demo-systems.json")
    run = subprocess.run(
        [REPO / "scripts" / "simulate", *arguments, "--systems", systems, "--url", server.base_url],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def messages(phases: list[Phase]) -> list[Message]:
    return [message for phase in phases for message in phase.messages]


def unit_price(plan: Plan, key: tuple[str, str, str], line: PlannedLine) -> Decimal:
    """What one unit costs: as sent, else as the payer of the encounter agreed."""
    if line.price is not None:
        return line.price
    encounter = next(e for e in plan.encounters if (e.system, e.number) == key[:2])
    coverage = encounter.payer.get("coverage")
    payer = coverage[0]["payer"] if coverage else HOSPITAL["self_pay"]["code"]
    customer = next(c for c in [*HOSPITAL["payers"], HOSPITAL["self_pay"]] if c["code"] == payer)
    service = next(s for s in HOSPITAL["services"] if s["code"] == line.service)
    return (Decimal(service["price"]) * Decimal(customer["lab_price_factor"])).quantize(CENT, ROUND_HALF_UP)


def expected_invoices(plan: Plan) -> dict[str, Decimal]:
    """Untaxed total by encounter number, of the lines that are ready."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for key, line in plan.lines.items():
        if line.fate is Fate.READY:
            totals[key[1]] += (line.quantity * unit_price(plan, key, line)).quantize(CENT, ROUND_HALF_UP)
    return dict(totals)


def charges(server) -> list[tuple]:
    """Everything that says what has become of the lines, to be compared before and after."""
    return server.sql(
        "SELECT encounter, line, revision, quantity, amount, state, park_reason, current, invoice_line_id,"
        " credit_line_id FROM integration_charge ORDER BY encounter, line, revision, id"
    )


def documents(server) -> list[tuple]:
    """Every invoice and credit note."""
    return server.sql(
        "SELECT id, move_type, state, invoice_origin, amount_untaxed, partner_id FROM account_move"
        " WHERE move_type IN ('out_invoice', 'out_refund') ORDER BY id"
    )


@pytest.fixture(scope="module")
def server(odoo_server, receiver):
    return odoo_server(listen_port=receiver.port)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return day.plan_day(hospital.load(), TODAY, 1)


@pytest.fixture(scope="module")
def printed(server, plan) -> str:
    """The day has been sent and worked off; what the simulator printed."""
    return simulate(server, *DAY, "--wait")


@pytest.fixture(scope="module")
def invoiced(server, plan, printed, wait_until) -> dict[str, tuple]:
    """A finance reviewer has approved what is ready, and Odoo has made the drafts; by encounter."""
    ready = server.rpc(REVIEWER, "integration.charge", "search", [["state", "=", "ready"]])
    server.rpc(REVIEWER, "integration.charge", "action_approve", ready)
    wait_until(
        lambda: not server.sql("SELECT 1 FROM integration_charge WHERE state IN ('ready', 'approved')"),
        what="every approved charge is on a draft",
    )
    return {row[3]: row for row in documents(server)}


@pytest.fixture(scope="module")
def posted(server, invoiced) -> list[int]:
    """The reviewer has posted every draft with Odoo's own button."""
    ids = [row[0] for row in invoiced.values()]
    server.rpc(REVIEWER, "account.move", "action_post", ids)
    return ids


def test_the_summary_holds_the_equation(printed):
    assert "The equation holds." in printed
    assert "403 event-type-not-granted (type not granted)" in printed
    assert "401 signature-rejected (forged signature)" in printed
    assert "422 schema-violation (breaks its schema)" in printed


def test_waiting_ends_when_only_a_person_can_go_on(printed):
    """Services that Odoo saw before their admission have resumed by then."""
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("+ parked")]
    assert row[2] == str(len(PARKED)), printed
    assert "These wait for a person, not for a message." in printed


def test_every_line_has_the_fate_it_must(server, plan, printed):
    states = {
        (system, encounter, line): (state, quantity)
        for system, encounter, line, state, quantity in server.sql(
            "SELECT s.code, c.encounter, c.line, c.state, c.quantity_sent FROM integration_charge c"
            " JOIN integration_system s ON s.id = c.system_id WHERE c.current"
        )
    }
    assert states.keys() == plan.lines.keys()
    assert {key: states[key][0] for key in states} == {key: line.fate.value for key, line in plan.lines.items()}


def test_what_cannot_be_resolved_is_parked_with_its_reason_and_money(server, printed):
    parked = server.sql("SELECT park_reason, amount, park_detail FROM integration_charge WHERE state = 'parked'")
    assert Counter(reason for reason, *_ in parked) == Counter(PARKED)
    amounts = {reason: Decimal(str(amount)).quantize(CENT) for reason, amount, _detail in parked}
    assert amounts["service_unmapped"] == Decimal("64.00")
    assert amounts["quantity_precision"] == Decimal("2.55")
    assert all(detail for *_, detail in parked)


def test_the_control_totals_name_the_line_that_got_lost_and_those_that_wait(server, plan, printed, wait_until):
    (told,) = [message for message in messages(plan.phases) if message.type == TOTALS]
    lost = {"CLINIC": -2, "CLINIC-2": -1, "ED": -1}  # two and one are parked; of one nothing ever arrived

    def breaks() -> dict[str, int]:
        rows = server.sql(
            "SELECT cost_center, found_count - told_count FROM integration_reconciliation_line WHERE is_break"
        )
        return dict(rows)

    # It may have been compared while lines were still being taken in.
    server.sql("UPDATE integration_reconciliation SET next_at = now() AT TIME ZONE 'UTC'")
    wait_until(lambda: breaks() == lost, what="both sides are compared")
    ((rows,),) = server.sql("SELECT count(*) FROM integration_reconciliation_line WHERE told_count > 0")
    assert rows == len(told.data["totals"])
    ((parked,),) = server.sql("SELECT sum(parked_count) FROM integration_reconciliation_line WHERE is_break")
    assert parked == 3


def test_ready_charges_become_one_draft_per_encounter_with_their_exact_sum(plan, invoiced):
    expected = expected_invoices(plan)
    assert {number: Decimal(str(row[4])).quantize(CENT) for number, row in invoiced.items()} == expected
    assert {row[1:3] for row in invoiced.values()} == {("out_invoice", "draft")}


def test_lines_carry_cost_centers_and_customers(server, invoiced):
    lines = server.sql(
        "SELECT l.analytic_distribution, l.partner_id FROM account_move_line l JOIN account_move m ON m.id = l.move_id"
        " WHERE m.move_type = 'out_invoice' AND l.display_type = 'product'"
    )
    assert lines
    assert all(distribution and partner for distribution, partner in lines)


def test_everything_sent_again_changes_nothing(server, invoiced):
    before = charges(server), documents(server)
    again = simulate(server, *DAY, "--wait")
    assert (charges(server), documents(server)) == before
    rows = next(line for line in again.splitlines() if line.startswith("all ")).split()
    assert rows[2] == "0", again
    assert "The equation holds." in again


def test_one_message_fifty_times_at_once_is_one_event(server, plan, invoiced):
    before = charges(server), documents(server)
    systems = load_systems(server.state / "demo-systems.json", server.base_url)
    old = next(m for m in messages(plan.phases) if m.system == "ehr" and "lines" in m.data)
    answers = [e.answer for e in Client(systems).send([old] * 50, workers=50)]
    assert [answer.status for answer in answers] == [200] * 50
    assert len({answer.event for answer in answers}) == 1
    fresh = Message("ehr", "fifty-at-once", old.type, "encounter/F-1", old.time, {**old.data, "encounter": "F-1"})
    answers = [e.answer for e in Client(systems).send([fresh] * 50, workers=50)]
    assert Counter(answer.status for answer in answers) == {202: 1, 200: 49}
    assert len({answer.event for answer in answers}) == 1
    assert [row for row in charges(server) if row[0] != "F-1"] == before[0]
    assert documents(server) == before[1]


def test_posting_tells_the_receiver_once_per_invoice_signed(server, receiver, posted, wait_until):
    def told() -> list[dict]:
        return [event for event in receiver.events() if event["type"] == "finance.invoice.posted.v1"]

    wait_until(lambda: len({event["subject"] for event in told()}) == len(posted), what="news of every invoice")
    assert {event["subject"] for event in told()} == {f"invoice/{move}" for move in posted}
    secret = server.receivers["finance-feed"]["secret"]
    for request in receiver.requests():
        Webhook(secret).verify(request.body.decode(), request.headers)
        event = from_http(request.headers, request.body)
        assert event["id"] == request.headers["webhook-id"]
        assert event["source"].startswith("/odoo/")
    numbers = dict(server.sql("SELECT id, invoice_origin FROM account_move WHERE id = ANY(%s)", posted))
    by_move = {int(event["subject"].partition("/")[2]): event["data"] for event in told()}
    assert {move: data["encounter"] for move, data in by_move.items()} == numbers


def test_one_correlation_leads_from_the_first_message_to_the_delivery(server, receiver, posted):
    news = next(event for event in receiver.events() if event["type"] == "finance.invoice.posted.v1")
    chain = server.sql(
        "SELECT t.name FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id"
        " WHERE e.correlation_id = %s ORDER BY e.id",
        news["correlationid"],
    )
    assert ("finance.invoice.posted.v1",) in chain
    assert chain[0][0].startswith("clinical.")


def test_corrections_after_billing_become_draft_credit_notes(server, plan, posted, receiver, wait_until):
    after = day.plan_day_after(hospital.load(), TODAY, 1)
    assert "The equation holds." in simulate(server, "--day-after", "--date", str(TODAY), "--wait")
    changed = [key for key in plan.lines if plan.lines[key] != after.lines[key]]
    whole, part, corrected = sorted(
        changed,
        key=lambda key: (
            after.lines[key].fate is not Fate.WITHDRAWN,
            after.lines[key].quantity > plan.lines[key].quantity,
        ),
    )
    due = Counter(
        {
            whole[1]: plan.lines[whole].quantity * unit_price(plan, whole, plan.lines[whole]),
            part[1]: unit_price(plan, part, plan.lines[part]),
        }
    )
    due[corrected[1]] += plan.lines[corrected].quantity * unit_price(plan, corrected, plan.lines[corrected])
    notes = [row for row in documents(server) if row[1] == "out_refund"]
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in notes:
        found[row[3]] += Decimal(str(row[4])).quantize(CENT)
    assert found == dict(due)
    assert {row[2] for row in notes} == {"draft"}
    reversed_ids = server.sql("SELECT reversed_entry_id FROM account_move WHERE move_type = 'out_refund'")
    assert {move for (move,) in reversed_ids} <= set(posted)
    server.rpc(REVIEWER, "account.move", "action_post", [row[0] for row in notes])
    wait_until(
        lambda: sum(e["type"] == "finance.credit_note.posted.v1" for e in receiver.events()) >= len(notes),
        what="news of every credit note",
    )


def test_nothing_is_paid_out_by_the_suite(server, posted):
    assert server.sql("SELECT count(*) FROM account_payment") == [(0,)]


def test_paying_tells_the_receiver(server, receiver, posted, wait_until):
    invoice = server.sql("SELECT min(id) FROM account_move WHERE move_type = 'out_invoice' AND amount_total > 0")[0][0]
    about = {"active_model": "account.move", "active_ids": [invoice]}
    wizard = server.rpc(REVIEWER, "account.payment.register", "create", [{}], context=about)
    server.rpc(REVIEWER, "account.payment.register", "action_create_payments", wizard, context=about)

    def told(kind: str) -> list[dict]:
        return [event["data"] for event in receiver.events() if event["type"] == kind]

    wait_until(lambda: told("finance.payment.posted.v1"), what="news of the payment")
    (payment,) = told("finance.payment.posted.v1")
    assert payment["direction"] == "in"
    wait_until(lambda: told("finance.invoice.payment_changed.v1"), what="news of the invoice's new state")
    changed = told("finance.invoice.payment_changed.v1")[-1]
    # Enterprise accounting, or an outstanding account, says in_payment until the bank statement is reconciled.
    assert changed["payment_state"] in ("paid", "in_payment")
    assert changed["id"] == str(invoice)


def to_be_printed(server, name: str, posted: list[int]) -> int:
    """Return the record that a report is printed of."""
    if name == "integration_account.invoice_evidence":
        return posted[0]
    model = "integration.endpoint" if name.endswith("endpoint") else "integration.system"
    ((record,),) = server.sql(f"SELECT min(id) FROM {model.replace('.', '_')}")
    if name != "integration_monitor.report_outage_document":
        return record
    return server.rpc(OPERATOR, "integration.outage", "create", [{"system_id": record}])[0]


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_is_a_pdf_wherever_the_program_for_it_is(server, posted, name):
    login, words = PRINTED[name]
    record = to_be_printed(server, name, posted)
    status, kind, body = server.page(login, f"/report/pdf/{name}/{record}")
    if shutil.which("wkhtmltopdf"):
        assert (status, kind, body[:5]) == (200, "application/pdf", b"%PDF-")
        assert len(body) > SMALLEST_PDF
        assert body.rstrip().endswith(b"%%EOF")
        return
    # Odoo says what is missing, and its client shows the page instead.
    assert status == 422
    assert b"Wkhtmltopdf" in body
    status, kind, body = server.page(login, f"/report/html/{name}/{record}")
    assert (status, kind.partition(";")[0]) == (200, "text/html")
    assert words.encode() in body


def leaks(dump: bytes, needles: list[bytes]) -> set[tuple[str, bytes]]:
    """Give each table of a dump in clear whose rows contain one of the needles, with the needle."""
    found, table = set(), "(outside any table)"
    for row in dump.splitlines():
        if row.startswith(b"COPY "):
            table = row.split()[1].decode()
        found |= {(table, needle) for needle in needles if needle in row}
    return found


def test_the_database_holds_no_secret_and_no_patient_in_clear(server, plan, posted):
    command = ["pg_dump", "--data-only", "--dbname", server.dsn]
    dump = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout
    texts = [entry["secret"] for entry in [*server.systems.values(), *server.receivers.values()]]
    raw = [base64.b64decode(text.removeprefix("whsec_")) for text in texts]
    secrets = [text.removeprefix("whsec_").encode() for text in texts] + [key.hex().encode() for key in raw]
    patients = sorted(
        {message.data["patient"]["id"].encode() for message in messages(plan.phases) if "patient" in message.data}
    )
    assert leaks(dump, [*secrets, *patients[:50]]) == set()
    bodies = [message.body for message in messages(plan.phases)[:50]]
    assert leaks(dump, [body[:200] for body in bodies] + [body.hex().encode()[:200] for body in bodies]) == set()


def test_screens_and_logs_hold_no_payload_either(server, posted):
    log = server.log.read_text(errors="replace")
    assert "MRN-" not in log
    assert "whsec_" not in log


def test_health_says_that_it_is_ready(server, printed):
    for path in ("live", "ready"):
        status, headers, body = server.get(f"/integration/health/{path}")
        assert status == 200
        assert headers["content-type"].startswith("application/json")
        assert isinstance(json.loads(body), dict)
