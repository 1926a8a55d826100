"""What a message says about its lines, and what a line means that is not the first of its name."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration_account.domain import lines
from integration_account.domain.lines import Known, Line, Verdict, judge

MOMENT = datetime(2026, 11, 20, 9, 30, tzinfo=timezone.utc)


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def read(item: dict, **data: object) -> Line:
    message = {"lines": [{"line": "1", "service": "A", "quantity": "1", **item}], **data}
    return lines.read_lines(message, moment=MOMENT, parse_time=parse)[0]


def known(line: Line, *, current: bool = True) -> Known:
    return Known(line.revision, line.digest, current)


def test_message_fills_what_a_line_leaves_out() -> None:
    line = read({}, department="ED", performed_at="2026-11-20T09:30:00Z", facility="F")
    assert (line.department, line.performed_at, line.facility) == ("ED", MOMENT, "F")
    line = read({"department": "ICU", "performed_at": "2026-11-19T00:00:00Z"}, department="ED")
    assert (line.department, line.performed_at.day) == ("ICU", 19)


def test_without_any_time_the_moment_counts() -> None:
    assert read({}).performed_at == MOMENT


@pytest.mark.parametrize("name", ["line", "service", "quantity"])
def test_mandatory_fields_are_named_never_shown(name: str) -> None:
    with pytest.raises(lines.LineError, match=f"^{name}$"):
        read({name: None})


@pytest.mark.parametrize("quantity", [1, 1.0, "x", "NaN", "Infinity", True, ""])
def test_numbers_are_decimal_strings(quantity: object) -> None:
    with pytest.raises(lines.LineError):
        read({"quantity": quantity})


def test_amount_is_exact_and_none_without_a_price() -> None:
    assert read({"quantity": "0.375", "unit_price": "0.0345"}).amount == Decimal("0.0129375")
    assert read({}).amount is None
    assert read({"unit_price": "0.00"}).amount == 0


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": "1.00"},
        {"unit_price": "120"},
        {"performed_at": "2026-11-20T10:30:00+01:00"},
        {"display": "Other text"},
        {"revision": 7},
    ],
)
def test_another_spelling_is_the_same_content(other: dict) -> None:
    base = {"unit_price": "120.00"}
    assert read({**base, **other}).digest == read(base).digest


@pytest.mark.parametrize(
    "other",
    [
        {"service": "B"},
        {"quantity": "2"},
        {"unit_price": "1"},
        {"currency": "EUR"},
        {"unit": "h"},
        {"performed_at": "2026-11-20T09:30:01Z"},
        {"department": "X"},
        {"cost_center": "X"},
        {"claim": "X"},
        {"code_system": "X"},
    ],
)
def test_every_other_field_is_content(other: dict) -> None:
    assert read(other).digest != read({}).digest


def test_who_pays_is_content() -> None:
    digests = {
        read({}).digest,
        read({}, self_pay=True).digest,
        read({}, coverage=[{"payer": "A", "rank": 1}]).digest,
        read({}, guarantor={"id": "G"}).digest,
        read({}, guarantor={"id": "H"}).digest,
    }
    assert len(digests) == 5


def test_the_verdicts() -> None:
    first, other = read({}), read({"quantity": "2"})
    assert judge(first, []) is Verdict.NEW
    assert judge(first, [known(first)]) is Verdict.SAME
    assert judge(replace(first, revision=1), [known(first)]) is Verdict.NEWER_SAME
    assert judge(other, [known(first)]) is Verdict.CONFLICT
    assert judge(replace(other, revision=1), [known(first)]) is Verdict.REVISION
    newer = replace(first, revision=2)
    assert judge(replace(other, revision=2), [known(newer)]) is Verdict.CONFLICT
    assert judge(replace(other, revision=1), [known(newer)]) is Verdict.CONFLICT


def test_what_was_replaced_or_parked_before_has_no_further_effect() -> None:
    first, second, strange = read({}), replace(read({"quantity": "2"}), revision=1), read({"quantity": "3"})
    past = [known(first, current=False), known(second), known(strange, current=False)]
    assert judge(first, past) is Verdict.SAME
    assert judge(strange, past) is Verdict.SAME
    assert judge(replace(strange, revision=2), past) is Verdict.REVISION


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=12))
def test_any_history_has_one_current_charge_and_no_content_twice(history: list[tuple[int, int]]) -> None:
    """Whatever arrives in which order: one current content, its revision never falls, repeats change nothing."""
    memory: list[Known] = []
    for quantity, revision in history:
        line = replace(read({"quantity": str(quantity)}), revision=revision)
        memory = _after(line, memory)
        assert sum(one.current for one in memory) == 1
        assert judge(line, memory) in (Verdict.SAME, Verdict.CONFLICT) or line.revision > revision
        again = _after(line, memory)
        assert len(again) == len(memory)
    assert len({(one.revision, one.digest) for one in memory}) == len(memory)


def _after(line: Line, memory: list[Known]) -> list[Known]:
    match judge(line, memory):
        case Verdict.NEW:
            return [known(line)]
        case Verdict.REVISION:
            return [replace(one, current=False) for one in memory] + [known(line)]
        case Verdict.CONFLICT:
            return [*memory, known(line, current=False)]
        case Verdict.NEWER_SAME:
            return [replace(one, revision=line.revision) if one.current else one for one in memory]
        case Verdict.SAME:
            return memory


def test_voids() -> None:
    whole, part = lines.read_voids(
        {"lines": [{"line": "1", "reason": "error"}, {"line": "2", "reason": "x", "quantity": "0.5"}]}
    )
    assert (whole.quantity, whole.reason) == (None, "error")
    assert part.quantity == Decimal("0.5")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["lines", "line", "service", "quantity", "coverage", "payer", "rank", "guarantor", "id"]
                ),
                inner,
            )
        ),
        max_leaves=8,
    )
)
def test_reading_never_breaks_on_strange_data(value: object) -> None:
    data = value if isinstance(value, dict) else {"lines": value}
    with suppress(lines.LineError):
        lines.read_lines(data, moment=MOMENT, parse_time=parse)
