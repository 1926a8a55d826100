from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from .. import tools
from ..domain import approval

# Protected fields change only where code holds this very object: a context key that comes over RPC can never be it.
APPROVAL_KEY = object()

DAYS = 14
"""Days until a request that nobody decides on expires (``integration_core.approval_days``)."""
CONFIRM_HOURS = 24
"""Hours within which what was used before approval is confirmed (``integration_core.approval_confirm_hours``)."""
SUMMARY = 160
ALERT = "mail.mail_activity_data_warning"


class IntegrationApproval(models.Model):
    """A request for approval and what became of it: the inbox of approvals, and their record.

    Written by the approval mixin alone, from what happens to the record that it is about. What, who and the changes are
    kept as values, so that the row still tells what was decided when the record has changed or is gone.
    """

    _name = "integration.approval"
    _inherit = ["mail.thread", "mail.activity.mixin"]  # a thread, because activities subscribe and notify by it
    _description = "Approval"
    _order = "urgent desc, requested_at desc, id desc"
    _rec_name = "record_name"
    _mail_post_access = "read"

    res_model = fields.Char("Model", required=True, readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", required=True, readonly=True)
    record_name = fields.Char("What", readonly=True)
    kind = fields.Selection("_kinds", readonly=True)
    role = fields.Char("Approving role", required=True, readonly=True, help="XML id of the group that decides.")
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    author_id = fields.Many2one(
        "res.users", "Prepared by", readonly=True, ondelete="restrict", help="Who last changed what needs approval."
    )
    requested_by_id = fields.Many2one("res.users", "Asked by", readonly=True, ondelete="restrict", index=True)
    requested_at = fields.Datetime("Since", required=True, readonly=True)
    changes = fields.Json("Differences", readonly=True, help="Label, text before and text after of each change.")
    summary = fields.Char("What would change", compute="_compute_summary")
    changes_html = fields.Html("Changes", compute="_compute_summary", sanitize=False)
    expires_at = fields.Datetime(
        "Decide by", readonly=True, help="Then it expires; what is in use before approval alarms instead."
    )
    urgent = fields.Boolean("In use before approval", readonly=True)
    urgent_reason = fields.Char("Used at once because", readonly=True)
    alarmed_at = fields.Datetime(readonly=True, help="When it was told that nobody confirmed it in time.")
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
            ("expired", "Expired"),
            ("withdrawn", "Withdrawn"),
        ],
        required=True,
        readonly=True,
        default="waiting",
    )
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="restrict", index=True)
    decided_at = fields.Datetime("Decided", readonly=True)
    reason = fields.Char(readonly=True)
    self_approved = fields.Boolean("By its author", readonly=True, help="Approved by its author: nobody else could.")
    on_behalf_of_id = fields.Many2one("res.users", "On behalf of", readonly=True, ondelete="restrict")
    delegation_id = fields.Many2one("integration.delegation", readonly=True, ondelete="restrict")
    my_turn = fields.Boolean("My turn", compute="_compute_my_turn", search="_search_my_turn")
    is_mine = fields.Boolean("Asked by me", compute="_compute_my_turn")
    overdue = fields.Boolean(compute="_compute_my_turn", help="In use, and not confirmed in time.")

    _one_waiting = models.UniqueIndex(
        "(res_model, res_id) WHERE state = 'waiting'", "This record waits for approval already."
    )
    _record_idx = models.Index("(res_model, res_id)")
    # What became of requests of late, for dashboards.
    _decided_idx = models.Index("(decided_at) WHERE decided_at IS NOT NULL")
    _due_idx = models.Index("(expires_at) WHERE state = 'waiting' AND alarmed_at IS NULL")

    @api.model
    def _approved_models(self):
        """Return the names of the stored models that are approved, in an order that lasts as long as the registry."""
        names = self.env.registry.descendants(["integration.approval.mixin"], "_inherit")
        return sorted(name for name in names if not self.env[name]._abstract)

    @api.model
    def _kinds(self):
        return [(name, self.env[name]._description) for name in self._approved_models()]

    # -- written by the mixin alone
    # ---------------------------------------------------------------------------------------

    def _approving(self):
        # sudo: nobody has the right to write requests; the mixin has checked who may ask or decide
        return self.sudo().with_context(integration_approving=APPROVAL_KEY, tracking_disable=True)

    def _check_key(self):
        if self.env.context.get("integration_approving") is not APPROVAL_KEY:
            raise AccessError(self.env._("Requests are written by the buttons of the record that they are about."))

    @api.model_create_multi
    def create(self, vals_list):
        self._check_key()
        return super().create(vals_list)

    def write(self, vals):
        self._check_key()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("Requests stay in the record."))

    @api.model
    def _waiting(self, records):
        """Return the waiting requests about these records."""
        if not records.ids:
            return self.browse()
        # sudo: whoever changes a record ends its request, whether or not they may list requests
        return self.sudo().search(
            [("res_model", "=", records._name), ("res_id", "in", records.ids), ("state", "=", "waiting")]
        )

    @api.model
    def _open(self, records):
        """Open a request for each of these records, which wait."""
        now = fields.Datetime.now()
        days = self._setting("integration_core.approval_days", DAYS)
        # Every field is given: what a user has set as a default must not tell of a decision.
        return self._approving().create(
            [
                {
                    **self._undecided(),
                    "res_model": record._name,
                    "res_id": record.id,
                    "record_name": record.display_name,
                    "kind": record._name,
                    "role": record._approval_group(),
                    "company_id": record.company_id.id if "company_id" in record._fields else False,
                    "author_id": record.author_id.id,
                    "requested_by_id": record.requested_by_id.id or self.env.uid,
                    "requested_at": record.requested_at or now,
                    "changes": record._approval_changes(),
                    "expires_at": record.confirm_by if record.urgent else now + timedelta(days=days),
                    "urgent": record.urgent,
                    "urgent_reason": record.decision_reason if record.urgent else False,
                }
                # sudo: what a request says does not depend on what its author may read
                for record in records.sudo()
            ]
        )

    @api.model
    def _undecided(self):
        names = ("alarmed_at", "decided_by_id", "decided_at", "reason", "self_approved", "on_behalf_of_id")
        return {"state": "waiting", "delegation_id": False, **dict.fromkeys(names, False)}

    def _close(self, state, *, reason=None, self_approved=False, delegation=None):
        """End these waiting requests, and what was asked of people about them."""
        if not self:
            return
        self._approving().write(
            {
                "state": state,
                "decided_by_id": False if state == "expired" else self.env.uid,
                "decided_at": fields.Datetime.now(),
                "reason": reason,
                "self_approved": self_approved,
                "on_behalf_of_id": delegation.delegator if delegation else False,
                "delegation_id": delegation.id if delegation else False,
            }
        )
        # sudo: an activity is its reader's; that it is out of date does not depend on who acts here
        self.sudo().activity_ids.unlink()

    @api.model
    def _confirm_by(self):
        """Return until when a person must confirm what is used now (naive UTC)."""
        hours = self._setting("integration_core.approval_confirm_hours", CONFIRM_HOURS)
        return fields.Datetime.now() + timedelta(hours=hours)

    @api.model
    def _setting(self, name, default):
        # sudo: a setting of the suite's own
        value = self.env["ir.config_parameter"].sudo().get_param(name) or ""
        return max(1, int(value)) if value.isdigit() else default

    @api.model
    def _counts(self, records):
        """Return how many requests there are about each of these records: ``{id: count}``."""
        ids = records._origin.ids
        domain = Domain("res_model", "=", records._name) & Domain("res_id", "in", ids)
        return dict(self._read_group(domain, ["res_id"], ["__count"])) if ids and self.has_access("read") else {}

    # -- what people see
    # ----------------------------------------------------------------------------------------------------

    @api.depends("changes")
    def _compute_summary(self):
        for request in self:
            changes = request.changes or []
            texts = [self._in_a_line(change) for change in changes]
            summary = "; ".join(texts)
            request.summary = summary if len(summary) <= SUMMARY else summary[: SUMMARY - 1] + "…"
            request.changes_html = self._as_table(changes)

    @api.model
    def _in_a_line(self, change):
        old, new = (" ".join((change[side] or "–").split()) for side in ("old", "new"))
        return f"{change['label']}: {old} → {new}" if change["old"] else f"{change['label']}: {new}"

    @api.model
    def _as_table(self, changes):
        if not changes:
            same = self.env._("Nothing of what needs approval differs from what was last approved.")
            return Markup("<p>%s</p>") % same
        cell = Markup('<td style="white-space: pre-wrap; overflow-wrap: anywhere">%s</td>')
        row = Markup("<tr><th>%s</th>%s%s</tr>")
        rows = Markup("").join(
            row % (change["label"], cell % (change["old"] or "–"), cell % (change["new"] or "–")) for change in changes
        )
        head = Markup("<tr><th></th><th>%s</th><th>%s</th></tr>") % (
            self.env._("Approved so far"),
            self.env._("Asked for"),
        )
        return Markup('<table class="table table-sm"><thead>%s</thead><tbody>%s</tbody></table>') % (head, rows)

    def _authors(self):
        self.ensure_one()
        return {self.author_id.id, self.requested_by_id.id} - {False}

    @api.depends("state", "role", "author_id", "requested_by_id", "urgent", "expires_at")
    @api.depends_context("uid")
    def _compute_my_turn(self):
        now = fields.Datetime.now()
        standings = self._standings(self.mapped("role"))
        for request in self:
            waits = request.state == "waiting"
            request.my_turn = waits and approval.decide(standings[request.role], authors=request._authors()).allowed
            request.is_mine = self.env.uid in request._authors()
            request.overdue = bool(waits and request.urgent and request.expires_at and request.expires_at <= now)

    @api.model
    def _standings(self, roles):
        return {role: self.env["integration.approving.role"]._standing(role) for role in set(roles)}

    def _search_my_turn(self, operator, value):
        if operator != "in":
            return NotImplemented
        roles = self.env["integration.approving.role"]._request_roles()
        turn = Domain.OR(
            Domain("role", "=", role) & self._turn_domain(standing) for role, standing in self._standings(roles).items()
        )
        turn &= Domain("state", "=", "waiting")
        return turn if True in value else ~turn

    @api.model
    def _turn_domain(self, standing):
        """Return the domain of what :func:`approval.decide` allows in one role."""
        if standing.person in standing.approvers:
            return self._without_authors({standing.person}) if standing.enforced else Domain.TRUE
        return Domain.OR(
            self._without_authors({standing.person, one.delegator, one.entered_by})
            for one in standing.delegations
            if one.delegator in standing.approvers
        )

    @api.model
    def _without_authors(self, people):
        return Domain.AND(Domain(name, "not in", sorted(people)) for name in ("author_id", "requested_by_id"))

    # -- buttons
    # ------------------------------------------------------------------------------------------------------------

    def _record_to_decide(self):
        """Return the record of this request, for the user to decide on it.

        :raises UserError: when it no longer waits
        """
        self.ensure_one()
        self.check_access("read")
        # sudo: the mixin judges whether the user may decide; a delegate need not be allowed to read the record itself
        record = self.env[self.res_model].sudo().browse(self.res_id).exists()
        if self.state != "waiting" or not record:
            raise UserError(self.env._("Some of these were decided meanwhile. Reload the list."))
        return record

    def action_open(self):
        """Open the record itself, to look before deciding."""
        self.check_access("read")
        self.ensure_one()
        self.check_access("read")
        if not self.env[self.res_model].browse(self.res_id).exists():
            raise UserError(self.env._("%s is no longer there.", self.record_name))
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    def action_approve(self):
        """Approve each; refused where somebody else must."""
        self.check_access("read")
        for request in self:
            request._record_to_decide().action_approve()
        return True

    def action_reject(self, reason=None):
        """Send each back to its author, with a reason."""
        self.check_access("read")
        for request in self:
            request._record_to_decide().action_reject(reason)
        return True

    def action_withdraw(self):
        """Take back what one has asked for oneself."""
        for request in self:
            request._record_to_decide().action_withdraw()
        return True

    # -- the engine's chore
    # -------------------------------------------------------------------------------------------------

    @api.model
    def _chore_due(self, limit):
        """Let requests expire that nobody decided on, and alarm about what is in use unconfirmed."""
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM integration_approval"
                " WHERE state = 'waiting' AND alarmed_at IS NULL AND expires_at <= %s LIMIT 1",
                tools.utc_now(),
            )
        )
        if not self.env.cr.fetchone():
            return 0
        # Other processes do the same: what one is at is left to it.
        tools.begin_read_committed(self.env.cr)
        return self._end_due(limit)

    @api.model
    def _end_due(self, limit):
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM integration_approval
                 WHERE state = 'waiting' AND alarmed_at IS NULL AND expires_at <= %s
                 ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
                """,
                tools.utc_now(),
                limit,
            )
        )
        # sudo: the engine's user carries out what the deadline says
        due = self.sudo().browse(row[0] for row in self.env.cr.fetchall())
        due = due.with_context(allowed_company_ids=due.company_id.ids or self.env.company.ids)
        failed = sum(self.env["integration.engine"]._contained(request._end_one) is not None for request in due)
        # What cannot be ended is tried again a while later, not at once.
        return len(due) if len(due) == limit and not failed else 0

    def _end_one(self):
        record = self.env[self.res_model].browse(self.res_id).exists()
        if not record or record.approval_state != "requested":
            self._close("withdrawn", reason=self.env._("The record waits no longer."))
        elif self.urgent:
            self._alarm(record)
        else:
            record._approval_expire()
            self._tell(self.requested_by_id, self.env._("Nobody decided on %s in time", self.record_name))

    def _alarm(self, record):
        """Say once, to all who could confirm it, that what is in use was confirmed by nobody."""
        self._approving().write({"alarmed_at": fields.Datetime.now()})
        self.env["integration.audit"]._record("approval.overdue", record, reason=self.urgent_reason)
        people = self.env["integration.approving.role"]._people(self.role)
        summary = self.env._("%s is in use and was confirmed by nobody", self.record_name)
        for user in self.env["res.users"].browse(sorted(people - self._authors())):
            self._tell(user, summary)

    def _tell(self, user, summary):
        own = self.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        if user.active and own.has_access("read"):
            self.activity_schedule(ALERT, date_deadline=fields.Date.today(), user_id=user.id, summary=summary)

    # -- healing
    # ------------------------------------------------------------------------------------------------------------

    @api.autovacuum
    def _heal(self):
        """Let requests follow what was changed past the mixin: by SQL, a deleted parent, a database from before."""
        for name in self._approved_models():
            # sudo: every company's
            records = self.env[name].sudo()
            waiting = self.sudo().search([("res_model", "=", name), ("state", "=", "waiting")], limit=1000)
            asked = records.search([("approval_state", "=", "requested")], limit=1000)
            (records.browse(waiting.mapped("res_id")).exists() | asked)._approval_follow()
            gone = set(waiting.mapped("res_id")) - set(records.browse(waiting.mapped("res_id")).exists().ids)
            waiting.filtered(lambda request, ids=gone: request.res_id in ids)._close(
                "withdrawn", reason=self.env._("The record was deleted.")
            )
