from odoo import api, fields, models
from odoo.tools import format_date

from ..domain.usage import Uses
from ..domain.waiting import Waiting

MONEY_READERS = "integration_core.group_steward,integration_core.group_finance_viewer"
"""Who sees money at risk, as in the list of codes to map."""


class IntegrationIdentifier(models.Model):
    """What an identifier touches: before a change what it would reach, after it what came of it.

    Counts are for everybody who reads mappings; money is for stewards and finance.
    """

    _inherit = "integration.identifier"

    impact = fields.Char(
        "Touches", compute="_compute_impact", help="Lines that it gives a meaning to, or would when approved."
    )
    impact_money = fields.Char("Touches, with money", compute="_compute_impact", groups=MONEY_READERS)
    effect = fields.Char("Since approval", compute="_compute_impact", help="What had waited and went on by it.")
    effect_money = fields.Char("Since approval, with money", compute="_compute_impact", groups=MONEY_READERS)

    def _uses(self, spans=None):
        """Return what these identifiers gave a meaning to, live traffic alone: ``{identifier id: Uses}``.

        Hook: addons whose records resolve codes override it and add theirs to what ``super()`` returns. Set-based: it
        is called for many at once. An identifier that nothing used may be absent.

        :param dict spans: ``{identifier id: validity.Span}``, days of service to look at, None for no day; by default
            those that each holds for
        """
        return {}

    # -- what it touches ----------------------------------------------------------------------------------------------

    @api.depends("state", "approval_state", "code", "valid_from", "valid_to", "replaces_id")
    def _compute_impact(self):
        currencies = self.env["integration.mapping.task"]._currencies()
        in_force = self.filtered(lambda one: one.id and one._is_in_force())
        proposed = self.filtered(lambda one: one.state == "proposed")
        used, reached, waiting = in_force._uses(), proposed._reached(), proposed._awaited()
        for one in self:
            texts = ["", ""], ["", ""]
            for place, shown in enumerate((None, currencies)):
                uses = used.get(one.id, Uses())
                if one in in_force:
                    texts[0][place] = self._used_text(uses, shown)
                    texts[1][place] = self._effect_text(uses.went_on, shown)
                elif one.replaces_id:
                    texts[0][place] = self._changed_text(reached.get(one.id, Uses()), shown)
                elif one in waiting:
                    texts[0][place] = self._waiting_text(waiting[one], shown)
            (one.impact, one.impact_money), (one.effect, one.effect_money) = texts

    def _reached(self):
        """Return what these proposals would give another meaning: ``{id: Uses}``; one look per kind."""
        spans, proposals = {}, {}
        for one in self.filtered("replaces_id"):
            proposals[one.replaces_id.id] = one.id
            spans[one.replaces_id.id] = one.replaces_id._span_from(one.valid_from)
        uses = self.replaces_id._uses(spans) if spans else {}
        return {proposals[old]: found for old, found in uses.items()}

    def _span_from(self, first):
        """Return the days of this identifier's span from ``first`` (``date`` or falsy: all) on, None for no day."""
        self.ensure_one()
        return self._span().within(first or None, None)

    def _awaited(self):
        """Return what waits for these proposals: ``{identifier: Waiting}``."""
        asked = self.filtered(lambda one: not one.replaces_id and one.code)
        if not asked:
            return {}
        tasks = self.env["integration.mapping.task"].search(
            [
                ("state", "=", "open"),
                ("code_key", "in", asked.mapped("code_key")),
                ("system_id", "in", asked.system_id.ids),
            ]
        )
        waiting = tasks._waiting()
        by_question = {
            (one.company_id, one.system_id, one.kind, one.code_system, one.code_key): waiting.get(one.id, Waiting())
            for one in tasks
        }
        return {one: by_question[one._question()] for one in asked if one._question() in by_question}

    # -- in words -----------------------------------------------------------------------------------------------------

    @api.model
    def _lines_text(self, found, currencies):
        """Return how many lines, and their money unless ``currencies`` is None."""
        lines = self.env._("1 line") if found.lines == 1 else self.env._("%s lines", found.lines)
        money = self.env["integration.mapping.task"]._money_text(found, currencies) if currencies is not None else ""
        return f"{lines}, {money}" if money else lines

    @api.model
    def _used_text(self, uses, currencies):
        if not uses.lines:
            return self.env._("Nothing has used it yet.")
        return self.env._(
            "%(lines)s of %(first)s – %(last)s.%(rest)s",
            lines=self._lines_text(uses, currencies),
            first=format_date(self.env, uses.first_day),
            last=format_date(self.env, uses.last_day),
            rest=self._drafts_text(uses),
        )

    @api.model
    def _drafts_text(self, uses):
        if not uses.drafts:
            return ""
        if len(uses.drafts) == 1:
            return " " + self.env._("Some are on 1 draft invoice.")
        return " " + self.env._("Some are on %s draft invoices.", len(uses.drafts))

    @api.model
    def _changed_text(self, uses, currencies):
        """Return what a change or an end reaches, and what becomes of it."""
        if not uses.lines:
            return self.env._("No line so far is of the days that change.")
        parts = [self.env._("%s so far would map differently.", self._lines_text(uses, currencies))]
        if uses.open_lines:
            parts.append(self.env._("%s of them are not approved yet and are worked out anew.", uses.open_lines))
        if uses.lines > uses.open_lines:
            parts.append(self.env._("%s stay as they are.", uses.lines - uses.open_lines))
        if uses.drafts:
            parts.append(self._untouched_text(len(uses.drafts)))
        return " ".join(parts)

    @api.model
    def _untouched_text(self, drafts):
        if drafts == 1:
            return self.env._("1 draft invoice does not change by itself: have finance look at it.")
        return self.env._("%s draft invoices do not change by themselves: have finance look at them.", drafts)

    @api.model
    def _waiting_text(self, waiting, currencies):
        if not waiting.lines:
            return self.env._("Nothing waits for it.")
        return self.env._("%s wait for it and go on when it is approved.", self._lines_text(waiting, currencies))

    @api.model
    def _effect_text(self, went_on, currencies):
        return self.env._("%s that had waited went on.", self._lines_text(went_on, currencies)) if went_on.lines else ""

    # -- where it is told ---------------------------------------------------------------------------------------------

    def _approval_effects(self):
        """Tell the approver how many lines the decision reaches; of money, see the request's form."""
        return [*super()._approval_effects(), *([(self.env._("Reaches"), "", self.impact)] if self.impact else [])]

    def _end_uses(self, last_day):
        """Return what ending these identifiers reaches, all of it together, as :class:`Uses`.

        :param last_day: the last day they hold for (``date``); None: they are revoked, for every day
        """
        first = fields.Date.add(last_day, days=1) if last_day else None
        return sum(self._uses({one.id: one._span_from(first) for one in self}).values(), Uses())
