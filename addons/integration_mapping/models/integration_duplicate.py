from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..domain import evidence
from .integration_party_number import MANY

LIMIT = 1000
"""Pairs that are found in one go; the next look finds the next ones."""
MERGING = object()
"""Odoo's own merge carries suppliers over where code holds this very object: a context key over RPC can never be it."""
_SIDE = ("name", "ref", "vat", "company_registry", "street", "zip", "city", "country_id", "phone", "email", "website")
_NUMBERS = {"vat": "vat", "registry": "company_registry"}
"""In which field of a contact a number is, by its scheme."""


class IntegrationDuplicate(models.Model):
    """Two contacts that share a number which an authority gives out once: a supplier that Odoo has twice, perhaps.

    ::

        open ──merge──▶ merged                    (a second person where live codes or bank accounts hang on it)
         └──not a duplicate──▶ different          remembered, with who and why

    Found by numbers alone, never by a name. Merging is Odoo's own, with codes, proposals and differences carried over.
    """

    _name = "integration.duplicate"
    _inherit = ["integration.approval.mixin"]
    _description = "Possible duplicate"
    _order = "state desc, since, id"
    _rec_name = "names"

    _approval_guarded = ("keep_id",)
    _approval_protected = ("state",)

    partner_id = fields.Many2one("res.partner", "One", readonly=True, ondelete="set null", index=True)
    other_id = fields.Many2one("res.partner", readonly=True, ondelete="set null", index=True)
    company_id = fields.Many2one("res.company", readonly=True, index=True, help="Empty: contacts of every company.")
    keep_id = fields.Many2one(
        "res.partner", domain="[('id', 'in', [partner_id, other_id])]", help="The other one becomes part of it."
    )
    names = fields.Char("Contacts", readonly=True)
    evidence = fields.Char("Both have", readonly=True)
    against = fields.Char("Speaks against it", compute="_compute_sides")
    comparison = fields.Html(compute="_compute_sides", sanitize=False)
    two_people = fields.Boolean("Needs a second person", compute="_compute_sides")
    since = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    state = fields.Selection(
        [("open", "To decide"), ("merged", "Merged"), ("different", "Not a duplicate")],
        required=True,
        readonly=True,
        default="open",
    )
    reason = fields.Char("Why", readonly=True)
    settled_by_id = fields.Many2one("res.users", "Settled by", readonly=True)
    settled_at = fields.Datetime("Settled", readonly=True)
    turn = fields.Selection(
        [("steward", "Steward decides"), ("approver", "Another steward approves"), ("nobody", "Nobody")],
        "Whose turn",
        compute="_compute_turn",
    )

    _ordered = models.Constraint("CHECK (partner_id < other_id)", "A pair is named once.")
    _pair_uniq = models.UniqueIndex(
        "(partner_id, other_id) WHERE partner_id IS NOT NULL AND other_id IS NOT NULL", "This pair is known already."
    )

    # -- finding -----------------------------------------------------------------------------------------------------

    @api.model
    def _supplier_sql(self):
        """Return the condition under which contact ``p`` is a supplier. Hook: accounting knows more of them."""
        return SQL("EXISTS (SELECT FROM integration_entity e WHERE e.partner_id = p.id AND e.kind = 'supplier')")

    @api.model
    def _find(self):
        """Note the pairs of contacts that share a number and of which one is a supplier; return how many are new.

        One statement over the index of numbers, at most :data:`LIMIT` pairs; what was settled before is left alone.
        """
        self.flush_model()
        self.env["integration.party.number"].flush_model()
        self.env["integration.entity"].flush_model()
        self.env["res.partner"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_duplicate
                       (partner_id, other_id, company_id, names, evidence, state, approval_state, since,
                        create_uid, create_date, write_uid, write_date)
                SELECT p.id, o.id, COALESCE(p.company_id, o.company_id), concat_ws(' / ', p.name, o.name),
                       string_agg(DISTINCT CASE one.scheme WHEN 'registry' THEN 'Company ID' ELSE upper(one.scheme) END
                                           || ' ' || one.value, ', '), 'open', 'draft',
                       now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM integration_party_number one
                  JOIN integration_party_number two
                    ON two.value = one.value AND two.scheme = one.scheme AND two.partner_id > one.partner_id
                  JOIN res_partner p ON p.id = one.partner_id AND p.active
                  JOIN res_partner o ON o.id = two.partner_id AND o.active
                 WHERE (p.company_id IS NULL OR o.company_id IS NULL OR p.company_id = o.company_id)
                   AND (%(is_supplier)s OR EXISTS (SELECT FROM res_partner p WHERE p.id = o.id AND %(is_supplier)s))
                   AND NOT EXISTS (SELECT FROM integration_duplicate d WHERE d.partner_id = p.id AND d.other_id = o.id)
                   AND (SELECT count(*) FROM (
                            SELECT FROM integration_party_number n
                             WHERE n.value = one.value AND n.scheme = one.scheme AND n.partner_id IS NOT NULL
                             LIMIT %(many)s + 1) few) <= %(many)s
                 GROUP BY p.id, o.id
                 LIMIT %(limit)s
                ON CONFLICT (partner_id, other_id) WHERE partner_id IS NOT NULL AND other_id IS NOT NULL DO NOTHING
                """,
                uid=self.env.uid,
                is_supplier=self._supplier_sql(),
                many=MANY,
                limit=LIMIT,
            )
        )
        found = self.env.cr.rowcount
        self.invalidate_model()
        return found

    @api.autovacuum
    def _gc_look(self):
        """Look for duplicates once a day: what contacts say may have changed past this addon."""
        # sudo: nobody's request; contacts of every company are compared within their companies
        self.env["integration.party.number"].sudo()._sweep()
        self.sudo()._find()

    def action_look(self):
        """Look for duplicates now."""
        self.env["integration.identifier"].check_access("create")
        # sudo: contacts of every company are compared within their companies; who sees the pairs is for the rules
        self.env["integration.party.number"].sudo()._sweep()
        found = self.sudo()._find()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if found else "success",
                "message": self.env._("%s new pairs found.", found) if found else self.env._("No new pair was found."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # -- side by side ------------------------------------------------------------------------------------------------

    def _partners(self):
        return self.partner_id | self.other_id

    @api.depends("partner_id", "other_id", "state")
    @api.depends_context("uid", "lang")
    def _compute_sides(self):
        for pair in self:
            # sudo: who decides sees the two contacts of this pair side by side, whoever may otherwise read them
            one, other = pair.partner_id.sudo(), pair.other_id.sudo()
            numbers = self.env["integration.party.number"]._of_partners(one | other)
            against = evidence.contradictions(numbers.get(one.id, {}), numbers.get(other.id, {}))
            pair.against = ", ".join(evidence.LABELS[scheme] for scheme in against) or False
            pair.two_people = bool(one and other) and pair._approval_needed()
            same = numbers.get(one.id, {}).items() & numbers.get(other.id, {}).items()
            shared = {_NUMBERS.get(scheme) for scheme, _number in same}
            pair.comparison = pair._side_by_side(one, other, shared) if one and other else False

    def _side_by_side(self, one, other, shared):
        """Return both contacts as a table, coloured where they differ.

        :param shared: fields that say the same number, however each of them spells it
        """
        partners = one | other
        rows = [
            (
                one._fields[name]._description_string(self.env),
                _text(one, name),
                _text(other, name),
                name in shared or _text(one, name) == _text(other, name),
            )
            for name in _SIDE
            if one[name] or other[name]
        ]
        hanging = [
            (label, texts.get(one.id, "–"), texts.get(other.id, "–")) for label, texts in self._hanging(partners)
        ]
        cells = Markup("<tr class='%s'><th>%s</th><td>%s</td><td>%s</td></tr>")
        body = Markup("").join(
            cells % ("" if same else "table-warning", label, mine or "–", theirs or "–")
            for label, mine, theirs, same in rows
        )
        body += Markup("").join(cells % ("", label, mine, theirs) for label, mine, theirs in hanging)
        first, second = (self.env._("First: %s", one.display_name), self.env._("Second: %s", other.display_name))
        head = Markup("<tr><th></th><th>%s</th><th>%s</th></tr>") % (first, second)
        return Markup("<table class='table table-sm'><thead>%s</thead><tbody>%s</tbody></table>") % (head, body)

    @api.model
    def _hanging(self, partners):
        """Return [(label, {contact id: text})] of what hangs on these contacts. Hook for glue addons."""
        # sudo: how much hangs on a contact is part of the question that is asked
        identifiers = self.env["integration.identifier"].sudo()
        domain = [("entity_id.partner_id", "in", partners.ids), ("state", "in", ("approved", "retired"))]
        codes = {}
        for identifier in identifiers.search(domain):
            of_partner = codes.setdefault(identifier.entity_id.partner_id.id, [])
            of_partner.append(f"{identifier.system_id.code}: {identifier.code}")
        accounts = {partner.id: str(len(partner.bank_ids)) for partner in partners if partner.bank_ids}
        return [
            (self.env._("Codes"), {one: ", ".join(texts) for one, texts in codes.items()}),
            (self.env._("Bank accounts"), accounts),
        ]

    @api.depends("state", "approval_state")
    def _compute_turn(self):
        for pair in self:
            waits = "approver" if pair.approval_state == "requested" else "steward"
            pair.turn = waits if pair.state == "open" else "nobody"

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _check_deciding(self):
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        for pair in self:
            if pair.state != "open" or not (pair.partner_id and pair.other_id):
                raise UserError(self.env._("%s was settled already.", pair.names))

    def action_keep_one(self):
        """Merge the two; the first one stays."""
        return self._merge_into("partner_id")

    def action_keep_other(self):
        """Merge the two; the second one stays."""
        return self._merge_into("other_id")

    def _merge_into(self, side):
        self._check_deciding()
        for pair in self:
            pair._check_companies()
            # sudo: stewards decide by these buttons alone
            own = pair.sudo()
            own.keep_id = own[side]
            own._approving().author_id = self.env.uid
            own.action_request_approval()
            if pair.approval_state == "requested" and pair.can_approve:
                pair.action_approve()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _check_companies(self):
        """Refuse where other companies' codes lead to one of the two: their people decide about that."""
        # sudo: whether such entries exist, not what they are
        companies = (
            self.env["integration.entity"].sudo().search([("partner_id", "in", self._partners().ids)]).company_id
        )
        if companies - self.env.user.company_ids:
            raise AccessError(
                self.env._("%s is used by a company that you do not belong to. Ask an administrator there.", self.names)
            )

    def _set_different(self, reason):
        """Remember that the two are not the same, with who says so and why."""
        self._check_deciding()
        # sudo: as in _merge_into
        self.sudo()._approving().write({"state": "different", "reason": reason, **self._settled()})
        self.env["integration.audit"]._record("duplicate.different", self, reason=reason)

    def action_reopen(self):
        """Take back that the two are not the same."""
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        if self.filtered(lambda pair: pair.state != "different"):
            raise UserError(self.env._("Only what was called different can be opened again."))
        # sudo: as in _merge_into
        self.sudo()._approving().write({"state": "open", "reason": False, "approval_state": "draft"})
        self.env["integration.audit"]._record("duplicate.reopen", self)
        return True

    def _settled(self):
        return {"settled_by_id": self.env.uid, "settled_at": fields.Datetime.now()}

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_needed(self):
        """A second person is needed where codes of live systems lead to either of the two, or money may go to it."""
        self.ensure_one()
        return self._is_guarded(self._partners())

    @api.model
    def _is_guarded(self, partners):
        """Tell whether contacts may not be merged by one person alone."""
        # sudo: that a second person is needed does not depend on what the first may read
        domain = [("partner_id", "in", partners.ids), ("identifier_ids.state", "in", ("approved", "retired"))]
        entities = self.env["integration.entity"].sudo().with_context(active_test=False).search(domain)
        live = entities.identifier_ids.filtered(lambda one: one._is_in_force() and one.system_id.mode == "live")
        # sudo: as above
        accounts = self.env["res.partner.bank"].sudo().search_count([("partner_id", "in", partners.ids)], limit=1)
        return bool(live or accounts)

    def _approval_effects(self):
        gone = self._partners() - self.keep_id
        return [
            (self.env._("Becomes part of %s", self.keep_id.display_name), gone.display_name, self.keep_id.display_name)
        ]

    def _on_approved(self):
        for pair in self:
            pair._merge_now()

    def _merge_now(self):
        """Merge with Odoo's own merge; codes, proposals and differences go along."""
        self.ensure_one()
        # sudo: a steward need not be allowed to merge contacts in general; these two were decided on
        pair = self.sudo()
        keep, gone = pair.keep_id, pair._partners() - pair.keep_id
        if not keep or len(gone) != 1:
            raise UserError(self.env._("%s was settled already.", self.names))
        detail = f"contact {gone.id} became part of {keep.id}; both have {pair.evidence}"
        names = f"{gone.display_name} → {keep.display_name}"
        pair._approving().write(
            {"state": "merged", "names": names, "partner_id": False, "other_id": False, **self._settled()}
        )
        self.env["integration.audit"]._record("duplicate.merge", self, detail=detail)
        wizard = self.env["base.partner.merge.automatic.wizard"].sudo().with_context(integration_merging=MERGING)
        # What Odoo checks beforehand is that both have one e-mail address; a number says more.
        wizard._merge([keep.id, gone.id], keep, extra_checks=False)


def _text(partner, name):
    value = partner[name]
    return value.display_name if partner._fields[name].type == "many2one" else value or ""
