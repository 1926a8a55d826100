from odoo import api, models

from .. import tools
from .integration_event_emission import EMITTED

CAUSE = "integration_cause_event_id"
"""Context key: the event that led to a change, as :class:`tools.EventIds`."""


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

        Core adds ``changed_at``, ``version`` and the subscriber's ``ids``. It is asked again when the record is written
        after its emission, or emitted again: whoever changes what the data takes from other records emits again.
        """
        raise NotImplementedError

    def _event_subject(self, type_name):
        """Return the CloudEvents subject, which also orders events of one record."""
        self.ensure_one()
        return f"{self._name.replace('.', '_')}/{self.id}"

    def _event_facets(self, type_name):
        """Return what subscriptions may filter this event by: {name: text or list of texts}.

        The suite knows ``journal``, ``document_type`` and ``facility``, such as ``{"journal": "INV"}``; a name without
        a value is left out. Names and codes of finance alone; nothing that points to a patient.
        """
        return {}

    def _event_cause(self):
        """Return the event that led to this change, or an empty recordset."""
        told = self.env.context.get(CAUSE)
        return self.env["integration.event"].browse(told if isinstance(told, tools.EventIds) else ())

    @api.model
    def _following(self, event_id):
        """Return these records so that what they emit follows from the event."""
        return self.with_context(**{CAUSE: tools.EventIds((event_id,))})

    def _event_causes(self):
        """Return {record id: event that led to its change} of these records.

        To override where :meth:`_event_cause` has to search: for many records that is done in one go here.
        """
        return {record.id: record._event_cause() for record in self}

    def _event_company(self):
        """Return the company the event belongs to."""
        self.ensure_one()
        return self.company_id or self.env.company

    def _write_multi(self, vals_list):
        # A record that already emitted in this transaction changes again: its event is completed anew.
        emitted = tools.transaction_data(self.env.cr).get(EMITTED)
        if emitted and emitted.touch(self._name, self._ids):
            # sudo: as in _emit
            self.env["integration.event"].sudo()._complete_before_commit()
        return super()._write_multi(vals_list)
