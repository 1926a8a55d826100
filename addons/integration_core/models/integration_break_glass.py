from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_datetime

from ..domain import emergency

OFFICER = "integration_core.group_privacy_officer"
ADMIN = "integration_core.group_admin"
BREAKERS = ("integration_core.group_operator", "integration_core.group_clinical_liaison")
"""Who may break the glass: those whose work cannot wait for somebody who is cleared when care depends on a message."""
ALERT = "mail.mail_activity_data_todo"
_MAX_LOOKS = 200


class IntegrationBreakGlass(models.Model):
    """Somebody opened the door to payloads for themselves, in an emergency, for a short time.

    Others are told at once, and one of them judges afterwards whether it was right. How it began never changes.
    """

    _name = "integration.break.glass"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Break-glass"
    _order = "begun_at desc, id desc"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", "Who", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    reason = fields.Char("Why", required=True, readonly=True)
    begun_at = fields.Datetime("Since", required=True, readonly=True)
    until = fields.Datetime(required=True, readonly=True)
    told_ids = fields.Many2many("res.users", string="Told at once", readonly=True)
    review_by = fields.Datetime("Review until", required=True, readonly=True)
    state = fields.Selection(
        [("open", "To review"), ("reviewed", "Reviewed")], default="open", required=True, readonly=True, index=True
    )
    finding = fields.Selection([("right", "It was right"), ("wrong", "It was not right")], readonly=True)
    note = fields.Char("What was found", readonly=True)
    reviewed_by_id = fields.Many2one("res.users", "Reviewed by", readonly=True, ondelete="restrict")
    reviewed_at = fields.Datetime("Reviewed", readonly=True)
    active_now = fields.Boolean("Open now", compute="_compute_now")
    overdue = fields.Boolean(compute="_compute_now", search="_search_overdue")
    look_count = fields.Integer("Looks", compute="_compute_looks", compute_sudo=True)
    looks = fields.Text("What was looked at", compute="_compute_looks", compute_sudo=True)
    can_review = fields.Boolean(compute="_compute_can_review")

    _begun = ("user_id", "company_id", "reason", "begun_at", "until", "told_ids", "review_by")
    _user_until_idx = models.Index("(user_id, until)")

    @api.depends("until", "state", "review_by")
    def _compute_now(self):
        now = fields.Datetime.now()
        for glass in self:
            glass.active_now = glass.state == "open" and glass.until > now
            glass.overdue = glass.state == "open" and glass.review_by < now

    def _search_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = Domain("state", "=", "open") & Domain("review_by", "<", fields.Datetime.now())
        wanted = [late if one else ~late for one in value]
        return Domain.OR(wanted)

    def _compute_looks(self):
        trail = self.env["integration.audit"]
        for glass in self:
            mark = Domain("action", "=", "payload.read") & Domain("detail", "=like", f"%; break-glass {glass.id}")
            looks = trail.search(mark & Domain("user_id", "=", glass.user_id.id), limit=_MAX_LOOKS, order="id")
            glass.look_count = len(looks)
            glass.looks = "\n".join(map(self._look_in_words, looks))

    def _look_in_words(self, look):
        what = self.env[look.res_model]._description if look.res_model in self.env else look.res_model
        if look.res_model == "integration.event":
            # Of which kind it was says more than its id; it may be gone by now.
            what = f"{what} {self.env[look.res_model].browse(look.res_id).exists().type_name or ''}".strip()
        at = format_datetime(self.env, look.at, dt_format="medium")
        return f"{at} – {what} {look.res_name} – {look.detail.partition(';')[0]} – {look.reason}"

    @api.depends("state", "user_id")
    @api.depends_context("uid")
    def _compute_can_review(self):
        for glass in self:
            glass.can_review = glass.state == "open" and self.env.user in glass._watchers()

    def write(self, vals):
        if set(vals) & set(self._begun):
            raise AccessError(self.env._("How a break-glass began never changes."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("A break-glass is never deleted."))

    # -- breaking it

    @api.model
    def _may_break(self):
        """Tell whether the user may break the glass."""
        return any(self.env.user.has_group(group) for group in BREAKERS)

    @api.model
    def _of_user(self):
        """Return the glass that the user has broken and that is still open, or an empty recordset.

        A review ends it: what was looked at later nobody would have judged.
        """
        # sudo: one's own alone
        mine = [("user_id", "=", self.env.uid), ("state", "=", "open"), ("until", ">", fields.Datetime.now())]
        return self.sudo().search(mine, limit=1)

    @api.model
    def _begin(self, reason):
        """Break the glass for the user, tell others, and return the record; one that is open already goes on.

        :param str reason: why it cannot wait, in more than a word
        :raises AccessError: for who may not
        :raises UserError: without a reason, or when nobody could be told
        """
        if not self._may_break():
            raise AccessError(self.env._("Your work cannot need this. Ask somebody who is cleared for payloads."))
        if open_one := self._of_user():
            return open_one
        if not emergency.is_reason(reason):
            least = emergency.LEAST_REASON
            raise UserError(self.env._("Say what cannot wait, in %s characters or more.", least))
        told = self._watchers_of(self.env.user, self.env.company)
        if not told:
            raise UserError(
                self.env._(
                    "Nobody else could be told, so the glass stays whole. An administrator gives somebody the role "
                    "“Privacy officer” first."
                )
            )
        now = fields.Datetime.now()
        # sudo: these records are made here alone, after the checks above
        glass = self.sudo().with_context(mail_create_nosubscribe=True).create(
            {
                "user_id": self.env.uid,
                "company_id": self.env.company.id,
                "reason": reason.strip(),
                "begun_at": now,
                "until": now + timedelta(minutes=emergency.minutes(self._setting("minutes"))),
                "review_by": now + timedelta(days=emergency.review_days(self._setting("review_days"))),
                "told_ids": told.ids,
            }
        )
        self.env["integration.audit"]._record("glass.break", glass, reason=glass.reason, detail=f"until {glass.until}")
        glass._tell()
        return glass

    @api.model
    def _setting(self, name):
        # sudo: an administrator's setting, read for whoever it holds for
        return self.env["ir.config_parameter"].sudo().get_param(f"integration_core.break_glass_{name}")

    @api.model
    def _watchers_of(self, user, company):
        """Return who is told and may review: the privacy officers, else the administrators, ``user`` never."""
        for group in (OFFICER, ADMIN):
            # sudo: who watches must not depend on whom the user may see
            members = self.env.ref(group).sudo().all_user_ids
            found = members.filtered(
                lambda one: one.active and one != user and one.id != api.SUPERUSER_ID and company in one.company_ids
            )
            if found:
                return found
        return self.env["res.users"]

    def _watchers(self):
        self.ensure_one()
        return self._watchers_of(self.user_id, self.company_id)

    def _tell(self):
        """Tell the others at once, by mail and on their desks: who and until when, nothing of any message."""
        for glass in self:
            subject = self.env._("Break-glass: %s opens contents of messages", glass.user_id.name)
            body = self.env._(
                "In an emergency, and until %s UTC. Their reason and every look are in Odoo, under Break-glass. "
                "Please judge there whether it was right.",
                glass.until,
            )
            glass.message_notify(partner_ids=glass.told_ids.partner_id.ids, subject=subject, body=body)
            for user in glass.told_ids:
                glass.activity_schedule(ALERT, glass.review_by.date(), summary=subject, note=body, user_id=user.id)

    # -- judging it

    def _review(self, finding, note):
        """Judge whether it was right, as somebody else than who did it.

        :param str finding: ``right`` or ``wrong``
        :param str note: what was found
        """
        for glass in self:
            glass.check_access("read")
            if self.env.user not in glass._watchers():
                raise AccessError(self.env._("A privacy officer reviews this, never the one who did it."))
            if glass.state != "open":
                raise UserError(self.env._("This is reviewed already. Reload the page."))
            if not (note or "").strip():
                raise UserError(self.env._("Say what you found."))
            # sudo: these fields are written here alone, after the checks above
            glass.sudo().write(
                {
                    "state": "reviewed",
                    "finding": finding,
                    "note": note.strip(),
                    "reviewed_by_id": self.env.uid,
                    "reviewed_at": fields.Datetime.now(),
                }
            )
            glass.sudo().activity_unlink([ALERT])
            self.env["integration.audit"]._record("glass.review", glass, reason=note, detail=finding)

    def action_review(self):
        """Ask for the finding."""
        self.env["integration.break.glass.review"].check_access("create")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("integration_core.action_break_glass_review")
        return {**action, "context": {"default_glass_id": self.id}}

    @api.autovacuum
    def _remind(self):
        """Tell whoever may review, once a day, of what nobody has reviewed in time."""
        for glass in self.search([("overdue", "=", True)]):
            glass.message_notify(
                partner_ids=glass._watchers().partner_id.ids,
                subject=self.env._("Break-glass of %s is not reviewed", glass.user_id.name),
                body=self.env._("It was to be reviewed until %s UTC. Please do it now.", glass.review_by),
            )
