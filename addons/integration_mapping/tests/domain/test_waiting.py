"""What waits adds up per currency, and never across currencies."""

from datetime import date, datetime
from decimal import Decimal

from integration_mapping.domain.waiting import Waiting


def test_amounts_add_per_currency():
    one = Waiting(2, {"USD": Decimal("10.10")}, 0, datetime(2026, 5, 2), date(2026, 5, 1))
    other = Waiting(3, {"USD": Decimal("0.20"), "EUR": Decimal(7)}, 1, datetime(2026, 5, 1), None)
    total = one + other
    assert total.lines == 5
    assert total.amounts == {"USD": Decimal("10.30"), "EUR": Decimal(7)}
    assert total.price_unknown == 1
    assert total.since == datetime(2026, 5, 1)
    assert total.first_day == date(2026, 5, 1)


def test_nothing_is_neutral():
    one = Waiting(1, {"USD": Decimal("0.00")}, 0, None, date(2026, 5, 1))
    assert one + Waiting() == one
