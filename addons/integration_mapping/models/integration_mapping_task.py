from markupsafe import Markup
from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from ..domain.waiting import Waiting
from .integration_entity import KINDS

_MAPPING_READERS = ("steward", "finance_viewer", "governance_approver", "auditor", "engine")
_READ_MAPPINGS = ",".join(f"integration_core.group_{role}" for role in _MAPPING_READERS)


class IntegrationMappingTask(models.Model):
    """A code that something waits for: one task per code, however many messages use it.

    ::

        open ──a mapping is approved──▶ done ──a line of another day has no answer──▶ open
         └──dismissed, with a reason──▶ dismissed ──taken up again──▶ open

    Opened in the transaction that parks the first line, closed by the approval that answers it. A dismissed code will
    not get a meaning: what waits for it stays parked and counted, and finance decides about it. Codes that their code
    system compares as one are one task.
    """

    _name = "integration.mapping.task"
    _description = "Code to map"
    _order = "state desc, since, id"
    _rec_name = "code"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    system_id = fields.Many2one("integration.system", required=True, readonly=True, index=True, ondelete="cascade")
    kind = fields.Selection(KINDS, required=True, readonly=True)
    code_system = fields.Char(required=True, readonly=True, trim=False)
    code = fields.Char(required=True, readonly=True, trim=False)
    code_key = fields.Char("Compared as", required=True, readonly=True, trim=False)
    display = fields.Char("Called", readonly=True, help="What the sending system calls it.")
    state = fields.Selection(
        [("open", "To map"), ("done", "Mapped"), ("dismissed", "Dismissed")],
        required=True,
        readonly=True,
        default="open",
    )
    since = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    done_at = fields.Datetime("Mapped at", readonly=True)
    dismissed_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    dismissed_at = fields.Datetime(readonly=True)
    dismissed_reason = fields.Char("Why it gets no meaning", readonly=True)
    waiting_lines = fields.Integer("Lines waiting", compute="_compute_waiting")
    waiting_money = fields.Char(
        "Money at risk",
        compute="_compute_waiting",
        groups="integration_core.group_steward,integration_core.group_finance_viewer",
    )
    waiting_first_day = fields.Date("Earliest service", compute="_compute_waiting")
    proposal_id = fields.Many2one(
        "integration.identifier",
        "Proposed",
        compute="_compute_proposal",
        compute_sudo=True,  # whose turn it is concerns people who do not read mappings, too
        groups=_READ_MAPPINGS,
    )
    turn = fields.Selection(
        [
            ("steward", "Steward maps it"),
            ("approver", "Another steward approves"),
            ("finance", "Finance decides about what waits"),
            ("nobody", "Nobody"),
        ],
        compute="_compute_proposal",
        compute_sudo=True,
        string="Whose turn",
    )

    _question_uniq = models.UniqueIndex(
        "(company_id, system_id, kind, code_system, code_key)", "There is one task per code."
    )
    _open_idx = models.Index("(since) WHERE state = 'open'")

    # -- what waits --------------------------------------------------------------------------------------------------

    def _waiting(self):
        """Return what waits for each of these tasks: ``{task id: Waiting}``; a task nothing waits for may be absent.

        Hook: addons whose records wait for codes override it and add theirs to what ``super()`` returns. Set-based: it
        is called for a whole list at once.
        """
        return {}

    def _compute_waiting(self):
        waiting = self._waiting()
        currencies = self._currencies()
        for task in self:
            one = waiting.get(task.id) or Waiting()
            task.waiting_lines = one.lines
            task.waiting_money = self._money_text(one, currencies)
            task.waiting_first_day = one.first_day

    def _waiting_text(self):
        """Return what waits for all of these codes in a few words, False when nothing does."""
        total = sum(self._waiting().values(), Waiting())
        if not total.lines:
            return False
        lines = self.env._("1 line") if total.lines == 1 else self.env._("%s lines", total.lines)
        return ", ".join(filter(None, (lines, self._money_text(total, self._currencies()))))

    @api.model
    def _currencies(self):
        """Return every currency by its code, switched off ones too: money may wait in one that is unknown here."""
        return {c.name: c for c in self.env["res.currency"].with_context(active_test=False).search([])}

    @api.model
    def _money_text(self, waiting, currencies):
        """Return the money of a :class:`Waiting` as people read it, per currency."""
        parts = []
        for code, amount in sorted(waiting.amounts.items()):
            currency = currencies.get(code)
            text = formatLang(self.env, float(amount), currency_obj=currency) if currency else f"{amount} {code}"
            parts.append(text)
        if waiting.price_unknown:
            parts.append(self.env._("%s without a price", waiting.price_unknown))
        return "; ".join(parts)

    def _question(self):
        """Return the domain of the identifiers that answer this task's question."""
        self.ensure_one()
        return [
            ("company_id", "=", self.company_id.id),
            ("system_id", "=", self.system_id.id),
            ("kind", "=", self.kind),
            ("code_system", "=", self.code_system),
            ("code_key", "=", self.code_key),
        ]

    def _proposals(self):
        """Return the proposals for these codes that wait for approval: ``{task: identifier}``."""
        proposals = self.env["integration.identifier"].search(
            [("approval_state", "=", "requested"), ("code_key", "in", self.mapped("code_key"))]
        )
        by_question = {proposal._question(): proposal for proposal in proposals}
        questions = {
            task: (task.company_id, task.system_id, task.kind, task.code_system, task.code_key) for task in self
        }
        return {task: by_question[question] for task, question in questions.items() if question in by_question}

    @api.depends("state")
    def _compute_proposal(self):
        proposals = self._proposals()
        for task in self:
            task.proposal_id = proposals.get(task, False)
            waits = "approver" if task.proposal_id else "steward"
            dismissed = "finance" if task.state == "dismissed" else "nobody"
            task.turn = waits if task.state == "open" else dismissed

    # -- opening and closing -----------------------------------------------------------------------------------------

    @api.model
    def _request(self, system, kind, codes, company):
        """Open the tasks of codes that have no answer, in the transaction that parks what waits for them.

        :param system: the system that used the codes
        :param str kind: a kind of canonical entity
        :param dict codes: ``{(code_system, code): what the system calls it, or None}``
        :param company: the company they were used in
        :return: the tasks, new and old
        """
        if not codes:
            return self.browse()
        self.flush_model()
        keys = self.env["integration.code.system"]._keys(codes, for_writing=True)
        # Ways to write one code are one task, named as it was written first.
        by_key = {}
        for (code_system, code), display in codes.items():
            by_key.setdefault((code_system, keys[code_system, code]), (code, display or None))
        # One order for everybody: transactions that open the same tasks wait for each other, never in a circle.
        wanted = sorted((code_system, key, code, display) for (code_system, key), (code, display) in by_key.items())
        self._insert_missing(system, kind, wanted, company)
        states = self._states_of(system, kind, wanted, company)
        done = self.browse(task_id for task_id, state in states if state == "done")
        # sudo: tasks are opened by whatever parks a line, which need not be a steward's work
        done.sudo().write({"state": "open", "since": fields.Datetime.now(), "done_at": False})
        return self.browse(task_id for task_id, _state in states)

    @api.model
    def _insert_missing(self, system, kind, wanted, company):
        # An open task is not touched: thousands of lines may wait for a code, and none should wait for its row's lock.
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_mapping_task
                       (company_id, system_id, kind, code_system, code_key, code, display, state, since,
                        create_uid, create_date, write_uid, write_date)
                SELECT %(company)s, %(system)s, %(kind)s, wanted.*, 'open', now() AT TIME ZONE 'UTC',
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(code_systems)s::varchar[], %(keys)s::varchar[], %(codes)s::varchar[],
                              %(displays)s::varchar[]) AS wanted (code_system, code_key, code, display)
                ON CONFLICT (company_id, system_id, kind, code_system, code_key) DO NOTHING
                """,
                company=company.id,
                system=system.id,
                kind=kind,
                code_systems=[code_system for code_system, _key, _code, _display in wanted],
                keys=[key for _code_system, key, _code, _display in wanted],
                codes=[code for _code_system, _key, code, _display in wanted],
                displays=[display for _code_system, _key, _code, display in wanted],
                uid=self.env.uid,
            )
        )

    @api.model
    def _states_of(self, system, kind, wanted, company):
        """Return ``[(task id, state)]``; by SQL, because the index is made for all five columns at once."""
        return self.env.execute_query(
            SQL(
                """
                SELECT id, state FROM integration_mapping_task
                 WHERE company_id = %s AND system_id = %s AND kind = %s AND (code_system, code_key) IN %s
                """,
                company.id,
                system.id,
                kind,
                tuple((code_system, key) for code_system, key, _code, _display in wanted),
            )
        )

    @api.model
    def _mapping_changed(self, identifiers):
        """Approved, retired or revoked: close the tasks that now have an answer.

        Hook: addons whose records wait for codes override it and mark them for another try. It is a hint, in the
        approver's transaction and snapshot: what was parked at the same moment is found by their own sweep.
        """
        answered = identifiers.filtered(lambda i: i.state == "approved")
        if not answered:
            return
        # sudo: whoever approves may hold the approving right without the right to edit tasks
        self.sudo()._answered_by(answered).write({"state": "done", "done_at": fields.Datetime.now()})

    @api.model
    def _answered_by(self, identifiers):
        """Return the tasks whose question these identifiers answer; one query, however many."""
        identifiers.flush_model()
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.id
                  FROM integration_identifier i
                  JOIN integration_mapping_task t
                    ON t.company_id = i.company_id AND t.system_id = i.system_id AND t.kind = i.kind
                   AND t.code_system = i.code_system AND t.code_key = i.code_key
                 WHERE i.id = ANY(%s) AND t.state IN ('open', 'dismissed')
                """,
                identifiers.ids,
            )
        )
        return self.browse(dict.fromkeys(task_id for (task_id,) in rows))

    @api.model
    def _compare_anew(self, code_system):
        """Compute the keys of this list's tasks anew; tasks that become one are one, since the earliest of them.

        :param code_system: the code system whose comparison changed
        """
        # sudo: the list is one for all companies
        tasks = self.sudo().search([("code_system", "=", code_system.name)], order="since, id")
        keys = self.env["integration.code.system"]._keys((task.code_system, task.code) for task in tasks)
        kept, gone = {}, self.sudo().browse()
        for task in tasks:
            key = keys[task.code_system, task.code]
            first = kept.setdefault((task.company_id, task.system_id, task.kind, key), task)
            if first != task:
                gone |= task
                if task.state == "open" and first.state != "open":
                    first.write({"state": "open", "since": task.since, "done_at": False})
        gone.unlink()
        changed = {task.id: key for (*_question, key), task in kept.items() if task.code_key != key}
        self.env.flush_all()
        code_system._store_keys(self._table, changed)
        self.invalidate_model(["code_key"])

    # -- dismissing --------------------------------------------------------------------------------------------------

    def _dismiss(self, reason):
        """Say that these codes get no meaning; what waits for them stays parked, and finance decides about it.

        :raises UserError: without a reason, and for codes that nobody has to map
        """
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        for task in self:
            if task.turn != "steward":
                raise UserError(self.env._("%s does not wait for a steward.", task.code))
        # sudo: stewards change tasks by these deeds alone
        self.sudo().write(
            {
                "state": "dismissed",
                "dismissed_by_id": self.env.uid,
                "dismissed_at": fields.Datetime.now(),
                "dismissed_reason": reason,
            }
        )
        self.env["integration.audit"]._record("mapping_task.dismiss", self, reason=reason)

    def action_dismiss(self):
        """Open the small form that asks why these codes get no meaning."""
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Dismiss"),
            "res_model": "integration.mapping.dismiss",
            "view_mode": "form",
            "target": "new",
            "context": {"default_task_ids": self.ids},
        }

    def action_take_up(self):
        """Put dismissed codes back on the stewards' desk."""
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        dismissed = self.filtered(lambda task: task.state == "dismissed")
        # sudo: stewards change tasks by these deeds alone
        dismissed.sudo().write({"state": "open", "since": fields.Datetime.now()})
        self.env["integration.audit"]._record("mapping_task.take_up", dismissed)

    @api.autovacuum
    def _gc_nothing_waits(self):
        """Close open tasks whose lines all went another way, by a void for example."""
        tasks = self.search([("state", "=", "open"), ("since", "<", "-1d")], limit=1000)
        waiting = tasks._waiting()
        idle = tasks.filtered(lambda task: not waiting.get(task.id, Waiting()).lines)
        idle.write({"state": "done", "done_at": fields.Datetime.now()})

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_map(self):
        """Open the small form that says what these codes mean."""
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        if len({(task.kind, task.company_id) for task in self}) > 1:
            raise UserError(self.env._("Choose codes of one kind and one company at a time."))
        dialog = self.env["integration.map.codes"].create({"task_ids": [Command.set(self.ids)]})
        dialog._suggest()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "What does %s mean?", self.code if len(self) == 1 else self.env._("each of these codes")
            ),
            "res_model": dialog._name,
            "res_id": dialog.id,
            "view_mode": "form",
            "target": "new",
            "context": {"default_task_ids": self.ids},
        }

    def action_create_services(self):
        """Make a service product for each of these codes, named as the sending system calls it, and map it.

        For a first load, where Odoo's catalogue begins as a copy of a clinical system's. Products get no sales price:
        an amount comes from messages or a price list.
        """
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        proposed = self._proposals()
        tasks = self.filtered(lambda task: task.state == "open" and task not in proposed)
        if any(task.kind != "service" for task in tasks):
            raise UserError(self.env._("Services can be made only for codes of services."))
        vals_list = []
        for of_company in tasks.grouped("company_id").values():
            entities = of_company._create_services()
            vals_list += [
                task._identifier_vals(entity_id=entity.id) for task, entity in zip(of_company, entities, strict=True)
            ]
        identifiers = self.env["integration.identifier"].create(vals_list)
        identifiers.action_submit()
        return self._told(identifiers)

    def _create_services(self):
        """Create a product and its canonical entity for each of these tasks of one company; return the entities."""
        company = self.company_id
        # sudo: a steward need not be allowed to edit the catalogue; what is made are just bare services of these codes
        products = (
            self.env["product.product"].sudo().with_company(company).create([task._service_vals() for task in self])
        )
        return self.env["integration.entity"].create(
            [
                {"kind": "service", "company_id": company.id, "name": product.name, "product_id": product.id}
                for product in products
            ]
        )

    def _service_vals(self):
        self.ensure_one()
        return {
            "name": self.display or self.code,
            "default_code": self.code,
            "type": "service",
            "list_price": 0.0,
            "company_id": self.company_id.id,
        }

    def _identifier_vals(self, **meaning):
        """Return the values of an identifier that answers this task."""
        self.ensure_one()
        return {
            "system_id": self.system_id.id,
            "kind": self.kind,
            "company_id": self.company_id.id,
            "code_system": self.code_system,
            "code": self.code,
            "display": self.display,
            **meaning,
        }

    @api.model
    def _told(self, identifiers):
        """Return the notification that says what came of a mapping, and closes the form."""
        waiting = identifiers.filtered(lambda i: i.approval_state == "requested")
        done = identifiers - waiting
        lines = []
        if done:
            lines.append(self.env._("%s mapped. What waited goes on by itself.", len(done)))
        if waiting:
            lines.append(self.env._("%s proposed. Another steward must approve.", len(waiting)))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if not waiting else "info",
                "message": Markup("<br/>").join(lines),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
