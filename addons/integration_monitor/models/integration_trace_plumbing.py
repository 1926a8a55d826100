from collections import defaultdict

from odoo import api, models
from odoo.tools import SQL

from ..domain.trace import Stage, Step, Try, What

MESSAGES = 100
LINES = 500
EVENTS = 300
DELIVERIES = 300
ATTEMPTS = 600
CHANGES = 1000
"""Changes of the state of records that are looked at, the last ones first."""
TRIES = 10
"""Attempts of one delivery that are told: its last ones."""
READERS = (
    "integration_core.group_payload_reader",
    "integration_core.group_operator",
    "integration_core.group_clinical_liaison",
)
"""Who may ask for contents, as on the form of an event; the door decides."""
_DELIVERIES = {
    "done": What.DELIVERY_DONE,
    "dead": What.DELIVERY_DEAD,
    "skipped": What.DELIVERY_SKIPPED,
    "waiting": What.DELIVERY_WAITS,
}
_GONE_WRONG = ("applied", "delivered")
"""Outcomes of attempts that went well."""


class IntegrationTracePlumbing(models.AbstractModel):
    """The part of a trace that moves: messages, what became of their lines, events and deliveries.

    All of it is read with the reader's own rights, and no more than so many rows of a kind.
    """

    _name = "integration.trace.plumbing"
    _description = "Trace: messages, events and deliveries"

    # -- helpers ------------------------------------------------------------------------------------------------------

    @api.model
    def _some(self, into, model, domain, most, order="id desc"):
        """Return at most so many records that the reader sees; say so where there are more."""
        found = self.env[model].search(domain, order=order, limit=most + 1)
        if len(found) > most:
            into.is_cut = True
        return found[:most]

    @api.model
    def _person(self, user):
        # sudo: the name of a colleague, who may work in another company
        return user.sudo().name or ""

    @api.model
    def _label(self, record, name):
        """Return what a selection field of a record says, in words."""
        return dict(record._fields[name]._description_selection(self.env)).get(record[name]) or ""

    @api.model
    def _in_state(self, records):
        """Return {record id: (who, when)} of who brought each record into its state, as far as its own chatter tells.

        :param records: of a model whose field ``state`` is tracked
        """
        if not records:
            return {}
        field = self.env["ir.model.fields"]._get(records._name, "state")
        words, states = self._words_of_states(records), {record.id: record.state for record in records}
        # sudo: the chatter of records that the reader sees; who changed their state and when, nothing else of it
        messages = self.env["mail.message"].sudo()
        about = [("model", "=", records._name), ("res_id", "in", records.ids)]
        changes = [*about, ("tracking_value_ids.field_id", "=", field.id)]
        found = {}
        for message in messages.search(changes, order="id desc", limit=CHANGES):
            values = message.tracking_value_ids.filtered(lambda value: value.field_id.id == field.id)
            if words[states[message.res_id]] & set(values.mapped("new_value_char")):
                found.setdefault(message.res_id, (message.author_id.name or "", message.date))
        return found

    @api.model
    def _words_of_states(self, records):
        """Return {state: what it is called}: the chatter keeps the word in the language of who changed it."""
        words = {}
        for code, _name in self.env["res.lang"].get_installed():
            for state, word in records._fields["state"]._description_selection(self.with_context(lang=code).env):
                words.setdefault(state, set()).add(word)
        return words

    # -- messages -----------------------------------------------------------------------------------------------------

    @api.model
    def _trace_received(self, into, domain):
        """Add what was received, copies and refusals included; return the accepted messages.

        :param domain: over receipts
        """
        receipts = self.env["integration.receipt"]
        # sudo: which messages an encounter has; each of them is read with the reader's own rights below
        rows = receipts.sudo()._read_group(
            [("company_id", "in", self.env.companies.ids), *domain],
            ["event_id", "outcome", "webhook_id", "reason", "system_id", "mode"],
            ["received_at:min", "id:array_agg"],
            order="received_at:min desc",
            limit=MESSAGES + 1,
        )
        into.is_cut |= len(rows) > MESSAGES
        accepted = {event.id for event, outcome, *_rest in rows[:MESSAGES] if outcome == "accepted" and event}
        if receipts.has_access("read"):
            for _event, outcome, message_id, reason, system, mode, at, ids in rows[:MESSAGES]:
                if outcome != "accepted":
                    into.steps.append(self._refused_step(outcome, message_id, reason, system, mode, at, ids))
        return self.env["integration.event"].search([("id", "in", list(accepted))])

    @api.model
    def _refused_step(self, outcome, message_id, reason, system, mode, at, ids):
        return Step(
            What.MESSAGE_DUPLICATE if outcome == "duplicate" else What.MESSAGE_REJECTED,
            at,
            (message_id,),
            reason=reason or "",
            system=system.sudo().name,  # sudo: the name of a system of the reader's company
            model="integration.receipt",
            ids=tuple(sorted(ids)[:LINES]),
            test=mode == "test",
        )

    @api.model
    def _trace_events(self, into, events):
        """Add messages of systems and what Odoo journalled itself."""
        may_ask = any(self.env.user.has_group(group) for group in READERS)
        gone = self.env["integration.payload.gone"].sudo()._words(events)  # sudo: whether it is kept
        for event in events:
            # sudo: the name of a system of the reader's company
            system = event.system_id.sudo().name if event.system_id else ""
            if event.system_id:
                what = What.MESSAGE_PARKED if event.held_reason else What.MESSAGE_ACCEPTED
            else:
                what = What.EVENT_EMITTED
            into.steps.append(
                Step(
                    what,
                    event.received_at,
                    (event.type_name,),
                    reason=event.held_reason or "",
                    system=system,
                    model="integration.event",
                    ids=(event.id,),
                    test=event.mode == "test",
                    content=event.id if may_ask and event.id not in gone else None,
                )
            )

    @api.model
    def _trace_effects(self, into, events):
        """Add what became of the messages' lines, for who may not see the charges themselves: states and no money."""
        effects = self.env["integration.effect"]
        if not effects.has_access("read"):
            return
        overview = self.env["integration.overview"]
        names, turns = overview._reason_names(), overview._turns()
        found = self._some(into, "integration.effect", [("event_id", "in", events.ids)], LINES)
        for effect in found:
            # sudo: the name and the mode of what the reader sees
            event = effect.event_id.sudo()
            what = self._effect_what(effect)
            if what:
                into.steps.append(
                    Step(
                        what,
                        effect.changed_at,
                        (effect.unit or event.type_name,),
                        reason=names.get(effect.reason) or effect.reason or "",
                        turn=(turns.get(effect.reason) or self.env._("Administrator"))
                        if what is What.CHARGE_PARKED
                        else "",
                        hidden=1,
                        test=event.mode == "test",
                    )
                )

    @api.model
    def _effect_what(self, effect):
        if effect.status == "parked":
            return What.CHARGE_PARKED
        if effect.status == "rejected":
            return What.CHARGE_REJECTED
        if effect.res_model == "integration.charge":
            return What.CHARGE_MADE
        if effect.res_model == "integration.charge.void":
            return What.VOID_WAITS if effect.status == "waiting" else What.VOID_APPLIED
        return None

    # -- events and deliveries ----------------------------------------------------------------------------------------

    @api.model
    def _flow_events(self, into, events):
        """Return these events and all that belong to the same flows of events."""
        flows = list(set(events.mapped("correlation_id")))
        if not flows:
            return events
        return events | self._some(into, "integration.event", [("correlation_id", "in", flows)], EVENTS)

    @api.model
    def _events_about(self, into, records):
        """Return what Odoo journalled about these records."""
        if not records:
            return self.env["integration.event"]
        # 'txn_key': what an emission has, and what the index is made for.
        about = [("res_model", "=", records._name), ("res_id", "in", records.ids), ("txn_key", "!=", False)]
        return self._some(into, "integration.event", about, EVENTS)

    @api.model
    def _trace_deliveries(self, into, events):
        """Add to whom these events went and how that stands."""
        if not self.env["integration.delivery"].has_access("read"):
            self._trace_unseen_deliveries(into, events)
            return
        deliveries = self._some(into, "integration.delivery", [("event_id", "in", events.ids)], DELIVERIES)
        tries = self._tries(deliveries)
        for delivery in deliveries:
            into.steps.append(self._delivery_step(delivery, tries.get(delivery.id, ())))

    @api.model
    def _delivery_step(self, delivery, tries):
        what = _DELIVERIES[delivery.state]
        if what is What.DELIVERY_WAITS and delivery.attempts:
            what = What.DELIVERY_FAILS
        ended = {"done": delivery.done_at, "skipped": delivery.done_at, "dead": delivery.dead_since}
        return Step(
            what,
            ended.get(delivery.state) or delivery.created_at,
            (delivery.display_name,),
            who=self._person(delivery.owner_id),
            reason=delivery.skip_reason or delivery.reason_title or "",
            turn=(delivery.whose_turn or "") if what.level.is_open else "",
            model="integration.delivery",
            ids=(delivery.id,),
            tries=tries,
            attempts=delivery.attempts,
            test=delivery.event_id.mode == "test",
        )

    @api.model
    def _tries(self, deliveries):
        """Return {delivery id: its last attempts}, of those that did not go well at once."""
        if not self.env["integration.attempt"].has_access("read"):
            return {}
        asked = deliveries.filtered(lambda one: one.attempts > 1 or one.state in ("dead", "skipped"))
        asked |= deliveries.filtered(lambda one: one.state == "waiting" and one.attempts)
        if not asked:
            return {}
        found = self.env["integration.attempt"].search(
            [("delivery_id", "in", asked.ids)], order="id desc", limit=ATTEMPTS
        )
        tries = defaultdict(list)
        for attempt in found:
            if len(tries[attempt.delivery_id.id]) < TRIES:
                tries[attempt.delivery_id.id].append(
                    Try(
                        attempt.started_at,
                        self._label(attempt, "outcome"),
                        attempt.reason_title or "",
                        attempt.outcome not in _GONE_WRONG,
                    )
                )
        return {delivery: tuple(reversed(rows)) for delivery, rows in tries.items()}

    @api.model
    def _trace_unseen_deliveries(self, into, events):
        """Say how deliveries stand to who may not see them: that something waits concerns everybody in the flow."""
        into.blind.add(Stage.DELIVERY)
        words = {"dead": What.DELIVERY_DEAD, "waiting": What.DELIVERY_WAITS}
        for event in events:
            if what := words.get(event.delivery_state):
                turn = self.env._("Integration operator") if what is What.DELIVERY_DEAD else ""
                into.steps.append(
                    Step(what, event.received_at, (event.type_name,), turn=turn, hidden=1, test=event.mode == "test")
                )

    # -- flows --------------------------------------------------------------------------------------------------------

    @api.model
    def _encounters_of(self, events):
        """Return {(system id, number)} of the encounters that these messages are about."""
        if not events:
            return set()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT system_id, encounter FROM integration_receipt
                 WHERE event_id IN %s AND encounter IS NOT NULL LIMIT 20
                """,
                tuple(events.ids),
            )
        )
        return set(rows)
