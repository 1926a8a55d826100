from odoo import api, models
from odoo.addons.integration_core.domain import signing

# From the least finished to the finished; a message is as finished as its least finished line.
_ORDER = ["waiting", "parked", "rejected", "applied"]


class IntegrationEvent(models.Model):
    _inherit = "integration.event"

    @api.model
    def _settle_earlier_sql(self, values):
        return self.env["integration.refused.message"]._settle_sql(
            system_id=values["system_id"],
            webhook_id=values["webhook_id"],
            source_event_id=values["source_event_id"],
        )

    @api.model
    def _settled_earlier(self):
        self.env["integration.refused.message"].invalidate_model()
        return super()._settled_earlier()

    @api.model
    def _status_of(self, system, webhook_id):
        """Return what became of a message of ``system``, as its sender may know it, or None when it is unknown.

        Ids, states and reason codes only, never payload.
        """
        if not signing.is_message_id(webhook_id):
            return None
        event = self.search([("system_id", "=", system.id), ("webhook_id", "=", webhook_id)], limit=1)
        if event:
            return event._status_document()
        refused = self.env["integration.refused.message"].search(
            [("system_id", "=", system.id), ("webhook_id", "=", webhook_id)], limit=1
        )
        if refused:
            return {"id": webhook_id, "status": "rejected", "reason": refused.code, "lines": []}
        return None

    def _status_document(self):
        self.ensure_one()
        outcomes = self._outcomes()
        least = min(outcomes.values(), key=lambda outcome: _ORDER.index(outcome[0]))
        lines = [
            {"line": unit, "status": status, "reason": reason} for unit, (status, reason) in outcomes.items() if unit
        ]
        return {
            "id": self.webhook_id,
            "event": self.uuid,
            "type": self.type_name,
            "status": least[0],
            "reason": outcomes.get("", least)[1] if not lines else None,
            "lines": lines,
        }

    def _outcomes(self):
        """Return {unit: (status, reason code or None)} for every unit that was received; '' is a whole message."""
        receipts = self.env["integration.receipt"].search(
            [("event_id", "=", self.id), ("outcome", "=", "accepted")], order="id"
        )
        pending = self._pending_outcome()
        effects = {effect.unit or "": self._effect_outcome(effect) for effect in self.effect_ids}
        received = [receipt.unit or "" for receipt in receipts] or [""]
        whole = effects.get("", pending)
        return {unit: effects.get(unit, whole) for unit in received}

    def _pending_outcome(self):
        """Return (status, reason) of a unit that has no effect of its own."""
        deliveries = self.delivery_ids
        states = set(deliveries.mapped("state"))
        if not deliveries:
            return "parked", self.held_reason or "no_subscriber"
        if "waiting" in states:
            return "waiting", None
        if "dead" in states:
            return "waiting", "delivery_failed"
        if states == {"skipped"}:
            return "rejected", "skipped"
        return "applied", None

    @staticmethod
    def _effect_outcome(effect):
        # The same content again has the effect that its first copy has.
        if effect.status == "duplicate":
            return "applied", effect.reason or "duplicate"
        return effect.status, effect.reason or None
