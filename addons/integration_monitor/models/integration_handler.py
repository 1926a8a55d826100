from datetime import date, timezone

from odoo import models
from odoo.addons.integration_core.domain import timestamps

from ..domain import control_totals


class ControlTotalsHandler(models.AbstractModel):
    _name = "integration.handler.control_totals"
    _inherit = "integration.handler"
    _description = "Control totals"
    _handles = ("control.totals.reported.v1",)

    def _handle(self, batch):
        for handled in batch:
            status, reason, record = self._take(handled)
            handled.event._record_effects([("", status, reason, record)])

    def _take(self, handled):
        """Store one statement; return (status, reason, record) of its effect."""
        data, event = handled.data, handled.event
        first, last = (date.fromisoformat(data["period"][name]) for name in ("from", "to"))
        lines = control_totals.of_message(data["totals"])
        measure = control_totals.measure_of(lines)
        if measure is None:
            return "rejected", "claims_and_keys", None
        if fault := control_totals.fault_of(first, last, measure):
            return "rejected", fault, None
        if any(line.day and not first <= line.day <= last for line in lines):
            return "rejected", "day_outside_period", None
        if any(line.amount is not None and not line.currency for line in lines):
            return "rejected", "amount_without_currency", None
        if control_totals.counts_too_much(control_totals.told_of(lines, measure)):
            return "rejected", "count_too_high", None
        # sudo: statements are kept for finance; the engine's user, who stores them, reads none
        total, verdict = (
            self.env["integration.control.total"]
            .sudo()
            ._store(
                event.system_id,
                measure,
                first,
                last,
                lines,
                source="posted",
                taken_at=self._taken_at(handled),
                number=data.get("version"),
                is_test=handled.mode == "test",
                event_id=event.id,
            )
        )
        match verdict:
            case "same":
                return "duplicate", None, total
            case "stale":
                return "rejected", "older_than_the_one_in_force", total
            case "conflict":
                return "rejected", "same_version_other_figures", total
        return "applied", None, total

    def _taken_at(self, handled):
        """Return when the statement was taken: as it says, and not after it came.

        A sender's clock that is ahead would have it go before all that is said later.
        """
        received = handled.event.received_at
        text = handled.data.get("taken_at")
        moment = timestamps.parse(text) if text else handled.envelope.time
        if moment is None:
            return received
        return min(moment.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0), received)
