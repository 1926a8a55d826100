"""Who is cleared for a class of data is cleared for those before it, and for none after it."""

import itertools

from integration_core.domain import catalogue
from integration_core.domain.clearance import Clearance, classify


def test_the_classes_are_ordered():
    classes = [Clearance.PUBLIC, Clearance.INTERNAL, Clearance.FINANCE, Clearance.PATIENT]
    for (low_at, low), (high_at, high) in itertools.product(enumerate(classes), repeat=2):
        assert high.covers(low) is (high_at >= low_at)


def test_the_class_follows_from_the_data():
    assert classify(patient_data=True, finance_data=True) is Clearance.PATIENT
    assert classify(patient_data=True, finance_data=False) is Clearance.PATIENT
    assert classify(patient_data=False, finance_data=True) is Clearance.FINANCE
    assert classify(patient_data=False, finance_data=False) is Clearance.INTERNAL


def test_no_type_of_the_catalogue_that_names_a_patient_is_less_than_that():
    for entry in catalogue.entries():
        if "patient" in str(catalogue.schema(entry.type).get("properties", {})):
            assert classify(patient_data=entry.patient_data, finance_data=entry.finance_data) is Clearance.PATIENT
