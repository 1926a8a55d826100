from dataclasses import dataclass
from datetime import date

from odoo import api, fields, models
from odoo.addons.integration_core.domain import audit_event
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date

from ..domain import crosswalk
from ..domain.validity import Span
from ..domain.waiting import Waiting
from .integration_crosswalk_filter import FILTERS
from .integration_entity import BINDINGS, KINDS

LIMIT = 80
"""Entities on a page, unless another number is asked for."""
MOST = 200
"""Entities on a page at most."""
IN_A_CELL = 20
"""Codes that one cell is sent with at most; how many there are beyond them is told."""
SUGGESTED = 20
"""Waiting codes per system that are offered where a gap is filled."""
MOST_EXPORTED = 50_000
ORDERS = {
    "name": SQL("integration_entity.name, integration_entity.id"),
    "name_desc": SQL("integration_entity.name DESC, integration_entity.id DESC"),
    "newest": SQL("integration_entity.id DESC"),
}
EXPORTERS = "base.group_allow_export"


@dataclass(frozen=True)
class Asked:
    """What the screen asks for, checked: nothing in it is beyond what the user may see."""

    kind: str
    company: object
    day: date
    other: date | None
    systems: object
    system: object
    text: str
    filter: str
    order: str
    offset: int
    limit: int
    entity_ids: tuple

    @property
    def days(self):
        """The two days that are compared, the earlier one first."""
        return sorted((self.day, self.other))


class IntegrationCrosswalk(models.AbstractModel):
    """The crosswalk: what every system calls every canonical entity on a day, as one grid.

    Read with the user's own rights, record rules and companies. A page costs the same few statements, however many
    entities and systems there are: which entities, how many, their identifiers, and what waits.
    """

    _name = "integration.crosswalk"
    _inherit = ["integration.crosswalk.cell", "integration.crosswalk.filter"]
    _description = "Crosswalk"

    # -- asking -------------------------------------------------------------------------------------------------------

    @api.model
    def get_page(self, query=None):
        """Return one page of the grid as JSON values.

        :param dict query: ``kind``, ``company_id``, ``day`` and ``other_day`` (ISO dates; the latter to compare with),
            ``search``, ``filter`` (one of :data:`FILTERS`), ``system_id`` (which the filter is about), ``order`` (one
            of :data:`ORDERS`), ``offset``, ``limit``, ``entity_ids`` (only these), ``rows_only`` (leave out what does
            not change from page to page). What is missing or unknown falls back to a default
        :return: dict ``{"query", "total", "rows"}`` and, unless ``rows_only``, ``"head"``
        """
        self._check_reader()
        query = query if isinstance(query, dict) else {}
        asked = self._asked(query)
        domain = self._domain(asked)
        rows = self._rows(asked, domain)
        first_page = not asked.offset and len(rows) < asked.limit
        page = {
            "query": self._told_query(asked),
            "rows": rows,
            "total": len(rows) if first_page else self.env["integration.entity"].search_count(domain),
        }
        return page if query.get("rows_only") else {**page, "head": self._head(asked)}

    @api.model
    def _check_reader(self):
        for name in ("integration.entity", "integration.identifier"):
            self.env[name].check_access("read")

    @api.model
    def _asked(self, query):
        companies = self.env.companies
        company = companies.filtered(lambda one: one.id == query.get("company_id")) or self.env.company
        kinds = [kind for kind, _label in KINDS]
        kind = query.get("kind") if query.get("kind") in kinds else self._first_kind(company)
        systems = self._systems(company, kind)
        other = self._day_of(query.get("other_day"))
        text = query.get("search")
        wanted = query.get("filter") if query.get("filter") in FILTERS else "all"
        ids = query.get("entity_ids") if isinstance(query.get("entity_ids"), list) else []
        return Asked(
            kind=kind,
            company=company,
            day=self._day_of(query.get("day")) or fields.Date.context_today(self),
            other=other,
            systems=systems,
            system=systems.filtered(lambda one: one.id == query.get("system_id")),
            text=text.strip()[:100] if isinstance(text, str) else "",
            filter="all" if wanted == "differs" and not other else wanted,
            order=query.get("order") if query.get("order") in [*ORDERS] else "name",
            offset=self._number(query.get("offset"), 0, 10_000_000) or 0,
            limit=self._number(query.get("limit"), 1, MOST) or LIMIT,
            entity_ids=tuple(one for one in ids if isinstance(one, int)),
        )

    @api.model
    def _number(self, value, least, most):
        return min(max(value, least), most) if isinstance(value, int) and not isinstance(value, bool) else None

    @api.model
    def _day_of(self, value):
        """Return an ISO date as ``date``, or None.

        :raises UserError: for what is no date
        """
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise UserError(self.env._("Choose a day of the calendar.")) from None

    @api.model
    def _first_kind(self, company):
        """Return the kind that the screen opens with: the one with the most entities."""
        groups = self.env["integration.entity"]._read_group([("company_id", "=", company.id)], ["kind"], ["__count"])
        return max(groups, key=lambda pair: pair[1], default=("service", 0))[0]

    @api.model
    def _told_query(self, asked):
        return {
            "kind": asked.kind,
            "company_id": asked.company.id,
            "day": fields.Date.to_string(asked.day),
            "other_day": fields.Date.to_string(asked.other) if asked.other else False,
            "system_id": asked.system.id,
            "search": asked.text,
            "filter": asked.filter,
            "order": asked.order,
            "offset": asked.offset,
            "limit": asked.limit,
        }

    # -- columns ------------------------------------------------------------------------------------------------------

    @api.model
    def _systems(self, company, kind):
        """Return the systems that are columns, live ones first: the company's, and others whose codes it uses.

        A system of one company may send what another one of them bills.
        """
        systems = self.env["integration.system"].search([("company_id", "in", self.env.companies.ids)])
        own = systems.filtered(lambda system: system.company_id == company)
        used = self._using(systems - own, company, kind)
        return (own | used).sorted(lambda system: (system.mode != "live", system.code))

    @api.model
    def _using(self, systems, company, kind):
        if not systems:
            return systems
        self.env["integration.identifier"].flush_model(["company_id", "system_id", "kind", "state"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id FROM unnest(%(systems)s) AS s (id)
                 WHERE EXISTS (SELECT 1 FROM integration_identifier i
                                WHERE i.company_id = %(company)s AND i.system_id = s.id AND i.kind = %(kind)s)
                    OR EXISTS (SELECT 1 FROM integration_mapping_task t
                                WHERE t.company_id = %(company)s AND t.system_id = s.id AND t.kind = %(kind)s)
                """,
                systems=systems.ids,
                company=company.id,
                kind=kind,
            )
        )
        return systems.browse(system_id for (system_id,) in rows)

    # -- cells --------------------------------------------------------------------------------------------------------

    @api.model
    def _rows(self, asked, domain):
        entities = self.env["integration.entity"]
        self.env["integration.identifier"].flush_model()
        query = entities._search(domain, offset=asked.offset, limit=asked.limit)
        query.order = ORDERS[asked.order]
        page = entities.browse(one for (one,) in self.env.execute_query(query.select()))
        codes = self._codes(page, asked.systems)
        return [
            {
                "id": entity.id,
                "name": entity.name,
                "target": self._target_text(entity, BINDINGS[asked.kind]),
                "cells": {
                    system.id: self._cell(codes[entity.id, system.id], asked)
                    for system in asked.systems
                    if (entity.id, system.id) in codes
                },
            }
            for entity in page
        ]

    @api.model
    def _target_text(self, entity, binding):
        """Return what Odoo's own record is called, where that says more than the entity's name."""
        # sudo: what a record is called, as every form shows it of one that it refers to
        record = entity.sudo()[binding]
        return record.display_name if record.name != entity.name else entity._target_number(record) or ""

    @api.model
    def _codes(self, entities, systems):
        """Return ``{(entity id, system id): [crosswalk.Code]}``; one statement."""
        held = self.env["integration.identifier"]._search(
            [("entity_id", "in", entities.ids), ("system_id", "in", systems.ids), ("state", "!=", "revoked")]
        )
        columns = ("entity_id", "system_id", "id", "code", "state", "approval_state", "valid_from", "valid_to")
        found = {}
        if entities and systems:
            held.order = SQL("integration_identifier.code, integration_identifier.id")
            names = [SQL.identifier("integration_identifier", name) for name in columns]
            for entity, system, number, code, state, approval, first, last in self.env.execute_query(
                held.select(*names)
            ):
                asked = approval == "requested"
                found.setdefault((entity, system), []).append(
                    crosswalk.Code(number, code, state, asked, Span(first, last))
                )
        return found

    @api.model
    def _cell(self, codes, asked):
        cell = crosswalk.cell(codes, asked.day)
        told = {
            "gap": cell.gap,
            "codes": [
                {
                    "id": code.id,
                    "code": code.code,
                    "how": how.value,
                    "urgent": code.in_force and code.asked,
                    "when": self._when(code, how),
                }
                for code, how in cell.shown[:IN_A_CELL]
            ],
            "more": max(0, len(cell.shown) - IN_A_CELL),
        }
        if asked.other:
            difference = crosswalk.compare(codes, *asked.days)
            told |= {"differs": difference.differs, "before": difference.before, "after": difference.after}
        return told

    @api.model
    def _when(self, code, how):
        """Return from or until when a code holds, where that is news."""
        match how:
            case crosswalk.Standing.ENDS | crosswalk.Standing.ENDED:
                return self.env._("until %s", format_date(self.env, code.span.last))
            case crosswalk.Standing.LATER:
                return self.env._("from %s", format_date(self.env, code.span.first))
        return ""

    # -- around the grid ----------------------------------------------------------------------------------------------

    @api.model
    def _head(self, asked):
        identifiers = self.env["integration.identifier"]
        domain = [("company_id", "=", asked.company.id)]
        counts = dict(self.env["integration.entity"]._read_group(domain, ["kind"], ["__count"]))
        waiting = self._waiting(asked)
        return {
            "today": fields.Date.to_string(fields.Date.context_today(self)),
            "kinds": [
                {"key": kind, "label": label, "count": counts.get(kind, 0)}
                for kind, label in self.env["integration.entity"]._fields["kind"]._description_selection(self.env)
            ],
            "companies": [{"id": one.id, "name": one.name} for one in self.env.companies],
            "systems": [
                {"id": one.id, "code": one.code, "name": one.name, "mode": one.mode, "waiting": waiting.get(one.id)}
                for one in asked.systems
            ],
            "may": {
                "edit": identifiers.has_access("create"),
                "export": self.env.user.has_group(EXPORTERS),
                "tasks": self.env["integration.mapping.task"].has_access("read"),
            },
        }

    @api.model
    def _waiting(self, asked):
        """Return what waits for codes of the kind: ``{system id: {"codes", "lines", "money", "top"}}``."""
        tasks = self.env["integration.mapping.task"]
        if not tasks.has_access("read"):
            return {}
        tasks = tasks.search(
            [
                *(("company_id", "=", asked.company.id), ("kind", "=", asked.kind), ("state", "=", "open")),
                ("system_id", "in", asked.systems.ids),
            ]
        )
        waiting = tasks._waiting()
        currencies = tasks._currencies() if self._sees_money() else None
        return {
            system.id: self._waiting_of(of_system, waiting, currencies)
            for system, of_system in tasks.grouped("system_id").items()
        }

    @api.model
    def _waiting_of(self, tasks, waiting, currencies):
        def told(one):
            return {
                "lines": one.lines,
                "money": tasks._money_text(one, currencies) if currencies is not None else "",
            }

        by_task = {task: waiting.get(task.id, Waiting()) for task in tasks}
        first = sorted(tasks, key=lambda task: -by_task[task].lines)[:SUGGESTED]
        return {
            "codes": len(tasks),
            "top": [
                {
                    "code": task.code,
                    "code_system": task.code_system,
                    "display": task.display or "",
                    **told(by_task[task]),
                }
                for task in first
            ],
            **told(sum(by_task.values(), Waiting())),
        }

    # -- two days -----------------------------------------------------------------------------------------------------

    @api.model
    def export_differences(self, query=None):
        """Return what systems call otherwise on one day than on another, as a file for a spreadsheet.

        :param dict query: as for :meth:`get_page`; ``day`` and ``other_day`` are the days
        :return: dict ``{"name", "content", "count"}``
        :raises AccessError: for who may not read mappings, or export nothing from Odoo
        :raises UserError: without a second day, or for too many differences
        """
        self._check_reader()
        self._check_exporter()
        asked = self._asked({**query, "filter": "differs"} if isinstance(query, dict) else {})
        if not asked.other:
            raise UserError(self.env._("Choose a second day to compare with."))
        differences = self._differences(asked)
        lines = [self._csv_head(asked), *(self._csv_row(asked, *one) for one in differences)]
        first, second = asked.days
        self.env["integration.audit"]._record(
            "crosswalk.export",
            detail=f"{asked.kind}, differences {first} {second}: {len(differences)}",
            company=asked.company,
        )
        return {
            "name": f"crosswalk-{asked.kind}-{first}-{second}.csv",
            "content": "".join(lines),
            "count": len(differences),
        }

    @api.model
    def _differences(self, asked):
        """Return ``[(entity id, system id, codes on the day, codes on the other)]``; one statement."""
        identifiers = self.env["integration.identifier"]
        identifiers.flush_model()
        entities = self.env["integration.entity"]._search(self._domain(asked))
        systems = (asked.system or asked.systems).ids
        held = identifiers._search([("entity_id", "in", entities), ("system_id", "in", systems)])
        code = SQL('integration_identifier.code COLLATE "C"')
        before, after = (
            SQL("array_agg(%s ORDER BY %s) FILTER (WHERE %s)", code, code, self._answers(day))
            for day in asked.days
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT integration_identifier.entity_id, integration_identifier.system_id, %(before)s, %(after)s
                  FROM %(tables)s WHERE %(condition)s
                 GROUP BY 1, 2 HAVING %(before)s IS DISTINCT FROM %(after)s
                 ORDER BY 1, 2 LIMIT %(most)s
                """,
                before=before,
                after=after,
                tables=held.from_clause,
                condition=held.where_clause,
                most=MOST_EXPORTED + 1,
            )
        )
        if len(rows) > MOST_EXPORTED:
            raise UserError(
                self.env._("There are more than %s differences. Choose one system, or closer days.", MOST_EXPORTED)
            )
        return rows

    @api.model
    def _csv_head(self, asked):
        names = (self.env._("Kind"), self.env._("Means"), self.env._("System"))
        return audit_event.csv_line((*names, *map(str, asked.days)))

    @api.model
    def _csv_row(self, asked, entity_id, system_id, before, after):
        entity = self.env["integration.entity"].browse(entity_id)
        system = asked.systems.browse(system_id)
        return audit_event.csv_line((asked.kind, entity.name, system.code, *map(self._listed, (before, after))))

    @api.model
    def _listed(self, codes):
        return "; ".join(codes or ())

    @api.model
    def _check_exporter(self):
        if not self.env.user.has_group(EXPORTERS):
            raise AccessError(self.env._("You may export nothing from Odoo. Ask an administrator for that right."))
