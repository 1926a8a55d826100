"""Who pays, in which order; and when a charge is ready."""

from datetime import date

import pytest
from integration_account.domain import payer, readiness
from integration_account.domain.payer import Source


def test_no_payer_fields_is_none() -> None:
    assert payer.read_terms({}) is None
    assert payer.read_terms({"self_pay": False}) is None


def test_coverage_by_rank() -> None:
    terms = payer.read_terms(
        {"coverage": [{"payer": "B", "rank": 2}, {"payer": "A", "rank": 1}, {"payer": "C", "rank": 2}]}
    )
    assert terms is not None
    assert terms.coverage == ("A", "B", "C")


def test_guarantor_address_as_text_or_in_parts() -> None:
    terms = payer.read_terms({"guarantor": {"id": "G", "name": "N", "address": "1 High St"}})
    assert terms is not None
    assert terms.guarantor is not None
    assert terms.guarantor.address == {"street": "1 High St"}
    terms = payer.read_terms({"guarantor": {"id": "G", "address": {"city": "L", "zip": "", "country": "US"}}})
    assert terms is not None
    assert terms.guarantor is not None
    assert (terms.guarantor.name, terms.guarantor.address) == (None, {"city": "L", "country": "US"})


@pytest.mark.parametrize(
    ("coverage", "guarantor", "self_pay", "default", "expected"),
    [
        (("A", "B"), True, True, True, (Source.COVERAGE, "A")),
        ((), True, True, True, (Source.GUARANTOR, None)),
        ((), False, True, False, (Source.SELF_PAY, None)),
        ((), False, False, True, (Source.SELF_PAY, None)),
        ((), False, False, False, (Source.NOBODY, None)),
    ],
)
def test_the_order_of_the_contract(
    coverage: tuple[str, ...], guarantor: bool, self_pay: bool, default: bool, expected: tuple[Source, str | None]
) -> None:
    chosen = payer.choose(coverage=coverage, has_guarantor=guarantor, self_pay=self_pay, self_pay_default=default)
    assert chosen == expected


@pytest.mark.parametrize(
    ("basis", "days", "discharge", "expected"),
    [
        (readiness.SERVICE, 0, None, date(2026, 11, 20)),
        (readiness.SERVICE, 3, date(2026, 11, 25), date(2026, 11, 23)),
        (readiness.DISCHARGE, 2, None, None),
        (readiness.DISCHARGE, 2, date(2026, 11, 21), date(2026, 11, 23)),
        (readiness.DISCHARGE, 1, date(2026, 11, 1), date(2026, 11, 21)),
    ],
)
def test_first_day_of_billing(basis: str, days: int, discharge: date | None, expected: date | None) -> None:
    service_day = date(2026, 11, 20)
    assert readiness.ready_on(basis, days, service_day=service_day, discharge_day=discharge) == expected
