"""Patients go through everything that the suite does with a message, and are then looked for in all that is left.

Their names, numbers, birth dates and contacts must be in no table outside the sealed payloads, in no log, in nothing
that leaves, and in no answer to anybody who is not cleared for payloads. One exception is meant: who pays as a
guarantor is a customer, whose name and address stand where Odoo keeps a customer's (:data:`BILLING`).
"""

import base64
import itertools
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from patients import ACCENTED, PATIENT, PAYER, POISON, SYSTEM, Talker, event, example, inbound_types, visit
from receiver import Request
from scan import Heap, Hit, Needles
from servers import Server, wait_until

from simulator.transport import FORGED_SECRET

REVIEWER, OPERATOR, STEWARD, CLEARED = "finance.reviewer", "integration.operator", "mapping.steward", "cleared.reader"
PEOPLE = (PATIENT, ACCENTED, PAYER, POISON)
BILLING = frozenset(
    {
        "res_partner.name",
        "res_partner.complete_name",
        "res_partner.street",
        "res_partner.city",
        "account_move.invoice_partner_display_name",
    }
)
"""Where the name and address of a guarantor may stand; of nobody else, and nothing else of a guarantor."""
UNCLEARED = {
    "plain.employee": [],
    "finance.viewer": None,
    REVIEWER: None,
    OPERATOR: None,
    STEWARD: None,
    "integration.admin": None,
    "clinical.liaison": None,
    "governance.approver": None,
    "privacy.officer": None,
    "auditor": None,
}
"""Everybody who is not cleared: a login of the demo hospital's (None), else its groups."""
SEES_CUSTOMERS = frozenset({"finance.viewer", REVIEWER, "integration.admin"})
"""Those who see invoices, and so the names and addresses of those who pay."""
ODOOS_OWN = ("account.move", "account.move.line", "mail.message", "ir.attachment", "mail.activity", "res.partner")
REFUSED_TYPE = "procurement.requisition.raised.v1"
"""The one type that the system may not send."""

GRANT = """
types = env["integration.event.type"].search([("direction", "=", "inbound"), ("name", "!=", arguments["but"])])
env["integration.system"].search([("code", "=", arguments["system"])]).write({"event_type_ids": [(6, 0, types.ids)]})
"""
POISONED = "ALTER TABLE res_partner ADD CONSTRAINT poison CHECK (name NOT LIKE '%Poisonwortley') NOT VALID"
LAST_TRY = """
WITH d AS (UPDATE integration_delivery SET attempts = 3 WHERE state = 'waiting' AND attempts > 0 RETURNING id)
UPDATE integration_due SET due_at = now() AT TIME ZONE 'UTC' WHERE id IN (SELECT id FROM d)
"""
OPEN = "SELECT id FROM integration_delivery WHERE state = 'waiting'"
UNTRIED = f"{OPEN} AND attempts = 0"
DEAD = "SELECT id FROM integration_delivery WHERE state = 'dead'"


def work(server: Server, left: str, what: str, *, hurry: str = "") -> None:
    """Have the engine work until a query finds nothing; ``hurry`` is a statement that brings that about sooner."""
    rounds = itertools.count()

    def nothing_left() -> bool:
        if next(rounds) % 20 == 0:
            server.nudge()
            if hurry:
                server.sql(hurry)
        return not server.sql(left)

    wait_until(nothing_left, what=what)


# -- what happens to the patients -------------------------------------------------------------------------------------


def take_everything_in(talker: Talker) -> None:
    """Every type that a system may send, from a talkative one."""
    for number, kind in enumerate(inbound_types()):
        person = (PATIENT, ACCENTED)[number % 2]
        expected = 403 if kind == REFUSED_TYPE else 202
        answer = talker.send(event(kind, example(kind, person, f"E-{number}"), ascii_only=bool(number % 3)))
        assert answer.status == expected, (kind, answer)
    visits = [
        *visit(PATIENT, "V-1"),
        *visit(ACCENTED, "V-2", payer=PAYER),
        *visit(PATIENT, "V-3", service="NOBODY-KNOWS-THIS"),
        *visit(PATIENT, "V-4", payer=POISON),
    ]
    assert {talker.send(body).status for body in visits} == {202}
    assert talker.send(visits[0], message_id="again").status == 200  # by its source and id


def refuse_everything(talker: Talker) -> None:
    """Every way to be refused, with a patient where the fault is."""
    kind = "clinical.encounter.admitted.v1"
    good = example(kind, PATIENT, "R-1")
    lines = [{"line": "1", "service": "WOUND", "quantity": PATIENT.name, "unit_price": PATIENT.phone}]
    broken = [
        {**good, "admitted_at": PATIENT.born.isoformat()},
        {**good, "patient": PATIENT.name},
        {**good, "class": PATIENT.note * 9, "encounter": [PATIENT.number]},
        {**good, "guarantor": {**PAYER.as_guarantor, "address": {"country": PAYER.city}}},
        {**good, "coverage": [{"payer": {PATIENT.number: PATIENT.name}, "rank": PATIENT.phone}]},
    ]
    for data in broken:
        assert talker.send(event(kind, data)).status == 422
    assert talker.send(event("clinical.service.finalized.v1", {**good, "lines": lines})).status == 422
    assert talker.send(event(f"clinical.{PATIENT.family}.{PATIENT.number}".lower(), good)).status == 422
    assert talker.send(event(kind, good, source=f"/patients/{PATIENT.number}")).status == 400
    assert talker.send(event(kind, good, time=PATIENT.name)).status == 400
    assert talker.send(event(kind, good, **{PATIENT.family: PATIENT.number})).status == 400
    whole = event(kind, good)
    assert talker.send(whole[:-2]).status == 400
    assert talker.send(whole[:-2] + f', "{PATIENT.number}": {{"x": 1, "x": 2}}}}}}'.encode()).status == 400
    assert talker.send(whole, content_type=f"text/plain; name={PATIENT.family}").status == 415
    assert talker.send(whole, secret=FORGED_SECRET).status == 401
    assert talker.send(whole, message_id="same-id").status == 202
    assert talker.send(event(kind, good), message_id="same-id").status == 409
    assert talker.ask_about("same-id").status == 200


def decide_on_refusals(server: Server) -> None:
    """An operator looks at each refused message, judges some again and closes the others."""
    model = "integration.refused.message"
    found = server.rpc(OPERATOR, model, "search_read", [["state", "=", "open"]], ["explanation", "errors_text"])
    ids = [row["id"] for row in found]
    assert len(ids) > 9
    server.rpc(OPERATOR, model, "action_replay", ids[::2], reason="Once more")
    server.rpc(OPERATOR, model, "action_close", ids[1::2], reason="The sender knows")


def fail(server: Server) -> None:
    """What cannot be handled is tried until it is a dead letter, looked at, given to somebody and tried again."""
    work(server, UNTRIED, "everything is tried once")
    work(server, OPEN, "what cannot be handled is dead", hurry=LAST_TRY)
    dead = [row[0] for row in server.sql(DEAD)]
    assert dead
    server.rpc(OPERATOR, "integration.delivery", "action_assign_to_me", dead)
    about = {"active_model": "integration.delivery", "active_ids": dead}
    values = [{"operation": "retry", "reason": "Perhaps now"}]
    wizard = server.rpc(OPERATOR, "integration.reason.wizard", "create", values, context=about)
    server.rpc(OPERATOR, "integration.reason.wizard", "action_confirm", wizard)
    work(server, OPEN, "they are dead again", hurry=LAST_TRY)


def replay(server: Server) -> None:
    """What the receiver refused goes to it once more."""
    refused = [row[0] for row in server.sql(f"{DEAD} AND consumer = 'endpoint'")]
    action = server.rpc(OPERATOR, "integration.delivery", "action_prepare_replay", refused)
    server.rpc(OPERATOR, "integration.replay", "write", [action["res_id"]], {"reason": "They can take it now"})
    server.rpc(OPERATOR, "integration.replay", "action_preview", [action["res_id"]])
    server.rpc(OPERATOR, "integration.replay", "action_start", [action["res_id"]])
    work(server, OPEN, "it is sent again")


def bill(server: Server) -> None:
    """Codes are mapped, charges approved and posted, one is voided and credited."""
    tasks = server.rpc(STEWARD, "integration.mapping.task", "search", [["state", "=", "open"]])
    server.map_services(STEWARD, "integration.admin", tasks[:1])
    wait_until(lambda: ready(server) == 6, what="the charges of three visits are ready")
    charges = server.rpc(REVIEWER, "integration.charge", "search", [["state", "=", "ready"]])
    server.rpc(REVIEWER, "integration.charge", "action_approve", charges)
    approved = "SELECT 1 FROM integration_charge WHERE state = 'approved'"
    work(server, approved, "every approved charge is on a draft")
    post(server, "out_invoice")


def ready(server: Server) -> int:
    return server.sql("SELECT count(*) FROM integration_charge WHERE state = 'ready' AND encounter ~ '^V-'")[0][0]


def post(server: Server, kind: str) -> list[int]:
    drafts = server.rpc(REVIEWER, "account.move", "search", [["move_type", "=", kind], ["state", "=", "draft"]])
    assert drafts
    server.rpc(REVIEWER, "account.move", "action_post", drafts)
    return drafts


def void(server: Server, talker: Talker) -> None:
    """A line is taken back after it was billed."""
    data = {"encounter": "V-2", "patient": ACCENTED.as_patient, "lines": [{"line": "1", "reason": "entered-in-error"}]}
    assert talker.send(event("clinical.service.voided.v1", data)).status == 202
    drafts = "SELECT 1 FROM account_move WHERE move_type = 'out_refund'"
    wait_until(lambda: server.sql(drafts), what="the credit note is there")
    post(server, "out_refund")


def connect(server: Server, talker: Talker) -> list[bytes]:
    """Two engineers look for why a signature is not accepted, with a real message in hand."""
    body = visit(PATIENT, "C-1")[0]
    pasted = "".join(f"{name}: {value}\r\n" for name, value in talker.signed(body, secret=FORGED_SECRET).items())
    system = server.rpc(OPERATOR, "integration.system", "search", [["code", "=", SYSTEM]])[0]
    forms = [
        (pasted, body.decode(), "text"),
        (f"{pasted}\r\n{body.decode()}", "", "text"),
        (pasted, base64.b64encode(body).decode(), "base64"),
        (pasted, PATIENT.name, "hex"),
        (body.decode(), pasted, "text"),
    ]
    return [
        server.ask(
            OPERATOR,
            "/web/dataset/call_kw/integration.connect/check_signature",
            {"model": "integration.connect", "method": "check_signature", "args": [system, *form], "kwargs": {}},
        )
        for form in forms
    ]


def open_contents(server: Server) -> None:
    """Somebody who is cleared opens the contents: what is shown is stored nowhere."""
    for (number,) in server.sql("SELECT id FROM integration_event WHERE system_id IS NOT NULL"):
        wizard = server.rpc(CLEARED, "integration.payload.wizard", "create", [{"event_id": number, "reason": "A look"}])
        for button in ("action_open", "action_open_everything"):
            shown = server.rpc(CLEARED, "integration.payload.wizard", button, wizard)
            assert "specversion" in shown["params"]["text"]
    for (number,) in server.sql("SELECT id FROM integration_refused_message"):
        values = [{"refused_id": number, "reason": "A look at what was refused"}]
        wizard = server.rpc(CLEARED, "integration.payload.wizard", "create", values)
        server.rpc(CLEARED, "integration.payload.wizard", "action_open_everything", wizard)


def break_the_glass(server: Server) -> None:
    """An operator who is not cleared looks in an emergency, and a privacy officer reviews it."""
    model, officer = "integration.break.glass", "privacy.officer"
    ((number,),) = server.sql("SELECT min(id) FROM integration_event WHERE system_id IS NOT NULL")
    values = [{"event_id": number, "reason": "A ward waits for what this message says"}]
    wizard = server.rpc(OPERATOR, "integration.payload.wizard", "create", values)
    assert server.rpc(OPERATOR, "integration.payload.wizard", "action_break", wizard)
    assert server.rpc(OPERATOR, "integration.payload.wizard", "action_open_everything", wizard)
    (glass,) = server.rpc(officer, model, "search", [])
    assert server.rpc(officer, model, "read", [glass], ["looks"])
    found = [{"glass_id": glass, "finding": "right", "note": "The ward had asked"}]
    review = server.rpc(officer, f"{model}.review", "create", found)
    server.rpc(officer, f"{model}.review", "action_confirm", review)
    server.sql("UPDATE integration_break_glass SET until = begun_at")


# -- what is looked at ------------------------------------------------------------------------------------------------


def look_as(server: Server, login: str, model: str) -> list[tuple[str, bytes]]:
    """Ask a model as somebody curious does; return each method with its answer."""
    answers = []

    def asked(method: str, *args: object, **kwargs: object) -> dict:
        text = ask(server, login, model, method, list(args), kwargs)
        answers.append((f"{login}: {model}.{method}", text))
        return json.loads(text)

    ids = asked("search", []).get("result")
    if ids:
        _look_closely(asked, asked("fields_get")["result"], ids)
    return answers


def _look_closely(asked: Callable[..., dict], fields: dict[str, dict], ids: list[int]) -> None:
    """Ask for records in every way, and for groups."""
    names = [name for name in fields if name not in ("datas", "raw", "db_datas")]
    stored = [name for name in names if fields[name].get("store")]
    groups = [name for name in stored if fields[name]["type"] == "char" and fields[name].get("groupable")][:8]
    inner = {"fields": {"display_name": {}}}
    asked("web_search_read", [], specification={name: inner if "relation" in fields[name] else {} for name in stored})
    asked("export_data", ids, stored)
    asked("formatted_read_group", [], groupby=groups, aggregates=["__count"])
    asked("name_search", "", limit=1000)
    left = [[name for name in names if name not in stored]]
    while left:  # a field that one may not compute spoils the others that are asked for with it
        part = left.pop()
        if part and "error" in asked("read", ids[:50], part) and len(part) > 1:
            middle = len(part) // 2
            left += [part[:middle], part[middle:]]


def provoke(server: Server, login: str, model: str) -> list[tuple[str, bytes]]:
    """Make mistakes, and return what is said of them."""
    mistakes = [
        ("search_read", [[["no_such_field", "=", 1]]], {}),
        ("search_read", [[["id", "=", {"a": "b"}]]], {}),
        ("search_read", [[]], {"order": "no_such_field"}),
        ("create", [[{"display_name": {"a": "b"}}]], {}),
        ("write", [[1], {"display_name": 1, "no_such_field": 2}], {}),
    ]
    return [(f"{login}: {model}.{method}", ask(server, login, model, method, *rest)) for method, *rest in mistakes]


def ask(server: Server, login: str, model: str, method: str, args: list, kwargs: dict) -> bytes:
    call = {"model": model, "method": method, "args": args, "kwargs": kwargs}
    return server.ask(login, f"/web/dataset/call_kw/{model}/{method}", call)


def add_rpc(server: Server, heap: Heap, curious: Iterable[str]) -> None:
    """Put what people who are not cleared are answered on a heap."""
    suite = "SELECT model FROM ir_model WHERE model LIKE 'integration.%%' AND NOT abstract ORDER BY 1"
    models = [*(row[0] for row in server.sql(suite)), *ODOOS_OWN]
    for login in {*curious, OPERATOR, REVIEWER}:  # sign in, one after the other
        ask(server, login, "res.users", "search_count", [[]], {})
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(look_as, server, login, model) for login in curious for model in models]
        asked += [pool.submit(provoke, server, login, model) for login in (OPERATOR, REVIEWER) for model in models]
        for future in asked:
            for place, text in future.result():
                heap.add_answer(place, text)
    payers = [row[0] for row in server.sql("SELECT DISTINCT partner_id FROM integration_guarantor")]
    assert payers
    for login in set(curious) - SEES_CUSTOMERS:  # in the mode in which Odoo says most of what it refuses
        assert server.page(login, "/odoo?debug=1")[0] == 200
        text = ask(server, login, "res.partner", "read", [payers, ["name"]], {})
        assert b"AccessError" in text
        heap.add_answer(f"{login}: who pays", text)


def add_files(server: Server, heap: Heap) -> None:
    """Put the server's files on a heap: its state with its logs, and the attachments."""
    for folder in (server.state, server.filestore):
        for path in folder.rglob("*"):
            if path.is_file():
                heap.add_file(path)


@dataclass(frozen=True)
class Found:
    """What was found of the patients, by where it was looked for."""

    database: set[Hit]
    files: set[Hit]
    outside: set[Hit]
    answers: set[Hit]


@pytest.fixture(scope="module")
def needles() -> Needles:
    return Needles(word for person in PEOPLE for word in person.tokens)


@dataclass(frozen=True)
class Telling:
    """How a server tells of its work, and who asks it for records meanwhile."""

    environ: dict[str, str]
    curious: tuple[str, ...]


TOLD_BY = {
    "json, with traces": Telling(  # spans are written to the log
        {"INTEGRATION_LOG_FORMAT": "json", "OTEL_TRACES_EXPORTER": "console"}, tuple(UNCLEARED)
    ),
    # What stands in tables and answers is the same: only the log is looked at, for which one who asks is enough.
    "text": Telling({"INTEGRATION_LOG_FORMAT": "text"}, (OPERATOR,)),
}
once = pytest.mark.parametrize("telling", ["json, with traces"], indirect=True, scope="module")
"""For what does not depend on how the server tells of its work."""


@pytest.fixture(scope="module", params=TOLD_BY)
def telling(request) -> Telling:
    return TOLD_BY[request.param]


@pytest.fixture(scope="module")
def server(odoo_server, receiver, telling) -> Server:
    made = odoo_server(listen_port=receiver.port, environ=telling.environ)
    made.add_person(CLEARED, ["integration_core.group_operator", "integration_core.group_payload_reader"])
    for login, groups in UNCLEARED.items():
        if groups is not None:
            made.add_person(login, groups)
    made.inside(GRANT, system=SYSTEM, but=REFUSED_TYPE)
    made.sql(POISONED)
    return made


@pytest.fixture(scope="module")
def log_from(context, server) -> int:
    """How long PostgreSQL's log was before anything happened."""
    return context.postgres_log.stat().st_size if context.postgres_log else 0


@pytest.fixture(scope="module")
def outside(server, receiver, log_from) -> dict[str, bytes]:
    """Everything has happened; what was said to others meanwhile, by whom."""
    refused_once = iter([422])
    receiver.answer = lambda request: next(refused_once, 204) if "posted" in request.event["type"] else 204
    talker = Talker(server)
    take_everything_in(talker)
    refuse_everything(talker)
    decide_on_refusals(server)
    fail(server)
    bill(server)
    void(server, talker)
    work(server, OPEN, "the news are sent")
    replay(server)
    checked = connect(server, talker)
    open_contents(server)
    break_the_glass(server)
    for path in ("/integration/health/ready", "/integration/v1/jwks.json", f"/integration/v1/schemas/{REFUSED_TYPE}"):
        talker.get(path)
    answers = {f"answer {number} of the gate": answer.text.encode() for number, answer in enumerate(talker.answers)}
    answers |= {f"answer {number} of the Connect page": text for number, text in enumerate(checked)}
    return answers | {f"request {number} to the receiver": _told(one) for number, one in enumerate(receiver.requests())}


def _told(request: Request) -> bytes:
    return f"{request.path}\n{request.headers}\n".encode() + request.body


@pytest.fixture(scope="module")
def found(context, server, telling, outside, needles, log_from, tmp_path_factory, request) -> Found:
    heaps = {name: Heap(tmp_path_factory.mktemp(name)) for name in ("database", "files", "outside", "answers")}
    add_rpc(server, heaps["answers"], telling.curious)
    heaps["database"].add_database(server.dsn)
    add_files(server, heaps["files"])
    if context.postgres_log:
        heaps["files"].add_file(context.postgres_log, since=log_from)
    for place, text in outside.items():
        heaps["outside"].add_answer(place, text)
    # Not captured: what was looked at is told whether or not something was found.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(_summary(heaps, needles))  # noqa: T201
    return Found(**{name: heap.hits(needles) for name, heap in heaps.items()})


def _summary(heaps: dict[str, Heap], needles: Needles) -> str:
    database = heaps["database"]
    return (
        f"\nscanned for {len(needles.words)} words: {database.columns} columns, {database.rows} rows,"
        f" {heaps['files'].files} files, {heaps['outside'].answers} messages to others,"
        f" {heaps['answers'].answers} RPC answers, {sum(heap.bytes for heap in heaps.values()) / 1e6:.0f} MB"
    )


def told(hits: set[Hit]) -> str:
    """Say what was found where, a line for each place."""
    places = {hit.place for hit in hits}
    return "\n".join(f"{place}: {sorted(h.word for h in hits if h.place == place)}" for place in sorted(places))


@once
def test_no_table_holds_a_patient(found):
    meant = {hit for hit in found.database if hit.place in BILLING and hit.word in PAYER.billing}
    assert {hit.word for hit in meant} == set(PAYER.billing), "the customer who pays is there, so the look finds words"
    assert not told(found.database - meant)


def test_no_log_and_no_file_holds_a_patient(found):
    assert not told(found.files)


@once
def test_nothing_told_to_others_holds_a_patient(found):
    assert not told(found.outside)


@once
def test_nobody_who_is_not_cleared_is_told_of_a_patient(found):
    meant = {
        hit for hit in found.answers if hit.word in PAYER.billing and hit.place.partition(":")[0] in SEES_CUSTOMERS
    }
    assert meant, "finance sees who pays, so the look finds words"
    assert not told(found.answers - meant)


@once
@pytest.mark.parametrize("column", ["detail", "reason"])
def test_a_word_in_a_column_is_found(server, needles, tmp_path, column):
    heap = Heap(tmp_path)
    server.sql("CREATE TABLE IF NOT EXISTS planted (id integer, detail text, reason jsonb)")
    server.sql("TRUNCATE planted")
    hidden = json.dumps({"a": [base64.b64encode(f"x{PATIENT.number}y".encode()).decode()]})
    server.sql("INSERT INTO planted VALUES (1, 'nothing', '{}'), (2, %s, %s)", ACCENTED.family.upper(), hidden)
    heap.add_database(server.dsn)
    server.sql("DROP TABLE planted")
    word = {"detail": ACCENTED.family, "reason": PATIENT.number}[column]
    assert Hit(f"planted.{column}", word) in heap.hits(needles)


def test_a_word_in_a_log_is_found(needles, tmp_path):
    log = tmp_path / "odoo.log"
    log.write_text(f"old {POISON.name}\nGET /patients?born=19310817 {PATIENT.street.replace(' ', '%20')}\n")
    (tmp_path / "heap").mkdir()
    heap = Heap(tmp_path / "heap")
    heap.add_file(Path(log), since=log.read_text().index("GET"))
    assert heap.hits(needles) == {Hit("odoo.log", "19310817"), Hit("odoo.log", PATIENT.street)}
