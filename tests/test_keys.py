"""Keys while Odoo runs: rotated under load, the master key too; what a dump, a log and a copy of the database hold.

The tests share one server and go in their order: each leaves the system ``ehr`` with a key that works.
"""

import base64
import json
import re
import stat
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone

import pytest
from servers import Server, wait_until

from simulator.messages import ADMITTED, Message
from simulator.systems import System
from simulator.transport import Client
from suite.demo import ADMIN

CLIENTS = 3
MARK = "MRN-8C41F7D2-patient"
"""A patient's number that is nowhere but in payloads."""
FINANCE, OPERATOR = "finance.viewer", "integration.operator"
POINTS = ("added", "activated", "before_commit", "after_commit", "forgotten")


@pytest.fixture(scope="module")
def server(odoo_server) -> Server:
    return odoo_server()


def message() -> Message:
    now = datetime.now(timezone.utc)
    number = uuid.uuid4().hex
    data = {
        "encounter": f"E-{number}",
        "patient": {"id": MARK},
        "admitted_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "department": "ED",
    }
    return Message("ehr", number, ADMITTED, f"encounter/E-{number}", now, data)


@dataclass
class Sender:
    """Posts one message after the other with the key it is given, each once, until it is told to stop."""

    url: str
    secret: str
    answers: Counter = field(default_factory=Counter)
    done: threading.Event = field(default_factory=threading.Event)

    def post(self) -> int:
        """Post one message; 0 where there was no answer."""
        system = System("ehr", self.url, self.secret, (ADMITTED,))
        [exchange] = Client({"ehr": system}, patience=0).send([message()], workers=1)
        return exchange.answer.status

    def run(self) -> None:
        while not self.done.wait(0.05):  # below the rate that the system is allowed
            self.answers[self.post()] += 1


class Load:
    """Some senders at once, as a context."""

    def __init__(self, server: Server, secret: str) -> None:
        self.senders = [Sender(server.systems["ehr"]["url"], secret) for _number in range(CLIENTS)]
        self._threads = [threading.Thread(target=sender.run, daemon=True) for sender in self.senders]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_error: object) -> None:
        for sender in self.senders:
            sender.done.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def answers(self) -> Counter:
        return sum((sender.answers for sender in self.senders), Counter())

    def wait_for_more(self, count: int = 5) -> None:
        """Return when every sender has had some more answers."""
        before = [sender.answers.total() for sender in self.senders]
        wait_until(
            lambda: all(s.answers.total() >= had + count for s, had in zip(self.senders, before, strict=True)),
            what="the senders go on",
        )


@pytest.fixture(scope="module")
def secret(server) -> dict[str, str]:
    """The secret of ``ehr`` that works at present, under ``now``."""
    return {"now": server.systems["ehr"]["secret"]}


def accepted(server: Server, secret: str) -> bool:
    return Sender(server.systems["ehr"]["url"], secret).post() == 202


def succeed(run) -> str:
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_rotation_under_load_refuses_nothing(server, secret, tmp_path):
    old = secret["now"]
    with Load(server, old) as load:
        target = tmp_path / "new-secret"
        run = server.run(
            "integration_key",
            "rotate",
            "--system",
            "ehr",
            "--use",
            "inbound",
            "--overlap",
            "1h",
            f"--secret-file={target}",
        )
        assert succeed(run) == ""
        assert "second person" in run.stderr
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        new = target.read_text().strip()
        load.wait_for_more()
        assert not accepted(server, new)
        ((key,),) = server.sql("SELECT id FROM integration_credential WHERE approval_state = 'requested'")
        server.rpc(ADMIN, "integration.credential", "action_approve", [key])
        load.wait_for_more()
        assert accepted(server, new)
        load.senders[0].secret = new
        load.wait_for_more()
        for sender in load.senders:
            sender.secret = new
        load.wait_for_more()
    assert set(load.answers) == {202}, load.answers
    listed = succeed(server.run("integration_key", "list", "--system=ehr"))
    assert [line.split()[4] for line in listed.splitlines()[1:]] == ["active", "retiring"]
    # The counter-test: had the old key not gone on, its senders would have been refused.
    server.sql("UPDATE integration_credential SET valid_to = now() AT TIME ZONE 'UTC' WHERE successor_id IS NOT NULL")
    assert not accepted(server, old)
    secret["now"] = new


def test_a_leaked_key_is_revoked_at_once(server, secret):
    run = server.run("integration_key", "create", "--system=ehr")
    leaked = succeed(run).strip()
    name = re.search(r"key_[0-9a-f]{12}", run.stderr)[0]
    ((key,),) = server.sql("SELECT id FROM integration_credential WHERE name = %s", name)
    server.rpc(ADMIN, "integration.credential", "action_approve", [key])
    assert accepted(server, leaked)
    succeed(server.run("integration_key", "revoke", name))
    assert not accepted(server, leaked)
    assert accepted(server, secret["now"])


def test_what_cannot_be_done_is_said_without_a_traceback(server, tmp_path):
    there = tmp_path / "there"
    there.write_text("mine")
    keys = "SELECT count(*) FROM integration_credential"
    before = server.sql(keys)
    for words, reason in (
        (("rotate", "--system=nobody"), "no system"),
        (("create", "--system=ehr", f"--secret-file={there}"), "cannot be made"),
        (("master", "forget", "k1"), "active key"),
    ):
        run = server.run("integration_key", *words)
        assert (run.returncode, run.stdout) == (1, "")
        assert reason in run.stderr.splitlines()[-1]
        assert "Traceback" not in run.stderr
    run = server.run("integration_key", "create", "--system=ehr", "--made-by-partner", given="whsec_c2hvcnQ=\n")
    assert run.returncode == 1
    assert "24 to 64 bytes" in run.stderr
    assert "c2hvcnQ" not in run.stderr
    assert server.sql(keys) == before
    assert there.read_text() == "mine"


def acts_of(server: Server, action: str) -> list[str]:
    """Whom the audit trail names for the acts of this kind, newest first."""
    rows = server.sql("SELECT user_name FROM integration_audit WHERE action = %s ORDER BY id DESC", action)
    return [name for (name,) in rows]


def test_who_answers_for_a_key_is_named(server):
    ((name,),) = server.sql(
        "SELECT p.name FROM res_users u JOIN res_partner p ON p.id = u.partner_id WHERE login = %s", ADMIN
    )
    run = server.run("integration_key", "--as", ADMIN, "create", "--system=ehr")
    assert succeed(run).startswith("whsec_")
    assert "OdooBot" not in run.stderr
    assert acts_of(server, "credential.create")[0] == name
    key = re.search(r"key_[0-9a-f]{12}", run.stderr)[0]
    ((author, asked),) = server.sql(
        "SELECT a.login, r.login FROM integration_credential c JOIN res_users a ON a.id = c.author_id"
        " JOIN res_users r ON r.id = c.requested_by_id WHERE c.name = %s",
        key,
    )
    assert (author, asked) == (ADMIN, ADMIN)
    run = server.run("integration_key", "revoke", key)
    assert "names OdooBot" in succeed_said(run)
    assert acts_of(server, "credential.revoke")[0] == "OdooBot"
    assert "OdooBot" not in server.run("integration_key", "list", "--system=ehr").stderr


def test_only_those_answer_for_it_whose_act_it_is(server):
    before = server.sql("SELECT count(*) FROM integration_credential")
    server.sql("UPDATE res_users SET active = false WHERE login = %s", FINANCE)
    try:
        for login, words, reason in (
            ("nobody@example.org", ("create", "--system=ehr"), "no active user"),
            (FINANCE, ("create", "--system=ehr"), "no active user"),
            (OPERATOR, ("create", "--system=ehr"), "may not do this"),
            (OPERATOR, ("revoke", "key_000000000000"), "may not do this"),
            (OPERATOR, ("master", "rotate"), "may not do this"),
        ):
            run = server.run("integration_key", "--as", login, *words)
            assert (run.returncode, run.stdout) == (1, ""), (login, words)
            assert reason in run.stderr.splitlines()[-1]
    finally:
        server.sql("UPDATE res_users SET active = true WHERE login = %s", FINANCE)
    assert server.sql("SELECT count(*) FROM integration_credential") == before


def test_a_text_of_the_senders_is_read_as_it_stands(server):
    server.inside(
        """
env["integration.system"].create({
    "name": "Payments", "code": "payments", "company_id": company.id, "timezone": "UTC", "signature_profile": "stripe",
})
"""
    )
    words = ("--as", ADMIN, "create", "--system=payments", "--made-by-partner")
    short = server.run("integration_key", *words, given="fifteen letters\n")
    assert (short.returncode, short.stdout) == (1, "")
    assert "16 to 256 bytes" in short.stderr
    assert "fifteen" not in short.stderr
    assert succeed(server.run("integration_key", *words, given="whsec_is no base64 of ours\n")) == ""
    kept = "result = env['integration.credential'].search([('system_id.code', '=', 'payments')])._text()"
    assert server.inside(kept) == "whsec_is no base64 of ours"
    assert server.sql("SELECT version FROM integration_credential ORDER BY id DESC LIMIT 1") == [("text",)]


def file_keys(server: Server) -> list[str]:
    return [key["id"] for key in json.loads(server.master_key.read_text())["keys"]]


def test_the_master_key_is_rotated_under_load(server, secret):
    before = file_keys(server)
    with Load(server, secret["now"]) as load:
        assert "1 data keys" in succeed_said(server.run("integration_key", "master", "rotate"))
        load.wait_for_more()
    assert set(load.answers) == {202}, load.answers
    [new] = file_keys(server)
    assert new not in before
    assert server.sql("SELECT DISTINCT master_key FROM integration_data_key") == [(new,)]
    server.stop()
    server.start()
    assert accepted(server, secret["now"])


def succeed_said(run) -> str:
    succeed(run)
    return run.stderr


@pytest.mark.parametrize("point", POINTS)
def test_a_rotation_that_dies_anywhere_leaves_everything_readable(server, secret, point):
    before = file_keys(server)
    run = server.run("integration_key", "master", "rotate", failpoints=f"master_key.{point}=kill")
    assert run.returncode == -9
    assert accepted(server, secret["now"])
    needed = {key for (key,) in server.sql("SELECT DISTINCT master_key FROM integration_data_key")}
    assert needed <= set(file_keys(server))
    if point != "forgotten":
        assert len(file_keys(server)) == 2
        succeed(server.run("integration_key", "master", "rotate"))
        assert set(file_keys(server)).isdisjoint(before)
    assert len(file_keys(server)) == 1
    assert accepted(server, secret["now"])


def forms(raw: bytes, text: str) -> dict[str, bytes]:
    """The ways in which a secret might be written."""
    return {
        "text": text.encode(),
        "raw": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "base64": base64.b64encode(raw).rstrip(b"="),
        "base64url": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "hex of the text": text.encode().hex().encode(),
        "base64 of the text": base64.b64encode(text.encode())[: len(text) // 3 * 4],
        "python": repr(raw)[2:-1].encode(),
    }


def test_neither_dump_nor_log_holds_a_secret(server, secret):
    texts = [system["secret"] for system in server.systems.values()]
    texts += [receiver["secret"] for receiver in server.receivers.values()]
    texts.append(secret["now"])
    marks = {f"{text[:12]}…: {name}": form for text in texts for name, form in forms(wire_raw(text), text[6:]).items()}
    for key in json.loads(server.master_key.read_text())["keys"]:
        marks |= {f"master: {n}": f for n, f in forms(base64.b64decode(key["key"]), key["key"]).items()}
    marks |= {f"payload: {name}": form for name, form in forms(MARK.encode(), MARK).items()}
    assert accepted(server, secret["now"])
    places = {"dump": server.dump(), "log": server.log.read_bytes()}
    assert b"integration_payload" in places["dump"]
    assert places["dump"].count(b"key_") > 5
    found = [(place, name) for place, content in places.items() for name, form in marks.items() if form in content]
    assert found == []


def wire_raw(text: str) -> bytes:
    return base64.b64decode(text.removeprefix("whsec_"))


def test_a_copy_under_the_same_identity_does_nothing_until_somebody_says_what_it_is(server, secret):
    events = "SELECT count(*) FROM integration_event"
    server.stop()
    before = server.sql(events)
    server.replace_by_copy()
    server.start(ready=False)
    assert server.get("/integration/health/ready")[0] == 503
    assert not accepted(server, secret["now"])
    assert server.sql(events) == before
    refused = server.run("integration_key", "master", "status")
    assert refused.returncode == 1
    assert "integration_key original" in refused.stderr
    succeed(server.run("integration_key", "original"))
    wait_until(lambda: accepted(server, secret["now"]), what="the original goes on")


def test_a_database_that_odoo_restored_as_a_copy_goes_on_when_the_key_file_names_it(server, secret):
    """Odoo's database manager gives what it restores another identity, unless somebody says that it was moved."""
    server.stop()
    identity = "0b9b3a8e-0000-4000-8000-000000000000"
    server.sql("UPDATE ir_config_parameter SET value = %s WHERE key = 'database.uuid'", identity)
    server.start(ready=False)
    assert not accepted(server, secret["now"])
    refused = server.run("integration_key", "original")
    assert refused.returncode == 1
    assert "is the original from now on" not in refused.stderr
    assert f'"database_uuid": "{identity}"' in refused.stderr
    content = json.loads(server.master_key.read_text())
    server.master_key.write_text(json.dumps({**content, "database_uuid": identity}))
    wait_until(lambda: accepted(server, secret["now"]), what="the original goes on")
    assert "wraps" in succeed(server.run("integration_key", "master", "status"))


def test_odoos_neutralize_leaves_a_copy_without_keys(server):
    server.stop()
    succeed(server.run("neutralize"))
    assert server.sql("SELECT DISTINCT state, sealed FROM integration_credential") == [("revoked", None)]
    assert server.sql("SELECT DISTINCT state, mode FROM integration_system") == [("suspended", "test")]
    assert server.sql("SELECT DISTINCT state FROM integration_endpoint") == [("draft",)]
    assert server.sql("SELECT 1 FROM integration_egress_allow") == []
