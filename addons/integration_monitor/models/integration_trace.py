from odoo import api, models
from odoo.addons.integration_core import tools
from odoo.exceptions import AccessError
from odoo.tools import format_datetime

from ..domain import trace
from ..domain.trace import Gathered, Key, Level, Stage
from .integration_trace_finder import MATCHES

MODULE = "integration_monitor"
SHOWN = 6
"""Lines, codes or numbers of one step that are written out."""
RELATED = 10
_LEVELS = {Level.PROBLEM: "danger", Level.WAITING: "warning"}


class IntegrationTrace(models.AbstractModel):
    """Trace: one page for one business flow, from the first message to the last delivery.

    Read with the reader's own rights, record rules and companies. What they do not show is told as not visible, never
    as an error. However long a flow is, so many rows of each kind are read, and the page says when there are more.
    """

    _name = "integration.trace"
    _inherit = ["integration.trace.finder"]
    _description = "Trace"

    @api.model
    def _check_reader(self):
        if not self.env["integration.event"].has_access("read"):
            raise AccessError(self.env._("Flows are followed by those who have a role in the integration."))

    @api.model
    def find(self, text):
        """Return the flows that a text may mean, as JSON values.

        :param str text: number of an encounter (or ``encounter / line``), an invoice or a payment; name, number or code
            of a supplier; id of a message, an event or a request
        :return: dict ``{"text", "matches": [{"key", "kind", "title", "detail"}], "more", "blind"}``; ``blind`` says
            what the reader's roles do not search
        :raises AccessError: for who reads no events
        """
        self._check_reader()
        asked = trace.asked(text) if isinstance(text, str) else None
        found = self._matches(asked) if asked else {}
        rows = [
            {"key": str(key), "kind": kind, "title": title, "detail": detail}
            for key, (kind, title, detail) in found.items()
        ]
        return {
            "text": asked.text if asked else "",
            "matches": rows[:MATCHES],
            "more": len(rows) > MATCHES,
            "blind": " ".join(self._unsearched()),
        }

    @api.model
    def get_flow(self, key):
        """Return the timeline of a flow, as JSON values.

        :param str key: as :meth:`find` returns it, or ``<model>-<id>`` of a record with a button to its trace
        :return: dict; ``state`` is ``nothing`` (there is no such flow, or nothing of it is visible to the reader; then
            nothing else is there) or ``ok``
        :raises AccessError: for who reads no events
        """
        self._check_reader()
        asked = trace.read_key(key) if isinstance(key, str) else None
        flow = asked and self._canonical(asked)
        if not flow:
            return {"state": "nothing"}
        into = Gathered()
        title, stages = self._gather(into, flow)
        if not into.steps:
            return {"state": "nothing"}
        timeline = trace.arrange(into.steps)
        return {
            "state": "ok",
            "key": str(flow),
            "title": title,
            "headline": self._headline(into.steps),
            "stages": [
                {
                    "stage": one.stage.value,
                    "label": self._words(one.stage.label),
                    "level": one.level.value if one.level else "none",
                    "count": one.count,
                }
                for one in trace.stage_states(into.steps, stages, into.blind)
            ],
            "steps": [self._told(step) for step in timeline.steps],
            "left_out": timeline.left_out,
            "is_cut": into.is_cut,
            "related": [{"key": str(other), "title": words} for other, words in into.related[:RELATED]],
            "focus": {"model": self._model_of(asked), "id": asked.number} if asked != flow else None,
        }

    @api.model
    def _model_of(self, key):
        return next((model for model, kind in trace.MODELS.items() if kind == key.kind), "")

    # -- gathering ----------------------------------------------------------------------------------------------------

    @api.model
    def _canonical(self, key):
        """Return the key of the flow that a key leads to; None where the reader sees nothing of it."""
        if key.kind in ("encounter", "flow"):
            return key
        record = self._record_of(key)
        return self._flow_of(record) if record else None

    @api.model
    def _gather(self, into, flow):
        """Gather the steps of a flow; return its title and the stages that flows of its kind have."""
        match flow.kind:
            case "encounter":
                return self._gather_encounter(into, flow), trace.OF_SERVICES
            case "flow":
                return self._gather_events(into, flow), trace.OF_SERVICES
        record = self._record_of(flow)
        if flow.kind == "partner":
            self._trace_partner(into, record)
            return record.display_name, trace.OF_SUPPLIERS
        if flow.kind == "payment":
            self._gather_payment(into, record)
        else:
            self._gather_documents(into, record)
        return record.name or self.env._("Draft"), trace.OF_SERVICES

    @api.model
    def _gather_encounter(self, into, flow):
        named = [("system_id", "=", flow.number), ("encounter", "=", flow.text)]
        received = self._trace_received(into, named)
        charges, voids = self._trace_charges(into, named)
        if Stage.CHARGE in into.blind:
            self._trace_effects(into, received)
        self._trace_codes(into, charges)
        lines = charges.credit_line_id | voids.credit_line_id
        # sudo: which document a line is on; whether the reader sees the document is asked below
        moves = charges.invoice_id | lines.sudo().move_id.sudo(False)
        self._trace_all(into, received, moves)
        # sudo: the name of a system, of whose encounter the reader sees something
        system = self.env["integration.system"].sudo().browse(flow.number).exists()
        return self.env._("Encounter %(number)s · %(system)s", number=flow.text, system=system.name or "")

    @api.model
    def _trace_all(self, into, received, moves):
        """Add documents, payments, events and deliveries that follow from messages and documents."""
        # sudo: what reverses documents; whether the reader sees it is asked where it is told
        moves |= self._made_by_hand(moves.sudo().reversal_move_ids.sudo(False))
        moves, payments = self._trace_documents(into, moves)
        events = (
            self._flow_events(into, received) | self._events_about(into, moves) | self._events_about(into, payments)
        )
        self._trace_events(into, events)
        self._trace_deliveries(into, events)

    @api.model
    def _gather_events(self, into, flow):
        events = self._some(into, "integration.event", [("correlation_id", "=", flow.text)], 300)
        self._relate(into, self._encounters_of(events))
        self._trace_events(into, events)
        self._trace_effects(into, events)
        self._trace_deliveries(into, events)
        return events[-1:].type_name or ""

    @api.model
    def _gather_documents(self, into, moves):
        self._relate_documents(into, moves)
        self._trace_all(into, self.env["integration.event"], moves)

    @api.model
    def _gather_payment(self, into, payment):
        moves = self._moves_of(payment)
        self._relate_documents(into, moves._filtered_access("read"))
        self._trace_all(into, self.env["integration.event"], moves)
        if payment.id not in {one for step in into.steps if step.model == payment._name for one in step.ids}:
            self._trace_payments(into, payment)
            events = self._events_about(into, payment)
            self._trace_events(into, events)
            self._trace_deliveries(into, events)

    @api.model
    def _relate_documents(self, into, moves):
        """Add the flows that documents, which the reader sees, lead to."""
        self._relate(into, self._encounters_on(moves))

    @api.model
    def _relate(self, into, encounters):
        into.related += [
            (Key("encounter", system, number), self.env._("Encounter %s", number))
            for system, number in sorted(encounters)
        ]

    # -- telling ------------------------------------------------------------------------------------------------------

    @api.model
    def _words(self, text):
        return tools.in_words(self.env, text, module=MODULE)

    @api.model
    def _headline(self, steps):
        """Return the one sentence that answers: does it go on, and if not, who has to do what?"""
        stuck = trace.stuck_at(steps)
        if not stuck:
            return {"level": "success", "text": self.env._("Nothing waits."), "detail": "", "money": [], "open": None}
        alike = (step for step in steps if (step.what, step.reason) == (stuck.what, stuck.reason))
        told = self._told(trace.arrange(alike).steps[0])
        since = tools.age_in_words(self.env, stuck.at) if stuck.at else ""
        details = [
            told["names"],
            self.env._("for %s", since) if since else "",
            self.env._("Whose turn: %s", stuck.turn) if stuck.turn else "",
        ]
        return {
            "level": _LEVELS[stuck.level],
            "text": f"{told['title']}: {stuck.reason}" if stuck.reason else told["title"],
            "detail": " · ".join(filter(None, details)),
            "money": told["money"],
            "open": told["open"],
        }

    @api.model
    def _told(self, step):
        """Return a step as JSON values, in the reader's language and time zone."""
        return {
            "what": step.what.value,
            "stage": step.stage.value,
            "label": self._words(step.stage.label),
            "level": step.level.value,
            "title": self._words(step.what.words),
            "names": self._names(step),
            "count": step.count,
            "at": format_datetime(self.env, step.at, dt_format="short") if step.at else "",
            "exactly": format_datetime(self.env, step.at, dt_format="long") if step.at else "",
            "who": step.who,
            "reason": step.reason,
            "turn": step.turn,
            "system": step.system,
            "money": tools.money_in_words(self.env, step.amounts) if step.amounts else [],
            "attempts": step.attempts,
            "tries": [
                {
                    "at": format_datetime(self.env, one.at, dt_format="medium"),
                    "outcome": one.outcome,
                    "reason": one.reason,
                    "failed": one.failed,
                }
                for one in step.tries
            ],
            "test": step.test,
            "hidden": bool(step.hidden),
            "content": step.content,
            "records": {"model": step.model, "ids": list(step.ids)},
            "open": self._open(step),
        }

    @api.model
    def _names(self, step):
        """Return what a step is about, as one text."""
        names = ", ".join(step.names[:SHOWN])
        if len(step.names) > SHOWN:
            names = self.env._("%(names)s and %(count)s more", names=names, count=len(step.names) - SHOWN)
        if step.stage is Stage.CHARGE or step.model == "integration.charge":
            return self.env._("line %s", names) if len(step.names) == 1 else self.env._("lines %s", names)
        return names

    @api.model
    def _open(self, step):
        """Return the action that opens the records of a step; None where there are none."""
        if not step.ids:
            return None
        action = {"type": "ir.actions.act_window", "res_model": step.model, "target": "current", "context": {}}
        if len(step.ids) == 1:
            return {**action, "res_id": step.ids[0], "views": [[False, "form"]]}
        name = self._words(step.what.words)
        return {
            **action,
            "name": name,
            "domain": [("id", "in", list(step.ids))],
            "views": [[False, "list"], [False, "form"]],
        }
