"""The audit trail under real transactions: late commits, two sealers, the command line, verifying without Odoo.

The tests share one server, whose own cron is switched off, and go in their order: the last ones tamper with the trail.
"""

import contextlib
import os
import re
import subprocess
import sys
import urllib.error
from pathlib import Path

import psycopg2
import pytest
from outward import leave_engine_to_workers
from servers import Server, wait_until

from suite.database import Databases
from suite.demo import ADMIN
from suite.layout import CHECKOUT

APPEND = """
INSERT INTO integration_audit (at, user_name, company_id, company_name, action, detail)
SELECT now() AT TIME ZONE 'UTC', 'Test', (SELECT min(id) FROM res_company), 'Clinic', 'test.done', %s
RETURNING id
"""
WAITING = "SELECT count(*) FROM integration_audit_queue"


@pytest.fixture(scope="module")
def server(odoo_server) -> Server:
    made = odoo_server()
    leave_engine_to_workers(made)
    return made


def append(server: Server, text: str) -> int:
    ((row,),) = server.sql(APPEND, text)
    return row


def seal_of(server: Server, row: int) -> int | None:
    """Return the number of the seal that covers a row."""
    seals = server.sql("SELECT number, row_ids FROM integration_audit_seal ORDER BY id")
    for number, text in seals:
        for span in text.split(","):
            first, _dash, last = span.partition("-")
            if int(first) <= row <= int(last or first):
                return number
    return None


def verify(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    return server.run("integration_audit", "verify", *words)


def test_what_people_did_is_sealed_while_the_engine_runs(server, start):
    """The demo hospital was built, and its administrator has logged in."""
    server.rpc(ADMIN, "res.users", "search_count", [])
    assert server.sql("SELECT 1 FROM integration_audit WHERE action = 'login.succeed'")
    start()
    wait_until(lambda: server.sql(WAITING) == [(0,)], what="everything is sealed")
    found = verify(server)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "The trail is sound." in found.stdout


def test_a_row_that_is_committed_late_holds_up_nobody_and_is_not_lost(server, start):
    start()
    with contextlib.closing(psycopg2.connect(server.dsn)) as slow, slow.cursor() as cr:
        cr.execute(APPEND, ("late",))
        ((late,),) = cr.fetchall()
        later = append(server, "in time")
        assert late < later
        wait_until(lambda: seal_of(server, later), what="the later row is sealed")
        assert seal_of(server, late) is None
        slow.commit()
    wait_until(lambda: seal_of(server, late), what="the late row is sealed")
    assert seal_of(server, late) > seal_of(server, later)
    assert verify(server).returncode == 0


def test_of_two_sealers_one_seals(server, start, tmp_path):
    """One stands still with its seal made and not committed; the other one passes it and seals nothing."""
    go = {name: tmp_path / name for name in ("one", "other")}

    def reaches(name: str) -> None:
        wait_until(go[name].with_name(f"{name}.reached").exists, 30, f"{name} has sealed")

    row = append(server, "for one of two")
    start(failpoints=f"chore.integration.audit.seal=pause:{go['one']}")
    reaches("one")
    start(failpoints=f"chore.integration.audit.seal=pause:{go['other']}")
    reaches("other")
    assert seal_of(server, row) is None, "the one that seals has not committed"
    for path in go.values():
        path.touch()
    wait_until(lambda: seal_of(server, row), what="the row is sealed")
    wait_until(lambda: server.sql(WAITING) == [(0,)], what="everything is sealed")
    numbers = server.sql("SELECT COALESCE(company_id, 0), array_agg(number ORDER BY number) FROM integration_audit_seal"
                         " GROUP BY 1")  # fmt: skip
    assert all(found == list(range(1, len(found) + 1)) for _company, found in numbers)
    assert verify(server).returncode == 0


def test_a_sealer_that_is_killed_loses_nothing(server, start):
    row = append(server, "for the one after")
    doomed = start(failpoints="chore.integration.audit.seal=kill")
    doomed.wait_dead(60)
    assert seal_of(server, row) is None
    assert server.sql("SELECT 1 FROM integration_audit_queue WHERE id = %s", row)
    start()
    wait_until(lambda: seal_of(server, row), what="the row is sealed")


def test_a_failed_login_is_told_although_its_transaction_is_rolled_back(server):
    login = next(login for login in server._logins if login != ADMIN)
    ((before,),) = server.sql("SELECT count(*) FROM integration_audit WHERE action = 'login.fail'")
    real = server._logins[login]
    server._logins[login] = "not-the-password"
    with pytest.raises((AssertionError, urllib.error.HTTPError)):
        server.rpc(login, "res.users", "search_count", [])
    server._logins[login] = real
    query = "SELECT res_name, detail FROM integration_audit WHERE action = 'login.fail' ORDER BY id DESC"
    wait_until(lambda: len(server.sql(query)) == before + 1, what="the failure is stored")
    name, detail = server.sql(query)[0]
    assert login in name
    assert "not-the-password" not in f"{name} {detail}"
    assert "127.0.0.1" in detail


def test_the_program_of_the_page_verifies_without_odoo(server, tmp_path):
    assert server.run("integration_audit", "seal").returncode == 0
    page = (CHECKOUT / "docs" / "audit.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "verify.py"
    path.write_text(program, encoding="utf-8")
    exported = server.run("integration_audit", "export", "--format=rows").stdout

    def judge(text: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, str(path)], input=text, capture_output=True, text=True, check=False)

    sound = judge(exported)
    assert (sound.returncode, sound.stdout[:6]) == (0, "sound:"), sound.stdout + sound.stderr
    wrong = judge(exported.replace("for one of two", "for two of one"))
    assert wrong.returncode == 1
    assert wrong.stdout.count("was changed or deleted") == 1


def test_the_command_names_what_is_wrong_and_anchors_tell_of_a_trail_made_anew(server, tmp_path):
    server.run("integration_audit", "seal")
    anchors: Path = tmp_path / "anchors.txt"
    anchors.write_text(server.run("integration_audit", "anchor").stdout, encoding="utf-8")
    assert anchors.read_text()
    found = verify(server, f"--anchor={anchors}")
    assert found.returncode == 0, found.stdout
    ((row,),) = server.sql("SELECT id FROM integration_audit WHERE detail = 'in time'")
    server.sql("ALTER TABLE integration_audit DISABLE TRIGGER integration_audit_kept")
    server.sql("UPDATE integration_audit SET detail = 'forged' WHERE id = %s", row)
    server.sql("ALTER TABLE integration_audit ENABLE TRIGGER integration_audit_kept")
    found = verify(server)
    assert found.returncode == 1
    assert f"Row {row} (" in found.stdout
    assert found.stdout.count("WRONG  ") == 1
    ((company,),) = server.sql("SELECT company_id FROM integration_audit WHERE id = %s", row)
    server.sql("ALTER TABLE integration_audit_seal DISABLE TRIGGER USER")
    server.sql("DELETE FROM integration_audit_seal WHERE company_id = %s", company)
    server.sql("ALTER TABLE integration_audit_seal ENABLE TRIGGER USER")
    queue = "INSERT INTO integration_audit_queue (id, company_id) SELECT id, company_id FROM integration_audit"
    server.sql(f"{queue} WHERE company_id = %s ON CONFLICT DO NOTHING", company)
    server.run("integration_audit", "seal")
    assert verify(server).returncode == 0, "the chain by itself does not tell"
    found = verify(server, f"--anchor={anchors}")
    assert found.returncode == 1
    assert "anchor" in found.stdout


def test_uninstalling_takes_the_trail_along(context):
    databases, name = Databases(context.odoo), f"t{os.getpid()}_uninstalled"
    tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'integration_audit%%' AND relkind = 'r'"
    databases.copy(context.empty, name)
    try:
        assert databases.rows("SELECT 1 FROM integration_audit", database=name), "there is a trail"
        assert databases.rows(tables, database=name)[0][0] > 3
        words = ("module", "uninstall", f"--config={context.odoo.conf}", f"--database={name}", "integration_core")
        env = {**os.environ, **context.odoo.environment()}
        ended = subprocess.run(
            context.odoo.command(*words), capture_output=True, text=True, env=env, timeout=300, check=False
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert databases.rows(tables, database=name) == [(0,)]
        assert databases.rows("SELECT 1 FROM res_users WHERE active", database=name)
    finally:
        databases.drop(name)
