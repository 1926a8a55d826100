from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime

from .. import tools
from ..domain import errors
from ..domain.errors import Turn


class IntegrationDelivery(models.Model):
    """What the form of a delivery says about it: what happened, what is affected, whose turn it is, and the button.

    The sentences are the table's (``domain/errors.py``); this is what depends on the delivery and on who reads.
    """

    _inherit = "integration.delivery"

    reason_code = fields.Char("Code", compute="_compute_explanation")
    reason_title = fields.Char("Reason in words", compute="_compute_explanation")
    what_happened = fields.Char(compute="_compute_explanation")
    whose_turn = fields.Char(compute="_compute_explanation")
    next_action = fields.Char(compute="_compute_explanation")
    next_button = fields.Char(compute="_compute_explanation")
    is_held = fields.Boolean(compute="_compute_explanation", help="It waits without being tried.")
    affected = fields.Char("What is affected", compute="_compute_affected")
    affected_amount = fields.Char(
        "Money at risk", compute="_compute_affected_amount", groups="integration_core.group_finance_viewer"
    )
    age = fields.Char(compute="_compute_age")
    age_days = fields.Integer("Age in days", compute="_compute_age")

    # -- the row of the table
    # ----------------------------------------------------------------------------------------------------------

    def _reason_code(self):
        """Return the code that holds now: what holds it back at this moment goes before what its last attempt met."""
        self.ensure_one()
        if self.state == "done":
            return None
        return self.hold_code or self.error_code or None

    def _explanation(self):
        """Return the :class:`~..domain.errors.Explanation` that holds for this delivery now; None when all is well."""
        code = self._reason_code()
        if not code:
            return None
        row = errors.explain(code)
        if self.state == "dead":
            return row
        return row.given_up() if self.state == "skipped" else row.while_waiting()

    def _turn_in_words(self, turn):
        person = self._turn_person(turn)
        role = tools.in_words(self.env, turn.label)
        return f"{role} ({person.name})" if person else role

    def _turn_person(self, turn):
        """Return who has the role here, where there is one: a dead letter has an owner of its own beside it."""
        self.ensure_one()
        known = turn is not Turn.NOBODY and self.state != "dead"
        return self.subscription_id.owner_id.filtered("active") if known else self.env["res.users"]

    @api.depends("state", "error_code", "hold_code", "subscription_id.owner_id")
    def _compute_explanation(self):
        for delivery in self:
            row = delivery._explanation()
            delivery.reason_code = row and delivery._reason_code()
            delivery.reason_title = row and tools.in_words(self.env, row.title)
            delivery.what_happened = row and tools.in_words(self.env, row.happened)
            delivery.whose_turn = row and delivery._turn_in_words(row.turn)
            delivery.next_action = row and tools.in_words(self.env, row.action)
            delivery.next_button = row and row.button.value
            delivery.is_held = bool(row) and row.held

    # -- what is affected
    # --------------------------------------------------------------------------------------------------------------

    def _affected(self):
        """Return {state: domain} of the deliveries of the same subscription that share its reason, itself included.

        One domain per state, so that each is answered from the small index of its state, however long the history.
        """
        self.ensure_one()
        code = self._reason_code()
        if not code or self.state == "skipped":
            return {}
        same = Domain("subscription_id", "=", self.subscription_id.id) & Domain("company_id", "=", self.company_id.id)
        waiting = same & Domain("is_open", "=", True) & Domain("state", "=", "waiting")
        if code != self.error_code:
            return {"waiting": waiting}  # held back by something that concerns all of the subscription
        alike = Domain("error_code", "=", code)
        dead = same & Domain("dead_since", "!=", False) & Domain("state", "=", "dead")
        return {"dead": dead & alike, "waiting": waiting & alike}

    @api.depends("state", "error_code", "hold_code", "company_id")
    def _compute_affected(self):
        for delivery in self:
            delivery.affected = delivery._affected_in_words(delivery._affected())

    def _affected_in_words(self, domains):
        counts, since = {}, []
        for state, domain in domains.items():
            [(counts[state], oldest)] = self._read_group(domain, [], ["__count", "created_at:min"])
            since += [oldest] if oldest else []
        if not since:
            return False
        words = {
            "what": ", ".join(self._counts_in_words(counts)),
            "subscription": self.subscription_id.name,
            "since": format_datetime(self.env, min(since), dt_format="short"),
            "age": tools.age_in_words(self.env, min(since)),
        }
        if sum(counts.values()) == 1:
            return self.env._("%(what)s of “%(subscription)s”, since %(since)s (%(age)s)", **words)
        return self.env._("%(what)s of “%(subscription)s”, the oldest since %(since)s (%(age)s)", **words)

    def _counts_in_words(self, counts):
        dead, waiting = counts.get("dead"), counts.get("waiting")
        if dead:
            yield self.env._("1 dead letter") if dead == 1 else self.env._("%s dead letters", dead)
        if waiting:
            yield self.env._("1 waiting delivery") if waiting == 1 else self.env._("%s waiting deliveries", waiting)

    @api.depends("state", "error_code", "hold_code", "company_id")
    def _compute_affected_amount(self):
        for delivery in self:
            delivery.affected_amount = delivery._amount_in_words(delivery._affected())

    def _amount_in_words(self, domains):
        """Return the money of live lines whose handling is affected, as sent, each currency by itself."""
        if not domains:
            return False
        event = SQL.identifier(self._table, "event_id")
        events = SQL(" UNION ").join(self._search(domain).select(event) for domain in domains.values())
        rows = self.env.execute_query(
            SQL(
                """
                SELECT currency, sum(amount)::text, count(*) FILTER (WHERE price_unknown)
                  FROM integration_receipt
                 WHERE event_id IN (%s) AND company_id = %s AND outcome = 'accepted' AND mode = 'live'
                 GROUP BY currency
                """,
                events,
                self.company_id.id,
            )
        )
        amounts = {currency: Decimal(amount) for currency, amount, _unknown in rows if amount}
        words = tools.money_in_words(self.env, amounts)
        if None in amounts:
            words.append(self.env._("%s without a currency", f"{amounts[None].normalize():f}"))
        unpriced = sum(unknown for _currency, _amount, unknown in rows)
        if unpriced == 1:
            words.append(self.env._("1 line without a price"))
        elif unpriced:
            words.append(self.env._("%s lines without a price", unpriced))
        return " · ".join(words) or False

    # -- age
    # ------------------------------------------------------------------------------------------------------------------

    @api.depends("state", "dead_since", "created_at")
    def _compute_age(self):
        now = fields.Datetime.now()
        for delivery in self:
            since = delivery.dead_since if delivery.state == "dead" else delivery.created_at
            delivery.age = tools.age_in_words(self.env, since)
            delivery.age_days = (now - since).days if since else 0

    # -- whose turn
    # ----------------------------------------------------------------------------------------------------------------

    def _assign(self, user, reason):
        """Make these dead letters ``user``'s.

        :param user: an integration operator who may see the deliveries' companies
        :param str reason: kept in the audit trail
        :raises UserError: for a person who could not see or move them, or when one is no longer a dead letter
        """
        self._check_operator(reason)
        if not user.has_group("integration_core.group_operator") or self.company_id - user.company_ids:
            raise UserError(self.env._("%s could not see or move these: choose an integration operator.", user.name))
        self.env.cr.execute(
            SQL(
                "UPDATE integration_delivery SET owner_id = %s WHERE id IN %s AND state = 'dead'",
                user.id,
                tuple(self.ids or [0]),
            )
        )
        if self.env.cr.rowcount != len(self):
            raise UserError(self.env._("Some of these are no longer dead letters. Reload the list."))
        self.invalidate_recordset(["owner_id"])
        self.env["integration.audit"]._record("delivery.assign", self, reason=reason, detail=f"owner: {user.name}")

    def action_assign_to_me(self):
        """Take these dead letters over."""
        self._assign(self.env.user, self.env._("Took it over"))
        return True

    # -- the buttons
    # -----------------------------------------------------------------------------------------------------------------

    def action_resume(self):
        """Resume what a person has paused, so that this and all that waits with it goes on."""
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators resume what is paused."))
        self.check_access("read")
        # sudo: operators keep deliveries moving and configure nothing; the trail names the person all the same
        self.subscription_id.sudo().filtered(lambda subscription: subscription.state == "paused").action_resume()
        return True

    def action_open_affected(self):
        """Open the deliveries that share this one's reason."""
        self.check_access("read")
        self.ensure_one()
        return self._open_deliveries(
            self.reason_title or self.env._("Deliveries"), list(Domain.OR(self._affected().values()))
        )

    def action_open_earlier(self):
        """Open the deliveries of the same subscription and ordering key that come before this one and are not done."""
        self.check_access("read")
        self.ensure_one()
        return self._open_deliveries(
            self.env._("Earlier ones"),
            [
                ("subscription_id", "=", self.subscription_id.id),
                ("is_open", "=", True),
                ("event_id.partition_key", "=", self.event_id.partition_key),
                ("id", "<", self.id),
            ],
        )

    def _open_deliveries(self, name, domain):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": self._name,
            "view_mode": "list,form",
            "views": [(False, "list"), (False, "form")],
            "domain": domain,
            "context": {},
        }


class IntegrationAttempt(models.Model):
    _inherit = "integration.attempt"

    reason_title = fields.Char("What happened", compute="_compute_reason_title")

    @api.depends("error_code")
    def _compute_reason_title(self):
        for attempt in self:
            title = errors.explain(attempt.error_code).title if attempt.error_code else ""
            attempt.reason_title = tools.in_words(self.env, title) or False
