"""What tests of the suite share: a master key for the test database, a live system, events as if they had been
posted.
"""

import importlib
import json
import os
import uuid
from unittest.mock import patch

from odoo import fields
from odoo.service.model import call_kw
from odoo.tests import TransactionCase

from ..domain import envelope, keyring, units
from ..engine import claims
from ..tools import transaction_data


def master_key_environment(env):
    """Return the environment variables that give this database a master key, as ``start`` would."""
    database_uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    return {"INTEGRATION_MASTER_KEY": keyring.new_key_file(database_uuid=database_uuid, environment="test")}


def expire(cr):
    """Let every lease have ended long ago, and the time of the notes that claims leave of them."""
    cr.execute(
        """
        UPDATE integration_due SET lease_until = '2000-01-01' WHERE lease_until IS NOT NULL;
        UPDATE integration_lease SET until = '2000-01-01';
        """
    )


class IntegrationCase(TransactionCase):
    """A database with a master key, one live system and helpers to accept and carry out events."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.dict(os.environ, master_key_environment(cls.env)))
        os.environ.pop("INTEGRATION_MASTER_KEY_FILE", None)
        cls.company = cls.env.company
        cls.system = cls._make_system("ehr")

    def call(self, user, record, method, *args, **kwargs):
        """Call a method as that user does over RPC, in a transaction that is undone when it is refused."""
        return call_kw(self.env[record._name].with_user(user), method, [record.ids, *args], kwargs)

    @classmethod
    def _only_approvers(cls, *users, group="integration_core.group_admin"):
        """Let these users alone approve, as if nobody else ever could."""
        roles = cls.env["integration.approving.role"]
        for name in {*roles._roles(), group}:
            cls.env.ref(name).user_ids = [fields.Command.clear()]
        for user in users:
            user.group_ids = [fields.Command.link(cls.env.ref(group).id)]
        cls._forget_approvers()

    @classmethod
    def _forget_approvers(cls):
        """Let nothing be known of who could approve up to now."""
        roles = cls.env["integration.approving.role"]
        roles.search([]).unlink()
        roles._look()

    @classmethod
    def register_model(cls, definition):
        """Add a model of the tests' own to the registry for this class."""
        # Odoo has no public name for this; addons may not import odoo.orm, which its own tests of models do.
        importlib.import_module("odoo.orm.model_classes").add_to_registry(cls.registry, definition)
        cls.addClassCleanup(cls.registry.models.pop, definition._name, None)
        cls.registry._setup_models__(cls.env.cr, [])
        cls.addClassCleanup(cls.registry.reset_changes)

    @classmethod
    def _make_system(cls, code, *, live=True, company=None, types=None):
        """Return an active system that may send every inbound type; live ones are approved as by their release."""
        system = cls.env["integration.system"].create(
            {
                "name": code.upper(),
                "code": code,
                "company_id": (company or cls.env.company).id,
                "timezone": "UTC",
                "state": "active",
                "mode": "live" if live else "test",
                "live_from": "2000-01-01 00:00:00" if live else False,
                "event_type_ids": [
                    fields.Command.set(
                        (types or cls.env["integration.event.type"].search([("direction", "=", "inbound")])).ids
                    )
                ],
            }
        )
        return system

    def post(
        self, type_name, data, *, system=None, event_id=None, webhook_id=None, time=None, apart=False, **named
    ):
        """Accept an event, with the attributes ``named``, as the gate would after its checks.

        :return: (Accepted, event)
        """
        system = system or self.system
        message = {
            "specversion": "1.0",
            "id": event_id or uuid.uuid4().hex,
            "source": envelope.inbound_source(system.code),
            "type": type_name,
            "time": time or "2026-11-20T10:00:00Z",
            "datacontenttype": "application/json",
            "data": data,
            **named,
        }
        body = json.dumps(message).encode()
        accepted = self.env["integration.event"]._accept(
            system,
            envelope.parse(message),
            body,
            message_units=units.units(data, priced=type_name == "clinical.service.finalized.v1"),
            webhook_id=webhook_id or uuid.uuid4().hex,
            request_id=uuid.uuid4().hex,
            received_at=fields.Datetime.now(),
            apart=apart,
        )
        return accepted, self.env["integration.event"].search([("uuid", "=", accepted.event_uuid)])

    def drain(self):
        """Carry out everything that is due, as the engine would."""
        with self.enter_registry_test_mode():
            self.env["integration.engine"]._drain()
        self.env.invalidate_all()

    def commit(self):
        """End what would be a transaction: events are completed, and the next change of the same record emits anew."""
        self.env.flush_all()
        self.env.cr.flush()
        self._begin_anew()

    def _begin_anew(self):
        """Let what follows be another transaction for the journal."""
        data = transaction_data(self.env.cr)
        serial = data["serial"]
        data.clear()
        data["serial"] = serial + 1

    def make_due(self):
        """Make every waiting delivery due now, however late its next try was planned."""
        self.env.cr.execute(
            """
            WITH due AS (
                UPDATE integration_due SET due_at = clock_timestamp() AT TIME ZONE 'UTC'
                 WHERE tier IN (0, 1, 5) RETURNING id, due_at)
            UPDATE integration_delivery d SET due_at = due.due_at FROM due WHERE due.id = d.id
            """
        )
        self.env.invalidate_all()

    def expire(self):
        """Let every lease have ended, as if the processes that hold them had died long ago."""
        expire(self.env.cr)

    def claim(self, limit=10, *, owner="me", tiers=(claims.FRESH, claims.RETRY), lanes=(0, 1, 2)):
        """Claim due deliveries of every active subscription as an engine process called ``owner`` would."""
        lines = self.env["integration.subscription"].with_context(active_test=False).search([("state", "=", "active")])
        places = [
            claims.Place(line.id, line.id, lane, tier, limit) for lane in lanes for line in lines for tier in tiers
        ]
        return claims.claim(self.env.cr, places=places, owner=owner, limit=limit)
