"""A flow is told in order, in few steps, and nothing that somebody has to see to is left out."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.integration_monitor.domain import trace
from addons.integration_monitor.domain.trace import Key, Level, Stage, Step, Try, What

NOON = datetime(2026, 11, 20, 12)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def line(number: int, what: What = What.CHARGE_MADE, at: datetime | None = NOON, **more: object) -> Step:
    values = {"names": (str(number),), "model": "integration.charge", "ids": (number,), **more}
    return Step(what, at, **values)  # type: ignore[arg-type]


def test_every_code_has_a_stage_a_level_and_words() -> None:
    for what in What:
        assert what.stage in Stage
        assert what.level in Level
        assert what.words


def test_every_stage_has_words_and_its_own_place() -> None:
    assert [stage.place for stage in Stage] == list(range(len(Stage)))
    assert len({stage.label for stage in Stage}) == len(Stage)


def test_steps_are_in_order_of_time_and_what_is_to_come_is_last() -> None:
    steps = [Step(What.PAYMENT_WAITS), Step(What.APPROVED, later(90)), Step(What.MESSAGE_ACCEPTED, NOON)]
    shown = trace.arrange(steps).steps
    assert [step.what for step in shown] == [What.MESSAGE_ACCEPTED, What.APPROVED, What.PAYMENT_WAITS]


def test_within_one_moment_steps_are_in_the_order_of_flows() -> None:
    steps = [Step(What.DELIVERY_DONE, NOON), Step(What.INVOICE_POSTED, NOON), Step(What.CHARGE_MADE, NOON)]
    shown = trace.arrange(steps).steps
    assert [step.stage for step in shown] == [Stage.CHARGE, Stage.INVOICE, Stage.DELIVERY]


def test_forty_lines_approved_at_once_are_one_step() -> None:
    steps = [line(one, What.APPROVED, later(one), who="Ada", amounts={"USD": Decimal("1.10")}) for one in range(1, 41)]
    [one] = trace.arrange(steps).steps
    assert (one.count, one.at, one.amounts) == (40, later(1), {"USD": Decimal("44.00")})
    assert one.ids == tuple(range(1, 41))
    assert one.names[:2] == ("1", "2")


@pytest.mark.parametrize(
    "other",
    [
        line(2, who="Bob"),
        line(2, reason="Code not mapped"),
        line(2, turn="Finance"),
        line(2, system="Lab"),
        line(2, test=True),
        line(2, What.CHARGE_PARKED),
        line(2, at=later(61)),
        line(2, at=None),
        line(2, content=7),
        line(2, tries=(Try(NOON, "Delivered"),)),
    ],
)
def test_what_says_something_else_stays_a_step_of_its_own(other: Step) -> None:
    assert len(trace.merge([line(1), other])) == 2


def test_attempts_of_two_deliveries_stay_apart() -> None:
    tries = (Try(NOON, "Failed", "Timed out", True), Try(later(5), "Delivered"))
    steps = [line(one, What.DELIVERY_DONE, tries=tries) for one in (1, 2)]
    assert [step.tries for step in trace.merge(steps)] == [tries, tries]


def test_a_merged_step_opens_no_more_records_than_a_list_takes() -> None:
    steps = [line(one) for one in range(1, trace.MOST_RECORDS + 20)]
    [one] = trace.merge(steps)
    assert (len(one.ids), one.count) == (trace.MOST_RECORDS, len(steps))


def test_what_is_left_out_is_told_and_needs_nobody() -> None:
    old_problem = Step(What.CHARGE_PARKED, NOON - timedelta(days=9), reason="Code not mapped")
    steps = [old_problem, *(Step(What.APPROVED, later(one * 100)) for one in range(5))]
    timeline = trace.arrange(steps, most=3)
    assert timeline.left_out == 3
    assert timeline.steps == (old_problem, steps[4], steps[5])


def test_even_problems_are_cut_when_there_are_too_many() -> None:
    steps = [Step(What.CHARGE_PARKED, later(one * 100)) for one in range(5)]
    timeline = trace.arrange(steps, most=2)
    assert (timeline.steps, timeline.left_out) == (tuple(steps[3:]), 3)


@given(
    st.lists(
        st.builds(
            Step,
            what=st.sampled_from(What),
            at=st.none() | st.datetimes(min_value=NOON, max_value=later(300)),
            names=st.tuples(st.sampled_from("abc")),
            who=st.sampled_from(["", "Ada"]),
        ),
        max_size=30,
    ),
    st.integers(1, 40),
)
def test_nothing_is_lost_but_what_is_said_to_be(steps: list[Step], most: int) -> None:
    whole, cut = trace.arrange(steps, most=1000), trace.arrange(steps, most=most)
    assert sum(step.count for step in whole.steps) == len(steps)
    assert whole.left_out == 0
    assert len(cut.steps) + cut.left_out == len(whole.steps)
    assert len(cut.steps) == min(most, len(whole.steps))
    times = [step.at for step in whole.steps if step.at]
    assert times == sorted(times)


def test_a_stage_is_as_bad_as_the_worst_of_its_steps() -> None:
    steps = [line(1), line(2, What.CHARGE_PARKED), line(3, What.CHARGE_HELD), Step(What.MESSAGE_ACCEPTED, NOON)]
    states = {one.stage: (one.level, one.count) for one in trace.stage_states(steps, Stage)}
    assert states[Stage.CHARGE] == (Level.PROBLEM, 3)
    assert states[Stage.MESSAGE] == (Level.DONE, 1)
    assert states[Stage.PAYMENT] == (None, 0)


def test_a_stage_that_the_reader_sees_nothing_of_is_told_as_that() -> None:
    steps = [Step(What.HIDDEN, at_stage=Stage.INVOICE, hidden=2), line(1)]
    states = trace.stage_states(steps, Stage, blind=[Stage.INVOICE, Stage.CHARGE, Stage.PAYMENT])
    levels = {one.stage: one.level for one in states}
    assert levels[Stage.INVOICE] == levels[Stage.PAYMENT] == Level.HIDDEN
    assert levels[Stage.CHARGE] == Level.DONE
    assert levels[Stage.DELIVERY] is None


def test_a_flow_is_stuck_at_its_earliest_problem() -> None:
    dead = Step(What.DELIVERY_DEAD, NOON)
    parked = Step(What.CHARGE_PARKED, later(50))
    held = Step(What.CHARGE_HELD, NOON)
    assert trace.stuck_at([dead, parked, held]) is parked
    assert trace.stuck_at([dead, held]) is dead
    assert trace.stuck_at([held, Step(What.APPROVED, NOON)]) is held
    assert trace.stuck_at([Step(What.APPROVED, NOON)]) is None


@pytest.mark.parametrize(
    "key", [Key("encounter", 3, "E-1 / ä"), Key("invoice", 9), Key("flow", 0, "a-b"), Key("partner", 2**31 - 1)]
)
def test_a_key_reads_back(key: Key) -> None:
    assert trace.read_key(str(key)) == key


@pytest.mark.parametrize(("model", "kind"), trace.MODELS.items())
def test_a_record_is_a_key(model: str, kind: str) -> None:
    assert trace.read_key(f"{model}-5") == Key(kind, 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "invoice",
        "invoice-",
        "invoice-0",
        "invoice--1",
        "invoice-1-2",
        "encounter-1",
        "encounter-x-E",
        "flow-",
        "invoice-²",
        f"invoice-{2**31}",
        "users-1",
        "encounter-1-" + "x" * 400,
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert trace.read_key(text) is None


@given(st.text())
def test_no_text_breaks_what_reads_it(text: str) -> None:
    trace.read_key(text)
    found = trace.asked(text)
    assert found is None or found.text == text.strip()


def test_what_is_typed_may_be_several_things() -> None:
    assert trace.asked("   ") is None
    assert trace.asked("x" * 256) is None
    found = trace.asked("8C7A2C2E-2d4b-4f8e-9d0a-1b2c3d4e5f60")
    assert found
    assert found.is_uuid
    line_of = trace.asked("V 12 / 3")
    assert line_of
    assert line_of.encounter == "V 12"
    number = trace.asked("INV/2026/00001")
    assert number
    assert number.encounter == "INV/2026/00001"
