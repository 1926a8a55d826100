"""From a line of a file to what it claims: which system's code means what, or why that cannot be said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .import_columns import DayError, Layout, PriceError, Row, day_of, price_of, price_text
from .import_plan import Claim, Meaning, Question
from .validity import Span, SpanError

LONGEST = 255
"""Characters of a code and of a code system (``integration.identifier``)."""


class Unclear(Exception):
    """A line cannot be understood.

    Attributes:
        reason: Why, a stable word.
        detail: The value that it is about, short.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail[:80]


@dataclass(frozen=True)
class Entity:
    """A canonical entity, as rows may refer to it.

    Attributes:
        id: Its id.
        kind: Which kind it is of.
        name: What it is called.
        references: What Odoo's record is called: internal reference, VAT, code.
    """

    id: int
    kind: str
    name: str
    references: frozenset[str] = frozenset()


@dataclass
class Lookup:
    """What the texts of a list refer to, looked up for all of its rows at once.

    Attributes:
        systems: Id per code of a system.
        kinds: Kind per word for it, in lower case.
        entities: Entities by id, those of other companies left out.
        by_name: Entities per kind and name.
        targets: Ids of Odoo's records per kind and reference.
        of_target: The entity that stands for a record, per kind, id and, of a department, name.
        declared: Returns the code system that a system declares for a kind.
        keys: Returns how a code system compares its codes, for a list of them.
        made: Whether unknown codes become services of their own.
    """

    systems: Mapping[str, int]
    kinds: Mapping[str, str]
    declared: Callable[[int, str], str]
    keys: Callable[[str, Sequence[str]], Sequence[str]]
    entities: Mapping[int, Entity] = field(default_factory=dict)
    by_name: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    targets: Mapping[tuple[str, str], Collection[int]] = field(default_factory=dict)
    of_target: Mapping[tuple[str, int, str], int] = field(default_factory=dict)
    made: bool = False


def kind_of(row: Row, lookup: Lookup) -> str:
    """Return the kind that a row is about.

    Raises:
        Unclear: It names none, or one that is not known.
    """
    said = row.get("kind")
    if not said:
        raise Unclear("no_kind")
    kind = lookup.kinds.get(said.casefold())
    if not kind:
        raise Unclear("unknown_kind", said)
    return kind


def claim_of(row: Row, layout: Layout, lookup: Lookup) -> Claim:
    """Return what a row claims.

    Raises:
        Unclear: It cannot be said.
    """
    if row.width_differs:
        raise Unclear("width")
    code = row.get("code")
    if not code:
        raise Unclear("no_code")
    kind = kind_of(row, lookup)
    system = _system_of(row, lookup)
    code_system = row.get("code_system") or lookup.declared(system, kind)
    also = row.get("also")
    for text in (code, code_system, also):
        if len(text) > LONGEST:
            raise Unclear("too_long", text)
    return Claim(
        line=row.line,
        question=Question(system, kind, code_system, code),
        code=code,
        display=row.get("display"),
        meaning=meaning_of(row, kind, lookup),
        price=_price_of(row, layout),
        span=_span_of(row),
        note=row.get("note"),
        also=Question(system, kind, layout.also_code_system, also) if also else None,
        also_code=also,
    )


def _system_of(row: Row, lookup: Lookup) -> int:
    said = row.get("system")
    if not said:
        raise Unclear("no_system")
    if said not in lookup.systems:
        raise Unclear("unknown_system", said)
    return lookup.systems[said]


def _price_of(row: Row, layout: Layout) -> str:
    try:
        return price_text(price_of(row.get("price"), decimal_comma=layout.decimal_comma))
    except PriceError as error:
        raise Unclear("bad_price", row.get("price")) from error


def _span_of(row: Row) -> Span:
    try:
        return Span(day_of(row.get("valid_from")), day_of(row.get("valid_to")))
    except DayError as error:
        raise Unclear("bad_day", str(error)) from error
    except SpanError as error:
        raise Unclear("days_backward") from error


# -- what it means


def meaning_of(row: Row, kind: str, lookup: Lookup) -> Meaning:
    """Return what a row says that its code means.

    An id alone is not believed where the row says more: the same id is another entity in another database.

    Raises:
        Unclear: It says nothing, nothing that is known, or something that is two things.
    """
    if row.get("entity_id"):
        return Meaning(entity=_entity_by_id(row, kind, lookup))
    if row.get("record"):
        return _meaning_by_record(row, kind, lookup)
    if row.get("entity"):
        return Meaning(entity=_entity_by_name(row, kind, lookup))
    if not lookup.made:
        raise Unclear("no_meaning")
    if kind != "service":
        raise Unclear("made_kind", kind)
    return Meaning(made=True)


def _entity_by_id(row: Row, kind: str, lookup: Lookup) -> int:
    said = row.get("entity_id")
    entity = lookup.entities.get(int(said)) if said.isascii() and said.isdigit() else None
    if entity is None:
        raise Unclear("unknown_entity", said)
    if entity.kind != kind:
        raise Unclear("other_kind", entity.kind)
    record, name = row.get("record"), row.get("entity")
    agrees = record in entity.references if record else not name or name == entity.name
    if not agrees:
        raise Unclear("entity_differs", entity.name)
    return entity.id


def _meaning_by_record(row: Row, kind: str, lookup: Lookup) -> Meaning:
    said = row.get("record")
    found = lookup.targets.get((kind, said), ())
    if not found:
        raise Unclear("unknown_record", said)
    if len(found) > 1:
        raise Unclear("several_records", said)
    [target] = found
    name = row.get("entity") if kind == "department" else ""
    if kind == "department" and not name:
        raise Unclear("no_name")
    entity = lookup.of_target.get((kind, target, name))
    return Meaning(entity=entity) if entity else Meaning(target=target, name=name)


def _entity_by_name(row: Row, kind: str, lookup: Lookup) -> int:
    said = row.get("entity")
    found = lookup.by_name.get((kind, said), ())
    if not found:
        raise Unclear("unknown_entity", said)
    if len(found) > 1:
        raise Unclear("several_entities", said)
    return found[0]


# -- how codes are compared


def with_keys(claims: Sequence[Claim], lookup: Lookup) -> list[Claim]:
    """Return the claims with each code as its code system compares it; asked once per code system."""
    codes: dict[str, dict[str, str]] = {}
    for claim in claims:
        for question in (claim.question, claim.also):
            if question:
                codes.setdefault(question.code_system, {})[question.key] = question.key
    for code_system, keys in codes.items():
        written = list(keys)
        keys.update(zip(written, lookup.keys(code_system, written), strict=True))

    def keyed(question: Question) -> Question:
        key = codes[question.code_system][question.key]
        return question if key == question.key else question._replace(key=key)

    return [_rekeyed(claim, keyed) for claim in claims]


def _rekeyed(claim: Claim, keyed: Callable[[Question], Question]) -> Claim:
    question, also = keyed(claim.question), keyed(claim.also) if claim.also else None
    if (question, also) == (claim.question, claim.also):
        return claim
    values = {**vars(claim), "question": question, "also": also}
    return Claim(**values)
