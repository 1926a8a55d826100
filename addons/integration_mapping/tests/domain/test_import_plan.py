"""What an import would do, without Odoo: contradictions lose, repeats are merged, numbers add up, order is nothing."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration_mapping.domain import import_columns
from integration_mapping.domain.import_columns import ColumnError, Layout, find_columns, rows_of
from integration_mapping.domain.import_plan import (
    Claim,
    Decision,
    Known,
    Meaning,
    Question,
    Status,
    Step,
    absent,
    decide,
    digest,
    gather,
)
from integration_mapping.domain.import_rows import Entity, Lookup, Unclear, claim_of, with_keys
from integration_mapping.domain.table_file import read
from integration_mapping.domain.validity import Span

# How fast a busy machine draws examples says nothing about the rules.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TODAY = date(2026, 11, 27)
A, B = Meaning(entity=1), Meaning(entity=2)


def question(code="CBC", code_system="local"):
    return Question(1, "service", code_system, code)


def claim(line, code="CBC", meaning=A, **more):
    return Claim(line, question(code), code, meaning=meaning, **more)


def verdicts(gathered):
    return {one.claim.line: (one.status.value, one.reason, one.other) for one in gathered.verdicts}


# -- the list by itself


def test_repeats_are_merged():
    found = gather([claim(2), claim(3), claim(4, display="x")])
    assert [step.claim.line for step in found.steps] == [2]
    assert verdicts(found) == {3: ("merged", "same_row", 2), 4: ("merged", "same_meaning", 2)}


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ({"meaning": A}, {"meaning": B}, "several_meanings"),
        ({"price": "1"}, {"price": "2"}, "several_prices"),
        (
            {"meaning": Meaning(made=True), "display": "x"},
            {"meaning": Meaning(made=True), "display": "y"},
            "several_meanings",
        ),
        ({"span": Span(None, TODAY)}, {"span": Span(TODAY, None)}, "days_overlap"),
    ],
)
def test_of_a_contradiction_nobody_wins_and_each_names_the_other(one, other, reason):
    found = gather([claim(5, **other), claim(2, **one), claim(9, "XR")])
    assert [step.claim.line for step in found.steps] == [9]
    assert verdicts(found) == {2: ("refused", reason, 5), 5: ("refused", reason, 2)}


def test_other_days_are_no_contradiction():
    spans = Span(None, date(2025, 12, 31)), Span(date(2026, 1, 1), None)
    found = gather([claim(2, span=spans[0]), claim(3, meaning=B, span=spans[1])])
    assert len(found.steps) == 2
    assert not found.verdicts


def second(line, ndc, code="250", price="1", text="x"):
    return Claim(
        line,
        question(code),
        code,
        text,
        Meaning(made=True),
        price,
        also=question(ndc, "NDC") if ndc else None,
        also_code=ndc,
    )


def test_one_code_over_many_second_codes():
    rows = [
        second(2, "n1"),
        second(3, "n2", price="2", text="y"),
        second(4, "n1"),
        second(5, "", price="7"),
        second(6, "n3", "251"),
    ]
    found = gather(rows)
    by_code = {step.claim.code: step for step in found.steps}
    assert set(by_code) == {"250", "251", "n1", "n2", "n3"}
    assert by_code["n2"].parent == question("250")
    assert by_code["250"].extra
    assert (by_code["250"].claim.display, by_code["250"].claim.price) == ("", "")
    assert (by_code["251"].claim.display, by_code["251"].claim.price) == ("x", "1")
    assert verdicts(found) == {4: ("merged", "same_row", 2), 5: ("refused", "no_second_code", 2)}


def test_a_second_code_under_two_codes_is_a_contradiction():
    found = gather([second(2, "n1", "250"), second(3, "n1", "251"), second(4, "n2", "250")])
    assert verdicts(found) == {2: ("refused", "several_meanings", 3), 3: ("refused", "several_meanings", 2)}
    assert {step.claim.code for step in found.steps} == {"250", "n2"}


CLAIMS = st.lists(
    st.builds(
        lambda code, meaning, price, display, ndc: replace(second(0, ndc, code, price, display), meaning=meaning),
        st.sampled_from("abc"),
        st.sampled_from([A, B, Meaning(made=True)]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["", "n1", "n2"]),
    ),
    max_size=12,
)


@patiently
@given(CLAIMS, st.randoms(use_true_random=False))
def test_every_row_is_accounted_for_and_order_is_nothing(claims, chance):
    numbered = [replace(one, line=number) for number, one in enumerate(claims, 2)]
    found = gather(numbered)
    lines = [step.claim.line for step in found.steps if not step.extra] + [one.claim.line for one in found.verdicts]
    assert sorted(lines) == [one.line for one in numbered]
    shuffled = list(claims)
    chance.shuffle(shuffled)
    again = gather([replace(one, line=number) for number, one in enumerate(shuffled, 2)])

    def imported(gathered):
        return {(s.claim.question, s.claim.meaning, s.claim.price, s.claim.display, s.parent) for s in gathered.steps}

    assert imported(again) == imported(found)


# -- against what is in force


def known(entity=1, span=Span(), state="approved", **more):  # noqa: B008 - a span never changes
    return Known(7, question(), entity, span, state, **more)


def decided(one, *on_record, **more):
    return decide(Step(one), on_record, effective=TODAY, **more)


YESTERDAY = date(2026, 11, 26)
SPRING = Span(date(2026, 3, 1), date(2026, 5, 31))


@pytest.mark.parametrize(
    ("on_record", "expected"),
    [
        ([], Decision(Status.NEW, entity=2)),
        ([known(2)], Decision(Status.UNCHANGED, known=7, entity=2)),
        ([known(1)], Decision(Status.CHANGED, "meaning", 7, 2, Span(TODAY))),
        ([known(1, Span(TODAY))], Decision(Status.CHANGED, "meaning", 7, 2, Span(TODAY))),
        ([known(2, Span(None, YESTERDAY), "retired")], Decision(Status.NEW, "again", entity=2, span=Span(TODAY))),
        ([known(1, Span(date(2027, 1, 1)))], Decision(Status.REFUSED, "later_meaning", 7)),
        ([known(1, state="requested")], Decision(Status.REFUSED, "proposed", 7)),
    ],
)
def test_a_row_without_days_says_what_holds_now(on_record, expected):
    assert decided(claim(2, meaning=B), *on_record) == expected


@pytest.mark.parametrize(
    ("on_record", "expected"),
    [
        ([], Decision(Status.NEW, entity=1, span=SPRING)),
        ([known(1, SPRING, "retired")], Decision(Status.UNCHANGED, known=7, entity=1, span=SPRING)),
        ([known(2, SPRING)], Decision(Status.CHANGED, "meaning", 7, 1, SPRING)),
        ([known(1, Span(SPRING.first))], Decision(Status.CHANGED, "end", 7, 1, SPRING)),
        ([known(1)], Decision(Status.CHANGED, "days", 7, 1, SPRING)),
        ([known(1, Span(None, date(2026, 2, 28)))], Decision(Status.NEW, entity=1, span=SPRING)),
        (
            [known(1, Span(None, date(2026, 3, 1))), replace(known(2, Span(date(2026, 5, 1))), id=8)],
            Decision(Status.REFUSED, "several_spans", 7),
        ),
    ],
)
def test_a_row_with_days_says_what_holds_on_them(on_record, expected):
    assert decided(claim(2, span=SPRING), *on_record) == expected


def test_texts_and_prices_change_in_place():
    assert decided(claim(2, display="x"), known(display="y")).reason == "text"
    assert decided(claim(2), known(display="y")).status is Status.UNCHANGED
    service = claim(2, meaning=Meaning(made=True), price="19.905")
    assert decided(service, known(price="19.91"), digits=2).status is Status.UNCHANGED
    assert decided(service, known(price="19.90"), digits=2).reason == "price"
    assert decided(service, known(price="1")).status is Status.UNCHANGED


def test_what_a_full_list_leaves_out_ends_and_what_it_refuses_does_not():
    there = [replace(known(), id=number, question=question(code)) for number, code in enumerate("abcd")]
    there[2] = replace(there[2], span=Span(None, YESTERDAY))
    there[3] = replace(there[3], span=Span(date(2027, 1, 1)))
    ends = absent(there, {question("a")}, effective=TODAY)
    assert [(one.id, last) for one, last in ends] == [(1, YESTERDAY), (3, YESTERDAY)]


# -- columns, prices, digests


def test_columns_are_known_by_many_spellings():
    header = ["Service Area", "Px Code", "Generic Name", "NDC", "Unit Price"]
    assert find_columns(header, {"display": "generic_name", "also": "ndc"}) == {
        "code": 1,
        "display": 2,
        "price": 4,
        "also": 3,
    }
    with pytest.raises(ColumnError, match="missing"):
        find_columns(header, {"also": "UPC"})
    with pytest.raises(ColumnError, match="no_code"):
        find_columns(["a", "b"], {})
    with pytest.raises(ColumnError, match="twice"):
        find_columns(["Code", "code "], {})


@pytest.mark.parametrize("text", ["Time based", "1,14", "1.2.3", "", "-", "1e3", "12 or 13", "(-5.00)", "((5.00))"])
def test_what_is_no_price(text):
    if not text:
        assert import_columns.price_of(text) is None
        return
    with pytest.raises(import_columns.PriceError):
        import_columns.price_of(text)


@pytest.mark.parametrize(
    ("text", "comma", "price"),
    [("$1,141.40", False, "1141.40"), ("1 234,5", True, "1234.5"), ("(4.00)", False, "-4.00"), ("USD 0", False, "0")],
)
def test_prices(text, comma, price):
    assert import_columns.price_of(text, decimal_comma=comma) == Decimal(price)


def lookup(**more):
    values = {"systems": {"ehr": 1}, "kinds": {"service": "service"}, "declared": lambda _s, _k: "local"}
    return Lookup(**{**values, "keys": lambda _system, codes: codes, **more})


def rows(text, **layout):
    return rows_of(read(text.encode(), most=1000), Layout(**layout))


def test_a_reissue_has_the_same_digest():
    text = "code;description;price\n1;Röntgen;2,50\n2;MRT;0\n3;;\n"
    header, *lines = text.splitlines()
    random.Random(1).shuffle(lines)
    again = "\r\n".join([header, *lines]).replace(";", "\t").encode("utf-16")
    table = read(again, most=10)
    assert digest(rows_of(table, Layout())) == digest(rows(text))
    assert digest(rows(text.replace("MRT", "CT"))) != digest(rows(text))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",ehr,service,1,", "no_code"),
        ("a,,service,1,", "no_system"),
        ("a,lab,service,1,", "unknown_system"),
        ("a,ehr,,1,", "no_kind"),
        ("a,ehr,thing,1,", "unknown_kind"),
        ("a,ehr,service,,", "no_meaning"),
        ("a,ehr,service,5,", "unknown_entity"),
        ("a,ehr,service,1,2026-02-30", "bad_day"),
        ("a,ehr,service,1,01/02/2026", "bad_day"),
        ("a,ehr,service,1", "width"),
        ("a,ehr,service,1,,x", "width"),
        (f"{'a' * 256},ehr,service,1,", "too_long"),
    ],
)
def test_a_row_that_cannot_be_understood_says_why(line, reason):
    [row] = rows(f"code,system,kind,entity_id,valid_from\n{line}\n")
    with pytest.raises(Unclear) as caught:
        claim_of(row, Layout(), lookup(entities={1: Entity(1, "service", "X")}))
    assert caught.value.reason == reason


def test_an_id_is_not_believed_where_the_row_says_more():
    entities = {1: Entity(1, "service", "Blood count", frozenset({"CBC"}))}
    for name, record, fits in (
        ("Blood count", "", True),
        ("X-ray", "", False),
        ("X-ray", "CBC", True),
        ("", "XR", False),
    ):
        [row] = rows(f"code,system,kind,entity_id,entity,record\na,ehr,service,1,{name},{record}\n")
        if fits:
            assert claim_of(row, Layout(), lookup(entities=entities)).meaning == A
        else:
            with pytest.raises(Unclear, match="entity_differs"):
                claim_of(row, Layout(), lookup(entities=entities))


def test_codes_are_compared_as_their_code_system_says():
    folded = lookup(keys=lambda _system, codes: [code.casefold() for code in codes])
    claims = [claim(2, "Ab"), claim(3, "aB")]
    found = gather(with_keys(claims, folded))
    assert [(step.claim.code, step.claim.question.key) for step in found.steps] == [("Ab", "ab")]
    assert Counter(one.reason for one in found.verdicts) == {"same_row": 1}
