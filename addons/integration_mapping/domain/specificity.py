"""Which of several rules decides about a line: one answer, always, whatever order the rules come in.

A rule says what it is about: a service or a category of services, a payer, a system; what it leaves open holds for all.
Of the rules that fit a line the most specific decides, judged in this order: **service, then category (the nearest
first), then payer, then system**. Two rules that fit one line and are equally specific in all of them are about exactly
the same; an exclusion constraint keeps their days apart. So there is never a second answer to choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from .validity import Span

T = TypeVar("T")


class Ambiguous(ValueError):
    """Two rules are about the same on the same day; the database keeps such apart."""


@dataclass(frozen=True)
class Scope:
    """What a rule is about; ``None`` is all of them. Numbers are record ids.

    Attributes:
        service: one product; a rule for a service names no category.
        category: a category of products, with all below it.
        payer: one customer.
        system: one sending system.
    """

    service: int | None = None
    category: int | None = None
    payer: int | None = None
    system: int | None = None


@dataclass(frozen=True)
class Case:
    """What is known of one line. Numbers are record ids.

    Attributes:
        service: its product.
        categories: the product's category and those above it, the nearest first.
        payer: its customer, when that is known.
        system: who sent it.
    """

    service: int
    categories: tuple[int, ...] = ()
    payer: int | None = None
    system: int | None = None

    def scopes(self) -> Iterator[Scope]:
        """Yield every scope that fits this line, the most specific first.

        >>> [scope.category for scope in Case(7, (3, 1)).scopes()]
        [None, 3, 1, None]
        """
        subjects: list[tuple[int | None, int | None]] = [
            (self.service, None),
            *((None, category) for category in self.categories),
            (None, None),
        ]
        payers = [self.payer, None] if self.payer is not None else [None]
        systems = [self.system, None] if self.system is not None else [None]
        for service, category in subjects:
            for payer in payers:
                for system in systems:
                    yield Scope(service, category, payer, system)


class RuleBook(Generic[T]):
    """Rules by what they are about; an answer costs the same however many there are.

    >>> book = RuleBook([(Scope(), Span(), "any"), (Scope(payer=5), Span(date(2026, 1, 1), None), "payer 5")])
    >>> book.answer(Case(7, payer=5), date(2026, 3, 1)), book.answer(Case(7, payer=5), date(2025, 3, 1))
    ('payer 5', 'any')
    """

    def __init__(self, rules: Iterable[tuple[Scope, Span, T]]) -> None:
        """Take rules as (what about, which days, the rule)."""
        self._rules: dict[Scope, list[tuple[Span, T]]] = {}
        for scope, span, rule in rules:
            self._rules.setdefault(scope, []).append((span, rule))

    def answer(self, case: Case, day: date) -> T | None:
        """Return the rule that decides about a line on its day of service, or ``None``.

        Raises:
            Ambiguous: when two rules are about the same on that day. Nothing is picked.
        """
        if not self._rules:
            return None
        for scope in case.scopes():
            found = [rule for span, rule in self._rules.get(scope, ()) if span.holds(day)]
            if len(found) > 1:
                raise Ambiguous(f"{len(found)} rules about the same on one day")
            if found:
                return found[0]
        return None
