"""Whatever people do, and in whatever order, a code means one thing on a day, or nothing."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..domain.validity import Span, remainder
from .common import CODES, MappingCase

BEGIN = date(2026, 1, 1)
DAYS = 12

day_numbers = st.one_of(st.none(), st.integers(0, DAYS - 1))
steps = st.one_of(
    st.tuples(st.just("map"), st.integers(0, 1), day_numbers, day_numbers),
    st.tuples(st.just("change"), st.integers(0, 1), day_numbers, st.integers(0, 20)),
    st.tuples(st.just("retire"), st.integers(0, 20), st.integers(0, DAYS - 1), st.none()),
    st.tuples(st.just("revoke"), st.integers(0, 20), st.none(), st.none()),
)


def day(number):
    return None if number is None else BEGIN + timedelta(days=number)


class Model:
    """The history as a person would keep it on paper: a list of spans with their meaning."""

    def __init__(self):
        self.spans = {}

    def answers(self, on):
        return [meaning for meaning, span in self.spans.values() if span.holds(on)]

    def free(self, span, but=None):
        return all(not other.overlaps(span) for key, (_m, other) in self.spans.items() if key != but)


@tagged("post_install", "-at_install")
class TestHistory(MappingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meanings = [cls.blood, cls.xray]

    def _attempt(self, deed):
        """Return what ``deed`` returns, or None when it was refused; a refusal leaves nothing behind."""
        try:
            with self.env.cr.savepoint():
                return deed()
        except UserError:
            return None

    def _put(self, model, meaning, span, replaces=None):
        """Map, or change ``replaces``; the paper says whether it may go through."""
        identifier = self._attempt(
            lambda: self.map(
                self.meanings[meaning],
                system=self.trial,
                valid_from=span.first,
                valid_to=span.last,
                replaces_id=replaces.id if replaces else False,
            )
        )
        self.assertEqual(bool(identifier), model.free(span, replaces))
        if identifier:
            if replaces:
                old_meaning, old_span = model.spans.pop(replaces)
                left = remainder(old_span, span)
                if left:
                    model.spans[replaces] = (old_meaning, left)
            model.spans[identifier] = (self.meanings[meaning], span)

    def _do(self, model, step):
        what, first, second, third = step
        known = list(model.spans)
        if what == "map":
            low, high = sorted((second, third)) if None not in (second, third) else (second, third)
            self._put(model, first, Span(day(low), day(high)))
        elif not known:
            return
        elif what == "change":
            self._put(model, first, Span(day(second)), replaces=known[third % len(known)])
        else:
            self._end(model, what, known[first % len(known)], second)

    def _end(self, model, what, identifier, last):
        meaning, span = model.spans[identifier]
        if what == "revoke":
            identifier._revoke("history")
            del model.spans[identifier]
        elif self._attempt(lambda: identifier._retire(day(last), "history") or True):
            self.assertTrue(span.holds(day(last)))
            model.spans[identifier] = (meaning, Span(span.first, day(last)))

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, max_size=8))
    def test_one_answer_or_none(self, history):
        with self.env.cr.savepoint() as savepoint:
            model = Model()
            for step in history:
                self._do(model, step)
            keys = {(CODES, "CBC", BEGIN + timedelta(days=number)) for number in range(-2, DAYS + 2)}
            answers = self.Identifier._resolve(self.trial, "service", keys, self.env.company)
            for key in keys:
                expected = model.answers(key[2])
                self.assertLessEqual(len(expected), 1)
                self.assertEqual([answers[key]] if key in answers else [], expected)
            savepoint.rollback()
        self.env.invalidate_all()
