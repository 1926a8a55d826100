"""Events that leave: made inside a server, one transaction at a time, and followed to where they arrive."""

import contextlib
import http.client
import threading

from servers import Server, wait_until

EVENT = "finance.invoice.posted.v1"

_INVOICES = """
partner = env["res.partner"].create({"name": "A payer"})
product = env["product.product"].create({"name": "A service", "type": "service"})
line = (0, 0, {"product_id": product.id, "quantity": 1, "price_unit": 10.0})
values = {"move_type": "out_invoice", "partner_id": partner.id, "invoice_line_ids": [line]}
moves = env["account.move"].create([values] * arguments["count"])
moves.action_post()
result = moves.ids
"""
_EMIT = f"""
result = env["account.move"].browse(arguments["moves"])._emit_event("{EVENT}").mapped("uuid")
"""


def invoices(server: Server, count: int) -> list[int]:
    """Make and post this many invoices; their news go as any others."""
    return server.inside(_INVOICES, count=count)


def emit(server: Server, moves: list[int]) -> list[str]:
    """Emit one event for each of these invoices in a transaction of its own; return the events' ids."""
    return server.inside(_EMIT, moves=moves)


def leave_engine_to_workers(server: Server) -> None:
    """Have Odoo's own cron never run the engine again: what is tested are worker processes."""
    server.sql(
        "UPDATE ir_cron SET active = false WHERE id = (SELECT res_id FROM ir_model_data"
        " WHERE module = 'integration_core' AND name = 'cron_engine')"
    )


def open_deliveries(server: Server) -> list[tuple]:
    """What is yet to be done."""
    return server.sql("SELECT id, tier, lease_owner, attempts, crashes FROM integration_due")


def all_done(server: Server) -> None:
    """Return when nothing is left to be done."""
    try:
        wait_until(lambda: not open_deliveries(server), what="everything is delivered")
    except AssertionError as error:
        raise AssertionError(f"{error}; open are {open_deliveries(server)}") from error


def attempts(server: Server, events: list[str]) -> list[tuple[str, str, str]]:
    """Return (event id, outcome, worker) of every try of deliveries to endpoints, in their order."""
    return server.sql(
        "SELECT e.uuid, a.outcome, a.worker FROM integration_attempt a"
        " JOIN integration_delivery d ON d.id = a.delivery_id JOIN integration_event e ON e.id = d.event_id"
        " JOIN integration_subscription s ON s.id = d.subscription_id"
        " WHERE s.consumer = 'endpoint' AND e.uuid = ANY (%s) ORDER BY a.id",
        events,
    )


class Emitter(threading.Thread):
    """Emits an event of each of some invoices, again and again; what fails meanwhile was not told."""

    def __init__(self, server: Server, moves: list[int]) -> None:
        super().__init__(daemon=True)
        self._server, self._moves = server, moves
        self._stopping = threading.Event()
        self.told: list[str] = []

    def run(self) -> None:
        while not self._stopping.wait(0.05):
            with contextlib.suppress(AssertionError, OSError, http.client.HTTPException):
                self.told += emit(self._server, self._moves)

    def finish(self) -> None:
        self._stopping.set()
        self.join(60)
        assert not self.is_alive()
