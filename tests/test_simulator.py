"""The simulator itself: what it sends is what the contract says, the same each time, and signed as others sign."""

import json
import time
from collections import Counter
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import outside_data
import pytest
from cloudevents.http import from_http
from standardwebhooks import Webhook

from simulator import cli, day, hospital, report, synthea, transport, wire
from simulator.messages import ADMITTED, FINALIZED, TOTALS, Message, Phase
from simulator.systems import System, load_systems
from simulator.transport import Answer, Client, Exchange
from simulator.writer import Fate, Plan

REPO = Path(__file__).resolve().parents[1]
SCHEMAS = REPO / "addons" / "integration_core" / "catalogue" / "schemas"
DAY = date(2026, 11, 23)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def messages(phases: list[Phase]) -> list[Message]:
    return [message for phase in phases for message in phase.messages]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return day.plan_day(hospital.load(), DAY, 1)


def test_the_day_is_the_same_bytes_whenever_it_is_asked_for(plan):
    once_more = day.plan_day(hospital.load(), DAY, 1)
    assert [message.body for message in messages(plan.phases)] == [m.body for m in messages(once_more.phases)]
    other = day.plan_day(hospital.load(), DAY, 2)
    assert {m.message_id for m in messages(plan.phases)}.isdisjoint({m.message_id for m in messages(other.phases)})


def test_an_id_is_repeated_only_by_a_re_send_of_the_same_bytes(plan):
    bodies: dict[str, bytes] = {}
    for message in messages(plan.phases):
        assert bodies.setdefault(message.message_id, message.body) == message.body
    resent = [message for message in messages(plan.phases) if message.note == "re-send"]
    assert len(messages(plan.phases)) - len(bodies) == len(resent) == day.RESENT


@pytest.mark.parametrize("seed", [1, 2, 3, 7])
def test_every_message_satisfies_its_schema_except_the_one_that_must_not(seed):
    the_day = day.plan_day(hospital.load(), DAY, seed).phases
    after = day.plan_day_after(hospital.load(), DAY, seed).phases
    broken = []
    for message in messages(the_day) + messages(after):
        schema = json.loads((SCHEMAS / f"{message.type}.json").read_text())
        checker = jsonschema.Draft202012Validator(schema)
        if not checker.is_valid(json.loads(message.body)["data"]):
            broken.append(message.note)
    assert broken == ["breaks its schema"]


def test_nothing_lies_in_the_future_of_the_day(plan):
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=timezone.utc)
    assert all(message.time <= midnight for message in messages(plan.phases))


def test_the_plan_says_what_becomes_of_each_line_that_is_sent(plan):
    sent = {
        (message.system, message.data["encounter"], line["line"])
        for message in messages(plan.phases)
        for line in message.data.get("lines", [])
    }
    assert sent == set(plan.lines)
    assert {line.fate for line in plan.lines.values()} == set(Fate)
    assert len(plan.encounters) >= 60
    assert len(plan.lines) >= 300


def test_the_day_after_leaves_the_day_before_as_it_was(plan):
    after = day.plan_day_after(hospital.load(), DAY, 1)
    assert not {m.message_id for m in messages(plan.phases)} & {m.message_id for m in messages(after.phases)}
    assert sum(plan.lines[key] != after.lines[key] for key in plan.lines) == 3
    assert len(after.lines) == len(plan.lines) + 1


def test_another_library_verifies_our_signature_and_we_verify_its():
    body = b'{"specversion":"1.0"}'
    now = datetime.now(timezone.utc)
    stamp = int(now.timestamp())
    assert Webhook(SECRET).verify(body.decode(), wire.headers(SECRET, "m-1", stamp, body)) == json.loads(body)
    signature = Webhook(SECRET).sign("m-2", now, body.decode())
    received = {"webhook-id": "m-2", "webhook-timestamp": str(stamp), "webhook-signature": f"v1a,xx {signature}"}
    assert wire.verify(SECRET, received, body, now=stamp + 299) == "m-2"
    with pytest.raises(wire.SignatureError, match="clock"):
        wire.verify(SECRET, received, body, now=stamp + 301)
    with pytest.raises(wire.SignatureError, match="matches"):
        wire.verify(SECRET, received, body + b" ", now=stamp)
    with pytest.raises(wire.SignatureError, match="missing"):
        wire.verify(SECRET, {}, body, now=stamp)


def test_another_library_reads_our_events(plan):
    message = messages(plan.phases)[0]
    event = from_http({"content-type": "application/cloudevents+json"}, message.body)
    assert (event["id"], event["source"], event["type"]) == (message.message_id, "/systems/ehr", message.type)


@pytest.mark.outside_data
def test_the_synthea_export_gives_every_charge_once():
    (phase,) = synthea.phases(outside_data.folder("synthea-csv"))
    units = [unit for message in phase.messages for unit in message.units]
    assert len(phase.messages) == 604
    assert len({unit.name for unit in units}) == len(units) == 1545
    assert sum(unit.amount == 0 for unit in units) == 127
    assert sum(unit.amount for unit in units) == Decimal("1092402.73")
    assert len({line["service"] for message in phase.messages for line in message.data["lines"]}) == 118


def test_the_address_of_another_host_keeps_the_path(tmp_path):
    entry = {"url": "http://127.0.0.1:8069/integration/v1/inbound/ehr", "secret": SECRET, "event_types": ["a.b.c.v1"]}
    file = tmp_path / "systems.json"
    metrics = {"url": "http://127.0.0.1:8069/integration/metrics", "token": "oim_x"}
    file.write_text(json.dumps({"ehr": entry, "metrics": metrics}))
    assert load_systems(file, "https://odoo.test:8443") == {
        "ehr": System("ehr", "https://odoo.test:8443/integration/v1/inbound/ehr", SECRET, ("a.b.c.v1",))
    }


def test_the_equation_fails_when_odoo_is_silent_about_a_line(plan):
    message = next(m for m in messages(plan.phases) if len(m.units) > 1)
    exchange = Exchange(message, Answer(202, "accepted", "e-1", None))
    told = [{"line": unit.name, "status": "applied", "reason": None} for unit in message.units]
    whole = report.equation([exchange], {message.message_id: {"status": "applied", "lines": told}})
    assert (whole.unaccounted, whole.buckets["applied"].units) == (0, len(told))
    short = report.equation([exchange], {message.message_id: {"status": "applied", "lines": told[1:]}})
    assert short.unaccounted == 1
    assert "NOT ACCOUNTED FOR: 1" in report.equation_table(short)


class Resuming(Client):
    """Answers like an Odoo in which each message resumes after it has been asked about so many times."""

    def __init__(self, asks: dict[str, int]) -> None:
        super().__init__({})
        self.asks = asks
        self.asked = Counter()

    def _status(self, message: Message) -> dict:
        self.asked[message.message_id] += 1
        resumes = self.asks[message.message_id]
        return {"status": "applied"} if self.asked[message.message_id] > resumes else NOBODY_PAYS


NOBODY_PAYS = {"status": "parked", "reason": "no_payer"}


def test_waiting_ends_when_whoever_pays_has_been_told(plan, monkeypatch):
    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: None))
    sent = messages(plan.phases)
    untold = {m.data["encounter"] for m in sent if m.type == ADMITTED and m.note == "no payer"}
    resuming = cli.resuming(sent)
    assert untold
    assert untold.isdisjoint(message.data["encounter"] for message in resuming)
    late, later, other = [message for message in resuming if message.type == FINALIZED][:3]
    odoo = Resuming({late.message_id: 2, later.message_id: 6})
    said = {message.message_id: NOBODY_PAYS for message in (late, later)}
    said[other.message_id] = {"status": "parked", "reason": "service_unmapped"}  # that waits for a person
    found = cli.resumed(odoo, [late, later, other], said)
    assert found == {late.message_id: {"status": "applied"}, later.message_id: {"status": "applied"}}
    assert odoo.asked == {late.message_id: 3, later.message_id: 7}


def test_waiting_for_nothing_takes_no_time():
    assert cli.resumed(Resuming({}), [], {}) == {}


def test_control_totals_count_each_line_once_and_one_that_was_never_sent(plan):
    told = messages(plan.phases)[-1]
    assert told.type == TOTALS
    sent = {m.message_id: m for m in messages(plan.phases) if (m.system, m.type, m.forged) == ("ehr", FINALIZED, False)}
    units = [unit for message in sent.values() if "lines" in message.data for unit in message.units]
    assert sum(total["count"] for total in told.data["totals"]) == len(units) + 1
    lost = Decimal("75.00")
    assert sum(Decimal(total["amount"]) for total in told.data["totals"]) == sum(u.amount for u in units) + lost
    days = {total["service_date"] for total in told.data["totals"]}
    assert told.data["period"] == {"from": min(days), "to": max(days)}


def test_refused_and_repeated_messages_are_counted_as_the_contract_says(plan):
    message = next(m for m in messages(plan.phases) if len(m.units) > 1)
    answers = [
        Answer(200, "duplicate", "e-1", None),
        Answer(422, "schema-violation", None, None),
        Answer(401, "signature-rejected", None, None),
        Answer(503, "not-ready", None, 1.0),
    ]
    total = report.equation([Exchange(message, answer) for answer in answers], {})
    size = len(message.units)
    assert total.received.units == 2 * size
    assert (total.buckets["duplicate"].units, total.buckets["rejected"].units) == (size, size)
    assert total.unaccounted == 0
