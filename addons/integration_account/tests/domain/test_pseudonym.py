"""The name by which finance tells patients apart."""

import hashlib

from integration_account.domain import pseudonym


def test_it_is_the_beginning_of_the_hash():
    ref = hashlib.sha256(b"MRN-7").hexdigest()
    assert pseudonym.of(ref) == f"P-{ref[:4]}-{ref[4:8]}-{ref[8:12]}".upper()


def test_without_a_patient_there_is_none():
    assert pseudonym.of(None) is None
    assert pseudonym.of("") is None
