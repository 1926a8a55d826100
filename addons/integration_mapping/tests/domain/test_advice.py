from hypothesis import given
from hypothesis import strategies as st

from addons.integration_mapping.domain.advice import Evidence, Weight, rank

evidence = st.builds(Evidence, st.sampled_from(Weight), st.just("because"), st.integers(0, 100))


@given(st.lists(st.tuples(st.integers(0, 5), evidence), max_size=20))
def test_the_strongest_evidence_leads(found):
    advices = rank(found, limit=10)
    strongest = [one.evidence[0].weight for one in advices]
    assert strongest == sorted(strongest, reverse=True)
    assert {one.candidate for one in advices} == {candidate for candidate, _evidence in found}
    assert sum(len(one.evidence) for one in advices) == len({(key, told.weight) for key, told in found})
    for one in advices:
        best = {told.weight: told.likeness for told in one.evidence}
        assert all(best[told.weight] >= told.likeness for key, told in found if key == one.candidate)


def test_a_like_name_never_beats_an_identical_identifier():
    found = [("namesake", Evidence(Weight.ALIKE, "", 100)), ("same", Evidence(Weight.IDENTIFIER, ""))]
    assert [one.candidate for one in rank(found)] == ["same", "namesake"]


def test_no_more_than_asked_for():
    assert len(rank([(number, Evidence(Weight.ALIKE, "")) for number in range(9)], limit=3)) == 3
