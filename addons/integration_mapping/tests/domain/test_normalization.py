import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.integration_mapping.domain import normalization

NAMES = sorted(normalization.NORMALIZATIONS)


@given(st.sampled_from(NAMES), st.text(min_size=1, max_size=30))
def test_a_key_is_its_own_key_and_never_empty(name, code):
    key = normalization.key(name, code)
    assert key
    assert normalization.key(name, key) == key


@given(st.text(max_size=30))
def test_exact_is_byte_for_byte(code):
    assert normalization.key("exact", code) == code


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("trim", " A1\u00a0", "A1", True),
        ("trim", "a1", "A1", False),
        ("upper", "a1 ", "A1", True),
        ("upper", "a-1", "A1", False),
        ("upper", "ä", "Ä", False),
        ("compact", "a-1.2/3", "A123", True),
        ("compact", "012", "12", False),
        ("zeros", "000-12", "12", True),
        ("zeros", "120", "12", False),
        ("ndc", "0002-7597-01", "00002759701", True),
        ("ndc", "50242-040-62", "50242004062", True),
        ("ndc", "60575-4112-1", "60575-4112-01", True),
        ("ndc", "0002759701", "00002759701", False),
        ("ndc", "0002-7597-01", "00027-597-01", False),
    ],
)
def test_what_counts_as_the_same_code(name, one, other, same):
    assert (normalization.key(name, one) == normalization.key(name, other)) is same


def test_ten_digits_without_dashes_are_not_guessed():
    assert normalization.key("ndc", "0002759701") == "0002759701"


def test_an_unknown_normalisation_is_an_error():
    with pytest.raises(KeyError):
        normalization.key("soundex", "A")
