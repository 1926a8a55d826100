from unittest.mock import patch

from odoo.addons.integration_core.domain import catalogue
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.tests import new_test_user

from .receiver import Receiver

POSTED = "finance.invoice.posted.v1"


class OutboundCase(IntegrationCase):
    """A live system with an approved endpoint on a local receiver, an active key and a subscription to one type."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Only the subscriptions of these tests get events, whatever other addons ship.
        cls.env["integration.subscription"].search([]).active = False
        # Whoever alerts otherwise does so in tests of its own.
        endpoints = cls.registry["integration.endpoint"]
        cls.startClassPatcher(patch.object(endpoints, "_is_told_elsewhere", lambda _endpoint: False))
        cls.partner = cls._make_system("test-receiver")
        # What changes in these tests: any record that emits would do.
        cls.cause = cls._make_endpoint("cause", "https://cause.example/", subscribe=False)

    @classmethod
    def _make_endpoint(cls, name, url, *, system=None, subscribe=True, types=(POSTED,), key=True):
        endpoint = cls.env["integration.endpoint"].create(
            {
                "name": name,
                "url": url,
                "system_id": (system or cls.partner).id,
                "owner_id": cls.env.ref("base.user_admin").id,
                "schedule": "0, 60, 600",
            }
        )
        if key:
            cls._make_key(endpoint)
        if subscribe:
            cls._subscribe(endpoint, *types)
        return endpoint

    def replayed(self, delivery, reason):
        """Deliver it again, which a second person approves where it is critical; return the replay."""
        replay = delivery._replay(reason)
        if replay.approval_state == "requested":
            boss = new_test_user(self.env, "approves_replays", groups="integration_core.group_admin")
            replay.with_user(boss).action_approve()
        return replay

    @classmethod
    def _make_key(cls, endpoint):
        """Return (credential, text) of a new key that works at once."""
        key, text = cls.env["integration.credential"]._generate(
            {"endpoint_id": endpoint.id}, company=endpoint.company_id, use="outbound"
        )
        key.write({"approval_state": "approved", "state": "active"})
        return key, text

    @classmethod
    def _subscribe(cls, endpoint, *types, **values):
        return cls.env["integration.subscription"].create(
            {
                "name": endpoint.name,
                "company_id": endpoint.company_id.id,
                "consumer": "endpoint",
                "endpoint_id": endpoint.id,
                "event_type_ids": [(6, 0, [cls.env["integration.event.type"]._named(name).id for name in types])],
                **values,
            }
        )

    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.allow("127.0.0.1", self.receiver.port)
        self.endpoint = self._make_endpoint("warehouse", self.receiver.url)
        self.approve(self.endpoint)

    def allow(self, host, port):
        return self.env["integration.egress.allow"].create({"host": host, "port": port, "reason": "receiver of a test"})

    def approve(self, endpoint):
        """Approve as a second person would, for live."""
        endpoint._approving().write({"approval_state": "requested"})
        endpoint._approval_grant(self_approved=False)

    def emit(self, type_name=POSTED, *, cause=None):
        """Journal an event of ``type_name`` and end the transaction that caused it; return the event."""
        data = {
            k: v for k, v in catalogue.example(type_name)["data"].items() if k not in ("version", "changed_at", "ids")
        }
        data["company"] = str(self.company.id)
        record = self.cause._following(cause.id) if cause else self.cause
        with patch.object(self.registry["integration.endpoint"], "_event_data", lambda *_args: data):
            event = record._emit_event(type_name)
            self.commit()
        return event

    def send(self, *, times=1, type_name=POSTED):
        """Emit one event and let the engine try it ``times`` times; return its delivery."""
        event = self.emit(type_name)
        for _turn in range(times):
            self.make_due()
            self.drain()
        return event.delivery_ids.filtered(lambda d: d.subscription_id.endpoint_id == self.endpoint)

    def rolled_back(self):
        """End a transaction that was rolled back."""
        self._begin_anew()

    def events_of(self, type_name):
        return self.env["integration.event"].search([("type_name", "=", type_name)])
