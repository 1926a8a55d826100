"""The configuration as a document by the command line, from the demo hospital into a database that knows nothing."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Server

from suite.database import Databases
from suite.demo import ADMIN

OPERATOR = "integration.operator"
REGISTRY = """
UPDATE res_partner p SET company_registry = 'DEMO-' || c.id FROM res_company c WHERE c.partner_id = p.id
"""


@pytest.fixture(scope="module")
def server(odoo_server) -> Server:
    made = odoo_server()
    made.sql(REGISTRY)
    return made


@pytest.fixture
def empty(context) -> Iterator[str]:
    """Give a database with the suite and nothing configured, whose company is the demo's by its company ID."""
    databases, name = Databases(context.odoo), f"t{os.getpid()}_production"
    databases.copy(context.empty, name)
    databases.rows(REGISTRY, database=name)
    try:
        yield name
    finally:
        databases.drop(name)


def config(
    server: Server, *words: str, who: str = ADMIN, database: str | None = None
) -> "subprocess.CompletedProcess[str]":
    done = server.run("integration_config", "--as", who, *words, database=database)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def export(server: Server, path: Path) -> bytes:
    done = config(server, "export", "--output", str(path))
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


def test_out_and_compared_with_itself_nothing_is_to_do(server, tmp_path):
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    assert export(server, one) == export(server, two)
    again = config(server, "export", "--output", str(one))
    assert again.returncode != 0
    assert "exists" in again.stderr
    checked = config(server, "check", str(one))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "unchanged" in checked.stdout
    assert "0 here but not in the document" in checked.stdout
    imported = config(server, "import", str(one))
    assert imported.returncode == 0
    assert "Nothing to do." in imported.stderr


def test_into_a_database_that_knows_nothing_it_arrives_asleep(context, server, empty, tmp_path):
    path = tmp_path / "hospital.json"
    export(server, path)
    # Odoo's own records are not there, so what means them is refused by name, and nothing is taken.
    refused = config(server, "import", str(path), database=empty)
    assert refused.returncode == 1
    assert "Nothing was imported" in refused.stderr
    assert "refused: " in refused.stdout
    databases = Databases(context.odoo)
    systems = "SELECT count(*) FROM integration_system"
    assert databases.rows(systems, database=empty) == [(0,)]
    taken = config(server, "import", str(path), "--leave-out-refused", database=empty)
    assert taken.returncode == 0, taken.stdout + taken.stderr
    there = server.sql("SELECT code FROM integration_system ORDER BY code")
    here = databases.rows("SELECT code, mode, state FROM integration_system ORDER BY code", database=empty)
    assert here == [(code, "test", "draft") for (code,) in there]
    assert not databases.rows("SELECT 1 FROM integration_credential", database=empty)
    again = config(server, "import", str(path), "--leave-out-refused", database=empty)
    assert again.returncode == 0
    assert "Nothing to do." in again.stderr


def test_what_is_no_document_and_who_is_no_administrator_are_told_in_words(server, tmp_path):
    path = tmp_path / "hospital.json"
    content = export(server, path).replace(b'"timezone"', b'"timezonE"', 1)
    edited = tmp_path / "edited.json"
    edited.write_bytes(content)
    done = config(server, "check", str(edited))
    assert done.returncode == 1
    assert "digest" in done.stderr
    done = config(server, "check", str(tmp_path / "absent.json"))
    assert done.returncode == 1
    assert "absent.json" in done.stderr
    done = config(server, "check", str(path), who=OPERATOR)
    assert done.returncode == 1
    assert "administrators" in done.stderr
    done = config(server, "check", str(path), who="nobody")
    assert done.returncode == 1
    assert "no active user 'nobody'" in done.stderr
