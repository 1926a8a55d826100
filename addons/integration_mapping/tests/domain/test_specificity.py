"""Of several rules one decides, whatever order they come in."""

import doctest
import random
from datetime import date, timedelta

import pytest
from integration_mapping.domain import specificity
from integration_mapping.domain.specificity import Ambiguous, Case, RuleBook, Scope
from integration_mapping.domain.validity import Span

DAY = date(2026, 6, 1)


def some_span(chance):
    first, last = (
        chance.choice([None, DAY + timedelta(days=chance.randint(-3, 3))]),
        chance.choice([None, DAY + timedelta(days=chance.randint(-3, 3))]),
    )
    return Span(*sorted((first, last))) if first and last else Span(first, last)


def some_scope(chance):
    service = chance.choice([None, 1, 2])
    few = [None, 1, 2, 3]
    return Scope(service, None if service else chance.choice(few), chance.choice(few), chance.choice([None, 1]))


def some_history(chance):
    """Return rules as the database lets them be: those about the same do not share a day."""
    kept = []
    for _number in range(chance.randint(0, 40)):
        scope, span = some_scope(chance), some_span(chance)
        if not any(scope == other and span.overlaps(theirs) for other, theirs, _name in kept):
            kept.append((scope, span, len(kept)))
    return kept


def some_case(chance):
    categories = chance.sample([1, 2, 3], chance.randint(0, 3))
    return Case(chance.randint(1, 3), tuple(categories), chance.choice([None, 1, 2]), chance.choice([None, 1, 2]))


def fits(scope, case):
    return (
        scope.service in (None, case.service)
        and (scope.category is None or scope.category in case.categories)
        and scope.payer in (None, case.payer)
        and scope.system in (None, case.system)
    )


def weight(scope, case):
    """How specific a rule is for a line, written down apart from the code under test; smaller is more specific."""
    depth = len(case.categories) + 1
    if scope.category is not None:
        depth = case.categories.index(scope.category) + 1
    return (0 if scope.service is not None else depth, scope.payer is None, scope.system is None)


def test_examples_in_the_documentation():
    assert doctest.testmod(specificity).failed == 0


def test_one_answer_whatever_the_order():
    """For random histories: never two that decide, and the one that does is the most specific that fits."""
    chance = random.Random(20261127)
    answered = 0
    for _round in range(600):
        rules, case = some_history(chance), some_case(chance)
        day = DAY + timedelta(days=chance.randint(-3, 3))
        answer = RuleBook(rules).answer(case, day)
        fitting = [(weight(scope, case), name) for scope, span, name in rules if fits(scope, case) and span.holds(day)]
        assert len({rank for rank, _name in fitting}) == len(fitting), "two rules equally specific for one line"
        assert answer == (min(fitting)[1] if fitting else None)
        chance.shuffle(rules)
        assert RuleBook(rules).answer(case, day) == answer
        answered += answer is not None
    assert answered > 150


def test_the_order_of_what_counts_more():
    case = Case(7, (3, 1), payer=5, system=2)
    ladder = [
        Scope(service=7, payer=5, system=2),
        Scope(service=7),
        Scope(category=3, system=2),
        Scope(category=1, payer=5, system=2),
        Scope(payer=5),
        Scope(system=2),
        Scope(),
    ]
    rules = [(scope, Span(), number) for number, scope in enumerate(ladder)]
    random.Random(1).shuffle(rules)
    for number in range(len(ladder)):
        left = [rule for rule in rules if rule[2] >= number]
        assert RuleBook(left).answer(case, DAY) == number


def test_nothing_is_picked_where_two_are_the_same():
    book = RuleBook([(Scope(), Span(), "one"), (Scope(), Span(DAY, None), "two")])
    with pytest.raises(Ambiguous):
        book.answer(Case(7), DAY)
    assert book.answer(Case(7), DAY - timedelta(days=1)) == "one"


def test_an_empty_book_knows_nothing():
    assert RuleBook([]).answer(Case(7), DAY) is None
