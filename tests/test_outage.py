"""A rehearsal: a receiver dies under load, and Odoo says so once, shows the truth throughout, and says when it is over.

``OUTAGE_SECONDS`` sets how long it stays dead (20 by default); ``-rP`` prints the timeline:
``OUTAGE_SECONDS=180 ./scripts/test tests/test_outage.py -rP``.
"""

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from outward import EVENT, Emitter, all_done, invoices, leave_engine_to_workers
from servers import Server, wait_until

OPERATOR = "integration.operator"
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "20"))
OPEN = "SELECT count(*) FROM integration_due"
ALERTS = "SELECT id, kind, until FROM integration_alert ORDER BY id"
TOLD = """
SELECT t.name FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id
 WHERE t.name LIKE 'integration.alert.%%' ORDER BY e.id
"""
MAILS = """
SELECT split_part(subject, ':', 1) FROM mail_message
 WHERE model = 'integration.alert' AND message_type = 'user_notification' ORDER BY id
"""


@dataclass
class Rehearsal:
    """What was seen, and when.

    Attributes:
        timeline: (seconds since the receiver died, what) of what happened.
    """

    server: Server
    began: float = 0.0
    timeline: list[tuple[float, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        if what not in [told for _moment, told in self.timeline]:
            self.timeline.append((time.monotonic() - self.began, what))

    def look(self) -> dict[str, Any]:
        """Have the alert rules looked at, and return what the operator's Overview shows."""
        self.server.sql("UPDATE integration_metric_state SET at = NULL WHERE name = 'alerts'")
        return self.server.rpc(OPERATOR, "integration.overview", "get_data", "today")

    def alerts(self) -> list[tuple]:
        return self.server.sql(ALERTS)


@pytest.fixture(scope="module")
def server(odoo_server, receiver) -> Server:
    made = odoo_server(listen_port=receiver.port)
    leave_engine_to_workers(made)
    made.sql("UPDATE integration_alert_rule SET quiet_from = 0, quiet_to = 0")  # tests run at night, too
    if OUTAGE_SECONDS < 60:  # a short rehearsal does not wait until an all-clear is certain
        made.sql("UPDATE integration_alert_rule SET keep_firing = 0")
    made.worker().wait_ready()
    return made


def warnings_of(data: dict[str, Any]) -> list[str]:
    return [warning["text"] for warning in data["warnings"] if "does not take what is sent" in warning["text"]]


def watch(rehearsal: Rehearsal, seconds: float) -> None:
    """Look at the Overview all the time: while nothing gets through, what waits only grows."""
    server = rehearsal.server
    while time.monotonic() - rehearsal.began < seconds:
        ((before,),) = server.sql(OPEN)
        alerts_before = rehearsal.alerts()
        data = rehearsal.look()
        ((after,),) = server.sql(OPEN)
        assert before <= data["deliveries"]["waiting"] <= after
        if server.sql("SELECT 1 FROM integration_breaker WHERE state = 'open'"):
            rehearsal.note("the circuit breaker is open")
        if alerts_before:
            rehearsal.note("the alert has begun")
            assert len(warnings_of(data)) == 1
            rehearsal.note(f"Overview: {warnings_of(data)[0].split(' For ')[0]}")
        if alerts_before and data["deliveries"]["failing"]:
            rehearsal.note("Overview: deliveries fail")
    assert rehearsal.alerts(), "nobody has noticed"


@pytest.mark.timeout(OUTAGE_SECONDS + 900)
def test_one_alert_a_truthful_screen_one_all_clear_and_nothing_lost(server, receiver):
    moves = invoices(server, 4)
    all_done(server)
    rehearsal = Rehearsal(server, time.monotonic())
    assert not warnings_of(rehearsal.look())
    emitter = Emitter(server, moves)
    emitter.start()
    wait_until(lambda: len(receiver.requests()) > 50, what="there is load")
    receiver.answer = lambda _request: None  # it hangs up
    rehearsal.began = time.monotonic()
    rehearsal.note("the receiver hangs up")
    # What is on its way when it dies may still be counted as done.
    wait_until(lambda: server.sql("SELECT 1 FROM integration_breaker WHERE state = 'open'"), what="the breaker opens")
    watch(rehearsal, OUTAGE_SECONDS)
    ((waiting,),) = server.sql(OPEN)
    receiver.answer = lambda _request: 204
    rehearsal.note(f"the receiver is back; {waiting} deliveries wait")
    wait_until(
        lambda: server.sql("SELECT 1 FROM integration_breaker WHERE state = 'closed'"), 600, "a probe is answered"
    )
    rehearsal.note("a probe is answered, the breaker is closed")
    emitter.finish()
    # What had been a probe before waits for its own next try: minutes, after a long outage.
    wait_until(lambda: not server.sql("SELECT 1 FROM integration_due"), 660, "everything is delivered")
    rehearsal.note("all that waited is delivered")
    wait_until(lambda: rehearsal.look() and rehearsal.alerts()[0][2], 660, "the alert ends")
    rehearsal.note("all-clear")
    data = rehearsal.look()
    assert not warnings_of(data)
    assert [kind for _id, kind, _until in rehearsal.alerts()] == ["trouble"]
    assert server.sql(TOLD) == [("integration.alert.began.v1",), ("integration.alert.ended.v1",)]
    assert server.sql(MAILS) == [("Alert",), ("Over",)]
    assert_the_numbers_add_up(server, receiver, emitter, data["deliveries"])
    lines = (f"{moment:7.1f} s  {what}\n" for moment, what in rehearsal.timeline)
    sys.stdout.write("\n" + "".join(lines))


def assert_the_numbers_add_up(server, receiver, emitter: Emitter, shown: dict[str, Any]) -> None:
    journal = {
        uuid
        for (uuid,) in server.sql(
            "SELECT e.uuid FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id"
            " WHERE t.name = %s",
            EVENT,
        )
    }
    arrived = Counter(request.event["id"] for request in receiver.requests() if request.event["type"] == EVENT)
    assert set(emitter.told) <= journal == set(arrived)
    states = "SELECT d.state, count(*) FROM integration_delivery d GROUP BY 1"
    ((state, deliveries),) = server.sql(states)
    assert state == "done"
    ((tries,),) = server.sql("SELECT count(*) FROM integration_attempt")
    assert shown["hour"]["tries"] == tries
    assert shown["hour"]["delivered"] == deliveries
    assert (shown["waiting"], shown["failing"], shown["dead"]) == (0, 0, 0)
