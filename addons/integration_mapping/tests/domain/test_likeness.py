from addons.integration_mapping.domain.likeness import alike, fold

NAMES = {
    "medline": fold("Medline Industries, Inc."),
    "bbraun": fold("B. Braun Melsungen AG"),
    "baxter": fold("Baxter Healthcare Corporation"),
}


def test_case_accents_and_legal_forms_say_nothing():
    assert fold("BRÄUN Medical S.A.") == fold("braun medical s a")
    assert fold("Sysmex GmbH & Co. KG") == fold("Sysmex")


def test_the_likest_comes_first():
    found = alike("MEDLINE INDUSTRIES INC", NAMES)
    assert found[0] == ("medline", 100)


def test_the_form_of_a_company_does_not_count():
    assert alike("Aurobindo Pharma Limited", {1: fold("AUROBINDO PHARMA LTD.")}) == [(1, 100)]
    assert alike("Aurobindo Pharma", {1: fold("Cipla")}) == []


def test_words_in_another_order_are_alike():
    assert [key for key, _score in alike("Melsungen, Braun B.", NAMES)] == ["bbraun"]


def test_what_is_not_alike_is_no_advice():
    assert alike("Zimmer Biomet", NAMES) == []


def test_a_name_without_words_is_no_question():
    assert alike("…", NAMES) == []
