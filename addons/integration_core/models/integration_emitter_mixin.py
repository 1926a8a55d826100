from odoo import models

from .integration_event import EMITTED


class IntegrationEmitterMixin(models.AbstractModel):
    """For models whose changes are journalled as events."""

    _name = "integration.emitter.mixin"
    _description = "Emits events"

    def _emit_event(self, type_name):
        """Journal an event of ``type_name`` for each of these records, in this transaction.

        :return: the new events (none for what this transaction emitted already)
        """
        return self.env["integration.event"]._emit(type_name, self)

    def _event_data(self, type_name):
        """Return the event's ``data`` (a dict) from the record's present state, or None when that state is gone.

        Core adds ``changed_at``, ``version`` and the subscriber's ``ids``.
        """
        raise NotImplementedError

    def _event_subject(self, type_name):
        """Return the CloudEvents subject, which also orders events of one record."""
        self.ensure_one()
        return f"{self._name.replace('.', '_')}/{self.id}"

    def _event_cause(self):
        """Return the event that led to this change, or an empty recordset."""
        return self.env["integration.event"].browse(self.env.context.get("integration_cause_event_id") or ())

    def _event_company(self):
        """Return the company the event belongs to."""
        self.ensure_one()
        return self.company_id or self.env.company

    def _write_multi(self, vals_list):
        # A record that already emitted in this transaction changes again: its event is completed anew.
        emitted = self.env.cr.cache.get(EMITTED)
        if emitted and not emitted.isdisjoint((self._name, record_id) for record_id in self._ids):
            # sudo: as in _emit
            self.env["integration.event"].sudo()._complete_before_commit()
        return super()._write_multi(vals_list)
