from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, email_normalize

from .. import tools
from ..domain.patients import About

BATCH = 200
"""Contents that one transaction opens, or erases."""
LOOK_AGAIN = 900
"""Seconds until what was open or held is looked at again."""
OFFICER = "integration_core.group_privacy_officer"
REQUESTERS = (OFFICER, "integration_core.group_admin")
BUSY = ("searching", "erasing")
STATES = [
    ("searching", "Searching"),
    ("requested", "To be approved"),
    ("erasing", "Erasing"),
    ("waiting", "Waits for what is open or held"),
    ("done", "Done"),
    ("refused", "Refused"),
]


class IntegrationErasure(models.Model):
    """A request to erase the contents that name one patient (GDPR article 17).

    The engine first looks through the contents of the system, so that the preview is known before anybody decides. A
    privacy officer who did not request it approves. Then the engine looks at what came in meanwhile and erases, batch
    by batch, each one transaction that leaves a certificate: a crash loses nothing and repeats nothing. What is open
    waits until it is closed, what a legal hold is about until that is lifted. What other law keeps stays and is
    counted.

    The patient's numbers are asked for once and kept as keyed hashes alone.
    """

    _name = "integration.erasure"
    _description = "Request for erasure"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char("Case", required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    system_id = fields.Many2one(
        "integration.system", required=True, readonly=True, ondelete="restrict", check_company=True
    )
    patient_refs = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    number_count = fields.Integer("Patient numbers", readonly=True)
    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Requested by", required=True, readonly=True)
    requested_at = fields.Datetime("Requested", required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, index=True)
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True)
    approved_at = fields.Datetime("Approved", readonly=True)
    decision_reason = fields.Char("Why refused", readonly=True)
    done_at = fields.Datetime("Done", readonly=True)
    # Where the engine stands.
    phase = fields.Char(readonly=True)
    last_id = fields.Integer(readonly=True)
    cursors = fields.Json(readonly=True, help="Up to which row each kind of content has been looked at.")
    rest_until = fields.Datetime(readonly=True)
    # What it has found and done.
    opened_count = fields.Integer("Contents opened", readonly=True, help="To see whom they are about.")
    unreadable_count = fields.Integer(
        "Cannot be told", readonly=True, help="They name no patient and no encounter that is known, or are not legible."
    )
    erased_count = fields.Integer("Erased", readonly=True)
    sent_count = fields.Integer("Sent on", readonly=True, help="Deliveries of these messages to endpoints outside.")
    stays = fields.Json(readonly=True)
    found_count = fields.Integer("Found", compute="_compute_counts")
    open_count = fields.Integer("Open", compute="_compute_counts")
    held_count = fields.Integer("Under legal hold", compute="_compute_counts")
    stays_text = fields.Text("What stays, and why", compute="_compute_stays_text")
    may_decide = fields.Boolean(compute="_compute_may_decide")
    line_ids = fields.One2many("integration.erasure.line", "erasure_id", readonly=True)
    certificate_count = fields.Integer(compute="_compute_certificate_count")

    _busy_idx = models.Index("(rest_until) WHERE state IN ('searching', 'erasing', 'waiting')")

    @api.depends("line_ids.state", "state")
    def _compute_counts(self):
        groups = self.env["integration.erasure.line"]._read_group(
            [("erasure_id", "in", self.ids)], ["erasure_id", "state"], ["__count"]
        )
        counts = {(erasure.id, state): count for erasure, state, count in groups}
        for one in self:
            by_state = {state: counts.get((one.id, state), 0) for state in ("found", "open", "held")}
            one.open_count, one.held_count = by_state["open"], by_state["held"]
            one.found_count = sum(by_state.values()) + one.erased_count

    @api.depends("stays")
    def _compute_stays_text(self):
        words = self._stay_words()
        for one in self:
            lines = [words[code] % {"count": count} for code, count in (one.stays or []) if count and code in words]
            one.stays_text = "\n".join(lines)

    @api.depends_context("uid")
    @api.depends("state", "user_id")
    def _compute_may_decide(self):
        for one in self:
            one.may_decide = one.state == "requested" and not one._approval_refusal()

    def _compute_certificate_count(self):
        for one in self:
            one.certificate_count = self.env["integration.retention.certificate"].search_count(
                [("erasure_id", "=", one.id)]
            )

    # -- what people do
    # -------------------------------------------------------------------------------------------------

    @api.model
    def _request(self, values):
        """Request an erasure; the engine begins to search at once. Return it.

        :raises AccessError: for those who may not
        """
        if not any(self.env.user.has_group(group) for group in REQUESTERS):
            raise AccessError(self.env._("Privacy officers and integration administrators request an erasure."))
        system = self.env["integration.system"].browse(values["system_id"])
        system.check_access("read")
        refs = values.get("patient_refs")
        if not ((values.get("name") or "").strip() and (values.get("reason") or "").strip() and refs):
            raise UserError(self.env._("Name the case, the reason and the patient's number."))
        # sudo: a request is nobody's to edit; this method has checked the right to make one
        erasure = self.sudo().create(
            {
                **values,
                "company_id": system.company_id.id,
                "number_count": len(refs),
                "user_id": self.env.uid,
                "requested_at": fields.Datetime.now(),
                "state": "searching",
                "phase": self._phases()[0],
                "cursors": {},
            }
        )
        self.env["integration.audit"]._record(
            "erasure.request", erasure, reason=erasure.reason, detail=f"{system.code}, {len(refs)} patient numbers"
        )
        self.env["integration.engine"]._wake()
        return erasure.with_env(self.env)

    def _approval_refusal(self):
        """Return why this person may not decide on this request, or None."""
        user = self.env.user
        if not user.has_group(OFFICER):
            return self.env._("A privacy officer decides on an erasure.")
        # Two logins with one mail address are one person.
        mail = email_normalize(user.email or "")
        # sudo: the address of who requested it, to compare
        requester = self.user_id.sudo()
        if user == requester or (mail and mail == email_normalize(requester.email or "")):
            return self.env._("You have requested this erasure: another privacy officer decides on it.")
        return None

    def _check_decision(self):
        self.check_access("read")
        for one in self:
            if refusal := one._approval_refusal():
                raise AccessError(refusal)
            if one.state != "requested":
                raise UserError(self.env._("There is nothing to decide now. Reload the page."))

    def action_approve(self):
        """Let the engine erase what was found, and what has come since."""
        self._check_decision()
        values = {"approved_by_id": self.env.uid, "approved_at": fields.Datetime.now(), "rest_until": False}
        # sudo: only these buttons write a request, after their own check of the right
        self.sudo().write({**values, "state": "erasing", "phase": self._phases()[0]})
        self.env["integration.audit"]._record("erasure.approve", self)
        self.env["integration.engine"]._wake()
        return True

    def action_refuse(self):
        """Ask why, then refuse."""
        self._check_decision()
        return self.env["integration.reason.wizard"]._ask("refuse", self)

    def _refuse(self, reason):
        """Refuse the request: nothing is erased, and what was found is forgotten."""
        self._check_decision()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        # sudo: as in action_approve
        request = self.sudo()
        request.line_ids.unlink()
        values = {"approved_by_id": self.env.uid, "approved_at": fields.Datetime.now(), "decision_reason": reason}
        request.write({**values, "state": "refused"})
        self.env["integration.audit"]._record("erasure.refuse", self, reason=reason)

    def action_open_certificates(self):
        """Show the certificates of what this request has erased."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id("integration_core.action_retention_certificate")
        return {**action, "domain": [("erasure_id", "=", self.id)], "context": {}}

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise UserError(self.env._("A request for erasure stays: it tells what was erased and who decided."))

    # -- for addons
    # -----------------------------------------------------------------------------------------------------

    @api.model
    def _phases(self):
        """Return the phases of a search; for each there are ``_candidates_<phase>`` and ``_about_<phase>``."""
        return ["payload", "encounter"]

    def _encounters(self):
        """Return the names of the patient's encounters: those known to be, and those that found messages name.

        What is known to be another patient's is left out.
        """
        finder = self.env["integration.patient.finder"]
        self.env.cr.execute(
            """
            SELECT DISTINCT r.encounter FROM integration_erasure_line l
              JOIN integration_receipt r ON r.event_id = l.row_id
             WHERE l.erasure_id = %s AND l.kind = 'payload' AND r.encounter IS NOT NULL AND r.system_id = %s
            """,
            (self.id, self.system_id.id),
        )
        named = {row[0] for row in self.env.cr.fetchall()}
        known = finder._patients(self.system_id, named)
        return finder._encounters(self.system_id, self.patient_refs) | {
            name for name in named if known.get(name, self.patient_refs[0]) in self.patient_refs
        }

    def _stays(self, encounters):
        """Return [code, count] of what is kept by other law, see :meth:`_stay_words`; for addons."""
        self.env.cr.execute(
            "SELECT count(DISTINCT event_uuid) FROM integration_receipt WHERE encounter = ANY (%s) AND system_id = %s",
            (sorted(encounters), self.system_id.id),
        )
        return [["journal", self.env.cr.fetchone()[0]], ["trail", 1]]

    @api.model
    def _stay_words(self):
        """Return {code: what stays and why, with a place for ``count``}; for addons."""
        return {
            "journal": self.env._(
                "%(count)s messages of the patient's encounters in journal and receipts, without content: ids, times, "
                "digests, encounter numbers (proof of what was received; they go by their own rule)."
            ),
            "trail": self.env._("The audit trail, which names no patient number (proof of what was done)."),
        }

    # -- what the engine does
    # -------------------------------------------------------------------------------------------

    @api.model
    def _chore_advance(self, limit):
        """Carry out the next batch of one request; return whether more is to be done."""
        self.env.cr.execute(
            SQL(
                """
                SELECT 1 FROM integration_erasure
                 WHERE state IN ('searching', 'erasing', 'waiting') AND (rest_until IS NULL OR rest_until <= %s) LIMIT 1
                """,
                tools.utc_now(),
            )
        )
        # sudo: whether contents can be opened; it names no secret
        if not self.env.cr.fetchone() or self.env["integration.keyring"].sudo()._status():
            return 0
        tools.begin_read_committed(self.env.cr)
        return self._advance()

    @api.model
    def _advance(self):
        """Carry out one batch of the request that has waited longest; return 1 while it has more to do."""
        if not self.env["integration.legal.hold"]._may_remove():
            return 0
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM integration_erasure
                 WHERE state IN ('searching', 'erasing', 'waiting') AND (rest_until IS NULL OR rest_until <= %s)
                 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
                """,
                tools.utc_now(),
            )
        )
        row = self.env.cr.fetchone()
        if not row:
            return 0
        # sudo: the engine's user has no right of its own to these; a person has requested or approved it
        erasure = self.sudo().browse(row[0])
        erasure.invalidate_recordset()
        if erasure.phase:
            erasure._search_batch()
        elif erasure.state == "searching":
            erasure._end_search()
        else:
            erasure._erase_batch()
        erasure.flush_recordset()
        return int(erasure.state in BUSY)

    def _search_batch(self):
        """Look at the next contents of this phase, and go on to the next phase behind the last one."""
        phases, phase = self._phases(), self.phase
        cursors = dict(self.cursors or {})
        ids = getattr(self, f"_candidates_{phase}")(cursors.get(phase, 0))
        if ids:
            found, unreadable = getattr(self, f"_about_{phase}")(ids)
            self._add_lines("refused" if phase == "refused" else "payload", found)
            cursors[phase] = max(ids)
            opened, unread = self.opened_count + len(ids), self.unreadable_count + unreadable
            self.write({"cursors": cursors, "opened_count": opened, "unreadable_count": unread})
        if len(ids) < BATCH:
            following = phases[phases.index(phase) + 1 :]
            if following[:1] == ["encounter"]:
                # What belongs to the patient by its encounter alone is known only now: look at all of it.
                cursors["encounter"] = 0
            self.write({"phase": following[0] if following else False, "cursors": cursors})

    def _candidates_payload(self, after):
        return self._first_of(
            SQL(
                """
                SELECT p.event_id FROM integration_payload p JOIN integration_event e ON e.id = p.event_id
                 WHERE p.event_id > %s AND e.system_id = %s ORDER BY p.event_id LIMIT %s
                """,
                after,
                self.system_id.id,
                BATCH,
            )
        )

    def _about_payload(self, ids):
        events = self.env["integration.event"].browse(ids)
        answers = self.env["integration.patient.finder"]._answers(self.system_id, self.patient_refs, events)
        unknown = sum(answer is About.UNKNOWN for answer in answers.values())
        return [one for one, answer in answers.items() if answer is About.YES], unknown

    def _candidates_encounter(self, after):
        return self._first_of(
            SQL(
                """
                SELECT DISTINCT r.event_id FROM integration_receipt r
                  JOIN integration_payload p ON p.event_id = r.event_id
                 WHERE r.encounter = ANY (%s) AND r.system_id = %s AND r.event_id > %s
                   AND NOT EXISTS (SELECT FROM integration_erasure_line l
                                    WHERE l.erasure_id = %s AND l.kind = 'payload' AND l.row_id = r.event_id)
                 ORDER BY r.event_id LIMIT %s
                """,
                sorted(self._encounters()),
                self.system_id.id,
                after,
                self.id,
                BATCH,
            )
        )

    def _about_encounter(self, ids):
        events = self.env["integration.event"].browse(ids)
        finder = self.env["integration.patient.finder"]
        answers = finder._answers(self.system_id, self.patient_refs, events, more=self._encounters())
        found = [one for one, answer in answers.items() if answer is About.YES]
        return found, -len(found)  # which nobody could tell before

    def _first_of(self, statement):
        self.env.cr.execute(statement)
        return [row[0] for row in self.env.cr.fetchall()]

    def _add_lines(self, kind, ids):
        if not ids:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_erasure_line (erasure_id, kind, row_id, name, type_name, received_at, state)
                %s ON CONFLICT DO NOTHING
                """,
                getattr(self, f"_lines_of_{kind}")(ids),
            )
        )
        self.line_ids.invalidate_model()

    def _lines_of_payload(self, ids):
        return SQL(
            """
            SELECT %s, 'payload', e.id, e.uuid, t.name, e.received_at, 'found'
              FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id
             WHERE e.id = ANY (%s) ORDER BY e.id
            """,
            self.id,
            list(ids),
        )

    def _end_search(self):
        """Sum up what was found, for whoever decides."""
        self._sort_out()
        self._sum_up()
        self.state = "requested"
        self.env["integration.audit"]._record(
            "erasure.search",
            self,
            detail=f"opened {self.opened_count} contents, found {self.found_count}, open {self.open_count},"
            f" held {self.held_count}",
        )

    def _sum_up(self):
        self.env.cr.execute(
            """
            SELECT count(*) FROM integration_delivery d JOIN integration_erasure_line l ON l.row_id = d.event_id
             WHERE l.erasure_id = %s AND l.kind = 'payload' AND d.consumer <> 'handler' AND d.state = 'done'
            """,
            (self.id,),
        )
        self.write({"sent_count": self.env.cr.fetchone()[0], "stays": self._stays(self._encounters())})

    def _kinds(self):
        """Return the kinds of content that lines may name; for addons."""
        return ["payload"]

    def _sort_out(self):
        """Note which contents are open or held now."""
        for kind in self._kinds():
            self.env.cr.execute(
                "SELECT row_id FROM integration_erasure_line WHERE erasure_id = %s AND kind = %s AND state <> 'erased'",
                (self.id, kind),
            )
            ids = [row[0] for row in self.env.cr.fetchall()]
            if not ids:
                continue
            free = self.env["integration.legal.hold"]._spare(kind, ids)
            opened = getattr(self, f"_open_{kind}")(ids)
            self._mark(kind, sorted(set(ids) - set(free)), "held")
            self._mark(kind, sorted(set(free) & opened), "open")
            self._mark(kind, sorted(set(free) - opened), "found")

    def _open_payload(self, ids):
        """Return which of these events are still open."""
        condition = self.env["integration.retention"]._open_condition()
        return set(
            self._first_of(SQL("SELECT e.id FROM integration_event e WHERE e.id = ANY (%s) AND (%s)", ids, condition))
        )

    def _mark(self, kind, ids, state):
        self.env.cr.execute(
            "UPDATE integration_erasure_line SET state = %s"
            " WHERE erasure_id = %s AND kind = %s AND row_id = ANY (%s) AND state <> %s",
            (state, self.id, kind, ids, state),
        )
        self.line_ids.invalidate_model()

    def _erase_batch(self):
        """Erase the next contents; behind the last one see what waits."""
        for kind in self._kinds():
            ids = self._first_of(
                SQL(
                    "SELECT row_id FROM integration_erasure_line"
                    " WHERE erasure_id = %s AND kind = %s AND state = 'found' ORDER BY row_id LIMIT %s",
                    self.id,
                    kind,
                    BATCH,
                )
            )
            if ids:
                self._erase(kind, ids)
                return
        self._look_again()

    def _erase(self, kind, ids):
        """Erase these contents, unless they are open or held by now."""
        gone = self.env["integration.retention"]._remove(kind, ids, reason="erasure", erasure=self)
        left = set(getattr(self, f"_left_{kind}")(ids))
        if kind == "payload":
            self._erase_excerpts([one for one in ids if one not in left])
        self._mark(kind, [one for one in ids if one not in left], "erased")
        self._mark(kind, sorted(left), "open")
        self.erased_count += gone

    def _left_payload(self, ids):
        return self._first_of(SQL("SELECT event_id FROM integration_payload WHERE event_id = ANY (%s)", ids))

    def _erase_excerpts(self, event_ids):
        """What receivers have answered may quote what they were sent."""
        self.env.cr.execute(
            """
            UPDATE integration_attempt a SET excerpt = NULL FROM integration_delivery d
             WHERE d.event_id = ANY (%s) AND a.delivery_id = d.id AND a.excerpt IS NOT NULL
            """,
            (event_ids,),
        )

    def _look_again(self):
        """End the request when nothing is left; else see later whether what was open or held may go."""
        self._sort_out()
        if self.line_ids.filtered(lambda line: line.state == "found"):
            self.state = "erasing"
            return
        if self.open_count or self.held_count:
            self.write(
                {
                    "state": "waiting",
                    "rest_until": fields.Datetime.add(fields.Datetime.now(), seconds=LOOK_AGAIN),
                    # What comes in meanwhile is looked at, too.
                    "phase": self._phases()[0],
                }
            )
            return
        self._sum_up()
        self.write({"state": "done", "done_at": fields.Datetime.now()})
        self.env["integration.audit"]._record(
            "erasure.done", self, detail=f"erased {self.erased_count}, opened {self.opened_count} contents"
        )
        # Which messages were one patient's is told no longer.
        self.line_ids.unlink()
