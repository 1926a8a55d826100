"""Who may do what: the one table of roles, ``docs/roles.csv``, and the page that is made from it.

A row speaks of a model's records, of some of its fields, of one of its buttons, or of a menu, and has a cell per role:

``records``
    The operations of the role, out of ``r`` read, ``w`` write, ``c`` create, ``d`` delete. Its name says how
    companies are kept apart (:data:`COMPANIES`).
``fields``
    Names of fields, separated by spaces; ``x`` for the roles that see them.
``button``, ``call``
    A method that people press (``button``) or that a page of the suite asks by itself (``call``); ``x`` for the roles
    that it answers. Every other role is refused.
``menu``
    The XML id of a menu item; ``x`` for the roles that see it.

``docs/roles.md`` is made by running this file::

    python addons/integration_suite/domain/matrix.py > docs/roles.md
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KINDS: Final = ("records", "fields", "button", "call", "menu")
OPERATIONS: Final = {"r": "read", "w": "write", "c": "create", "d": "unlink"}
COMPANIES: Final = {
    "own": "Only records of the user's companies.",
    "shared": "Those of the user's companies and those of no company, which serve all; the latter are changed by those "
    "who are allowed in every company.",
    "everyone": "Hold for every company: whoever may read reads all; changed by those allowed in every company.",
    "server": "Facts about the server itself, of no company; nobody edits them.",
    "nobody": "No role has any right: the suite's own code alone works with them.",
    "people": "Between people, whatever their companies; record rules say who sees which.",
    "own deeds": "Dialogs: each person sees those they have opened themselves.",
    "none": "Keeps no records: a page or logic.",
    "odoo": "A model of Odoo's own, whose rights and rules are Odoo's.",
}
"""How the companies of a model's records are kept apart."""
_FIXED: Final = ("model", "kind", "name")
_NOTE: Final = "note"


class MatrixError(ValueError):
    """The table cannot be read; the message says which row and why."""


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        model: Name of the model; empty for menus.
        kind: One of :data:`KINDS`.
        name: How companies are kept apart, fields, method or menu, as the kind has it.
        cells: What each role may; roles that may nothing are left out.
        note: Why, where that needs saying.
    """

    model: str
    kind: str
    name: str
    cells: Mapping[str, str]
    note: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that may anything here."""
        return frozenset(self.cells)


@dataclass(frozen=True)
class Matrix:
    """The table.

    Attributes:
        roles: The roles in the order of their columns.
        rows: Its rows.
    """

    roles: tuple[str, ...]
    rows: tuple[Row, ...]

    def of(self, kind: str, model: str | None = None) -> Iterator[Row]:
        """Yield the rows of a kind, of every model or of one."""
        return (row for row in self.rows if row.kind == kind and model in (None, row.model))

    def models(self) -> dict[str, Row]:
        """Return each model's row about its records."""
        return {row.model: row for row in self.of("records")}

    def fields(self, model: str) -> dict[str, frozenset[str]]:
        """Return each field of a model with the roles that see it."""
        return {name: row.roles for row in self.of("fields", model) for name in row.name.split()}

    def methods(self, model: str) -> dict[str, frozenset[str]]:
        """Return each public method of a model with the roles that it answers."""
        return {row.name: row.roles for kind in ("button", "call") for row in self.of(kind, model)}

    def lines(self, model: str) -> str:
        """Return the rows about one model as they stand in the file."""
        return write(self.roles, (row for row in self.rows if row.model == model), head=False)


def read(text: str) -> Matrix:
    """Return the table that a file holds.

    Raises:
        MatrixError: When a row is not what it should be, or is there twice.
    """
    table = csv.DictReader(io.StringIO(text))
    names = tuple(table.fieldnames or ())
    if names[: len(_FIXED)] != _FIXED or names[-1:] != (_NOTE,):
        raise MatrixError(f"The columns begin with {', '.join(_FIXED)} and end with {_NOTE}.")
    roles = names[len(_FIXED) : -1]
    rows: list[Row] = []
    seen: set[tuple[str, str, str]] = set()
    for number, cells in enumerate(table, start=2):
        row = Row(
            cells["model"],
            cells["kind"],
            cells["name"],
            {role: cells[role] for role in roles if cells[role]},
            cells[_NOTE] or "",
        )
        fault = _fault(row)
        keys = {(row.model, "method" if row.kind in ("button", "call") else row.kind, name) for name in _names(row)}
        if fault or keys & seen:
            raise MatrixError(f"Line {number}, {row.model} {row.name}: {fault or 'is there twice'}.")
        seen |= keys
        rows.append(row)
    return Matrix(roles, tuple(rows))


def _names(row: Row) -> Iterable[str]:
    if row.kind == "records":
        return ("",)
    return row.name.split() if row.kind == "fields" else (row.name,)


def _fault(row: Row) -> str | None:
    if row.kind not in KINDS:
        return f"unknown kind {row.kind!r}"
    if row.kind == "records" and row.name not in COMPANIES:
        return f"unknown way to keep companies apart {row.name!r}"
    allowed = set(OPERATIONS) if row.kind == "records" else {"x"}
    wrong = {cell for cell in row.cells.values() if set(cell) - allowed or len(set(cell)) != len(cell)}
    return f"unknown right {', '.join(sorted(wrong))}" if wrong else None


def write(roles: Iterable[str], rows: Iterable[Row], *, head: bool = True) -> str:
    """Return rows as the text of the file."""
    columns = tuple(roles)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    if head:
        table.writerow((*_FIXED, *columns, _NOTE))
    for row in rows:
        table.writerow((row.model, row.kind, row.name, *(row.cells.get(role, "") for role in columns), row.note))
    return out.getvalue()


# -- the page

_HEAD: Final = """\
# Roles

Who may see and do what. Made from [roles.csv](roles.csv), the one table of roles, by

    python addons/integration_suite/domain/matrix.py > docs/roles.md

The tests of `integration_suite` prove that the running system equals it: through the ORM, over the network and on the
screens. A model, a field, a method or a menu without a row fails them, and the message prints the rows to add.

A person may hold several roles and then has the rights of all of them. *Employee* is anybody who logs in without a role
of this app; *settings* is who administers Odoo itself. *Engine* is the users as whom the suite acts; nobody logs in as
one. *Payload reader* is a clearance and opens nothing by itself; its column shows it beside *operator*.

| role | what for |
|---|---|
| finance viewer | state of charges and of what was received, by count and amount; changes nothing |
| finance reviewer | approves charges for billing, decides about parked ones and voids; sees what the viewer sees |
| clinical liaison | what clinical systems sent, stays and visits, what waits for correction; no money, no contents |
| operator | keeps deliveries moving: retry, replay, skip, hold; states and ids, no money |
| steward | says what other systems' codes mean here |
| admin | registers systems, keys, endpoints, subscriptions; has the rights of operator, steward and finance viewer |
| governance approver | reads what is to be approved, and the replays; prepares and edits nothing |
| privacy officer | who looked at contents and why, how long what is kept |
| auditor | reads the configuration, the journal without contents, the audit trail; changes nothing, sees no money |
| payload reader | a clearance: may open the content of a message it otherwise sees; each look is in the audit trail |
"""
_COMPANIES_HEAD: Final = """\
How each model keeps companies apart; record rules see to it, and the tests prove it from the side of each company.
"""
_SHORT: Final = {
    "finance_viewer": "viewer",
    "finance_reviewer": "reviewer",
    "clinical_liaison": "liaison",
    "governance_approver": "approver",
    "privacy_officer": "privacy",
    "payload_reader": "payload",
}


def page(matrix: Matrix) -> str:
    """Return ``docs/roles.md``: the table in Markdown."""
    lines = [*_HEAD.splitlines(), "", _counts(matrix), "", "## Companies", "", *_COMPANIES_HEAD.splitlines()]
    lines += ["", "| kept apart | what it means | models |", "|---|---|---|"]
    for name, meaning in COMPANIES.items():
        models = [f"`{model}`" for model, row in matrix.models().items() if row.name == name and name != "odoo"]
        if models:
            lines.append(f"| {name} | {meaning} | {', '.join(models)} |")
    notes = [(row.model, row.note) for row in matrix.of("records") if row.note]
    lines += ["", *(f"- `{model}`: {note}" for model, note in notes)]
    lines += ["", "## Records", "", "r read, w write, c create, d delete.", ""]
    lines += _table(matrix, (row for row in matrix.of("records") if row.cells), lambda row: f"`{row.model}`")
    lines += ["", "## Fields", "", "Fields that not everybody sees who reads the record.", ""]
    lines += _hidden(matrix)
    lines += ["", "## Buttons and calls", "", "Everybody else is refused, whichever way they ask.", ""]
    methods = [row for row in matrix.rows if row.kind in ("button", "call")]
    lines += _table(matrix, methods, lambda row: f"`{row.model}` {row.name}")
    lines += ["", "## Menus", ""]
    lines += _table(matrix, matrix.of("menu"), lambda row: f"`{row.name}`")
    return "\n".join(lines) + "\n"


def _counts(matrix: Matrix) -> str:
    stored = [row for row in matrix.of("records") if row.name not in ("none", "odoo")]
    fields = sum(len(matrix.fields(model)) for model in matrix.models())
    methods = sum(len(matrix.methods(model)) for model in matrix.models())
    menus = sum(1 for _row in matrix.of("menu"))
    return (
        f"The table has {len(matrix.roles)} roles; {len(stored)} models with records, {len(OPERATIONS)} operations on "
        f"each; {fields} fields; {methods} public methods; {menus} menus."
    )


def _table(matrix: Matrix, rows: Iterable[Row], label: Callable[[Row], str]) -> Iterator[str]:
    wanted = list(rows)
    roles = [role for role in matrix.roles if any(role in row.cells for row in wanted)]
    yield f"| | {' | '.join(_SHORT.get(role, role) for role in roles)} |"
    yield "|---" * (len(roles) + 1) + "|"
    for row in wanted:
        yield f"| {label(row)} | {' | '.join(row.cells.get(role, '') for role in roles)} |"


def _hidden(matrix: Matrix) -> Iterator[str]:
    for model, records in matrix.models().items():
        readers = {role for role, rights in records.cells.items() if "r" in rights}
        for row in matrix.of("fields", model):
            if row.roles != readers and records.name != "odoo":
                seen = [_SHORT.get(role, role) for role in matrix.roles if role in row.roles]
                yield f"- `{model}`: {', '.join(row.name.split())}: {', '.join(seen) or 'nobody'}"


FILE: Final = Path("docs") / "roles.csv"
"""Where the table is, below the root of the repository."""


def load(root: Path) -> Matrix:
    """Return the table of a repository."""
    return read((root / FILE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.stdout.write(page(load(Path(__file__).parents[3])))
