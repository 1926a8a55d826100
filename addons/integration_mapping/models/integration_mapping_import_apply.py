from collections import defaultdict
from dataclasses import replace

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.tools import transaction_data
from odoo.tools import SQL

from ..domain import import_plan, validity
from ..domain.import_plan import Decision, Meaning, Status
from ..domain.import_work import as_looked_at
from ..domain.waiting import Waiting
from .integration_entity import BINDINGS, CHANGED, CHANGED_EVENTS
from .integration_mapping_lookup import TARGET_MODELS

BATCH = 2000
"""Rows that one transaction carries out."""
TOLD_AT_ONCE = 200
MANY = 1000
"""Rows from which on PostgreSQL's statistics are renewed at once: until it does so itself, screens would be slow."""
QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True}


class IntegrationMappingImport(models.Model):
    """Carrying out, by the engine, a batch in each transaction."""

    _inherit = "integration.mapping.import"

    def _begin(self):
        """Begin; the first batch is carried out at once, so that a short list is done when the button returns."""
        self._own().write({"state": "applying", "started_at": fields.Datetime.now()})
        asker = self.requested_by_id or self.env.user
        counts = f"new: {self.new_count + self.extra_count}, changed: {self.changed_count}, ends: {self.retired_count}"
        detail = f"{counts}, refused: {self.refused_count}, asked by: {asker.id}, content: {self.digest[:16]}"
        self.env["integration.audit"]._record("mapping_import.apply", self, reason=self.note or None, detail=detail)
        self.flush_recordset()
        self._own()._advance(BATCH)
        self.env["integration.engine"]._wake()

    @api.model
    def _chore_apply(self, limit):
        """Go on with every import that has begun, a batch each; return how many have more to do."""
        self.env.cr.execute(
            "SELECT id FROM integration_mapping_import WHERE state = 'applying' ORDER BY id FOR UPDATE SKIP LOCKED"
        )
        # sudo: the engine's user carries out what a steward asked for and another approved
        imports = self.sudo().browse([row[0] for row in self.env.cr.fetchall()])
        return sum(one._own()._advance(BATCH) for one in imports)

    def _advance(self, limit):
        """Carry out the next rows, or end; return whether more are left."""
        self.ensure_one()
        works = self.env["integration.mapping.import.row"]._next(self, self.last_row_id, limit)
        if works:
            self._carry_out_safely(works)
            self.write({"last_row_id": works[-1].row, "applied_count": self.applied_count + len(works)})
        more = len(works) == limit
        if not more:
            self._finish()
        self.flush_recordset()
        return more

    def _finish(self):
        self._recount()
        if self.applied_count >= MANY:
            self.env.cr.execute("ANALYZE integration_identifier; ANALYZE integration_entity")
        self.write({"state": "done", "ended_at": fields.Datetime.now()})
        detail = f"done: {self.applied_count}, refused: {self.refused_count}, answered: {self.tasks_answered}"
        self.env["integration.audit"]._record("mapping_import.done", self, detail=detail)

    def _carry_out_safely(self, works):
        """Carry out all; when that fails, halves of it, so that only the row that cannot be carried out is refused."""
        reason = self.env["integration.engine"]._contained(lambda: self._carry_out(works))
        if reason is None:
            return
        self.env.invalidate_all()
        if len(works) == 1:
            self._settle([(works[0].row, "refused", "failed", reason[:200])])
            return
        middle = len(works) // 2
        self._carry_out_safely(works[:middle])
        self._carry_out_safely(works[middle:])

    def _settle(self, settled):
        self.env["integration.mapping.import.row"]._settle(settled)

    def _carry_out(self, works):
        """Carry out rows, all of them in one go."""
        self._end_absent([work for work in works if work.status == "retired"])
        for second in (False, True):  # codes before the second codes that share their meaning
            part = [w for w in works if w.status != "retired" and (w.step.parent is not None) is second]
            if part:
                self._carry_out_codes(part)
        self.env.flush_all()

    def _carry_out_codes(self, works):
        decided = self._decide_again(works)
        self._settle(
            [
                (work.row, one.status.value, one.reason or None, None)
                for work, one in decided
                if one.status in (Status.REFUSED, Status.UNCHANGED)
            ]
        )
        changed = [pair for pair in decided if pair[1].status is Status.CHANGED]
        self._change_in_place([pair for pair in changed if pair[1].reason in ("text", "price")])
        self._end_known([(one.known, one.span.last) for _work, one in changed if one.reason == "end"])
        anew = [pair for pair in decided if pair[1].status is Status.NEW]
        self._succeed([*anew, *(pair for pair in changed if pair[1].reason in ("meaning", "days"))])

    # -- deciding again ----------------------------------------------------------------------------------------------

    def _decide_again(self, works):
        """Return ``[(work, Decision)]`` by what is on record now; what differs from what was looked at is refused."""
        questions = {work.step.claim.question for work in works}
        known = self._known(questions | {work.step.parent for work in works if work.step.parent})
        digits = self._price_digits()
        return [(work, self._decide_one(work, known, digits)) for work in works]

    def _decide_one(self, work, known, digits):
        step = work.step
        if step.parent:
            entity = self._parents_entity(known.get(step.parent, ()))
            if not entity:
                return Decision(Status.REFUSED, "parent_refused")
            step = replace(step, claim=replace(step.claim, meaning=Meaning(entity=entity)))
        on_record = known.get(step.claim.question, ())
        return as_looked_at(work, import_plan.decide(step, on_record, effective=self.effective, digits=digits))

    def _parents_entity(self, known):
        """Return the entity of a code that has second codes, as it is now."""
        in_force = [one for one in known if one.state in ("approved", "retired")]
        now = [one for one in in_force if one.span.holds(self.effective)]
        return (now or in_force)[-1].entity if in_force else None

    # -- what it means -----------------------------------------------------------------------------------------------

    def _entities_for(self, pairs):
        """Return the entity's id of each ``(work, Decision)``, in their order; what does not exist yet is made."""
        found, to_make, to_bind = {}, [], defaultdict(list)
        for work, decision in pairs:
            meaning = work.step.claim.meaning
            if entity := decision.entity or meaning.entity:
                found[work.row] = entity
            elif meaning.made:
                to_make.append(work)
            else:
                to_bind[work.step.claim.question.kind].append(work)
        found |= self._make_services(to_make)
        for kind, works in to_bind.items():
            found |= self._bind(kind, works)
        self._revive(found.values())
        return [found[work.row] for work, _decision in pairs]

    def _make_services(self, works):
        """Make a service and its entity for each; return ``{row id: entity id}``."""
        if not works:
            return {}
        company, digits = self.company_id, self._price_digits()
        # sudo: a steward need not be allowed to edit the catalogue; what is made are just bare services of these codes
        catalogue = self.env["product.product"].sudo().with_company(company).with_context(**QUIET)
        products = catalogue.create([self._service_vals(work.step.claim, digits) for work in works])
        entities = self._make_entities(
            [
                {"kind": "service", "company_id": company.id, "name": product.name, "product_id": product.id}
                for product in products
            ]
        )
        return dict(zip([work.row for work in works], entities.ids, strict=True))

    def _service_vals(self, claim, digits):
        price = float(import_plan.rounded(claim.price, digits)) if digits is not None and claim.price else 0.0
        return {
            "name": claim.display or claim.code,
            "default_code": claim.code,
            "type": "service",
            "list_price": price,
            "company_id": self.company_id.id,
        }

    def _make_entities(self, vals_list):
        return self.env["integration.entity"].with_context(**QUIET).create(vals_list)

    def _bind(self, kind, works):
        """Return ``{row id: entity id}`` for records of Odoo that had no entity when they were looked at."""
        if kind == "department":
            return {work.row: self._department(work.step.claim.meaning).id for work in works}
        domain = [("kind", "=", kind), ("company_id", "=", self.company_id.id)]
        entities = self.env["integration.entity"].with_context(active_test=False)
        binding = BINDINGS[kind]
        targets = {work.step.claim.meaning.target for work in works}
        by_target = {one[binding].id: one.id for one in entities.search([*domain, (binding, "in", list(targets))])}
        missing = self.env[TARGET_MODELS[kind]].browse(sorted(targets - set(by_target)))
        own = {"kind": kind, "company_id": self.company_id.id}
        made = self._make_entities([{**own, "name": target.name, binding: target.id} for target in missing])
        by_target |= {one[binding].id: one.id for one in made}
        return {work.row: by_target[work.step.claim.meaning.target] for work in works}

    def _department(self, meaning):
        account = self.env["account.analytic.account"].browse(meaning.target)
        return self.env["integration.entity"]._for_target("department", self.company_id, account, meaning.name)

    def _revive(self, entity_ids):
        """What a code leads to is in use."""
        domain = [("id", "in", list(set(entity_ids))), ("active", "=", False)]
        self.env["integration.entity"].with_context(active_test=False).search(domain).write({"active": True})

    # -- changing what is on record ----------------------------------------------------------------------------------

    def _change_in_place(self, pairs):
        """Change what needs no successor: texts, and the price of the service."""
        digits = self._price_digits()
        for work, decision in pairs:
            claim = work.step.claim
            old = self.env["integration.identifier"].browse(decision.known)
            # sudo: as in _make_services
            template = old.entity_id.product_id.product_tmpl_id.sudo()
            if digits is not None and claim.price and template:
                price = float(import_plan.rounded(claim.price, digits))
                if template.list_price != price:
                    template.with_context(**QUIET).list_price = price
            told = {"display": claim.display, "note": claim.note}
            texts = {name: text for name, text in told.items() if text and text != old[name]}
            if texts:
                old.write(texts)

    def _end_absent(self, works):
        """End what the list leaves out, unless somebody has changed it since it was looked at."""
        old = {one.id: one for one in self.env["integration.identifier"].browse([w.known for w in works]).exists()}
        ends, refused = [], []
        for work in works:
            last = work.step.claim.span.last if work.reason == "absent" else None
            one = old.get(work.known)
            if one and one.state == "approved" and (last is None or one._span().holds(last)):
                ends.append((one.id, last))
            else:
                refused.append((work.row, "refused", "meanwhile", None))
        self._end_known(ends)
        self._settle(refused)

    def _end_known(self, ends):
        """Retire identifiers on a last day, or revoke them where there is none: ``[(id, last day or None)]``."""
        if not ends:
            return
        self._end(ends)
        ids = [known for known, _last in ends]
        self._tell_ends(ends)
        self._go_on(self.env["integration.identifier"].browse(ids))
        self._note_changed(ids)

    def _end(self, ends):
        """Write ends by one statement: ``[(identifier id, last day, or None to revoke)]``."""
        ids, lasts = ([one[0] for one in ends], [one[1] for one in ends])
        self.env["integration.identifier"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE integration_identifier i
                   SET state = CASE WHEN w.last IS NULL THEN 'revoked' ELSE 'retired' END,
                       valid_to = COALESCE(w.last, i.valid_to), write_uid = %s, write_date = %s
                  FROM unnest(%s, %s::date[]) AS w (id, last) WHERE i.id = w.id
                """,
                self._person().id,
                tools.utc_now(),
                ids,
                lasts,
            )
        )
        self.env["integration.identifier"].browse(ids).invalidate_recordset()

    def _tell_ends(self, ends):
        self._tell_deed([known for known, last in ends if last is not None], "identifier.retire")
        self._tell_deed([known for known, last in ends if last is None], "identifier.revoke")

    def _succeed(self, pairs):
        """Make the identifiers of these rows, and end those that they succeed."""
        if not pairs:
            return
        entities = self._entities_for(pairs)
        waiting = self._waiting_for([work.row for work, _one in pairs])
        ends = self._predecessors(pairs)
        if ends:
            self._end(ends)
        made, waited = self._insert_identifiers(
            [
                (work.row, entity, one.span, one.known if one.status is Status.CHANGED else None)
                for (work, one), entity in zip(pairs, entities, strict=True)
            ]
        )
        self._tell_ends(ends)
        self._tell_deed(made, "identifier.import")
        old = [known for known, _last in ends]
        self._go_on(self.env["integration.identifier"].browse([*waited, *old]))
        self._note_changed([*made, *old])
        self._remember(waiting)

    def _predecessors(self, pairs):
        """Return what ends because something else holds: ``[(identifier id, last day or None)]``."""
        identifiers = self.env["integration.identifier"]
        ends = []
        for _work, decision in pairs:
            if decision.status is Status.CHANGED:
                left = validity.remainder(identifiers.browse(decision.known)._span(), decision.span)
                ends.append((decision.known, left.last if left else None))
        return ends

    def _insert_identifiers(self, wanted):
        """Insert approved identifiers of rows by one statement.

        :param wanted: ``[(row id, entity id, Span, id of the predecessor or None)]``
        :return: the ids of all, and of those that succeed another or whose code was ever waited for: for a code without
            a task nothing waits
        """
        person, now = self._person(), tools.utc_now()
        self.env["integration.mapping.task"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH made AS (
                    INSERT INTO integration_identifier
                        (entity_id, kind, company_id, system_id, code_system, code, code_key, display, valid_from,
                         valid_to, state, replaces_id, steward_id, source, note, import_id, approval_state, author_id,
                         requested_by_id, requested_at, decided_by_id, decided_at, self_approved, urgent,
                         create_uid, create_date, write_uid, write_date)
                    SELECT w.entity_id, r.kind, %(company)s, r.system_id, r.code_system, r.code, r.code_key, r.display,
                           w.valid_from, w.valid_to, 'approved', w.replaces_id, %(asker)s, %(source)s, r.note,
                           %(import)s, 'approved', %(author)s, %(asker)s, %(asked)s, %(person)s, %(decided)s,
                           %(self_approved)s, FALSE, %(author)s, %(now)s, %(person)s, %(now)s
                      FROM unnest(%(rows)s, %(entities)s, %(firsts)s::date[], %(lasts)s::date[], %(replaces)s::int[])
                           AS w (row_id, entity_id, valid_from, valid_to, replaces_id)
                      JOIN integration_mapping_import_row r ON r.id = w.row_id
                    RETURNING id, company_id, system_id, kind, code_system, code_key, replaces_id)
                SELECT made.id, made.replaces_id IS NOT NULL OR EXISTS (
                           SELECT FROM integration_mapping_task t
                            WHERE t.company_id = made.company_id AND t.system_id = made.system_id
                              AND t.kind = made.kind AND t.code_system = made.code_system
                              AND t.code_key = made.code_key)
                  FROM made
                """,
                rows=[one[0] for one in wanted],
                entities=[one[1] for one in wanted],
                firsts=[one[2].first for one in wanted],
                lasts=[one[2].last for one in wanted],
                replaces=[one[3] for one in wanted],
                company=self.company_id.id,
                asker=(self.requested_by_id or person).id,
                author=(self.author_id or person).id,
                asked=self.requested_at or None,
                person=person.id,
                decided=self.decided_at or now,
                self_approved=self.self_approved,
                source=self.display_name,
                now=now,
                **{"import": self.id},
            )
        )
        rows = self.env.cr.fetchall()
        self.env["integration.identifier"].invalidate_model()
        return [row[0] for row in rows], [row[0] for row in rows if row[1]]

    def _person(self):
        """Return who has approved it."""
        return self.decided_by_id or self.requested_by_id or self.env.user

    # -- telling -----------------------------------------------------------------------------------------------------

    def _tell_deed(self, ids, action):
        """Append a row to the audit trail for each of these identifiers, as ``integration.audit._record`` would."""
        if not ids:
            return
        self.env["integration.entity"].flush_model(["name"])
        self.env["integration.audit"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_audit (at, user_id, user_name, company_id, company_name, action,
                                               res_model, res_id, res_name, detail)
                SELECT %(at)s, %(user)s, %(user_name)s, %(company)s, %(company_name)s, %(action)s,
                       'integration.identifier', i.id, s.code || ': ' || i.code || ' → ' || e.name, %(detail)s
                  FROM integration_identifier i JOIN integration_system s ON s.id = i.system_id
                  JOIN integration_entity e ON e.id = i.entity_id
                 WHERE i.id = ANY (%(ids)s) ORDER BY i.id
                """,
                at=fields.Datetime.now(),
                user=self._person().id,
                user_name=self._person().name,
                company=self.company_id.id,
                company_name=self.company_id.name,
                action=action,
                detail=f"import {self.id}: {self.display_name}",
                ids=ids,
            )
        )

    def _waiting_for(self, row_ids):
        """Return the open tasks that these rows answer, with what waits for each: ``{task id: Waiting}``."""
        tasks = self.env["integration.mapping.task"]
        tasks.flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT t.id FROM integration_mapping_import_row r JOIN integration_mapping_task t
                    ON t.company_id = r.company_id AND t.system_id = r.system_id AND t.kind = r.kind
                   AND t.code_system = r.code_system AND t.code_key = r.code_key
                   AND t.state IN ('open', 'dismissed')
                 WHERE r.id = ANY (%s)
                """,
                row_ids,
            )
        )
        found = tasks.browse([row[0] for row in self.env.cr.fetchall()])
        waiting = found._waiting() if found else {}
        return {task.id: waiting.get(task.id, Waiting()) for task in found}

    def _go_on(self, identifiers):
        """Let what waited for these codes, or was worked out by them, be looked at again."""
        for begin in range(0, len(identifiers), TOLD_AT_ONCE):
            self.env["integration.mapping.task"]._mapping_changed(identifiers[begin : begin + TOLD_AT_ONCE])

    def _remember(self, waiting):
        """Remember what goes on, for whoever looks at the import afterwards."""
        if not waiting:
            return
        answered = self.env["integration.mapping.task"].browse(waiting).filtered(lambda task: task.state == "done")
        total = sum((waiting[task.id] for task in answered), Waiting.from_json(self.released))
        self.write({"tasks_answered": self.tasks_answered + len(answered), "released": total.as_json()})

    def _note_changed(self, ids):
        """Journal that entities have other codes now, where that is news for others; one statement for all."""
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT i.kind, i.entity_id
                  FROM integration_identifier i JOIN integration_system s ON s.id = i.system_id
                 WHERE i.id = ANY (%s) AND s.mode = 'live' AND i.kind IN %s ORDER BY i.kind, i.entity_id
                """,
                ids,
                tuple(CHANGED_EVENTS),
            )
        )
        by_kind = defaultdict(list)
        for kind, entity_id in self.env.cr.fetchall():
            by_kind[kind].append(entity_id)
        noted = transaction_data(self.env.cr).setdefault(CHANGED, {})
        for kind, entity_ids in by_kind.items():
            events = self.env["integration.entity"].browse(entity_ids)._emit_event(CHANGED_EVENTS[kind])
            # A new event is the first of this transaction, as in integration.entity._note_change.
            fresh = set(events.mapped("res_id"))
            for entity_id in entity_ids:
                noted[entity_id] = {"codes", *(() if entity_id in fresh else noted.get(entity_id, ()))}
