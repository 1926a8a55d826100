"""What a control total says: files in many spellings, rows that are refused, and a real ledger with 190 faults."""

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from addons.integration_mapping.domain.table_file import read
from addons.integration_monitor.domain import control_totals as totals
from addons.integration_monitor.domain import reconciliation
from addons.integration_monitor.domain.control_totals import FOUND, TOLD, Refused, TotalLine, TotalsError
from addons.integration_monitor.domain.reconciliation import Found, Key, Tally

FINALIZED = "clinical.service.finalized.v1"
DAY = date(2026, 11, 20)
LEDGER = Path(__file__).parents[5] / "shared/data/clinical/synthea-csv/claims_transactions.csv"


def table(text, measure="key", **more):
    given = {"first": date(2026, 11, 1), "last": date(2026, 11, 30), "currency": "USD", "kinds": [FINALIZED]}
    given |= {"zone": ZoneInfo("UTC"), "signs": {"USD": "$", "EUR": "€"}}
    return totals.of_table(read(text.encode(), most=1000), measure, **{**given, **more})


def test_a_file_of_totals_per_key():
    reading = table(f"Service date;Cost center;Event type;Count;Amount\n2026-11-20;ED;{FINALIZED};2;1,240.50\n")
    assert reading.lines == (TotalLine(TOLD, DAY, "ED", FINALIZED, "", 2, Decimal("1240.50"), "USD"),)
    assert not reading.refused


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"2026-11-31,ED,{FINALIZED},2,1,", "bad_day"),
        (f",ED,{FINALIZED},2,1,", "no_day"),
        (f"2026-12-01,ED,{FINALIZED},2,1,", "other_period"),
        ("2026-11-20,ED,clinical.meal.served.v1,2,1,", "unknown_type"),
        (f"2026-11-20,ED,{FINALIZED},two,1,", "bad_count"),
        (f"2026-11-20,ED,{FINALIZED},-2,1,", "bad_count"),
        (f"2026-11-20,ED,{FINALIZED},2,much,", "bad_amount"),
        (f"2026-11-20,ED,{FINALIZED},2,1234567890123456,", "bad_amount"),
        (f"2026-11-20,ED,{FINALIZED},,,", "no_figure"),
        (f"2026-11-20,{'x' * 256},{FINALIZED},2,1,", "too_long"),
        (f"2026-11-20,ED,{FINALIZED},2,1,dollars", "bad_currency"),
        (f"2026-11-20,ED,{FINALIZED},2,1,234.00,USD", "other_width"),
        (f"2026-11-20,ED,{FINALIZED},2,1", "other_width"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_reason(row, reason):
    reading = table(f"day,department,type,count,amount,currency\n{row}\n2026-11-20,ED,{FINALIZED},1,5.00,EUR\n")
    assert reading.refused == (Refused(2, reason),)
    assert [line.amount for line in reading.lines] == [Decimal("5.00")]


def test_a_field_too_many_is_no_other_amount_and_an_empty_one_no_difference():
    reading = table("claim,currency,amount\nC1,USD,1,234.00\nC2,USD,5.00,,\nC3,USD\n", "claim")
    assert reading.refused == (Refused(2, "other_width"), Refused(4, "other_width"))
    assert [(line.claim, line.amount) for line in reading.lines] == [("C2", Decimal("5.00"))]


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("EUR 7.00", "", None),
        ("€ 5.00", "", None),
        ("€ 5.00", "USD", None),
        ("$5.00 EUR", "USD", None),
        ("$5.00", "CAD", None),  # whose sign nobody gave here
        ("$5.00", "", "5.00"),
        ("5.00 USD", "", "5.00"),
        ("€ 5.00", "EUR", "5.00"),
        ("($5.00)", "USD", "-5.00"),
    ],
)
def test_an_amount_may_say_its_own_currency_and_no_other(text, currency, amount):
    reading = table(f"claim;amount;currency\nC1;{text};{currency}\n", "claim")
    told = [(line.amount, line.currency) for line in reading.lines]
    assert told == ([(Decimal(amount), currency or "USD")] if amount else [])
    assert [one.reason for one in reading.refused] == ([] if amount else ["bad_currency"])


def test_an_amount_that_is_negative_twice_is_none():
    assert table("claim,amount\nC1,(-5.00)\n", "claim").refused == (Refused(2, "bad_amount"),)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("2026-12-01T02:00:00Z", "2026-11-30"),
        ("2026-11-01T02:00:00Z", "other_period"),  # still October there
        ("2026-11-02 02:00:00.123 UTC", "2026-11-01"),
        ("2026-11-02T02:00+01:00", "2026-11-01"),
        ("2026-11-02 02:00:00 -0500", "2026-11-02"),
        ("2026-11-02 20:00:00-08", "2026-11-02"),
        ("2026-11-02 22:00:00-08", "2026-11-03"),
        ("2026-11-02 23:59", "2026-11-02"),
        ("2026-11-02 23:59:59.5", "2026-11-02"),
        ("2026-11-02 10:00:00 EST", "bad_day"),
        ("2026-11-02 25:00:00Z", "bad_day"),
        ("9999-12-31T23:00:00-12:00", "bad_day"),
    ],
)
def test_a_time_is_of_the_day_that_it_was_where_the_system_is(text, there):
    reading = table(f"day,type,count\n{text},{FINALIZED},1\n", zone=ZoneInfo("America/New_York"))
    assert [str(line.day) for line in reading.lines] + [one.reason for one in reading.refused] == [there]


def test_columns_that_are_missing_or_there_twice_are_named():
    for header, measure, error in [
        ("cost_center,type,count", "key", ("missing", "day")),
        ("day,type", "key", ("missing", "count")),
        ("claim,day", "claim", ("missing", "amount")),
        ("day,type,count,Count", "key", ("twice", "count")),
    ]:
        with pytest.raises(TotalsError) as caught:
            table(f"{header}\n1,2\n", measure)
        assert (caught.value.code, caught.value.detail) == error


def test_a_ledger_has_two_sides_and_transfers_none():
    reading = table(
        "ID,CLAIMID,TYPE,AMOUNT,PAYMENTS,ADJUSTMENTS\n"
        "1,C1,CHARGE,100.00,,\n2,C1,PAYMENT,,80.00,\n3,C1,ADJUSTMENT,,,20.00\n4,C1,TRANSFERIN,80.00,,\n"
        "5,C1,REFUND,1.00,,\n6,,CHARGE,1.00,,\n7,C1,PAYMENT,,,\n",
        "ledger",
    )
    assert [(line.side, line.amount, line.reference) for line in reading.lines] == [
        (TOLD, Decimal("100.00"), "1"),
        (FOUND, Decimal("80.00"), "2"),
        (FOUND, Decimal("20.00"), "3"),
    ]
    assert reading.left_out == {"transferin": 1}
    assert [one.reason for one in reading.refused] == ["unknown_type", "no_claim", "no_amount"]
    [result] = reconciliation.compare(totals.told_of(reading.lines, "ledger"), totals.found_of(reading.lines))
    assert result.outcome is reconciliation.Outcome.MATCHED


def line(count=None, amount=None, currency="USD", kind=FINALIZED, **more):
    worth = {} if amount is None else {"amount": Decimal(amount), "currency": currency}
    return TotalLine(day=DAY, kind=kind, count=count, **worth, **more)


def test_what_is_not_told_apart_is_compared_together():
    lines = [line(2, "5"), line(1, "1")]
    assert totals.told_of(lines, "key") == {Key(DAY, "", FINALIZED, "", "USD"): Tally(3, Decimal(6))}
    lines.append(line(1, cost_center="ED"))
    centers = {key.cost_center for key in totals.told_of(lines, "key")}
    assert centers == {"unassigned", "ED"}


def test_each_event_type_is_told_apart_by_itself():
    lines = [line(25, cost_center="ED"), line(15, cost_center="RAD"), line(40, kind="clinical.encounter.admitted.v1")]
    assert {(key.kind, key.cost_center): tally.count for key, tally in totals.told_of(lines, "key").items()} == {
        (FINALIZED, "ED"): 25,
        (FINALIZED, "RAD"): 15,
        ("clinical.encounter.admitted.v1", ""): 40,
    }
    assert totals.grain_of(lines).by_center == {FINALIZED}


def test_pieces_and_their_money_in_two_items_are_one_key():
    place = Key(DAY, "", FINALIZED)
    assert totals.told_of([line(2), line(amount="5"), line(1)], "key") == {
        replace(place, currency="USD"): Tally(3, Decimal(5))
    }
    # Of two currencies none is the pieces' own: how many they are together is compared beside the money of each.
    told = totals.told_of([line(3), line(amount="5"), line(amount="7", currency="EUR")], "key")
    assert set(told.values()) == {Tally(3), Tally(None, Decimal(5)), Tally(None, Decimal(7))}
    found = {
        replace(place, currency="USD"): Found(Tally(1, Decimal(5))),
        replace(place, currency="EUR"): Found(Tally(1, Decimal(7))),
        place: Found(Tally(1, Decimal(0))),
    }
    results = reconciliation.compare(told, reconciliation.align(told, found))
    assert [one.outcome.value for one in results] == ["matched"] * 3


def test_a_claim_is_compared_as_a_whole_unless_each_of_its_items_tells_a_day():
    of_days = [TotalLine(claim="C-1", day=day, amount=Decimal(5), currency="USD") for day in (DAY, date(2026, 11, 21))]
    mixed = [replace(one, claim="C-2") for one in (of_days[0], replace(of_days[1], day=None))]
    assert totals.told_of([*of_days, *mixed], "claim") == {
        Key(DAY, claim="C-1", currency="USD"): Tally(None, Decimal(5)),
        Key(date(2026, 11, 21), claim="C-1", currency="USD"): Tally(None, Decimal(5)),
        Key(claim="C-2", currency="USD"): Tally(None, Decimal(10)),
    }
    assert totals.told_of(of_days, "ledger") == {Key(claim="C-1", currency="USD"): Tally(None, Decimal(10))}
    grain = totals.grain_of([*of_days, *mixed])
    assert (grain.claims, grain.by_day) == ({"C-2"}, {"C-1"})


def test_more_pieces_than_can_be_counted_are_known():
    told = totals.told_of([line(10**9)] * 3, "key")
    assert totals.counts_too_much(told)
    assert not totals.counts_too_much(totals.told_of([line(10**9)] * 2, "key"))


def test_a_message_says_the_same_as_a_file():
    said = {"service_date": "2026-11-20", "department": "ED", "event_type": FINALIZED, "count": 2}
    plain, priced = totals.of_message([said, {**said, "amount": "-1.50", "currency": "USD"}])
    assert plain == TotalLine(TOLD, DAY, "ED", FINALIZED, count=2)
    assert (priced.amount, priced.currency) == (Decimal("-1.50"), "USD")


def test_the_digest_depends_on_what_is_said_and_not_on_its_order():
    one, other = TotalLine(count=1, amount=Decimal("1.0")), TotalLine(count=2)
    same = TotalLine(count=1, amount=Decimal("1.00"))
    assert totals.digest([one, other]) == totals.digest([other, same])
    assert totals.digest([one]) != totals.digest([TotalLine(count=1, amount=Decimal("1.01"))])


def test_a_ledger_of_found_lines_alone_is_found_only():
    lines = [TotalLine(FOUND, claim="C", amount=Decimal(2), currency="USD")]
    assert totals.found_of(lines) == {Key(claim="C", currency="USD"): Found(Tally(None, Decimal(2)))}
    assert not totals.told_of(lines, "ledger")


def test_the_ledger_of_a_population_names_the_190_claims_that_do_not_balance():
    if not LEDGER.is_file():
        pytest.skip("not run: data absent")
    reading = totals.of_table(
        read(LEDGER.read_bytes(), most=100_000),
        "ledger",
        first=date(1900, 1, 1),
        last=date(2030, 1, 1),
        currency="USD",
        zone=ZoneInfo("America/New_York"),
    )
    assert not reading.refused
    assert reading.left_out == {"transferin": 920, "transferout": 920}
    results = reconciliation.compare(totals.told_of(reading.lines, "ledger"), totals.found_of(reading.lines))
    outcomes = Counter(result.outcome.value for result in results)
    assert (len(results), outcomes) == (1267, {"matched": 1077, "break": 190})
    assert reconciliation.net(results) == {"USD": Decimal("11101.22")}


def test_a_message_is_of_keys_or_of_claims():
    key, claim = TotalLine(kind=FINALIZED), TotalLine(claim="C")
    assert [totals.measure_of(lines) for lines in ([key], [claim, claim], [key, claim], [])] == [
        "key",
        "claim",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("first", "measure", "fault"),
    [
        (date(2025, 11, 20), "key", None),
        (date(2025, 11, 19), "key", "period_too_long"),
        (date(2025, 11, 19), "claim", "period_too_long"),
        (date(1900, 1, 1), "ledger", None),
        (date(2026, 11, 21), "ledger", "period_reversed"),
    ],
)
def test_a_period_has_a_year_at_most_where_odoo_is_read(first, measure, fault):
    assert totals.fault_of(first, DAY, measure) == fault
