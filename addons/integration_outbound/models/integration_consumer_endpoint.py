from collections import defaultdict
from datetime import datetime, timezone

from odoo import models
from odoo.addons.integration_core.domain import strict_json
from odoo.addons.integration_core.engine.claims import Result
from odoo.modules.module import get_manifest

from ..transport import Job, Sent

HELD_DELAY_S = 60.0
"""Until a delivery that cannot be tried for want of a key is looked at again; a new key releases it at once."""


class IntegrationConsumerEndpoint(models.AbstractModel):
    """Sends deliveries to endpoints outside.

    ``_prepare`` does all that needs the database: it loads, opens the seals and decides who may be told. The jobs it
    returns carry everything a thread needs; they sign at the moment of the try.
    """

    _name = "integration.consumer.endpoint"
    _inherit = ["integration.consumer"]
    _description = "Deliveries to endpoints outside"

    def _prepare(self, claimed):
        deliveries = self.env["integration.delivery"].browse(one.id for one in claimed)
        bodies = self.env["integration.payload"]._load(deliveries.event_id)
        shared = {
            "allowed": self.env["integration.egress.allow"]._allowed(),
            "frozen": deliveries._frozen_ids(),
            "now": datetime.now(timezone.utc).replace(tzinfo=None),
        }
        return [
            (one, self._job(one, delivery, bodies.get(delivery.event_id.id), **shared))
            for one, delivery in zip(claimed, deliveries, strict=True)
        ]

    def _job(self, claimed, delivery, body, *, allowed, frozen, now):
        """Return the :class:`Job` of one delivery, or the :class:`Result` of one that is not sent."""
        event, endpoint = delivery.event_id, delivery.subscription_id.endpoint_id
        hindrance = self._hindrance(delivery, body)
        if hindrance:
            return self._unsent(claimed, now, "dead", *hindrance)
        if not delivery._may_leave():
            # It was stopped between the claim and now.
            return self._unsent(claimed, now, "waiting", "endpoint_held", self.env._("The endpoint is not active."))
        keys = endpoint.credential_ids._signing_keys(now)
        if not keys:
            return self._unsent(claimed, now, "waiting", "no_active_key", self.env._("Create a key for the endpoint."))
        return Job(
            claimed,
            sent=Sent(endpoint.id, delivery.subscription_id.for_tests),
            url=endpoint.url,
            allowed=allowed,
            message_id=event.source_event_id,
            body=self._wire_body(delivery, body, frozen),
            keys=keys,
            schedule=endpoint._backoff_schedule(),
            deadline=float(endpoint.timeout),
            headers=self._headers(event),
        )

    def _hindrance(self, delivery, body):
        """Return (code, text) of why this delivery must never be sent, or None."""
        event, endpoint = delivery.event_id, delivery.subscription_id.endpoint_id
        if body is None:
            return "payload_gone", self.env._("The event's content is no longer kept.")
        # Fan-out sees to both already; a subscription or an endpoint may have been changed since.
        if event.company_id != endpoint.company_id:
            return "company_not_granted", self.env._("The endpoint belongs to another company.")
        if event.mode != "live":
            return "test_event", self.env._("Test events never leave Odoo.")
        return None

    @staticmethod
    def _unsent(claimed, now, state, code, detail):
        return Result(
            claimed, state, "retry", now, delay=HELD_DELAY_S, error_code=code, error_detail=detail, spent=False
        )

    def _wire_body(self, delivery, body, frozen):
        """Return the bytes to send: the event as it was sealed, with what the subscriber calls its records.

        The same over all tries and replays: what was sent first is kept with the delivery.
        """
        ids = delivery._wire_ids(frozen)
        if not ids:
            return body
        message = strict_json.loads(body)
        message["data"]["ids"] = ids
        return strict_json.dumps(message)

    def _headers(self, event):
        headers = {"user-agent": f"odoo-integration/{get_manifest('integration_outbound')['version']}"}
        if event.traceparent:
            headers["traceparent"] = event.traceparent
        return headers

    def _after(self, results):
        """Disable an endpoint whose receiver is gone, or that failed three times in a row for its configuration."""
        by_endpoint = defaultdict(list)
        for result in results:
            if result.spent and isinstance(result.extra, Sent):
                by_endpoint[result.extra.endpoint_id].append(result)
        for endpoint in self.env["integration.endpoint"].browse(sorted(by_endpoint)).exists():
            endpoint._note_results(by_endpoint[endpoint.id])
