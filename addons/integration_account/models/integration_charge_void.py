from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core.domain import decimals
from odoo.addons.integration_mapping.domain import conversion
from odoo.exceptions import AccessError

WAIT_HOURS = 24
ENDED = ("withdrawn", "reversed", "rejected")


class IntegrationChargeVoid(models.Model):
    """A finalized line was wrong, or a part of it. Kept for ever; waits for its line when it comes first."""

    _name = "integration.charge.void"
    _description = "Void"
    _order = "id desc"
    _rec_name = "line"

    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    event_id = fields.Many2one("integration.event", "Message", readonly=True, ondelete="set null", index=True)
    unit = fields.Char(readonly=True)
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True)
    encounter = fields.Char(required=True, readonly=True)
    line = fields.Char(required=True, readonly=True)
    quantity = fields.Char(readonly=True, help="Empty: the whole line.")
    reason = fields.Char(readonly=True)
    state = fields.Selection(
        [("waiting", "Waiting for its line"), ("applied", "Applied"), ("parked", "Parked"), ("dismissed", "Dismissed")],
        required=True,
        readonly=True,
        default="waiting",
        index=True,
    )
    park_reason = fields.Selection(
        [
            ("line_unseen", "Its line never came"),
            ("more_than_charged", "More than what was charged"),
            ("repeated", "Repeats an earlier void"),
            ("quantity_precision", "Quantity too fine"),
            ("credit_removed", "Its credit note was removed"),
        ],
        "Why parked",
        readonly=True,
    )
    deadline = fields.Datetime(readonly=True, help="It parks when its line has not come by then.")
    charge_id = fields.Many2one("integration.charge", readonly=True, ondelete="set null", index=True)
    credit_line_id = fields.Many2one("account.move.line", readonly=True, ondelete="set null", index="btree_not_null")

    _line_idx = models.Index("(system_id, mode, encounter, line)")
    _waiting_idx = models.Index("(deadline) WHERE state = 'waiting'")

    @api.model
    def _take(self, handled, voids):
        """Record the voids of one message and carry out those whose line is known.

        :param handled: ``HandledEvent`` of ``clinical.service.voided``
        :param voids: its :class:`~..domain.lines.VoidLine` rows
        """
        event = handled.event
        names = self.env["integration.charge.intake"]._names(handled.data)
        deadline = fields.Datetime.add(event.received_at, hours=WAIT_HOURS)
        rows = self.create(
            [
                {
                    "system_id": event.system_id.id,
                    "company_id": event.company_id.id,
                    "event_id": event.id,
                    "unit": name,
                    "mode": handled.mode,
                    "encounter": handled.data["encounter"],
                    "line": void.line,
                    "quantity": void.quantity is not None and decimals.to_text(void.quantity),
                    "reason": void.reason,
                    "deadline": deadline,
                }
                for name, void in zip(names, voids, strict=True)
            ]
        )
        charges = self._charges_of(rows)
        for row in rows:
            charge = charges.get(row._line_key())
            if charge:
                row._apply(charge)
            else:
                row._say("waiting", "line_unseen")

    def _line_key(self):
        return (self.system_id.id, self.mode, self.encounter, self.line)

    @api.model
    def _charges_of(self, rows):
        # sudo: the facility may have put a charge into another company than the void's message
        charges = (
            self.env["integration.charge"]
            .sudo()
            .search(
                [
                    ("system_id", "in", rows.system_id.ids),
                    ("encounter", "in", rows.mapped("encounter")),
                    ("line", "in", rows.mapped("line")),
                    ("current", "=", True),
                ]
            )
        )
        companies = self.env["integration.charge"]._of_all_companies()
        return {
            (charge.system_id.id, charge.mode, charge.encounter, charge.line): charge.with_env(companies.env)
            for charge in charges
        }

    @api.model
    def _meet(self, charges):
        """Carry out voids that were here before these new charges; return the charges that were withdrawn by them."""
        if not charges:
            return charges
        waiting = self.search(
            [
                ("system_id", "in", charges.system_id.ids),
                ("encounter", "in", charges.mapped("encounter")),
                ("line", "in", charges.mapped("line")),
                "|",
                ("state", "=", "waiting"),
                ("park_reason", "=", "line_unseen"),
            ],
            order="id",
        )
        by_key = {(charge.system_id.id, charge.mode, charge.encounter, charge.line): charge for charge in charges}
        for void in waiting:
            if void._line_key() in by_key:
                void._apply(by_key[void._line_key()])
        return charges.filtered(lambda charge: charge.state == "withdrawn")

    def _apply(self, charge):
        """Carry out this void on its charge, or park it with the reason why not."""
        self.ensure_one()
        self.charge_id = charge
        if charge.state in ENDED:
            self.write({"state": "dismissed", "park_reason": False})
            self._say("duplicate", "already_ended")
            return
        problem = self._problem(charge)
        if problem:
            self.write({"state": "parked", "park_reason": problem})
            self._say("parked", problem)
            return
        self.write({"state": "applied", "park_reason": False})
        if self._is_whole(charge):
            charge._reverse(self.event_id, self.reason, void=self)
        else:
            charge._reduce(self)
        self._say("applied", None)

    def _is_whole(self, charge):
        return not self.quantity or Decimal(self.quantity) == charge._remaining(without=self)

    def _problem(self, charge):
        """Return why this void cannot be carried out, or None."""
        if not self.quantity:
            return None
        quantity = Decimal(self.quantity)
        if quantity > charge._remaining(without=self):
            return "more_than_charged"
        earlier = charge.void_ids - self
        if any(
            void.state == "applied"
            and void.reason == self.reason
            and void.quantity
            and Decimal(void.quantity) == quantity
            for void in earlier
        ):
            # The same part, voided for the same reason by another message: most likely one void sent twice.
            return "repeated"
        # While the unit is not known there is nothing to round: the charge is parked, and says what is missing.
        ours = charge._converted(quantity)
        if ours is not None and not conversion.fits(ours, self.env["decimal.precision"].precision_get("Product Unit")):
            return "quantity_precision"
        return None

    def _say(self, status, reason):
        # A correction's reversal has no unit: the new charge speaks for its line.
        for void in self.filtered(lambda one: one.event_id and one.unit):
            # sudo: effects are bookkeeping of the journal, whoever pressed the button
            self.env["integration.effect"].sudo()._put([(void.event_id.id, void.unit, status, reason, void)])

    @api.model
    def _chore_meet(self, limit):
        """Carry out voids that were handled at the same moment as their lines; return how many are still to do.

        Of two transactions at once neither sees what the other writes: the void waits for a line that is there.
        """
        self.env.flush_all()
        self.env.cr.execute(
            """
            SELECT v.id FROM integration_charge_void v
             WHERE v.state = 'waiting' AND EXISTS (
                SELECT FROM integration_charge c
                 WHERE c.system_id = v.system_id AND c.mode = v.mode AND c.encounter = v.encounter
                   AND c.line = v.line AND c.current)
             ORDER BY v.id LIMIT %s
            """,
            (limit,),
        )
        # At once: whatever is read next is read with the same cursor.
        ids = [row[0] for row in self.env.cr.fetchall()]
        missed = self.with_context(allowed_company_ids=self.env.user.company_ids.ids).browse(ids)
        charges = self._charges_of(missed) if missed else {}
        for void in missed:
            if charge := charges.get(void._line_key()):
                void._apply(charge)
        return len(missed) if len(missed) == limit else 0

    @api.model
    def _chore_expire(self, limit):
        """Park voids whose line did not come in time; return how many are still to do."""
        companies = self.with_context(allowed_company_ids=self.env.user.company_ids.ids)
        late = companies.search([("state", "=", "waiting"), ("deadline", "<", fields.Datetime.now())], limit=limit)
        late.write({"state": "parked", "park_reason": "line_unseen"})
        late._say("parked", "line_unseen")
        return len(late) if len(late) == limit else 0

    @api.model
    def _credit_lines_gone(self, lines):
        """A draft credit note was removed by hand, but its voids stand: put them on a person's desk."""
        # sudo: whoever deletes a draft need not see the integration app
        for void in self.sudo().search([("credit_line_id", "in", lines.ids)]):
            charge = void.charge_id
            back = void.credit_line_id.quantity
            values = {"credit_line_id": False, "credited_quantity": max(charge.credited_quantity - back, 0.0)}
            if charge.state == "reversed":
                values["state"] = "billed"
            charge.write(values)
            void.write({"state": "parked", "park_reason": "credit_removed", "credit_line_id": False})
            void._say("parked", "credit_removed")

    # -- buttons ------------------------------------------------------------------------------------------------------

    def _as_reviewer(self):
        if not self.env.user.has_group("integration_core.group_finance_reviewer"):
            raise AccessError(self.env._("Only a finance reviewer can decide about voids."))
        self.check_access("read")
        # sudo: nobody may write voids directly; the group and the record rules were checked just above
        return self.sudo().filtered(lambda void: void.state == "parked")

    def action_dismiss(self):
        """Close parked voids without any effect on a charge."""
        voids = self._as_reviewer()
        voids.write({"state": "dismissed"})
        voids._say("rejected", "dismissed")
        self.env["integration.audit"]._record("void.dismiss", voids)
        return True

    def action_apply(self):
        """Carry out parked voids as they stand now: a repeated one counts, the others are judged again."""
        for void in self._as_reviewer():
            charge = void.charge_id or self._charges_of(void).get(void._line_key())
            if not charge:
                continue
            if void.park_reason == "repeated":
                void.reason = self.env._("%s (again)", void.reason)
            void._apply(charge.sudo())  # sudo: as in _as_reviewer
        self.env["integration.audit"]._record("void.apply", self)
        return True
