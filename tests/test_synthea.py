"""A population's charges: every one arrives, to the cent, and mapping their codes leaves nothing parked."""

from decimal import Decimal

import outside_data
import pytest
from test_day import simulate

CHARGES, ENCOUNTERS, FREE, CODES, TOTAL = 1545, 604, 127, 118, Decimal("1092402.73")
STEWARD, ADMIN = "mapping.steward", "integration.admin"
pytestmark = pytest.mark.outside_data


@pytest.fixture(scope="module")
def folder() -> str:
    return str(outside_data.folder("synthea-csv"))


@pytest.fixture(scope="module")
def server(folder, odoo_server):
    return odoo_server()


@pytest.fixture(scope="module")
def printed(server, folder) -> str:
    return simulate(server, "--synthea", folder, "--wait")


def totals(server, condition: str = "TRUE") -> tuple[int, int, int, Decimal]:
    """Charges, encounters, charges of 0.00, and their sum."""
    ((count, encounters, free, amount),) = server.sql(
        "SELECT count(*), count(DISTINCT encounter), count(*) FILTER (WHERE amount = 0), sum(amount)"
        f" FROM integration_charge WHERE {condition}"
    )
    return count, encounters, free, Decimal(str(amount or 0)).quantize(Decimal("0.01"))


def test_every_charge_is_there_to_the_cent(server, printed):
    assert totals(server) == (CHARGES, ENCOUNTERS, FREE, TOTAL)
    assert server.sql("SELECT DISTINCT state, park_reason FROM integration_charge") == [("parked", "service_unmapped")]
    assert f"{TOTAL:,}" in printed
    assert "The equation holds." in printed


def test_mapping_the_codes_leaves_nothing_parked(server, printed, wait_until):
    tasks = server.rpc(STEWARD, "integration.mapping.task", "search", [["state", "=", "open"]])
    assert len(tasks) == CODES
    server.rpc(STEWARD, "integration.mapping.task", "action_create_services", tasks)
    asked = server.rpc(ADMIN, "integration.identifier", "search", [["approval_state", "=", "requested"]])
    assert len(asked) == CODES
    server.rpc(ADMIN, "integration.identifier", "action_approve", asked)
    wait_until(lambda: totals(server, "state = 'parked'")[0] == 0, timeout=120, what="every charge resumes")
    assert totals(server) == (CHARGES, ENCOUNTERS, FREE, TOTAL)


def test_sent_twice_nothing_changes(server, folder, printed):
    before = server.sql("SELECT * FROM integration_charge ORDER BY id")
    again = simulate(server, "--synthea", folder, "--wait")
    assert server.sql("SELECT * FROM integration_charge ORDER BY id") == before
    assert next(line for line in again.splitlines() if line.startswith("all ")).split()[1:] == ["604", "0", "604", "0"]
