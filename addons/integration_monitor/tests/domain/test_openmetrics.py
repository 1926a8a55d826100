"""The text of metrics, judged by Prometheus's own readers of it."""

import math
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration_monitor.domain import families, openmetrics, tokens
from integration_monitor.domain.openmetrics import Definition, Family, Format, Kind, chosen
from prometheus_client import openmetrics as reference
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6).filter(lambda name: name not in ("le", "quantile"))
NUMBERS = st.one_of(st.integers(0, 2**53), st.floats(allow_nan=False, min_value=0), st.just(math.inf))
BOUNDS = (0.001, 1.0, 60.0)


@st.composite
def some_families(draw):
    found = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(list(Kind)))
        labels = tuple(draw(st.lists(NAMES, unique=True, max_size=3)))
        bounds = BOUNDS if kind is Kind.HISTOGRAM else ()
        text = draw(TEXTS.map(lambda text: text if text.strip() else "x"))  # nothing but blanks reads as no text
        family = Family(Definition(f"some_{number}_seconds", kind, text, labels, _unit(kind), bounds))
        for key in draw(st.lists(st.tuples(*[TEXTS] * len(labels)), unique=True, max_size=4)):
            _fill(draw, family, key)
        found.append(family)
    return found


def _unit(kind: Kind) -> str:
    return "" if kind is Kind.INFO else "seconds"


def _fill(draw, family: Family, key: tuple[str, ...]) -> None:
    if family.definition.kind is Kind.HISTOGRAM:
        for bucket in draw(st.lists(st.integers(0, len(BOUNDS)), min_size=1, max_size=5)):
            family.observe(key, bucket, draw(st.integers(0, 1000)), draw(st.floats(0, 1e6)))
    else:
        family.add(key, 1 if family.definition.kind is Kind.INFO else draw(NUMBERS))


def expected(told: list[Family]) -> list[tuple[str, dict[str, str], float]]:
    """Return every sample as (name, labels, value), written down a second time and otherwise."""
    rows = []
    for family in told:
        told_of = family.definition
        for key, value in family.samples.items():
            rows.append((told_of.shown, dict(zip(told_of.labels, key, strict=True)), float(value)))
        for key, histogram in family.histograms.items():
            labels, name = dict(zip(told_of.labels, key, strict=True)), told_of.name
            for number, bound in enumerate([*(str(one) for one in told_of.bounds), "+Inf"]):
                rows.append((f"{name}_bucket", {**labels, "le": bound}, float(sum(histogram.counts[: number + 1]))))
            rows.append((f"{name}_count", labels, float(sum(histogram.counts))))
            rows.append((f"{name}_sum", labels, float(histogram.total)))
    return sorted(rows, key=repr)


def read(read_as, text: bytes) -> list[tuple[str, dict[str, str], float]]:
    found = [sample for family in read_as(text.decode()) for sample in family.samples]
    return sorted(((one.name, dict(one.labels), float(one.value)) for one in found), key=repr)


@given(some_families())
def test_openmetrics_is_read_as_it_was_meant(told):
    text = openmetrics.write(told, Format.OPENMETRICS)
    assert read(read_openmetrics, text) == expected(told)
    kinds = {
        family.name: (family.type, family.unit, family.documentation) for family in read_openmetrics(text.decode())
    }
    for family in told:
        told_of = family.definition
        assert kinds[told_of.name] == (told_of.kind.value, told_of.unit, told_of.text)


@given(some_families())
def test_the_older_format_is_read_as_it_was_meant(told):
    # The reference's reader of this format takes other line ends than \n for line ends; Prometheus itself does not.
    text = openmetrics.write(told, Format.PROMETHEUS)
    if any(character in text.decode() for character in "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"):
        return
    assert read(read_prometheus, text) == expected(told)


def test_a_text_of_each_kind():
    told = families.empty()
    told["received_units"].add(("ehr", "accepted"), 3)
    told["parked_amount"].add(('a"b\\c\nd', "USD"), 12.5)
    text = openmetrics.write(told.values(), Format.OPENMETRICS).decode()
    assert "# TYPE odoo_integration_received_units counter\n" in text
    assert 'odoo_integration_received_units_total{system="ehr",outcome="accepted"} 3\n' in text
    assert r'odoo_integration_parked_amount{system="a\"b\\c\nd",currency="USD"} 12.5' in text
    assert "# UNIT odoo_integration_silence_seconds seconds\n" in text
    assert text.endswith("# EOF\n")
    older = openmetrics.write(told.values(), Format.PROMETHEUS).decode()
    assert "# TYPE odoo_integration_received_units_total counter\n" in older
    assert "# TYPE odoo_integration_build_info gauge\n" in older
    assert older.endswith("# EOF\n")


def test_the_page_for_operators_tells_of_every_family():
    page = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `odoo_integration_")]
    assert rows == [
        f"| `{told.shown}` | {told.kind.value} | {', '.join(f'`{name}`' for name in told.labels)} | {told.text} |"
        for told in families.DEFINITIONS
    ]


def test_what_has_one_name_is_one_series():
    family = Family(Definition("a", Kind.GAUGE, "A.", ("x",)))
    family.add(("1",), 2)
    family.add(("1",), 3)
    assert family.samples == {("1",): 5}
    family.put(("1",), 4)
    family.put(("1",), 9)
    assert family.samples == {("1",): 9}


@pytest.mark.parametrize(
    "values",
    [
        {"name": "a_total"},
        {"name": "a-b"},
        {"name": "a", "unit": "seconds"},
        {"name": "a", "text": ""},
        {"name": "a", "labels": ("x", "x")},
        {"name": "a", "labels": ("le",)},
        {"name": "a", "labels": ("__x",)},
        {"name": "a", "bounds": (2.0, 1.0)},
    ],
)
def test_definitions_that_break_a_rule_are_refused(values):
    with pytest.raises(ValueError, match="a"):
        Definition(**{"kind": Kind.GAUGE, "text": "A.", **values})


def test_wrong_labels_buckets_and_doubles_are_refused():
    family = Family(Definition("a", Kind.HISTOGRAM, "A.", ("x",), bounds=(1.0,)))
    with pytest.raises(ValueError, match="labels"):
        family.observe((), 0, 1, 1)
    with pytest.raises(ValueError, match="buckets"):
        family.observe(("1",), 2, 1, 1)
    with pytest.raises(ValueError, match="twice"):
        openmetrics.write([family, family], Format.PROMETHEUS)


NEW, OLD = Format.OPENMETRICS, Format.PROMETHEUS
ACCEPTED = [
    (None, OLD),
    ("", OLD),
    ("*/*", OLD),
    ("text/plain;version=0.0.4", OLD),
    ("application/openmetrics-text", NEW),
    ("application/openmetrics-text; version=1.0.0; charset=utf-8", NEW),
    ('APPLICATION/openmetrics-text; version="1.0.0"', NEW),
    ("application/openmetrics-text;version=0.0.1", OLD),
    ("application/openmetrics-text;q=0", OLD),
    ("application/openmetrics-text;q=0.4,text/plain;q=0.5", OLD),
    ("application/openmetrics-text;q=0.5,text/plain;q=0.5", NEW),
    ("application/openmetrics-text;q=many", OLD),
    # As Prometheus 2.42 and 3 ask.
    (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        NEW,
    ),
    (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        NEW,
    ),
]


@pytest.mark.parametrize(("accept", "form"), ACCEPTED)
def test_the_format_is_the_one_asked_for(accept, form):
    assert chosen(accept) is form


@given(st.text())
def test_whatever_is_asked_gets_a_format(accept):
    assert chosen(accept) in Format


def test_the_content_types_are_those_that_the_reference_names():
    assert NEW.value == reference.exposition.CONTENT_TYPE_LATEST
    assert OLD.value.startswith("text/plain; version=0.0.4")


# -- tokens


def test_a_token_fits_its_own_hash_alone():
    one, other, salt = tokens.make(), tokens.make(), tokens.salt()
    kept = [(salt, tokens.digest(one, salt))]
    assert tokens.fits(one, kept)
    assert not tokens.fits(other, kept)
    assert not tokens.fits(one, [(tokens.salt(), kept[0][1])])
    assert not tokens.fits(one, [])
    assert one not in kept[0][1]


def test_every_hash_is_compared(monkeypatch):
    compared = []
    genuine = tokens.hmac.compare_digest
    monkeypatch.setattr(tokens.hmac, "compare_digest", lambda a, b: compared.append(b) or genuine(a, b))
    token, salt = tokens.make(), tokens.salt()
    kept = [(salt, tokens.digest(token, salt)), (salt, "0"), (salt, "1")]
    assert tokens.fits(token, kept)
    assert len(compared) == 3


TOKEN = "oim_" + "a" * 43


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_a_token_is_found_in_its_header(header):
    assert tokens.presented(header) == TOKEN


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer ö" * 9,
    ],
)
def test_everything_else_is_none(header):
    assert tokens.presented(header) is None


@given(st.text())
def test_no_header_is_an_error(header):
    assert tokens.presented(header) is None
