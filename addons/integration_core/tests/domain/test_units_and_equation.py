"""Units of a message, and the equation that they must satisfy."""

from datetime import date, datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import catalogue, units
from integration_core.domain.equation import Bucket, Key, Ledger, Tally
from integration_core.domain.units import Unit

UTC = timezone.utc
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["line", "lines", "quantity"]), inner),
    max_leaves=10,
)


def test_the_contracts_example():
    data = catalogue.example("clinical.service.finalized.v1")["data"]
    (unit,) = units.units(data, lines_pointer="/lines", priced=True)
    assert unit == Unit(
        line="1",
        amount=Decimal("120.00"),
        currency="USD",
        quantity=Decimal(1),
        department="ED",
        service_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    )
    assert units.encounter_of(data) == "E-1001"


def test_a_line_goes_before_its_message():
    data = {
        "department": "ED",
        "performed_at": "2026-11-20T09:30:00Z",
        "lines": [
            {"line": "1", "department": "OR", "cost_center": "C", "performed_at": "2026-11-19T01:00:00Z"},
            {"line": "2", "quantity": "0.375", "unit_price": "0.0345"},
        ],
    }
    first, second = units.units(data, priced=True, default_currency="EUR")
    assert (first.department, first.cost_center) == ("OR", "C")
    assert first.service_at == datetime(2026, 11, 19, 1, tzinfo=UTC)
    assert (first.amount, first.currency, first.price_unknown) == (None, None, True)
    assert (second.department, second.cost_center) == ("ED", None)
    assert (second.amount, second.currency, second.price_unknown) == (Decimal("0.0129375"), "EUR", False)


def test_zero_is_a_price():
    (unit,) = units.units({"lines": [{"line": "1", "quantity": "2", "unit_price": "0.00"}]}, priced=True)
    assert unit.amount == 0
    assert not unit.price_unknown


def test_money_that_cannot_be_read_is_unknown_not_zero():
    for price in ("x", "-1", 5, None):
        (unit,) = units.units({"lines": [{"line": "1", "quantity": "2", "unit_price": price}]}, priced=True)
        assert unit.amount is None
        assert unit.price_unknown


def test_a_quantity_of_zero_is_none():
    (unit,) = units.units({"lines": [{"line": "1", "quantity": "0", "unit_price": "5"}]}, priced=True)
    assert (unit.quantity, unit.amount, unit.price_unknown) == (None, None, True)


def test_texts_are_cut_to_what_a_column_holds():
    (unit,) = units.units({"lines": [{"line": "1", "department": "x" * 300}]})
    assert unit.department == "x" * 255


def test_a_message_without_lines_is_one_unit():
    data = catalogue.example("clinical.encounter.admitted.v1")["data"]
    (unit,) = units.units(data, lines_pointer=None)
    assert unit == Unit(department="ED", service_at=datetime(2026, 11, 20, 8, tzinfo=UTC))


@pytest.mark.parametrize("data", [None, [], "x", {}, {"lines": []}, {"lines": "x"}])
def test_what_cannot_be_read_is_one_unit(data):
    assert units.units(data) == [units.MESSAGE]


def test_names_of_lines_are_unique():
    items = [{"line": "1"}, {"line": "1"}, {}, 7, {"line": "1#2"}, {"line": "1"}, {"line": 5}]
    names = units.line_names(items)
    assert names == ["1", "1#2", "#3", "#4", "1#2#2", "1#3", "#7"]
    assert [unit.line for unit in units.units({"lines": items})] == names


@given(VALUES)
def test_reading_never_fails(data):
    found = units.units(data, priced=True)
    assert found
    assert len({unit.line for unit in found}) == len(found)
    units.encounter_of(data)


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", date(2026, 11, 20)), ("Asia/Tokyo", date(2026, 11, 21)), ("America/Denver", date(2026, 11, 20))],
)
def test_the_day_of_service_is_the_facilitys(zone, day):
    unit = Unit(service_at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    assert units.service_day(unit, ZoneInfo(zone)) == day
    assert units.service_day(Unit(), ZoneInfo(zone)) is None


def test_the_ends_of_the_calendar():
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)):
        for zone in ("Asia/Tokyo", "America/Denver"):
            assert units.service_day(Unit(service_at=moment), ZoneInfo(zone)) is not None


KEY = Key(company=1, system=2, currency="USD", day=date(2026, 11, 20))


class TestEquation:
    def test_it_balances(self):
        ledger = Ledger()
        ledger.add(Bucket.RECEIVED, KEY, units=5, amount=Decimal("10.30"), price_unknown=1)
        ledger.add(Bucket.APPLIED, KEY, amount=Decimal("10.10"))
        ledger.add(Bucket.PARKED, KEY, amount=Decimal("0.20"))
        ledger.add(Bucket.WAITING, KEY)
        ledger.add(Bucket.REJECTED, KEY, amount=Decimal(0))
        ledger.add(Bucket.DUPLICATE, KEY, amount=Decimal(0))
        assert ledger.row(KEY).balanced
        assert ledger.imbalances() == ()
        assert ledger.row(KEY).tally(Bucket.WAITING) == Tally(1, Decimal(0), 1)

    @pytest.mark.parametrize(
        "lost", [{"units": 1, "amount": Decimal(0)}, {"units": 0, "amount": Decimal("0.0000000001")}, {"units": 1}]
    )
    def test_what_is_missing_shows(self, lost):
        ledger = Ledger()
        ledger.add(Bucket.RECEIVED, KEY, units=2, amount=Decimal(5))
        ledger.add(Bucket.APPLIED, KEY, units=2, amount=Decimal(5))
        ledger.add(Bucket.RECEIVED, KEY, **lost)
        (row,) = ledger.imbalances()
        assert not row.balanced
        assert row.difference != Tally()

    def test_counting_twice_shows(self):
        ledger = Ledger()
        ledger.add(Bucket.RECEIVED, KEY, amount=Decimal(5))
        ledger.add(Bucket.APPLIED, KEY, amount=Decimal(5))
        ledger.add(Bucket.DUPLICATE, KEY, amount=Decimal(5))
        assert ledger.row(KEY).difference == Tally(-1, Decimal(-5), 0)

    def test_keys_are_never_added(self):
        ledger = Ledger()
        euro = Key(company=1, system=2, currency="EUR", day=date(2026, 11, 20))
        ledger.add(Bucket.RECEIVED, KEY, amount=Decimal(5))
        ledger.add(Bucket.APPLIED, euro, amount=Decimal(5))
        assert len(ledger.rows()) == 2
        assert len(ledger.imbalances()) == 2
        assert ledger.row(Key(9, 9, None)).balanced
        assert KEY.cost_center == "unassigned"
