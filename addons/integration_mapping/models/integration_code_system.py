from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..domain.normalization import EXACT
from ..domain.normalization import key as key_of
from ..domain.validity import Span

NORMALIZATIONS = [
    (EXACT, "Exactly as sent"),
    ("trim", "Without spaces around"),
    ("upper", "Without spaces around, capital or small letters alike"),
    ("compact", "Letters and digits alone, capital or small alike"),
    ("zeros", "Letters and digits alone, without zeros in front"),
    ("ndc", "NDC: ten or eleven digits, with or without dashes"),
]


class IntegrationCodeSystem(models.Model):
    """A list that codes are taken from, and how its codes are compared.

    A code system that nobody has described here is compared byte for byte. Another comparison is asked for and, where
    live systems' codes depend on it, approved by another steward; the approval computes the keys of all codes of the
    list anew, in one transaction, or is refused naming the codes that would become one with two meanings.
    """

    _name = "integration.code.system"
    _inherit = ["integration.approval.mixin", "integration.audited.mixin", "integration.portable.mixin"]
    _description = "Code system"
    _order = "name"

    _audit_name = "code_system"
    _approval_guarded = ("name", "wanted")
    _approval_protected = ("normalization",)

    name = fields.Char("Code system", required=True, trim=False, help="Exactly as messages name it.")
    description = fields.Char(help="What list this is, and who keeps it.")
    normalization = fields.Selection(
        NORMALIZATIONS, "Codes are compared", default=EXACT, required=True, readonly=True, copy=False
    )
    wanted = fields.Selection(
        NORMALIZATIONS, "Compare codes", default=EXACT, required=True, help="In force once approved."
    )
    identifier_count = fields.Integer("Mapped codes", compute="_compute_identifier_count")

    _name_uniq = models.UniqueIndex("(name)", "This code system is described already.")
    _name_size = models.Constraint("CHECK (char_length(name) BETWEEN 1 AND 255)", "Code systems have 1–255 characters.")

    def write(self, vals):
        """Refuse to let a comparison in force wander to another list."""
        for code_system in self:
            renamed = "name" in vals and vals["name"] != code_system.name
            if renamed and code_system.normalization != EXACT:
                raise UserError(self.env._("Codes of %s are compared by it: it keeps its name.", code_system.name))
        return super().write(vals)

    def _compute_identifier_count(self):
        counts = dict(
            self.env["integration.identifier"]._read_group(
                [("code_system", "in", self.mapped("name"))], ["code_system"], ["__count"]
            )
        )
        for code_system in self:
            code_system.identifier_count = counts.get(code_system.name, 0)

    # -- carried to another database -----------------------------------------------------------------------------------

    _portable_part = "mappings"

    @api.model
    def _portable_key(self):
        return ("name",)

    @api.model
    def _portable_fields(self):
        return ["description", "wanted"]

    # -- comparing ---------------------------------------------------------------------------------------------------

    @api.model
    def _normalizations(self, names, *, for_writing=False):
        """Return the normalisation in force of each code system in ``names`` that is not compared byte for byte.

        Read from the transaction's own snapshot and never kept, so that every process agrees with what it stores.

        :param bool for_writing: keys are stored by it: a change that is under way makes this transaction wait, and
            start again
        :return: dict ``{code system: normalisation}``
        """
        self.flush_model(["name", "normalization"])
        rows = self.env.execute_query(
            SQL(
                "SELECT name, normalization FROM integration_code_system"
                " WHERE name = ANY(%s) AND normalization <> %s ORDER BY name %s",
                list(names),
                EXACT,
                SQL("FOR SHARE") if for_writing else SQL(),
            )
        )
        return dict(rows)

    @api.model
    def _keys(self, pairs, *, for_writing=False):
        """Return what codes are compared by: ``{(code system, code): key}``; one query.

        :param pairs: iterable of ``(code system, code)``
        """
        pairs = set(pairs)
        declared = self._normalizations({code_system for code_system, _code in pairs}, for_writing=for_writing)
        return {
            (code_system, code): key_of(declared.get(code_system, EXACT), code)
            for code_system, code in pairs
        }

    @api.model
    def _spellings(self, records, sent):
        """Return how the codes of these records are written where they are used: list of ``(record, code)``.

        :param records: identifiers or tasks: what has ``system_id``, ``code_system``, ``code`` and ``code_key``
        :param sent: called with systems, for lists that are normalised alone; returns iterable of ``(system id, code
            as sent)``, None among the codes allowed
        """
        normalised = self._normalizations(set(records.mapped("code_system")))
        loose = records.filtered(lambda one: one.code_system in normalised)
        spelled = [(one, one.code) for one in records - loose]
        if not loose:
            return spelled
        by_system = {}
        for system_id, code in sent(loose.system_id):
            if code:
                by_system.setdefault(system_id, set()).add(code)
        for (system, code_system), of_list in loose.grouped(lambda one: (one.system_id, one.code_system)).items():
            by_key = {}
            for code in by_system.get(system.id, ()):
                by_key.setdefault(key_of(normalised[code_system], code), []).append(code)
            spelled += [(one, code) for one in of_list for code in by_key.get(one.code_key, ())]
        return spelled

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_needed(self):
        """What no live system's code depends on needs nobody else."""
        # sudo: whether an approval is needed does not depend on whose codes the author may see
        live = [("code_system", "=", self.name), ("system_id.mode", "=", "live"), ("state", "!=", "proposed")]
        return bool(self.env["integration.identifier"].sudo().search_count(live, limit=1))

    def _approval_effects(self):
        count = self.identifier_count
        return [(self.env._("Codes compared anew"), "", str(count))] if count else []

    def action_approve(self):
        """Approve, for every company."""
        self._check_in_every_company()
        return super().action_approve()

    def action_reject(self, reason=None):
        """Send it back to its author."""
        self._check_in_every_company()
        return super().action_reject(reason)

    def action_submit(self):
        """Ask for approval; where nobody else could approve, the author does it, marked as such."""
        self.check_access("write")
        self.action_request_approval()
        self.filtered(lambda one: one.approval_state == "requested" and one.can_approve).action_approve()
        return True

    @api.model
    def _check_in_every_company(self):
        if not self.env.user._is_in_every_company():
            raise AccessError(
                self.env._("A code system holds for every company, and you are not allowed in all of them.")
            )

    def _on_approved(self):
        for code_system in self:
            if code_system.normalization != code_system.wanted:
                code_system._approving().write({"normalization": code_system.wanted})
                code_system._compare_anew()

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        for code_system in self:
            if code_system.normalization != EXACT:
                raise UserError(
                    self.env._("Codes of %s are compared by it. Have them compared exactly first.", code_system.name)
                )

    # -- computing keys anew -----------------------------------------------------------------------------------------

    def _compare_anew(self):
        """Compute the keys of every code of this list, and let what waits for one be looked at again."""
        self.ensure_one()
        # sudo: the list is one for all companies
        identifiers = self.env["integration.identifier"].sudo()
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT id, code, company_id, system_id, kind, state, valid_from, valid_to, code_key"
                " FROM integration_identifier WHERE code_system = %s ORDER BY id FOR UPDATE",
                self.name,
            )
        )
        keys = {row[0]: key_of(self.normalization, row[1]) for row in rows}
        self._check_distinct(rows, keys)
        changed = {row[0]: keys[row[0]] for row in rows if row[-1] != keys[row[0]]}
        self._store_keys(identifiers._table, changed)
        identifiers.invalidate_model(["code_key"])
        self.env["integration.mapping.task"]._compare_anew(self)
        in_force = identifiers.browse(changed.keys()).filtered(lambda one: one._is_in_force())
        self.env["integration.mapping.task"]._mapping_changed(in_force)

    @api.model
    def _store_keys(self, table, keys):
        """Store what codes are compared by: ``keys`` is ``{row id: key}``."""
        # In two steps: no new key may meet an old one of another code on the way.
        for texts in ([f"\x01{row_id}" for row_id in keys], list(keys.values())):
            self.env.cr.execute(
                SQL(
                    "UPDATE %s AS row SET code_key = wanted.key"
                    " FROM unnest(%s::int[], %s::varchar[]) AS wanted (id, key) WHERE row.id = wanted.id",
                    SQL.identifier(table),
                    list(keys),
                    texts,
                )
            )

    def _check_distinct(self, rows, keys):
        """Refuse what would give one code two meanings on a day, naming both ways to write it."""
        by_question = {}
        for row_id, code, company_id, system_id, kind, state, first, last, _key in rows:
            if state not in ("approved", "retired"):
                continue
            others = by_question.setdefault((company_id, system_id, kind, keys[row_id]), [])
            span = Span(first, last)
            for other_code, other_span in others:
                if span.overlaps(other_span):
                    raise UserError(
                        self.env._(
                            "Compared like this, %(one)s and %(other)s would be one code with two mappings on the same"
                            " days. End one of the two first.",
                            one=other_code,
                            other=code,
                        )
                    )
            others.append((code, span))

    @api.autovacuum
    def _gc_keys(self):
        """Compute anew what was stored by a transaction that did not see a comparison that changed beside it."""
        for code_system in self.search([("normalization", "!=", EXACT)]):
            code_system._compare_anew()
