"""Numbers as evidence: one normalisation, published check digits, and nothing by name."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration_mapping.domain import evidence

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
digits = st.text("0123456789", min_size=12, max_size=12)


def luhn_complete(number):
    return next(number + d for d in "0123456789" if evidence.luhn_is_valid("80840" + number + d))


@patiently
@given(digits, st.integers(0, 11), st.integers(1, 9))
def test_one_mistyped_digit_of_a_gln_is_found(number, place, by):
    gln = number + str(evidence.gs1_check_digit(number))
    wrong = gln[:place] + str((int(gln[place]) + by) % 10) + gln[place + 1 :]
    assert evidence.valid("gln", gln)
    assert not evidence.valid("gln", wrong)


@patiently
@given(st.text("0123456789", min_size=8, max_size=8), st.integers(0, 9), st.integers(1, 9))
def test_one_mistyped_digit_of_an_npi_is_found(number, place, by):
    npi = luhn_complete("1" + number)
    wrong = npi[:place] + str((int(npi[place]) + by) % 10) + npi[place + 1 :]
    assert evidence.valid("npi", npi)
    assert not evidence.valid("npi", wrong)


@patiently
@given(st.text("0123456789", min_size=8, max_size=8), st.integers(1, 8))
def test_two_neighbours_swapped_in_an_npi_are_found_but_for_0_and_9(number, place):
    npi = luhn_complete("1" + number)
    one, two = npi[place], npi[place + 1]
    swapped = npi[:place] + two + one + npi[place + 2 :]
    assert evidence.valid("npi", swapped) == (one == two or {one, two} == {"0", "9"})


@patiently
@given(st.sampled_from(evidence.SCHEMES), st.text(max_size=40), st.sampled_from([None, "BE", "us", "GR"]))
def test_normalising_what_is_normalised_changes_nothing(scheme, text, country):
    number = evidence.normalise(scheme, text, country=country)
    if number is not None:
        assert evidence.normalise(scheme, number, country=country) == number
        assert evidence.normalise(scheme, number) == number


@patiently
@given(
    st.dictionaries(st.sampled_from([*evidence.SCHEMES, "name"]), st.text(max_size=20)),
    st.dictionaries(st.sampled_from([*evidence.SCHEMES, "name"]), st.text(max_size=20)),
)
def test_evidence_is_the_same_from_both_sides_and_never_by_name(one, other):
    found = evidence.overlap(one, other)
    assert found == evidence.overlap(other, one)
    assert all(e.scheme in evidence.SCHEMES for e in found)
    assert evidence.contradictions(one, other) == evidence.contradictions(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("BE 0477.472.701", None), ("0477472701", "BE")),
        (("EL 094259216", None), ("094259216", "GR")),
        (("GR094259216", None), ("EL094259216", "GR")),
        (("CHE-107.787.577 MWST", None), ("CHE107787577", "CH")),
        (("12-3456789", "US"), ("123456789", "US")),
    ],
)
def test_the_same_vat_number_is_written_in_many_ways(one, other):
    first, second = (evidence.normalise("vat", text, country=country) for text, country in (one, other))
    assert first is not None
    assert first == second


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("vat", "0477472701"),  # no country
        ("vat", "none"),
        ("gln", "123"),
        ("npi", "12345678930"),
        ("registry", "1234"),  # no country
        ("email_domain", "someone@gmail.com"),
        ("email_domain", "nobody"),
        ("vat", "ＢＥ0477472701"),  # letters that only look like these
    ],
)
def test_what_cannot_be_compared_is_no_evidence(scheme, text):
    assert evidence.normalise(scheme, text) is None
    assert not evidence.overlap({scheme: text}, {scheme: text})


@pytest.mark.parametrize(("scheme", "text"), [("duns", "000000000"), ("vat", "BE0477472702"), ("npi", "3234567892")])
def test_what_was_never_given_out_is_no_evidence(scheme, text):
    assert evidence.normalise(scheme, text)
    assert not evidence.overlap({scheme: text}, {scheme: text})


def test_a_party_has_many_places_but_one_vat_number_per_country():
    gln = "4006381333931"
    other_gln = "400638133394" + str(evidence.gs1_check_digit("400638133394"))
    assert not evidence.contradictions({"gln": gln}, {"gln": other_gln})
    assert evidence.contradictions({"vat": "BE0477472701"}, {"vat": "BE0403019261"}) == ["vat"]
    assert not evidence.contradictions({"vat": "BE0477472701"}, {"vat": "DE136695976"})


def test_an_unknown_scheme_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="unknown scheme"):
        evidence.normalise("name", "Acme")


def test_weak_evidence_says_so():
    one, other = {"email_domain": "a@acme.example.org"}, {"email_domain": "b@acme.example.org"}
    assert [e.strong for e in evidence.overlap(one, other)] == [False]
