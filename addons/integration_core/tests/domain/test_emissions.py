"""What a transaction has emitted, and what of it is to be completed."""

from datetime import datetime, timezone

from integration_core.domain.emissions import Emission, Emissions

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)


def emission(number, res_id=1, res_model="m", depth=0):
    return Emission(
        uuid=f"u{number}",
        type_name="t.e.done.v1",
        res_model=res_model,
        res_id=res_id,
        company_id=1,
        source="/s",
        subject="s",
        origin_system_id=None,
        correlation_id="f",
        causation_id=None,
        traceparent="tp",
        mode="live",
        depth=depth,
        id=number,
    )


def taken(emissions):
    return [one.id for one in emissions.take()]


def test_what_is_new_is_to_be_completed_once_in_the_order_of_emission():
    emissions = Emissions()
    for number in (3, 1, 2):
        emissions.add(emission(number, res_id=number))
    assert taken(emissions) == [1, 2, 3]
    assert taken(emissions) == []


def test_a_change_of_a_record_brings_back_all_its_events():
    emissions = Emissions()
    emissions.add(emission(1))
    emissions.add(emission(2))
    emissions.add(emission(3, res_id=2))
    emissions.take()
    assert emissions.touch("m", [1, 9])
    assert taken(emissions) == [1, 2]


def test_what_never_emitted_is_nothing():
    emissions = Emissions()
    emissions.add(emission(1))
    emissions.take()
    assert not emissions.touch("m", [2])
    assert not emissions.touch("other", [1])
    assert taken(emissions) == []


def test_types_are_remembered():
    emissions = Emissions()
    emissions.add(emission(1))
    assert emissions.knows("t.e.done.v1")
    assert not emissions.knows("t.e.done.v2")


def test_an_event_enters_the_journal_once_it_has_an_id():
    one = emission(0)
    assert (one.id, one.completed) == (0, False)
    one.enter(5, 2, 3, NOW)
    assert (one.id, one.event_type_id, one.version, one.moment) == (5, 2, 3, NOW)


def test_the_seventeenth_of_a_chain_is_held():
    assert [emission(1, depth=depth).held for depth in (0, 15, 16)] == [False, False, True]
