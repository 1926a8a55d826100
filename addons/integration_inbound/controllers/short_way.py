"""The short way in: an accepted or a forged message costs one statement of PostgreSQL, and no cursor of Odoo's pool.

Before Odoo asks a controller it borrows a connection, resets it, asks whether its registry and caches are outdated, and
begins another transaction: four round trips, none of which an accepted message needs. What the gate knows by heart it
knows under the stamp of the configuration, and the statement that stores a message stores nothing when that stamp is
over; the stamp also changes when Odoo's registry does. So such a message is taken in here, before Odoo opens anything.
A message that nobody's key has signed is turned away here too, when the stamp still holds: a flood of them must not
take from honest senders what they need.

Nothing depends on it. Whatever is neither (another refusal, a copy, a stamp that is over, something that this process
does not know yet, a connection that was lost) goes the ordinary way, through the controller, as if this had not been;
it has been read once, and keeps its ids.
"""

import logging
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from odoo import http
from odoo.addons.integration_core import intake, standing
from odoo.addons.integration_core.domain import failpoints, keyring, log_context, tracing
from odoo.addons.integration_core.domain.book import Book, Party
from odoo.addons.integration_core.domain.envelope import Envelope
from odoo.addons.integration_core.models.integration_configuration import known_book
from odoo.addons.integration_core.models.integration_credential_use import note_use
from odoo.addons.integration_core.models.integration_engine import look_at_engine, must_notify
from odoo.addons.integration_core.tools import Statement
from odoo.modules.registry import Registry

from .. import arrivals, door
from ..domain import admission
from ..models.integration_gate import believed_backlog
from ..models.integration_refusal import note_refusal
from . import answers
from .dispatcher import IncompleteBody, IntegrationDispatcher

_logger = logging.getLogger(__name__)

PREFIX = "/integration/v1/inbound/"


class NotHere(Exception):
    """The ordinary way is to be asked."""


@dataclass(frozen=True)
class Way:
    """The statements of one registry.

    ``storing`` a message whose recipients are known (True) or looked up (False).
    """

    registry: weakref.ref[Registry]
    storing: Mapping[bool, Statement]


_STAMP = Statement("SELECT stamp FROM integration_configuration")


# The way of each database, as its present registry made it.
_ways: dict[str, Way] = {}


def make_way(env: Any) -> None:
    """Let the next messages to this database take the short way, now that one took the ordinary."""
    dbname, registry = env.cr.dbname, env.registry
    if _way_of(dbname) is None:
        journal = env["integration.event"]
        storing = {known: journal._storing(known) for known in (False, True)}
        _ways[dbname] = Way(weakref.ref(registry), storing)


def _way_of(dbname: str) -> Way | None:
    way = _ways.get(dbname)
    return way if way and way.registry() is Registry.registries.get(dbname) else None


class ShortDoor(door.Door):
    """Implements :class:`admission.Gate` by what this process knows by heart."""

    def __init__(self, dbname: str, sent: door.Sent, book: Book, way: Way) -> None:
        super().__init__(dbname, sent, book)
        self._way = way

    def base_url(self) -> NoReturn:
        """Leave the profile whose proof depends on the public address to the ordinary way."""
        raise NotHere

    def still_holds(self) -> bool:
        """Tell whether the configuration is still that of the book."""
        return standing.connections.run(self.dbname, _STAMP, {}) == (self.book.stamp,)

    def digest(self, body: bytes) -> NoReturn:
        """Leave what is not stored to the ordinary way."""
        raise NotHere

    def seen_message(self, party: Party, message_id: str) -> NoReturn:
        """Leave copies to the ordinary way."""
        raise NotHere

    seen_event = seen_message

    def is_ready(self) -> bool:
        """Tell whether less work is waiting than may wait, where that was counted just now."""
        if believed_backlog(self.dbname) is not False:
            raise NotHere
        return True

    def store(self, party: Party, event: Envelope, body: bytes, message_id: str) -> str:
        """Store the event with everything that follows from it, committed on return.

        :raises NotHere: when nothing was stored, or nobody knows whether it was
        """
        sent = self.sent
        sender = self.book.known_sender(party, event.type, sent.received_at)
        if sender is None or event.causationid:  # whose depth must be looked up
            raise NotHere
        event, span = self.journalled(event)
        values = intake.statement_values(
            sender,
            event,
            body,
            message_units=door.units_of(event.data, self.book.types[event.type]),
            webhook_id=message_id,
            request_id=sent.request_id,
            received_at=sent.received_at,
            event_uuid=sent.event_uuid,
            depth=0,
            notify=must_notify(self.dbname),
        )
        row = standing.connections.run(self.dbname, self._way.storing[sender.recipients is not None], values)
        if not (row and row[0]):
            raise NotHere
        log_context.note(event_id=sent.event_uuid)
        if span is not None:
            span.end()
        if row[1]:
            look_at_engine(self.dbname)
        return sent.event_uuid


def serve(request: http.Request) -> http.Response | None:
    """Return the answer to a message that is accepted, committed, or forged; None for the ordinary way."""
    httprequest = request.httprequest
    system = httprequest.path.removeprefix(PREFIX)
    if httprequest.method != "POST" or system == httprequest.path or "/" in system:
        return None
    request.dispatcher = dispatcher = IntegrationDispatcher(request)
    way = _way_of(request.db)
    try:
        book = known_book(request.db) if way else None
        # While a slow sender is sending nothing of Odoo's is held.
        body = dispatcher.read_body() if book else None
    except (keyring.KeyringError, IncompleteBody):
        return None
    if body is None:
        return None
    threading.current_thread().dbname = request.db
    arrived = dispatcher.arrived(system, body)
    gate = ShortDoor(request.db, dispatcher.sent(arrived), book, way)
    answer = _answer(arrived, gate, httprequest.remote_addr)
    if answer is None:
        gate.give_back()
        return None
    return dispatcher.mark(answer)


def _answer(arrived: admission.Request, gate: ShortDoor, address: str | None) -> http.Response | None:
    ended = judge(arrived, gate)
    if ended is None:
        return None
    if ended.outcome == "accepted":
        failpoints.hit("inbound.after_commit")
        arrivals.note_committed(gate.dbname, arrived.system)
        if gate.key_id:
            note_use(gate.dbname, gate.key_id, gate.sent.received_at.replace(microsecond=0))
    else:
        _turn_away(arrived, gate, address)
    headers = gate.quota.headers() if gate.quota else {}
    return answers.verdict(ended, message_id=gate.sent.webhook_id, headers=headers)


def judge(arrived: admission.Request, gate: ShortDoor) -> admission.Admission | None:
    """Return how admission ended, for a message that was stored, or whose signature fits no key; None for others."""
    try:
        ended = admission.admit(arrived, gate)
    except NotHere:
        return None
    if ended.outcome == "accepted":
        return ended
    return ended if ended.party is None and gate.still_holds() else None


def _turn_away(arrived: admission.Request, gate: ShortDoor, address: str | None) -> None:
    request_id, known = gate.sent.request_id, arrived.system in gate.book.parties
    _logger.info("request %s of nobody: refused, %s", request_id, gate.cause)
    note_refusal(gate.dbname, gate.cause, claimed=arrived.system, known=known, address=address, request_id=request_id)


def _serve_db(request: http.Request) -> Any:
    if not IntegrationDispatcher.is_compatible_with(request):
        return _ordinarily(request)
    with log_context.about(), tracing.request():
        return serve(request) or _ordinarily(request)


_ordinarily = http.Request._serve_db


def install() -> None:
    """Have Odoo ask here first. A process does it once, whatever databases it serves."""
    http.Request._serve_db = _serve_db
