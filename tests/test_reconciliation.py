"""Control totals over the real gate: posted, compared, told again, and signed off by finance."""

import uuid
from datetime import datetime, timezone

import pytest
from partner import Partner

from simulator.messages import Message

REVIEWER, OPERATOR = "finance.reviewer", "integration.operator"
FINALIZED, REPORTED = "clinical.service.finalized.v1", "control.totals.reported.v1"
NOW = datetime.now(timezone.utc)
DAY = NOW.date().isoformat()


@pytest.fixture(scope="module")
def server(odoo_server):
    return odoo_server()


@pytest.fixture(scope="module")
def partner(server) -> Partner:
    system = server.systems["ehr"]
    return Partner(system["url"], system["secret"])


def finalized(encounter: str, *prices: str) -> Message:
    lines = [
        {"line": str(number), "service": "ED-LOW", "quantity": "1", "unit_price": price, "currency": "USD"}
        for number, price in enumerate(prices, 1)
    ]
    data = {
        "encounter": encounter,
        "patient": {"id": "MRN-1"},
        "performed_at": f"{DAY}T17:00:00Z",
        "department": "ED",
        "self_pay": True,
        "lines": lines,
    }
    return Message("ehr", uuid.uuid4().hex, FINALIZED, f"encounter/{encounter}", NOW, data)


def reported(count: int, amount: str, version: int, **more: str) -> Message:
    total = {"service_date": DAY, "department": "ED", "event_type": FINALIZED, "count": count, **more}
    data = {
        "period": {"from": DAY, "to": DAY},
        "version": version,
        "totals": [{**total, "amount": amount, "currency": "USD"}],
    }
    return Message("ehr", uuid.uuid4().hex, REPORTED, f"totals/{DAY}", NOW, data)


def read(server, model: str, *names: str) -> list[dict]:
    return server.rpc(REVIEWER, model, "search_read", [], list(names), order="id")


def test_what_never_arrived_is_a_break_until_it_is_told_otherwise(server, partner, wait_until):
    assert partner.send(finalized("E-1", "180.00", "90.00"))[0] == 202
    first = reported(3, "300.00", 1)
    assert partner.send(first)[0] == 202

    def compared() -> bool:
        return bool(server.sql("SELECT 1 FROM integration_reconciliation WHERE compared_at IS NOT NULL"))

    wait_until(compared, what="the period is compared")
    [period] = read(server, "integration.reconciliation", "state", "open_text", "break_count")
    assert (period["state"], period["open_text"], period["break_count"]) == ("breaks", "USD -30.00", 1)
    [row] = read(server, "integration.reconciliation.line", "told_count", "found_count", "difference")
    assert (row["told_count"], row["found_count"], row["difference"]) == (3, 2, -30.0)

    # The same message again is a copy; a message of its own that says the same is one, too, by what it says.
    assert partner.send(first)[0] == 200
    assert partner.send(reported(3, "300.00", 1))[0] == 202
    assert partner.send(reported(2, "270.00", 2))[0] == 202
    wait_until(
        lambda: read(server, "integration.reconciliation", "state")[0]["state"] == "agrees", what="both sides agree"
    )
    totals = read(server, "integration.control.total", "sent_version", "state")
    assert [(one["sent_version"], one["state"]) for one in totals] == [(1, "superseded"), (2, "current")]
    wait_until(
        lambda: (
            server.sql(
                "SELECT f.status, count(*) FROM integration_effect f JOIN integration_event e ON e.id = f.event_id"
                " JOIN integration_event_type t ON t.id = e.event_type_id WHERE t.name = %s GROUP BY 1 ORDER BY 1",
                REPORTED,
            )
            == [("applied", 2), ("duplicate", 1)]
        ),
        what="each statement has its effect",
    )


def test_finance_signs_it_off(server, partner):
    [period] = read(server, "integration.reconciliation", "id")
    server.rpc(REVIEWER, "integration.reconciliation", "action_sign", [period["id"]], "")
    [signoff] = read(server, "integration.reconciliation.signoff", "open_count", "digest")
    assert signoff["open_count"] == 0
    assert read(server, "integration.reconciliation", "state")[0]["state"] == "signed"


@pytest.mark.parametrize("fault", [{"count": -1}, {"amount": 1.5}, {"currency": "dollars"}, {"service_date": "today"}])
def test_a_statement_that_is_not_well_formed_is_refused_and_says_where(partner, fault):
    message = reported(1, "1.00", 9)
    message.data["totals"][0].update(fault)
    status, answer, _headers = partner.send(message)
    assert status == 422
    assert "/data/totals/0" in str(answer)
