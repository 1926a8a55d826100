from odoo import api, fields, models
from odoo.addons.integration_core.tools import age_in_words
from odoo.addons.integration_mapping.domain.attributes import mask
from odoo.exceptions import UserError

from ..domain import bank as rules

RELEASING = object()
"""A supplier's account becomes usable where code holds this very object: a context key over RPC can never be it."""
WITHHELD = ("waiting", "cooling", "refused")


class IntegrationBankChange(models.Model):
    """A new or changed bank account of a canonical supplier, withheld from payments until it is confirmed.

    ::

        waiting ──call recorded──▶ waiting ──approve──▶ cooling ──time──▶ usable
           │ ▲──ask again                     └──reject──▶ refused
           └──replaced by a later change──▶ ended

    A second person calls the supplier at a number that was known before, says whom they spoke to, and approves; then
    the cooling time runs out. What is withheld is Odoo's own *Send Money*. The rule is in the models: no screen, no RPC
    call and no import leads past it.
    """

    _name = "integration.bank.change"
    _inherit = ["integration.approval.mixin"]
    _description = "Supplier bank account"
    _order = "since desc, id desc"

    _approval_protected = (
        "state",
        "callback_source",
        "callback_phone",
        "callback_with",
        "callback_note",
        "callback_at",
        "callback_by_id",
        "usable_from",
    )
    _approval_shown = ("partner_id", "what", "callback_with", "callback_phone")

    bank_id = fields.Many2one(
        "res.partner.bank", "Account", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner", "Supplier", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    what = fields.Selection(
        [
            ("new", "New account"),
            ("changed", "Account changed"),
            ("moved", "Moved to another supplier"),
            ("restored", "Taken out of the archive"),
            ("supplier", "Its contact became a supplier"),
            ("asked", "Asked for by a person"),
        ],
        required=True,
        readonly=True,
    )
    old_number = fields.Char("Before", readonly=True)
    new_number = fields.Char("Number", readonly=True, help="The last characters; the whole is on the contact.")
    since = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    usable_from = fields.Datetime("Usable from", required=True, readonly=True, help="Not before, even when approved.")
    phones_known = fields.Json(readonly=True)
    phones_text = fields.Char("Known phone", compute="_compute_phones_text", help="Known before the account changed.")
    callback_source = fields.Selection(
        [("record", "Known before"), ("elsewhere", "Found independently")], "Phone number", readonly=True
    )
    callback_phone = fields.Char("Called", readonly=True)
    callback_with = fields.Char("Spoke to", readonly=True)
    callback_note = fields.Char("Number found in", readonly=True)
    callback_at = fields.Datetime("Called at", readonly=True)
    callback_by_id = fields.Many2one("res.users", "Called by", readonly=True)
    state = fields.Selection(
        [
            ("waiting", "Withheld"),
            ("cooling", "Cooling off"),
            ("usable", "Usable"),
            ("refused", "Refused"),
            ("ended", "Replaced"),
        ],
        required=True,
        readonly=True,
        default="waiting",
    )
    turn = fields.Selection(
        [
            ("caller", "A second person calls the supplier"),
            ("approver", "A second person approves"),
            ("author", "Whoever entered it asks again"),
            ("nobody", "Nobody: time passes"),
            ("none", "Nobody"),
        ],
        "Whose turn",
        compute="_compute_turn",
    )

    _one_open = models.UniqueIndex("(bank_id) WHERE state IN ('waiting', 'cooling')", "It is withheld already.")
    _cooling_idx = models.Index("(usable_from) WHERE state = 'cooling'")

    @api.depends("partner_id", "new_number")
    def _compute_display_name(self):
        for change in self:
            change.display_name = f"{change.partner_id.display_name} {change.new_number or ''}"

    @api.depends("phones_known")
    def _compute_phones_text(self):
        for change in self:
            change.phones_text = ", ".join(change.phones_known or []) or self.env._("none: find one independently")

    @api.depends("state", "approval_state", "callback_at")
    def _compute_turn(self):
        for change in self:
            if change.state == "waiting":
                asked = "approver" if change.callback_at else "caller"
                change.turn = asked if change.approval_state == "requested" else "author"
            else:
                change.turn = "nobody" if change.state == "cooling" else "none"

    # -- withholding -------------------------------------------------------------------------------------------------

    @api.model
    def _withhold(self, banks, what, old_numbers):
        """Withhold these accounts of suppliers from payments, and ask a second person about each.

        :param banks: accounts as they are now
        :param str what: what happened to them
        :param dict old_numbers: {account: masked number before}
        """
        # sudo: whoever enters an account has no rights to these records, which the rule makes about them
        changes = self.sudo()
        open_ones = changes.search([("bank_id", "in", banks.ids), ("state", "in", WITHHELD)])
        open_ones._end()
        banks.sudo().with_context(integration_releasing=RELEASING).write({"allow_out_payment": False})  # sudo: as above
        made = changes.create([changes._values(one, what, old_numbers.get(one)) for one in banks.sudo()])
        made._approval_ask()

    @api.model
    def _values(self, bank, what, old_number):
        now = fields.Datetime.now()
        partner = bank.partner_id.commercial_partner_id
        company = bank._integration_company()
        return {
            "bank_id": bank.id,
            "partner_id": partner.id,
            "company_id": company.id,
            "what": what,
            "old_number": old_number,
            "new_number": mask(bank.acc_number or ""),
            "since": now,
            "usable_from": rules.usable_from(now, company.integration_bank_cooling_hours),
            "phones_known": self._phones_known(partner, now) or False,
        }

    @api.model
    def _phones_known(self, partner, now):
        # sudo: what stood on the record before is asked for whoever enters an account
        former = self.env["integration.supplier.phone"].sudo().search([("partner_id", "=", partner.id)])
        return list(
            rules.phones_known(
                partner.phone or None,
                [rules.FormerPhone(one.phone or "", one.until) for one in former],
                recorded=partner.create_date or now,
                now=now,
            )
        )

    def _end(self):
        """Say that these do not count any more: the account changed again, or is out of use."""
        for change in self:
            if change.approval_state == "requested":
                change._approval_end("withdrawn", {"approval_state": "draft"}, reason=self.env._("It changed again."))
        self._approving().write({"state": "ended"})
        self.flush_recordset(["state"])

    # -- the call ----------------------------------------------------------------------------------------------------

    def action_record_call(self):
        """Open the small form that records the call."""
        self.ensure_one()
        self._check_caller()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Call %s", self.partner_id.display_name),
            "res_model": "integration.bank.callback",
            "view_mode": "form",
            "target": "new",
            "context": {"default_change_id": self.id},
        }

    def _check_caller(self):
        """Refuse whoever entered the account or the supplier: a second person calls."""
        if not self._approval_check().allowed:
            raise UserError(self._approval_refused_text())

    def _record_call(self, *, phone, spoke_to, source, note):
        """Keep whom a second person called, at which number, and where that number is known from.

        :raises UserError: when the number was not known before, or came with the change
        """
        self.ensure_one()
        self._check_caller()
        found_elsewhere = source == "elsewhere"
        if not (spoke_to or "").strip() or (found_elsewhere and not (note or "").strip()):
            raise UserError(self.env._("Say whom you spoke to, and where you found the number."))
        known = self.phones_known or []
        if not rules.may_be_called(phone or "", known=known, fresh=self._fresh(), found_elsewhere=found_elsewhere):
            raise UserError(
                self.env._(
                    "This number was not known before the account changed, or came with the change. Call %s.",
                    ", ".join(known) or self.env._("a number from a signed contract or a public register"),
                )
            )
        # sudo: the approving right is enough to record a call
        self.sudo()._approving().write(
            {
                "callback_source": source,
                "callback_phone": phone,
                "callback_with": spoke_to.strip(),
                "callback_note": note or False,
                "callback_at": fields.Datetime.now(),
                "callback_by_id": self.env.uid,
            }
        )
        self.env["integration.audit"]._record("bank_account.call", self, detail=f"{source}; {phone}")

    def _fresh(self):
        """Return phone numbers that came up lately: on the record since the last one known, or in proposals."""
        # sudo: compared, not shown
        proposals = self.env["integration.proposal"].sudo().search([("entity_id.partner_id", "=", self.partner_id.id)])
        told = [(proposal.told or {}).get("phone") for proposal in proposals]
        return [phone for phone in (self.sudo().partner_id.phone, *told) if phone]  # sudo: as above

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_authors(self):
        """Whoever entered the account, made the supplier, or changed its phone lately: none of them approves."""
        # sudo: who made a record is a fact of the rule, whoever asks
        change = self.sudo()
        entities = (
            self.env["integration.entity"]
            .sudo()
            .search([("partner_id", "=", change.partner_id.id), ("kind", "=", "supplier")])
        )
        recent = self.env["integration.supplier.phone"].sudo()._recent(change.partner_id, change.since)
        people = change.partner_id.create_uid | entities.create_uid | recent.user_id
        return super()._approval_authors() | set(people.ids)

    def _approval_effects(self):
        return [(self.env._("Bank account"), self.old_number or "", self.new_number or "")]

    def action_approve(self):
        """Approve; refused before the call is recorded."""
        for change in self:
            ruling = change._approval_check()
            if ruling.allowed and not change.callback_at:
                raise UserError(
                    self.env._(
                        "Call %s first, and record the call: a bank account is approved after a call.",
                        change.partner_id.display_name,
                    )
                )
        return super().action_approve()

    def _on_approved(self):
        self._approving().write({"state": "cooling"})
        self._release()

    def _approval_end(self, outcome, values, *, reason=None, delegation=None):
        result = super()._approval_end(outcome, values, reason=reason, delegation=delegation)
        if outcome == "rejected":
            # sudo: whoever decides may hold the approving right without the right to edit
            self.sudo()._approving().write({"state": "refused"})
        return result

    @api.model
    def _entered_by_payer(self, bank):
        """Tell whether the current user entered the account as it is now, where two people can be told apart."""
        # sudo: who entered an account is a fact of the rule, whoever pays
        last = self.sudo().search([("bank_id", "=", bank.id)], limit=1)
        enforced = self.env["integration.approving.role"]._is_enforced(self._approval_group())
        return enforced and last.author_id == self.env.user

    # -- release -----------------------------------------------------------------------------------------------------

    def _release(self):
        """Let those be paid to whose cooling time is over."""
        now = fields.Datetime.now()
        for change in self.filtered(lambda one: one.state == "cooling" and one.usable_from <= now):
            # sudo: approved by a second person; Odoo's own switch follows
            own = change.sudo()._approving()
            own.bank_id.with_context(integration_releasing=RELEASING).write({"allow_out_payment": True})
            own.write({"state": "usable"})
            self.env["integration.audit"]._record("bank_account.usable", change)
            own.bank_id._integration_tell()

    @api.model
    def _chore_release(self, limit):
        """Release approved accounts whose cooling time is over; return how many are left."""
        # sudo: the engine carries out what people have approved
        domain = [("state", "=", "cooling"), ("usable_from", "<=", fields.Datetime.now())]
        due = self.sudo().search(domain, limit=limit)
        due._release()
        return self.sudo().search_count(domain, limit=1) if len(due) == limit else 0

    def _is_underway(self):
        """Tell whether people or time are at work on it: nobody has to ask again."""
        self.ensure_one()
        return self.state == "cooling" or (self.state == "waiting" and self.approval_state == "requested")

    def _says(self):
        """Return what a person who would pay reads: state, since when, whose turn."""
        self.ensure_one()
        age = age_in_words(self.env, self.since)
        turns = dict(self._fields["turn"]._description_selection(self.env))
        match self.state:
            case "cooling":
                return self.env._(
                    "Withheld: confirmed by a call; usable from %s UTC.", f"{self.usable_from:%Y-%m-%d %H:%M}"
                )
            case "refused":
                return self.env._("Refused (%s). Do not pay to it.", self.decision_reason or "")
        return self.env._("Withheld for %(age)s. Now: %(turn)s.", age=age, turn=turns[self.turn])


class IntegrationSupplierPhone(models.Model):
    """Phone numbers that stood on a supplier's record, each until when and who replaced it.

    Only what was there before a bank account changed may be called to confirm it.
    """

    _name = "integration.supplier.phone"
    _description = "Former phone number of a supplier"
    _order = "until desc, id desc"
    _log_access = False
    _rec_name = "phone"

    partner_id = fields.Many2one(
        "res.partner", "Supplier", required=True, readonly=True, index=True, ondelete="cascade"
    )
    phone = fields.Char(readonly=True)
    until = fields.Datetime(required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Replaced by", readonly=True)

    @api.model
    def _recent(self, partner, moment):
        """Return the replacements that are too young at ``moment`` for the new number to be known."""
        return self.search([("partner_id", "=", partner.id), ("until", ">", moment - rules.PHONE_KNOWN_FOR)])
