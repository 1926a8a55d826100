from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, email_normalize

from ..domain.patients import About

LOCK_CLASS = 0x1AE  # any constant that no other advisory lock of this database uses
OFFICER = "integration_core.group_privacy_officer"
SETTERS = (OFFICER, "integration_core.group_admin")


class IntegrationLegalHold(models.Model):
    """An order to keep what a lawsuit or an inquiry is about: no rule and no erasure removes it.

    It is about all of a company, one system, one business flow, one encounter or one patient, and may be limited to
    what was received in a period. A patient is known by a keyed hash alone. It is set by a privacy officer or an
    administrator and lifted by another person, a privacy officer. Rows stay for good.
    """

    _name = "integration.legal.hold"
    _description = "Legal hold"
    _order = "lifted_at desc, id desc"
    _check_company_auto = True

    name = fields.Char("Case", required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    scope = fields.Selection(
        [
            ("company", "Everything of the company"),
            ("system", "One system"),
            ("flow", "One business flow"),
            ("encounter", "One encounter"),
            ("patient", "One patient"),
        ],
        required=True,
        readonly=True,
    )
    system_id = fields.Many2one("integration.system", readonly=True, ondelete="restrict", check_company=True)
    correlation_id = fields.Char("Flow", readonly=True)
    encounter = fields.Char(readonly=True)
    patient_refs = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    date_from = fields.Date("Received from", readonly=True)
    date_to = fields.Date("Received until", readonly=True)
    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Set by", required=True, readonly=True)
    since = fields.Datetime(required=True, readonly=True)
    lifted_at = fields.Datetime("Lifted", readonly=True)
    lifted_by_id = fields.Many2one("res.users", "Lifted by", readonly=True)
    lift_reason = fields.Char("Why lifted", readonly=True)
    state = fields.Selection(
        [("on", "In force"), ("lifted", "Lifted")], compute="_compute_state", search="_search_state"
    )
    # sudo: names of systems, which auditors may not open
    about = fields.Char("Keeps", compute="_compute_about", compute_sudo=True)
    may_lift = fields.Boolean(compute="_compute_may_lift")

    _in_force_idx = models.Index("(company_id) WHERE lifted_at IS NULL")

    @api.constrains("scope", "system_id", "correlation_id", "encounter", "patient_refs")
    def _check_scope(self):
        needs = {
            "company": (False, False, False, False),
            "system": (True, False, False, False),
            "flow": (False, True, False, False),
            "encounter": (True, False, True, False),
            "patient": (True, False, False, True),
        }
        for hold in self:
            # sudo: whether hashes are there, not which
            refs = hold.sudo().patient_refs
            if needs[hold.scope] != tuple(map(bool, (hold.system_id, hold.correlation_id, hold.encounter, refs))):
                raise ValidationError(self.env._("Name what the legal hold is about, and nothing else."))

    @api.depends("lifted_at")
    def _compute_state(self):
        for hold in self:
            hold.state = "lifted" if hold.lifted_at else "on"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        parts = [fields.Domain("lifted_at", "=" if one == "on" else "!=", False) for one in value]
        return fields.Domain.OR(parts)

    @api.depends("scope", "system_id", "correlation_id", "encounter", "date_from", "date_to")
    def _compute_about(self):
        for hold in self:
            hold.about = hold._about_text()

    def _about_text(self):
        match self.scope:
            case "company":
                text = self.env._("Everything of %s", self.company_id.name)
            case "system":
                text = self.env._("System %s", self.system_id.name)
            case "flow":
                text = self.env._("Flow %s", self.correlation_id)
            case "encounter":
                text = self.env._("Encounter %(name)s of %(system)s", name=self.encounter, system=self.system_id.name)
            case _:
                text = self.env._("One patient of %s", self.system_id.name)
        if self.date_from or self.date_to:
            text = self.env._(
                "%(what)s, received %(first)s – %(last)s",
                what=text,
                first=self.date_from or "…",
                last=self.date_to or "…",
            )
        return text

    @api.depends_context("uid")
    @api.depends("lifted_at", "user_id")
    def _compute_may_lift(self):
        for hold in self:
            hold.may_lift = not hold.lifted_at and not hold._lift_refusal()

    # -- setting and lifting
    # --------------------------------------------------------------------------------------------

    @api.model
    def _set(self, values):
        """Set a legal hold from this transaction's commit on, and return it.

        :param values: the fields that say what it is about, and why
        :raises AccessError: for those who may not set one
        """
        if not any(self.env.user.has_group(group) for group in SETTERS):
            raise AccessError(self.env._("Privacy officers and integration administrators set legal holds."))
        if not ((values.get("name") or "").strip() and (values.get("reason") or "").strip()):
            raise UserError(self.env._("Name the case and say why: both are kept with your name."))
        company = self.env["res.company"].browse(values.get("company_id")) or self.env.company
        if company not in self.env.companies:
            raise AccessError(self.env._("That company is not one of yours."))
        # What removes holds this lock shared: it is over when this goes on, and sees the hold from then on.
        self.env.cr.execute("SELECT pg_advisory_xact_lock(%s, 0)", (LOCK_CLASS,))
        told = {"company_id": company.id, "user_id": self.env.uid, "since": fields.Datetime.now()}
        # sudo: a legal hold is nobody's to edit; this method has checked the right to set one
        hold = self.sudo().create({**values, **told})
        self.env["integration.audit"]._record("legal_hold.set", hold, reason=hold.reason, detail=hold.about)
        return hold.with_env(self.env)

    def _lift_refusal(self):
        """Return why this person may not lift this legal hold, or None."""
        user = self.env.user
        if not user.has_group(OFFICER):
            return self.env._("A privacy officer lifts legal holds.")
        # Two logins with one mail address are one person.
        mail = email_normalize(user.email or "")
        # sudo: the address of who set it, to compare
        setter = self.user_id.sudo()
        if user == setter or (mail and mail == email_normalize(setter.email or "")):
            return self.env._("You have set this legal hold: another privacy officer lifts it.")
        return None

    def _check_lifting(self):
        self.check_access("read")
        for hold in self:
            if refusal := hold._lift_refusal():
                raise AccessError(refusal)
            if hold.lifted_at:
                raise UserError(self.env._("It is lifted already. Reload the page."))

    def _lift(self, reason):
        """Lift these legal holds: from now on the rules take what is old.

        :raises AccessError: unless it is another person than who set it, a privacy officer
        """
        self._check_lifting()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        # sudo: as in _set
        self.sudo().write(
            {"lifted_at": fields.Datetime.now(), "lifted_by_id": self.env.uid, "lift_reason": reason.strip()}
        )
        # What a rule has passed over is looked at again.
        self.env["integration.retention"]._begin_again()
        self.env["integration.audit"]._record("legal_hold.lift", self, reason=reason)

    def action_lift(self):
        """Ask why, then lift."""
        self._check_lifting()
        return self.env["integration.reason.wizard"]._ask("lift", self)

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise UserError(self.env._("A legal hold is lifted, not deleted: it tells what was kept and for how long."))

    # -- what is held
    # ----------------------------------------------------------------------------------------------------

    @api.model
    def _may_remove(self):
        """Tell whether rows may be removed in this transaction: nobody is setting a legal hold.

        Call it before :meth:`_spare`. While it lasts, who sets one waits.
        """
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock_shared(%s, 0)", (LOCK_CLASS,))
        return self.env.cr.fetchone()[0]

    @api.model
    def _in_force(self):
        # sudo: the engine must know of every legal hold
        return self.sudo().search([("lifted_at", "=", False)])

    @api.model
    def _companies_held(self):
        """Return the ids of the companies that have a legal hold in force."""
        return self._in_force().company_id.ids

    @api.model
    def _audit_cutoff(self, company_id, cutoff):
        """Return up to when rows of a company's audit trail may go, None when none may.

        The trail tells what was done to what is held and cannot be taken apart: from the beginning of a hold's period
        on all of it stays. Rows without a company stay for the hold of any.
        """
        holds = self._in_force()
        if company_id:
            holds = holds.filtered(lambda hold: hold.company_id.id == company_id)
        if not all(hold.date_from for hold in holds):
            return None
        begun = [fields.Datetime.to_datetime(hold.date_from) for hold in holds]
        return min([cutoff, *(fields.Datetime.subtract(moment, days=1) for moment in begun)])

    @api.model
    def _spare(self, what, ids):
        """Return those of these rows that no legal hold is about.

        It costs one look at an index while there is none.

        :param str what: a kind, as a rule of retention names it
        """
        holds = self._in_force() if ids else self.browse()
        if not holds:
            return ids
        held = getattr(holds, f"_held_{what}")(list(ids))
        return [one for one in ids if one not in held]

    def _within(self, moment, *, company, system=None):
        """SQL: what one of these holds is about by company, period and, for ``system``, system alone; FALSE for none.

        :param moment: SQL of the moment that counts
        :param company: SQL of the company's id
        :param system: SQL of the system's id, for holds of all of a system
        """
        scopes = ("company", "system") if system else ("company",)
        parts = [
            SQL(
                "(%s = %s AND %s AND %s)",
                company,
                hold.company_id.id,
                SQL("TRUE") if hold.scope == "company" else SQL("%s = %s", system, hold.system_id.id),
                hold._in_period(moment),
            )
            for hold in self
            if hold.scope in scopes
        ]
        return SQL(" OR ").join([*parts, SQL("FALSE")])

    def _in_period(self, moment):
        """SQL: the moment lies in the hold's period; days are UTC, and one more on each side for other time zones."""
        parts = [SQL("TRUE")]
        if self.date_from:
            parts.append(SQL("%s >= %s::date - 1", moment, self.date_from))
        if self.date_to:
            parts.append(SQL("%s < %s::date + 2", moment, self.date_to))
        return SQL(" AND ").join(parts)

    def _ids_where(self, statement):
        self.env.cr.execute(statement)
        return {row[0] for row in self.env.cr.fetchall()}

    def _held_payload(self, ids):
        return self._held_event(ids)

    def _held_event(self, ids):
        """Return which of these events are held."""
        parts = [
            self._within(SQL("e.received_at"), company=SQL("e.company_id"), system=SQL("e.system_id")),
            self._within(SQL("e.received_at"), company=SQL("e.company_id"), system=SQL("e.origin_system_id")),
            *(hold._of_flows(hold._flows()) for hold in self if hold.scope in ("flow", "encounter", "patient")),
        ]
        condition = SQL(" OR ").join(SQL("(%s)", part) for part in parts)
        held = self._ids_where(
            SQL("SELECT e.id FROM integration_event e WHERE e.id = ANY (%s) AND (%s)", ids, condition)
        )
        for hold in self.filtered(lambda hold: hold.scope == "patient"):
            held |= hold._about_patient([one for one in ids if one not in held])
        return held

    def _of_flows(self, flows):
        return SQL(
            "e.company_id = %s AND e.correlation_id = ANY (%s) AND %s",
            self.company_id.id,
            [*flows],
            self._in_period(SQL("e.received_at")),
        )

    def _flows(self):
        """Return the business flows that this hold is about, as far as its encounters tell."""
        self.ensure_one()
        if self.scope == "flow":
            return {self.correlation_id}
        return self.env["integration.patient.finder"]._flows(self.system_id, self._encounters())

    def _encounters(self):
        """Return the names of the encounters that this hold is about."""
        if self.scope == "patient":
            return self.env["integration.patient.finder"]._encounters(self.system_id, self.patient_refs)
        return {self.encounter} if self.encounter else set()

    def _about_patient(self, ids):
        """Return which events of the system are about the patient, or may be: what cannot be told stays."""
        ids = self._ids_where(
            SQL(
                "SELECT e.id FROM integration_event e WHERE e.id = ANY (%s) AND e.system_id = %s AND %s",
                ids,
                self.system_id.id,
                self._in_period(SQL("e.received_at")),
            )
        )
        # sudo: the engine looks whom a content is about, and tells nobody
        events = self.env["integration.event"].sudo().browse(sorted(ids))
        answers = self.env["integration.patient.finder"]._answers(self.system_id, self.patient_refs, events)
        return {one for one, answer in answers.items() if answer is not About.NO}

    def _held_attempt(self, ids):
        self.env.cr.execute(
            """
            SELECT a.id, d.event_id FROM integration_attempt a JOIN integration_delivery d ON d.id = a.delivery_id
             WHERE a.id = ANY (%s)
            """,
            (ids,),
        )
        events = dict(self.env.cr.fetchall())
        held = self._held_event(sorted(set(events.values())))
        return {one for one, event in events.items() if event in held}

    def _held_count(self, ids):
        """Counts name no message and no system: they are a company's."""
        within = self._within(SQL("c.minute"), company=SQL("c.company_id"))
        return self._ids_where(
            SQL("SELECT c.id FROM integration_delivery_count c WHERE c.id = ANY (%s) AND (%s)", ids, within)
        )

    def _held_key(self, ids):
        """An identity stays with its event anyway; without one it is a company's or a system's."""
        within = self._within(SQL("k.seen_at"), company=SQL("s.company_id"), system=SQL("s.id"))
        return self._ids_where(
            SQL(
                """
                SELECT k.id FROM integration_event_key k JOIN integration_system s ON s.id = k.system_id
                 WHERE k.id = ANY (%s) AND (%s)
                """,
                ids,
                within,
            )
        )

    def _held_receipt(self, ids):
        """A receipt stays with its event anyway; without one its encounter tells whose it is."""
        parts = [self._within(SQL("r.received_at"), company=SQL("r.company_id"), system=SQL("r.system_id"))]
        for hold in self.filtered(lambda hold: hold.scope in ("encounter", "patient")):
            names = sorted(hold._encounters())
            parts.append(SQL("r.system_id = %s AND r.encounter = ANY (%s)", hold.system_id.id, names))
        condition = SQL(" OR ").join(SQL("(%s)", part) for part in parts)
        return self._ids_where(
            SQL("SELECT r.id FROM integration_receipt r WHERE r.id = ANY (%s) AND (%s)", ids, condition)
        )
