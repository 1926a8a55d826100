"""The README's first event, run as it is written."""

import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.fixture(scope="module")
def server(odoo_server):
    return odoo_server()


def first_event() -> str:
    """Give the shell block that the README marks as tested."""
    match = re.search(r"<!-- first-event:.*?-->\n```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert match, "the README has lost its marked block"
    return match[1]


def run(server) -> list[dict]:
    environ = {**os.environ, "INTEGRATION_STATE": str(server.state)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", first_event()],
        capture_output=True,
        text=True,
        env=environ,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def test_the_first_event_is_accepted_then_known_and_then_charged(server, wait_until):
    accepted, _asked = run(server)
    assert (accepted["status"], accepted["id"]) == ("accepted", "first-event-1")
    wait_until(lambda: run(server)[1]["status"] == "applied", what="the charge is made")
    duplicate, asked = run(server)
    assert (duplicate["status"], duplicate["event"]) == ("duplicate", accepted["event"])
    assert [(line["line"], line["status"]) for line in asked["lines"]] == [("1", "applied")]
    assert server.sql("SELECT encounter, line, amount FROM integration_charge") == [("E-1001", "1", Decimal(320))]


def test_links_lead_to_files():
    for document in [README, *README.parent.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
