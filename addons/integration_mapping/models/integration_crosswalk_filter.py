from datetime import timedelta

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain import crosswalk
from .integration_entity import BINDINGS

FILTERS = ("all", "gap", "none", "proposed", "ends", "ended", "differs")


class IntegrationCrosswalkFilter(models.AbstractModel):
    """Which entities a page of the crosswalk is about: each filter is one condition of one statement."""

    _name = "integration.crosswalk.filter"
    _description = "Filters of the crosswalk"

    @api.model
    def _domain(self, asked):
        domain = Domain("company_id", "=", asked.company.id) & Domain("kind", "=", asked.kind)
        if asked.entity_ids:
            return domain & Domain("id", "in", asked.entity_ids)
        if asked.text:
            binding = Domain(BINDINGS[asked.kind], "ilike", asked.text)
            codes = Domain("identifier_ids", "any", [("code", "ilike", asked.text), ("state", "!=", "revoked")])
            domain &= Domain("name", "ilike", asked.text) | binding | codes
        return domain & getattr(self, f"_filter_{asked.filter}")(asked, asked.system or asked.systems)

    @api.model
    def _filter_all(self, _asked, _systems):
        return Domain.TRUE

    @api.model
    def _filter_gap(self, asked, systems):
        """Entities that at least one of these systems has no code for on the day."""
        answering = self._answers(asked.day)
        if len(systems) == 1:
            return self._coded(systems, answering, wanted=False)

        def to_sql(_model, alias, _query):
            held = self._held(systems, alias, answering)
            count = held.subselect(SQL("count(DISTINCT integration_identifier.system_id)"))
            return SQL("%s < %s", count, len(systems))

        return Domain.custom(to_sql=to_sql)

    @api.model
    def _filter_none(self, asked, _systems):
        return self._coded(asked.systems, self._answers(asked.day), wanted=False)

    @api.model
    def _filter_proposed(self, _asked, systems):
        return self._coded(systems, SQL("integration_identifier.state = 'proposed'"))

    @api.model
    def _filter_ends(self, asked, systems):
        soon = asked.day + timedelta(days=crosswalk.SOON_DAYS)
        return self._coded(systems, SQL("%s AND integration_identifier.valid_to <= %s", self._answers(asked.day), soon))

    @api.model
    def _filter_ended(self, asked, systems):
        """Entities with a code that ended before the day and was followed by none."""
        ended = SQL(
            """integration_identifier.state IN ('approved', 'retired') AND integration_identifier.valid_to < %s
               AND NOT EXISTS (SELECT 1 FROM integration_identifier n
                                WHERE n.entity_id = integration_identifier.entity_id
                                  AND n.system_id = integration_identifier.system_id AND %s)""",
            asked.day,
            self._answers(asked.day, "n"),
        )
        return self._coded(systems, ended)

    @api.model
    def _filter_differs(self, asked, systems):
        """Entities that one of these systems calls otherwise on the one day than on the other."""
        return self._coded(systems, SQL("(%s) <> (%s)", self._answers(asked.day), self._answers(asked.other)))

    @api.model
    def _coded(self, systems, condition, *, wanted=True):
        """Return the domain of entities with (or without) an identifier of these systems that meets a condition.

        As a correlated subquery: PostgreSQL joins by it, where a list of ids would be compared one by one.
        """
        word = SQL("EXISTS") if wanted else SQL("NOT EXISTS")
        return Domain.custom(
            to_sql=lambda _model, alias, _query: SQL(
                "%s %s", word, self._held(systems, alias, condition).subselect(SQL("1"))
            )
        )

    @api.model
    def _held(self, systems, alias, condition):
        """Return the query of the identifiers of one entity that the user may read."""
        held = self.env["integration.identifier"]._search([])
        # Not by the index of systems: after an import, while statistics are old, PostgreSQL would read all codes of all
        # systems for each entity.
        held.add_where(SQL("integration_identifier.system_id + 0 = ANY(%s)", systems.ids))
        held.add_where(SQL("integration_identifier.entity_id = %s", SQL.identifier(alias, "id")))
        held.add_where(condition)
        return held

    @api.model
    def _answers(self, day, table="integration_identifier"):
        """Return the condition that an identifier answers for a service of that day."""
        return SQL(
            "%(state)s IN ('approved', 'retired') AND (%(first)s IS NULL OR %(first)s <= %(day)s)"
            " AND (%(last)s IS NULL OR %(last)s >= %(day)s)",
            state=SQL.identifier(table, "state"),
            first=SQL.identifier(table, "valid_from"),
            last=SQL.identifier(table, "valid_to"),
            day=day,
        )
