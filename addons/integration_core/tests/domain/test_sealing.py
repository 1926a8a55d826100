"""Seals of the audit trail: any change of any row, seal or certificate is found and named."""

import dataclasses
import hashlib
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_core.domain import sealing, trail
from integration_core.domain.sealing import Row, Seal

NOON = datetime(2026, 11, 27, 12, 0, 0)
LATER = NOON + timedelta(days=4000)


def row(number, company=1, **values):
    about = ("system.change", "integration.system", 3, "EMR")
    return Row(number, NOON, 7, "Ada", company, "Clinic", *about, None, "a → b")._replace(**values)


def sealed(rows, company=1, batch=3):
    """Seal rows in the order in which they are given, ``batch`` at a time; return [(seal, its rows)]."""
    made, newest = [], None
    for start in range(0, len(rows), batch):
        part = sorted(rows[start : start + batch], key=lambda one: one.id)
        newest = sealing.seal(company, [one.id for one in part], part, after=newest, sealed_at=NOON)
        made.append((newest, part))
    return made


def judged(batches, *, rows=None, waiting=(), company=1, certificates=(), anchors=(), told=()):
    """Return (report, findings) of one chain."""
    judge = trail.Judge(anchors=anchors, certificates={company: list(certificates)}, told=told)
    found = list(judge.chain(company, batches))
    every = rows if rows is not None else [one for _seal, part in batches for one in part]
    seen = [trail.Seen(one.id, one.company_id, one.at, one.action) for one in sorted(every, key=lambda one: one.id)]
    found += judge.rest(seen, [trail.Waiting(one, company) for one in sorted(waiting)])
    return judge.report, found


def codes(found):
    return [one.code for one in found]


def with_row(batches, number, **values):
    """Return the batches with one row changed in the table."""
    return [(one, [r._replace(**values) if r.id == number else r for r in part]) for one, part in batches]


def without_row(batches, number):
    return [(one, [r for r in part if r.id != number]) for one, part in batches]


def test_the_canonical_bytes_are_those_of_the_page():
    """``docs/audit.md`` gives them as an example: whoever verifies without Odoo goes by it."""
    one = row(1, reason="é", detail=None)
    expected = (
        "23:integration.audit.row.1,1:1,27:2026-11-27T12:00:00.000000Z,1:7,3:Ada,1:1,6:Clinic,"
        "13:system.change,18:integration.system,1:3,3:EMR,2:é,-,"
    ).encode()
    assert sealing.canonical(sealing.ROW_TAG, one) == expected
    assert sealing.leaf(one) == hashlib.sha256(expected).digest()


texts = st.one_of(st.none(), st.text(max_size=8))
numbers = st.one_of(st.none(), st.integers(min_value=-5, max_value=9_999))
values = st.lists(st.one_of(texts, numbers), min_size=1, max_size=5)


@given(values, values)
def test_different_values_have_different_bytes(one, other):
    # A number and its text are the same to a reader of an export.
    same = [None if value is None else str(value) for value in one] == [
        None if value is None else str(value) for value in other
    ]
    assert (sealing.canonical("t", one) == sealing.canonical("t", other)) == same


@given(st.sets(st.integers(min_value=1, max_value=300)))
def test_ids_are_written_and_read(ids):
    assert sealing.unpack(sealing.pack(sorted(ids))) == sorted(ids)


@pytest.mark.parametrize("text", ["3-1", "1,1", "2,1", "1-3,3", "0", "x", "1-", "-1"])
def test_ids_that_nothing_wrote_are_refused(text):
    with pytest.raises(ValueError, match=r"These (are no ids|ids do not ascend)"):
        sealing.unpack(text)


def test_descending_ids_are_refused():
    with pytest.raises(ValueError, match="do not ascend"):
        sealing.pack([2, 1])


def test_a_sound_trail_is_sound():
    report, found = judged(sealed([row(one) for one in range(1, 8)]), waiting=[])
    assert found == []
    chain = report.of(1)
    assert (report.is_sound, chain.rows, chain.sealed, chain.seals, chain.unsealed) == (True, 7, 7, 3, 0)


def test_late_commits_with_lower_ids_are_sound():
    """Row 2 was committed after rows 3 to 7 had been sealed."""
    rows = [row(one) for one in (1, 3, 4, 5, 6, 7, 2)]
    assert judged(sealed(rows))[1] == []


def test_what_waits_is_counted_with_its_age():
    batches = sealed([row(1), row(2), row(3)])
    young = [row(4, at=NOON + timedelta(hours=1)), row(5, at=NOON + timedelta(minutes=1))]
    report, found = judged(batches, rows=[*batches[0][1], *young], waiting=[4, 5])
    assert found == []
    assert (report.of(1).unsealed, report.of(1).unsealed_since) == (2, NOON + timedelta(minutes=1))


CHANGES = [
    {"at": NOON + timedelta(microseconds=1)},
    {"user_id": 8},
    {"user_id": None},
    {"user_name": "Bob"},
    {"company_id": 2},
    {"company_name": ""},
    {"action": "system.chance"},
    {"res_model": None},
    {"res_id": 0},
    {"res_name": "EMR "},
    {"reason": ""},
    {"detail": "a → c"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_change_of_any_column_is_found(change):
    batches = with_row(sealed([row(one) for one in range(1, 8)]), 5, **change)
    _report, found = judged(batches)
    assert [(one.code, one.row, one.seal) for one in found] == [("row_changed", 5, 2)]
    assert "Row 5" in found[0].text()
    assert str(batches[1][1][1].at) in found[0].text()


def test_every_column_is_tried():
    assert {name for change in CHANGES for name in change} == set(sealing.COLUMNS) - {"id"}


def test_a_deleted_row_is_named():
    _report, found = judged(without_row(sealed([row(one) for one in range(1, 8)]), 4))
    assert [(one.code, one.row, one.seal) for one in found] == [("row_deleted", 4, 2)]


def test_exchanged_rows_are_told_as_that():
    batches = sealed([row(one, detail=f"d{one}") for one in range(1, 8)])
    batches = with_row(with_row(batches, 2, detail="d6"), 6, detail="d2")
    _report, found = judged(batches)
    assert sorted(codes(found)) == ["row_changed", "row_changed", "rows_exchanged"]
    assert (found[-1].row, found[-1].other) == (2, 6)


def test_a_row_behind_the_trigger_is_found():
    batches = sealed([row(one) for one in range(1, 4)])
    _report, found = judged(batches, rows=[*batches[0][1], row(9)], waiting=[])
    assert [(one.code, one.row) for one in found] == [("row_stray", 9)]


def test_a_row_that_vanished_before_it_was_sealed_is_named_for_good():
    made = sealing.seal(1, [1, 2, 3], [row(1), row(3)], after=None, sealed_at=NOON)
    _report, found = judged([(made, [row(1), row(3)])])
    assert [(one.code, one.row) for one in found] == [("row_lost", 2)]
    _report, found = judged([(made, [row(1), row(2), row(3)])])
    assert [(one.code, one.row) for one in found] == [("row_changed", 2)], "putting it back does not help"


def test_a_row_that_vanished_while_it_waited_is_named():
    batches = sealed([row(1)])
    _report, found = judged(batches, waiting=[1, 2])
    assert [(one.code, one.row) for one in found] == [("row_again", 1), ("row_lost_waiting", 2)]


def test_a_removed_seal_is_found():
    batches = sealed([row(one) for one in range(1, 10)])
    _report, found = judged([batches[0], batches[2]], rows=[one for _seal, part in batches for one in part])
    assert (found[0].code, found[0].first, found[0].last) == ("seal_missing", 2, 2)
    assert codes(found)[1:] == ["row_stray"] * 3


def test_exchanged_seals_are_found():
    batches = sealed([row(one) for one in range(1, 10)])
    swapped = [
        batches[0],
        (dataclasses.replace(batches[2][0], number=2), batches[2][1]),
        (dataclasses.replace(batches[1][0], number=3), batches[1][1]),
    ]
    _report, found = judged(swapped)
    assert {"seal_order", "seal_changed"} == set(codes(found))


def test_a_repeated_seal_is_found():
    batches = sealed([row(one) for one in range(1, 7)])
    _report, found = judged([batches[0], batches[1], batches[1]])
    assert "seal_repeated" in codes(found)


SEAL_CHANGES = [
    {"company": 2},
    {"number": 3},
    {"ids": "4-5,7"},
    {"count": 2},
    {"first_at": None},
    {"last_at": LATER},
    {"leaves_digest": "0" * 64},
    {"previous": "0" * 64},
    {"sealed_at": LATER},
    {"digest": "0" * 64},
    {"leaves": bytes(96)},
    {"certificate": 1},
]


@pytest.mark.parametrize("change", SEAL_CHANGES, ids=lambda change: next(iter(change)))
def test_a_change_of_anything_in_a_seal_is_found(change):
    batches = sealed([row(one) for one in range(1, 10)])
    batches[1] = (dataclasses.replace(batches[1][0], **change), batches[1][1])
    report, found = judged(batches, rows=[row(one) for one in range(1, 10)])
    assert found
    assert not report.is_sound


def test_every_part_of_a_seal_is_tried():
    assert {name for change in SEAL_CHANGES for name in change} == set(Seal.__dataclass_fields__)


def test_a_seal_forged_over_a_changed_row_breaks_the_chain():
    batches = sealed([row(one) for one in range(1, 10)])
    forged_rows = [one._replace(detail="forged") if one.id == 5 else one for one in batches[1][1]]
    forged = sealing.seal(1, [4, 5, 6], forged_rows, after=batches[0][0], sealed_at=NOON)
    _report, found = judged([batches[0], (forged, forged_rows), batches[2]])
    assert [(one.code, one.seal) for one in found] == [("seal_order", 3)]


def test_a_leaf_forged_with_its_row_is_found():
    batches = sealed([row(one) for one in range(1, 7)])
    one, part = batches[1]
    forged = part[1]._replace(detail="forged")
    leaves = one.leaves[:32] + sealing.leaf(forged) + one.leaves[64:]
    batches[1] = (dataclasses.replace(one, leaves=leaves), [part[0], forged, part[2]])
    _report, found = judged(batches)
    assert [(one.code, one.seal) for one in found] == [("leaves_changed", 2)]


def test_a_chain_that_was_made_anew_from_there_on_is_told_by_an_anchor_alone():
    honest = sealed([row(one) for one in range(1, 10)])
    anchor = sealing.anchor_of(honest[2][0])
    anew = sealed([row(one, detail="forged") if one == 5 else row(one) for one in range(1, 10)])
    assert judged(anew)[1] == []
    _report, found = judged(anew, anchors=[anchor])
    assert codes(found) == ["anchor_differs"]
    assert judged(honest, anchors=[anchor])[1] == []


def test_an_anchor_tells_of_a_tail_that_was_cut_off():
    honest = sealed([row(one) for one in range(1, 10)])
    anchor = sealing.anchor_of(honest[2][0])
    assert codes(judged(honest[:2], anchors=[anchor])[1]) == ["anchor_missing"]
    other = dataclasses.replace(anchor, company=5)
    assert codes(judged(honest, anchors=[other])[1]) == ["anchor_missing"], "of a chain that is gone altogether"


def test_anchors_are_written_and_read():
    honest = sealed([row(1)]) + sealed([row(2, company=None)], company=None)
    anchors = [sealing.anchor_of(one) for one, _rows in honest]
    text = "# kept by the auditor\n\n" + "\n".join(one.text() for one in anchors)
    assert sealing.read_anchors(text) == anchors
    for bad in ("1 2", "1 2 zz x", "x 1 " + "0" * 64 + " t", "1 1 00 t"):
        with pytest.raises(ValueError, match="Line 1"):
            sealing.read_anchors(bad)


def test_a_row_in_two_seals_is_found():
    first = sealing.seal(1, [1, 2], [row(1), row(2)], after=None, sealed_at=NOON)
    second = sealing.seal(1, [2, 3], [row(2), row(3)], after=first, sealed_at=NOON)
    _report, found = judged([(first, [row(1), row(2)]), (second, [row(2), row(3)])], rows=[row(1), row(2), row(3)])
    assert [(one.code, one.row) for one in found] == [("row_twice", 2)]


# -- removal ----------------------------------------------------------------------------------------------------------


def removed(batches, count, *, days=3650, at=LATER, after=None):
    """Remove the rows of the first seals; return (batches, certificate)."""
    paper = sealing.certify([one for one, _rows in batches[:count]], after=after, days=days, removed_at=at)
    gone = [
        (dataclasses.replace(one, leaves=None, certificate=paper.number), []) for one, _rows in batches[:count]
    ]
    return [*gone, *batches[count:]], paper


def test_a_removed_prefix_is_accepted_and_counted():
    batches, paper = removed(sealed([row(one) for one in range(1, 10)]), 2)
    report, found = judged(batches, certificates=[paper], told=[paper.digest])
    assert found == []
    chain = report.of(1)
    assert (chain.removed, chain.removed_seals, chain.rows, chain.seals) == (6, 2, 3, 3)


def test_a_removal_needs_its_certificate_and_the_trail_must_tell_of_it():
    batches, paper = removed(sealed([row(one) for one in range(1, 10)]), 2)
    assert codes(judged(batches)[1]) == ["removal_unproved"] * 2
    assert codes(judged(batches, certificates=[paper])[1]) == ["certificate_untold"]


def test_a_removal_before_its_time_is_found():
    batches, paper = removed(sealed([row(one) for one in range(1, 10)]), 2, at=NOON + timedelta(days=3649))
    found = judged(batches, certificates=[paper], told=[paper.digest])[1]
    assert codes(found) == ["certificate_early"]


def test_a_removal_out_of_the_middle_is_found():
    batches = sealed([row(one) for one in range(1, 10)])
    paper = sealing.certify([batches[1][0]], after=None, days=3650, removed_at=LATER)
    batches[1] = (dataclasses.replace(batches[1][0], leaves=None, certificate=1), [])
    assert codes(judged(batches, certificates=[paper], told=[paper.digest])[1]) == ["removal_gap"]


def test_a_row_that_came_back_is_found():
    batches, paper = removed(sealed([row(one) for one in range(1, 10)]), 1)
    batches[0] = (batches[0][0], [row(2)])
    found = judged(batches, certificates=[paper], told=[paper.digest])[1]
    assert [(one.code, one.row) for one in found] == [("row_back", 2)]


@pytest.mark.parametrize(
    "change",
    [
        {"company": 2}, {"number": 2}, {"first_seal": 2}, {"last_seal": 1}, {"count": 5}, {"ids": "1-5"},
        {"first_at": None}, {"last_at": None}, {"seal_digest": "0" * 64}, {"days": 1}, {"removed_at": NOON},
        {"previous": "1" * 64}, {"digest": "1" * 64},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_change_of_anything_in_a_certificate_is_found(change):
    batches, paper = removed(sealed([row(one) for one in range(1, 10)]), 2)
    wrong = dataclasses.replace(paper, **change)
    assert "certificate_changed" in codes(judged(batches, certificates=[wrong], told=[wrong.digest])[1])


def test_a_certificate_of_a_chain_of_two_cannot_be_left_out():
    batches, first = removed(sealed([row(one) for one in range(1, 10)]), 1)
    second = sealing.certify([batches[1][0]], after=first, days=3650, removed_at=LATER)
    batches[1] = (dataclasses.replace(batches[1][0], leaves=None, certificate=2), [])
    told = [first.digest, second.digest]
    assert judged(batches, certificates=[first, second], told=told)[1] == []
    assert set(codes(judged(batches, certificates=[second], told=told)[1])) == {
        "certificate_missing",
        "removal_unproved",
    }


def test_only_whole_prefixes_are_removable():
    made = [
        one for one, _rows in sealed([row(one, at=NOON + timedelta(days=one)) for one in range(1, 10)])
    ]

    def numbers(day, rows=100):
        return [one.number for one in sealing.removable(made, cutoff=NOON + timedelta(days=day), rows=rows)]

    assert numbers(3) == []
    assert numbers(4) == [1]
    assert numbers(7) == [1, 2]
    assert numbers(99) == [1, 2, 3]
    assert numbers(99, rows=6) == [1, 2]
    assert numbers(99, rows=1) == [1], "one seal always"


# -- properties -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(range(1, 13)),
    batch=st.integers(1, 5),
    data=st.data(),
)
def test_any_one_tampering_is_found(order, batch, data):
    """Whatever is done to one row of a trail that was sealed in any order, it is told, by its id."""
    batches = sealed([row(one, detail=f"d{one}") for one in order], batch=batch)
    assert judged(batches)[1] == []
    victim = data.draw(st.integers(1, 12))
    deed = data.draw(st.sampled_from(["change", "delete", "exchange"]))
    if deed == "change":
        tampered = with_row(batches, victim, detail=data.draw(st.text(max_size=5).filter(lambda t: t != f"d{victim}")))
    elif deed == "delete":
        tampered = without_row(batches, victim)
    else:
        other = victim % 12 + 1
        tampered = with_row(with_row(batches, victim, detail=f"d{other}"), other, detail=f"d{victim}")
    _report, found = judged(tampered)
    assert victim in {one.row for one in found} | {one.other for one in found}


@given(st.sets(st.integers(1, 1 << 20), max_size=50), st.integers(1, 1 << 20))
def test_marks_are_a_set(ids, probe):
    marks = trail.Marks()
    assert all(marks.add(one) for one in ids)
    assert not any(marks.add(one) for one in ids)
    assert (probe in marks) == (probe in ids)


def test_every_finding_has_words():
    for code, text in trail.TEXTS.items():
        assert trail.Finding(code).text() != text or "%" not in text
