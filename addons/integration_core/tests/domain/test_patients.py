"""Whom a content is about: its own word first, then its encounter, else nobody knows."""

import json

import pytest

from integration_core.domain.patients import UNREADABLE, About, Seen, about, numbers, read, seen


def hashed(number: str) -> str:
    return f"<{number}>"


def body(data: object) -> bytes:
    return json.dumps({"specversion": "1.0", "data": data}).encode()


@pytest.mark.parametrize(
    ("data", "patients", "encounter"),
    [
        ({"patient": {"id": "7"}, "encounter": "E"}, {"<7>"}, "E"),
        ({"patient": {"id": "7"}, "merged_into": "9"}, {"<7>", "<9>"}, None),
        ({"encounter": "E"}, set(), "E"),
        ({"patient": {"id": 7}, "encounter": 3, "merged_into": None}, set(), None),
        ({"patient": "7"}, set(), None),
        ({}, set(), None),
    ],
)
def test_what_a_content_says(data, patients, encounter):
    assert read(body(data), hashed) == Seen(frozenset(patients), encounter, readable=True)


@pytest.mark.parametrize("raw", [None, b"", b"{", b"[]", b'"x"', b"{}", body([1]), body(None), b"\xff"])
def test_what_is_no_event_is_unreadable(raw):
    assert read(raw, hashed) == UNREADABLE


def test_its_own_word_goes_before_its_encounter():
    mine = seen({"patient": {"id": "7"}, "encounter": "E"}, hashed)
    assert about(mine, ["<7>"], {"E": "<8>"}) is About.YES
    assert about(mine, ["<8>"], {"E": "<8>"}) is About.NO


def test_an_encounter_tells_where_no_number_does():
    message = Seen(encounter="E", readable=True)
    assert about(message, ["<7>"], {"E": "<7>"}) is About.YES
    assert about(message, ["<7>"], {"E": "<8>"}) is About.NO
    assert about(message, ["<7>"], {"F": "<7>"}) is About.UNKNOWN


def test_what_names_nobody_is_about_nobody_and_what_is_gone_is_not_known():
    assert about(Seen(readable=True), ["<7>"], {}) is About.NO
    assert about(UNREADABLE, ["<7>"], {}) is About.UNKNOWN
    assert about(Seen(encounter="E"), ["<7>"], {"E": "<7>"}) is About.YES


def test_numbers_are_one_a_line():
    assert numbers(" MRN-1 \n\nMRN 2\r\nMRN-1\n") == ["MRN-1", "MRN 2"]
    assert numbers(None) == []
