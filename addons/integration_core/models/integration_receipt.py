from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.tools import SQL

from ..fields import UncheckedMany2one, go_with
from ..intake import receipt_rows


class IntegrationReceipt(models.Model):
    """One row per unit of every verified message that was answered: the left side of the equation. Append-only.

    The unit is the line where the message has lines, else the message. Amounts are as sent.
    """

    _name = "integration.receipt"
    _description = "Receipt"
    _order = "id desc"
    _log_access = False

    company_id = UncheckedMany2one("res.company", required=True, readonly=True)
    system_id = UncheckedMany2one("integration.system", required=True, readonly=True)
    event_id = UncheckedMany2one("integration.event", readonly=True, index="btree_not_null", ondelete="set null")
    event_uuid = fields.Char(readonly=True)
    event_type_id = UncheckedMany2one("integration.event.type", readonly=True)
    webhook_id = fields.Char("Message ID", required=True, readonly=True)
    request_id = fields.Char(
        readonly=True,
        index="btree_not_null",
        help="Of a duplicate or a rejected message; an accepted one's is its event's.",
    )
    unit = fields.Char("Line", readonly=True)
    encounter = fields.Char(readonly=True, index="btree_not_null")
    outcome = fields.Selection(
        [("accepted", "Accepted"), ("duplicate", "Duplicate"), ("rejected", "Rejected")], required=True, readonly=True
    )
    reason = fields.Char(readonly=True)
    amount = fields.Float(
        readonly=True,
        digits=(30, 10),
        min_display_digits=2,
        groups="integration_core.group_finance_viewer",  # money is not the operators' business
        help="Quantity × unit price as sent; empty when no price was sent.",
    )
    currency = fields.Char(readonly=True, groups="integration_core.group_finance_viewer", help="ISO 4217")
    price_unknown = fields.Boolean(readonly=True)
    department = fields.Char("Department (as sent)", readonly=True)
    cost_center = fields.Char("Cost center (as sent)", readonly=True)
    received_at = fields.Datetime(required=True, readonly=True)
    received_day = fields.Date(required=True, readonly=True, help="Local to the system.")
    service_day = fields.Date(readonly=True, help="Local to the system.")
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True)

    _company_day_idx = models.Index("(company_id, received_day, system_id)")
    # What was not accepted is asked for by its id, and by what came last; what was accepted is found by its event.
    _not_accepted_idx = models.Index("(webhook_id) WHERE outcome <> 'accepted'")
    _not_accepted_last_idx = models.Index("(system_id, received_at) WHERE outcome <> 'accepted'")
    _service_day_idx = models.Index("(company_id, service_day) WHERE service_day IS NOT NULL")

    def init(self):
        go_with(self.env.cr, self._table, "event_id", "integration_event", forget=True)

    @api.model
    def _append(
        self,
        system,
        message_units,
        *,
        outcome,
        webhook_id,
        received_at,
        mode,
        event=None,
        event_uuid=None,
        event_type=None,
        encounter=None,
        reason=None,
        request_id=None,
    ):
        """Append one receipt per unit in the caller's transaction.

        :param message_units: :class:`units.Unit` rows; empty counts as one unit, the message
        :param str encounter: as the message names it
        :param event: the journal's event; for duplicates and rejections ``event_uuid`` and ``event_type`` say what is
            known
        :param str request_id: of a request that was not accepted
        :param datetime received_at: naive UTC
        """
        event_type = event.event_type_id if event else event_type
        common = (
            system.company_id.id,
            system.id,
            event.id if event else None,
            event.uuid if event else event_uuid,
            event_type.id if event_type else None,
            webhook_id,
            encounter,
            outcome,
            reason,
            request_id,
            mode,
        )
        zone = ZoneInfo(system.timezone or "UTC")
        rows = [(*common, *row) for row in receipt_rows(message_units, received_at, zone)]
        self.env.cr.execute_values(
            """
            INSERT INTO integration_receipt
                (company_id, system_id, event_id, event_uuid, event_type_id, webhook_id, encounter, outcome,
                 reason, request_id, mode, unit, amount, currency, price_unknown, department, cost_center, received_at,
                 received_day, service_day) VALUES %s
            """,
            rows,
            page_size=1000,
        )

    @api.model
    def _accepted_sql(self, rows, encounter):
        """SQL that appends the receipts of an accepted message whose event is the part ``e`` of the statement.

        :param rows: SQL of the JSON text of the units' own columns, see :mod:`~..intake`
        :param encounter: SQL of the encounter that the message names
        """
        return SQL(
            """
            INSERT INTO integration_receipt
                (company_id, system_id, event_id, event_uuid, event_type_id, webhook_id, encounter, outcome, mode,
                 unit, amount, currency, price_unknown, department, cost_center, received_at, received_day,
                 service_day)
            SELECT e.company_id, e.system_id, e.id, e.uuid, e.event_type_id, e.webhook_id, %s, 'accepted', e.mode,
                   u.*
              FROM e, jsonb_to_recordset(%s::jsonb) AS u (
                   unit varchar, amount numeric, currency varchar, price_unknown boolean, department varchar,
                   cost_center varchar, received_at timestamp, received_day date, service_day date)
            """,
            encounter,
            rows,
        )
