"""What a proposal says is read under one name each, and a bank number never gets through."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration_mapping.domain import attributes

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
IBAN = "BE68539007547034"


def read(**parts):
    return attributes.read({"id": "S-9", "name": "Acme Medical", "attributes": parts})


def test_an_address_may_be_an_object_or_flat():
    flat = read(street="Kerkstraat 1", postal_code="9000", country="BE")
    nested = read(address={"street": "Kerkstraat 1", "zip": "9000", "country_code": "BE"})
    assert (
        flat.told == nested.told == {"name": "Acme Medical", "street": "Kerkstraat 1", "zip": "9000", "country": "BE"}
    )


def test_what_is_not_known_is_kept_to_be_shown():
    proposed = read(rating="A", contact={"fax": "123"})
    assert proposed.other == {"rating": "A", "contact.fax": "123"}
    assert proposed.told == {"name": "Acme Medical"}


@patiently
@given(
    st.sampled_from(["iban", "IBAN", "bank_account", "account_number", "bank", "remit_account", "bank_no"]),
    st.lists(st.sampled_from(["bank", "payment", "accounts", "address"]), max_size=3),
    st.booleans(),
)
def test_a_bank_number_is_masked_wherever_it_stands(name, path, in_a_list):
    parts = {name: [IBAN] if in_a_list else IBAN}
    for one in path:
        parts = {one: parts}
    proposed = attributes.read({"id": "S-9", "name": "Acme", "attributes": parts})
    assert IBAN not in str((proposed.told, proposed.other, proposed.numbers))
    assert IBAN in proposed.bank


def test_silence_deletes_nothing_and_bank_accounts_are_nobodys_difference_here():
    assert (
        attributes.differences("supplier", {"bank_account": "•••• 7034"}, {"phone": "1", "vat": "BE0477472701"}) == {}
    )


def test_spellings_of_the_same_are_no_difference():
    told = {"vat": "0477.472.701", "country": "BE", "phone": "+32 (9) 123", "city": "GHENT", "website": "http://a.be/"}
    present = {"vat": "BE0477472701", "country": "be", "phone": "+329123", "city": "Ghent", "website": "https://a.be"}
    assert attributes.differences("supplier", told, present) == {}


def test_a_revision_is_a_number_or_nothing():
    assert read(revision=7).revision == 7
    assert read(revision="seven").revision is None


def test_what_no_system_may_own_is_not_applied():
    assert "bank_account" in attributes.NEVER_A_SYSTEMS
    assert set(attributes.SENSITIVE) <= set(attributes.FIELDS)
    assert all(set(names) <= set(attributes.FIELDS) for names in attributes.OF_KIND.values())
