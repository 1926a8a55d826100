from collections import defaultdict
from dataclasses import replace

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.tools import SQL

from ..domain import import_plan, validity
from ..domain.import_plan import Decision, Meaning, Status
from ..domain.waiting import Waiting
from .integration_entity import BINDINGS, CHANGED_EVENTS
from .integration_mapping_lookup import TARGET_MODELS

BATCH = 2000
"""Rows that one transaction carries out."""
TOLD_AT_ONCE = 200
_FOLLOWS = {
    # As it was looked at → what may be found when its turn comes: what another row of the same file did counts.
    "new": ("new", "unchanged"),
    "changed": ("changed", "unchanged", "new"),
}


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
        rows = self._next_rows(limit)
        if rows:
            self._carry_out_safely(rows)
            self.write({"last_row_id": rows[-1].id, "applied_count": self.applied_count + len(rows)})
        more = len(rows) == limit
        if not more:
            self._finish()
        self.flush_recordset()
        return more

    def _next_rows(self, limit):
        domain = [("import_id", "=", self.id), ("status", "in", ("new", "changed", "retired"))]
        return self.env["integration.mapping.import.row"].search(
            [*domain, ("id", ">", self.last_row_id)], order="id", limit=limit
        )

    def _finish(self):
        self._recount()
        self.write({"state": "done", "ended_at": fields.Datetime.now()})
        detail = f"done: {self.applied_count}, refused: {self.refused_count}, answered: {self.tasks_answered}"
        self.env["integration.audit"]._record("mapping_import.done", self, detail=detail)

    def _carry_out_safely(self, rows):
        """Carry out all; when that fails, halves of it, so that only the row that cannot be carried out is refused."""
        reason = self.env["integration.engine"]._contained(lambda: self._carry_out(rows))
        if reason is None:
            return
        self.env.invalidate_all()
        if len(rows) == 1:
            rows._settle([(rows.id, "refused", "failed", None, reason[:200])])
            return
        middle = len(rows) // 2
        self._carry_out_safely(rows[:middle])
        self._carry_out_safely(rows[middle:])

    def _carry_out(self, rows):
        """Carry out rows, all of them in one go."""
        to_end = rows.filtered(lambda row: row.status == "retired")
        self._end_absent(to_end)
        for second in (False, True):  # codes before the second codes that share their meaning
            part = (rows - to_end).filtered(lambda row, second=second: bool(row.parent_key) is second)
            if part:
                self._carry_out_codes(part)
        self.env.flush_all()

    def _carry_out_codes(self, rows):
        decided = self._decide_again(rows)
        self._refuse_or_leave(decided)
        changed = [(row, one) for row, one in decided if one.status is Status.CHANGED]
        entities = self._entities_for([*changed, *((row, one) for row, one in decided if one.status is Status.NEW)])
        in_place = [(row, one) for row, one in changed if one.reason in ("text", "price")]
        ends = [(row, one) for row, one in changed if one.reason == "end"]
        anew = [(row, one) for row, one in decided if row in entities]
        self._change_in_place(in_place)
        self._end_known([(row, one.known, one.span.last) for row, one in ends])
        self._succeed(anew, entities)

    # -- deciding again ----------------------------------------------------------------------------------------------

    def _decide_again(self, rows):
        """Return ``[(row, Decision)]`` by what is on record now; what differs from what was looked at is refused."""
        steps = [(row, row._as_step()) for row in rows]
        known = self._known({step.claim.question for _row, step in steps} | {s.parent for _row, s in steps if s.parent})
        digits = self._price_digits()
        return [(row, self._decide_one(row, step, known, digits)) for row, step in steps]

    def _decide_one(self, row, step, known, digits):
        claim = step.claim
        if step.parent:
            entity = self._parents_entity(known.get(step.parent, ()))
            if not entity:
                return Decision(Status.REFUSED, "parent_refused")
            claim = replace(claim, meaning=Meaning(entity=entity))
        decision = import_plan.decide(
            replace(step, claim=claim), known.get(claim.question, ()), effective=self.effective, digits=digits
        )
        return self._as_looked_at(row, decision)

    def _parents_entity(self, known):
        """Return the entity of a code that has second codes, as it is now."""
        in_force = [one for one in known if one.state in ("approved", "retired")]
        now = [one for one in in_force if one.span.holds(self.effective)]
        return (now or in_force)[-1].entity if in_force else None

    @staticmethod
    def _as_looked_at(row, decision):
        follows = decision.status.value in _FOLLOWS[row.status]
        another = row.status == "changed" and decision.status is Status.CHANGED and decision.known != row.known_id.id
        if decision.status is Status.REFUSED or (follows and not another):
            return decision
        return Decision(Status.REFUSED, "meanwhile", decision.known)

    @staticmethod
    def _refuse_or_leave(decided):
        settled = [
            (row.id, one.status.value, one.reason or None, None, None)
            for row, one in decided
            if one.status in (Status.REFUSED, Status.UNCHANGED)
        ]
        decided[0][0]._settle(settled)

    # -- what it means -----------------------------------------------------------------------------------------------

    def _entities_for(self, decided):
        """Return ``{row: entity id}`` of the rows that need an identifier, making what does not exist yet."""
        found, to_make, to_bind = {}, self.env["integration.mapping.import.row"], defaultdict(list)
        for row, decision in decided:
            if decision.status is Status.CHANGED and decision.reason not in ("meaning", "days"):
                continue
            entity = decision.entity or row.entity_id.id
            if entity:
                found[row] = entity
            elif row.made:
                to_make |= row
            else:
                to_bind[row.kind].append(row)
        found |= self._make_services(to_make)
        for kind, rows in to_bind.items():
            found |= self._bind(kind, rows)
        self._revive(found.values())
        return found

    def _make_services(self, rows):
        """Make a service and its entity of each row; return ``{row: entity id}``."""
        if not rows:
            return {}
        company, digits = self.company_id, self._price_digits()
        # sudo: a steward need not be allowed to edit the catalogue; what is made are just bare services of these codes
        products = (
            self.env["product.product"]
            .sudo()
            .with_company(company)
            .with_context(tracking_disable=True, mail_create_nolog=True, mail_create_nosubscribe=True)
            .create([self._service_vals(row, digits) for row in rows])
        )
        entities = self._make_entities(
            [
                {"kind": row.kind, "company_id": company.id, "name": product.name, "product_id": product.id}
                for row, product in zip(rows, products, strict=True)
            ]
        )
        return dict(zip(rows, entities.ids, strict=True))

    def _service_vals(self, row, digits):
        price = float(import_plan.rounded(row.price, digits)) if digits is not None and row.price else 0.0
        return {
            "name": row.display or row.code,
            "default_code": row.code,
            "type": "service",
            "list_price": price,
            "company_id": self.company_id.id,
        }

    def _make_entities(self, vals_list):
        """Make entities; like identifiers they are told of as a whole, by the import."""
        entities = self.env["integration.entity"].with_context(tracking_disable=True, mail_create_nosubscribe=True)
        return entities.create(vals_list)

    def _bind(self, kind, rows):
        """Return ``{row: entity id}`` for records of Odoo that have no entity yet, or had none when looked at."""
        domain = [("kind", "=", kind), ("company_id", "=", self.company_id.id)]
        entities = self.env["integration.entity"].with_context(active_test=False)
        if kind == "department":
            return {row: self._department(row).id for row in rows}
        binding = BINDINGS[kind]
        targets = {row.target for row in rows}
        by_target = {one[binding].id: one.id for one in entities.search([*domain, (binding, "in", list(targets))])}
        missing = self.env[TARGET_MODELS[kind]].browse(sorted(targets - set(by_target)))
        made = self._make_entities(
            [
                {"kind": kind, "company_id": self.company_id.id, "name": target.name, binding: target.id}
                for target in missing
            ]
        )
        by_target |= {one[binding].id: one.id for one in made}
        return {row: by_target[row.target] for row in rows}

    def _department(self, row):
        account = self.env["account.analytic.account"].browse(row.target)
        return self.env["integration.entity"]._for_target("department", self.company_id, account, row.target_name)

    def _revive(self, entity_ids):
        """What a code leads to is in use."""
        entities = self.env["integration.entity"].browse(dict.fromkeys(entity_ids))
        entities.filtered(lambda entity: not entity.active).active = True

    # -- changing what is on record ----------------------------------------------------------------------------------

    def _change_in_place(self, decided):
        """Change what needs no successor: texts, and the price of the service."""
        if not decided:
            return
        digits = self._price_digits()
        for row, decision in decided:
            old = self.env["integration.identifier"].browse(decision.known)
            # sudo: as in _make_services
            template = old.entity_id.product_id.product_tmpl_id.sudo()
            if digits is not None and row.price and template:
                price = float(import_plan.rounded(row.price, digits))
                if template.list_price != price:
                    template.with_context(tracking_disable=True).list_price = price
            texts = {name: row[name] for name in ("display", "note") if row[name] and row[name] != old[name]}
            if texts:
                old.write(texts)
        decided[0][0]._settle([(row.id, "changed", one.reason, None, None) for row, one in decided])

    def _end_absent(self, rows):
        """End what the list leaves out, unless somebody has changed it since it was looked at."""
        same = rows.filtered(
            lambda row: (
                row.known_id.state == "approved"
                and row.known_id.valid_from == row.valid_from
                and (row.reason == "not_begun" or row.known_id._span().holds(row.valid_to))
            )
        )
        self._end_known([(row, row.known_id.id, row.valid_to if row.reason == "absent" else None) for row in same])
        rows._settle([(row.id, "refused", "meanwhile", None, None) for row in rows - same])

    def _end_known(self, ends):
        """Retire identifiers on a last day, or revoke them where there is none: ``[(row, id, last day or None)]``."""
        if not ends:
            return
        tasks = self.env["integration.mapping.task"]
        self._end([(known, last) for _row, known, last in ends])
        ended = self.env["integration.identifier"].browse([known for _row, known, _last in ends])
        ends[0][0]._settle([(row.id, row.status, row.reason, None, None) for row, _known, _last in ends])
        self._tell_deed(ended.filtered(lambda one: one.state == "retired"), "identifier.retire")
        self._tell_deed(ended.filtered(lambda one: one.state == "revoked"), "identifier.revoke")
        tasks._mapping_changed(ended)
        self._note_changed(ended)

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

    def _succeed(self, anew, entities):
        """Make the identifiers of these rows, and end those that they succeed, in this order."""
        if not anew:
            return
        waiting = self._waiting_for([row for row, _one in anew])
        predecessors = {row: one.known for row, one in anew if one.status is Status.CHANGED}
        self._end_predecessors(anew)
        made = self._insert_identifiers([(row.id, entities[row], one.span, predecessors.get(row)) for row, one in anew])
        old = self.env["integration.identifier"].browse(predecessors.values())
        self._tell_deed(old.filtered(lambda one: one.state == "retired"), "identifier.retire")
        self._tell_deed(old.filtered(lambda one: one.state == "revoked"), "identifier.revoke")
        self._tell_deed(self.env["integration.identifier"].browse(made.values()), "identifier.import")
        anew[0][0]._settle([(row.id, one.status.value, one.reason or None, made[row.id], None) for row, one in anew])
        self._go_on(made, old, waiting)

    def _end_predecessors(self, anew):
        ends = []
        for _row, decision in anew:
            if decision.status is not Status.CHANGED:
                continue
            old = self.env["integration.identifier"].browse(decision.known)
            left = validity.remainder(old._span(), decision.span)
            ends.append((old.id, left.last if left else None))
        if ends:
            self._end(ends)

    def _insert_identifiers(self, wanted):
        """Insert approved identifiers of rows by one statement; return ``{row id: identifier id}``.

        :param wanted: ``[(row id, entity id, Span, id of the predecessor or None)]``
        """
        person, now = self._person(), tools.utc_now()
        self.env.cr.execute(
            SQL(
                """
                WITH wanted AS (
                    SELECT w.*, nextval('integration_identifier_id_seq') AS id
                      FROM unnest(%(rows)s, %(entities)s, %(firsts)s::date[], %(lasts)s::date[], %(replaces)s::int[])
                           AS w (row_id, entity_id, valid_from, valid_to, replaces_id)),
                made AS (
                    INSERT INTO integration_identifier
                        (id, entity_id, kind, company_id, system_id, code_system, code, display, valid_from, valid_to,
                         state, replaces_id, steward_id, source, note, approval_state, author_id, requested_by_id,
                         requested_at, decided_by_id, decided_at, self_approved, urgent,
                         create_uid, create_date, write_uid, write_date)
                    SELECT w.id, w.entity_id, r.kind, %(company)s, r.system_id, r.code_system, r.code, r.display,
                           w.valid_from, w.valid_to, 'approved', w.replaces_id, %(asker)s, %(source)s, r.note,
                           'approved', %(author)s, %(asker)s, %(asked)s, %(person)s, %(decided)s, %(self_approved)s,
                           FALSE, %(author)s, %(now)s, %(person)s, %(now)s
                      FROM wanted w JOIN integration_mapping_import_row r ON r.id = w.row_id)
                SELECT row_id, id FROM wanted
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
            )
        )
        made = dict(self.env.cr.fetchall())
        self.env["integration.identifier"].invalidate_model()
        return made

    def _person(self):
        """Return who has approved it."""
        return self.decided_by_id or self.requested_by_id or self.env.user

    # -- telling -----------------------------------------------------------------------------------------------------

    def _tell_deed(self, identifiers, action):
        """Append a row to the audit trail for each of these."""
        if not identifiers:
            return
        company = self.company_id
        rows = [
            {
                "company_id": company.id,
                "company_name": company.name,
                "res_model": one._name,
                "res_id": one.id,
                "res_name": one.display_name,
            }
            for one in identifiers
        ]
        detail = f"import {self.id}: {self.display_name}"
        self.env["integration.audit"]._append(action, rows, user=self._person(), detail=detail)

    def _waiting_for(self, rows):
        """Return the open tasks that these rows answer, with what waits for each: ``{task id: Waiting}``."""
        tasks = self.env["integration.mapping.task"]
        tasks.flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT t.id FROM integration_mapping_import_row r JOIN integration_mapping_task t
                    ON t.company_id = r.company_id AND t.system_id = r.system_id AND t.kind = r.kind
                   AND t.code_system = r.code_system AND t.code = r.code_key AND t.state = 'open'
                 WHERE r.id = ANY (%s)
                """,
                [row.id for row in rows],
            )
        )
        found = tasks.browse([row[0] for row in self.env.cr.fetchall()])
        waiting = found._waiting() if found else {}
        return {task.id: waiting.get(task.id, Waiting()) for task in found}

    def _go_on(self, made, old, waiting):
        """Let what waited go on, tell subscribers, and remember what it was."""
        identifiers = self.env["integration.identifier"].browse(made.values())
        tasks = self.env["integration.mapping.task"]
        concerned = (self._waited_for(identifiers) | identifiers.filtered("replaces_id") | old).exists()
        for begin in range(0, len(concerned), TOLD_AT_ONCE):
            tasks._mapping_changed(concerned[begin : begin + TOLD_AT_ONCE])
        self._note_changed(identifiers | old)
        answered = tasks.browse(waiting).filtered(lambda task: task.state == "done")
        total = sum((waiting[task.id] for task in answered), Waiting.from_json(self.released))
        self.write({"tasks_answered": self.tasks_answered + len(answered), "released": total.as_json()})

    def _waited_for(self, identifiers):
        """Return those of these new identifiers whose code was ever waited for: nothing waits for another."""
        self.env.cr.execute(
            SQL(
                """
                SELECT i.id FROM integration_identifier i JOIN integration_mapping_task t
                    ON t.company_id = i.company_id AND t.system_id = i.system_id AND t.kind = i.kind
                   AND t.code_system = i.code_system AND t.code = i.code
                 WHERE i.id = ANY (%s)
                """,
                identifiers.ids,
            )
        )
        return identifiers.browse([row[0] for row in self.env.cr.fetchall()])

    def _note_changed(self, identifiers):
        """Journal that these entities have other codes now, where that is news for others."""
        live = identifiers.filtered(lambda one: one.mode == "live" and one.kind in CHANGED_EVENTS)
        live.entity_id._note_change(["codes"])
