from dataclasses import dataclass
from typing import Any

from odoo import models

from ..domain import envelope, strict_json


@dataclass(frozen=True)
class HandledEvent:
    """An event as a handler gets it: the journal's record, the envelope and the decoded ``data``."""

    event: Any
    envelope: envelope.Envelope
    data: dict
    mode: str


class IntegrationHandler(models.AbstractModel):
    """Base of all handlers inside Odoo.

    A handler gets a batch of events of one company in the order of their arrival, works in bulk and records an effect
    per unit. Its effect and the completion of its deliveries commit together, so that the effect of an event happens
    once.
    """

    _name = "integration.handler"
    _description = "Handler"

    # Event types this handler understands; documentation for whoever subscribes it.
    _handles = ()

    def _handle(self, batch):
        """Carry out ``batch`` (list of :class:`HandledEvent`) in the current transaction. Never commits.

        What cannot be resolved is parked as a record with its reason, not raised: an exception here is a bug or a
        database error. Records that are changed here and emit name what led to it (``_event_cause``, or
        ``_following``). Without that, it is the event where the batch has only one; of several, what
        follows takes over what they have in common and the longest chain, so that handlers that answer each other come
        to their end.
        """
        raise NotImplementedError

    def _load_batch(self, events):
        """Return the :class:`HandledEvent` of ``events``; those whose payload is no longer kept are left out.

        :raises KeyringError: without a usable master key
        """
        # sudo: the engine reads payloads on behalf of the handler, which gets the data it needs and nothing else
        bodies = self.env["integration.payload"].sudo()._load(events)
        batch = []
        for event in events.sorted("id"):
            if event.id in bodies:
                message = envelope.parse(strict_json.loads(bodies[event.id]))
                batch.append(HandledEvent(event, message, message.data, event.mode))
        return batch
