"""Structured fields: what is read, what is refused, and that another implementation reads the same."""

import contextlib
from decimal import Decimal

import http_sf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_core.domain.profiles.structured_fields import (
    FieldError,
    InnerList,
    Item,
    Token,
    parse_dictionary,
    serialize_inner_list,
    serialize_item,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a", {"a": Item(True)}),
        ("a=1", {"a": Item(1)}),
        ("a=-15", {"a": Item(-15)}),
        ("a=1.5", {"a": Item(Decimal("1.5"))}),
        ("a=?0", {"a": Item(False)}),
        ('a="x\\"\\\\y"', {"a": Item('x"\\y')}),
        ("a=tok/en", {"a": Item(Token("tok/en"))}),
        ("a=:aGk=:", {"a": Item(b"hi")}),
        ("a=::", {"a": Item(b"")}),
        ("a=1;p=2;q, b", {"a": Item(1, {"p": 2, "q": True}), "b": Item(True)}),
        ("a;p=2", {"a": Item(True, {"p": 2})}),
        ("a=( )", {"a": InnerList(())}),
        ('a=("x"  "y";k=1);z=?1', {"a": InnerList((Item("x"), Item("y", {"k": 1})), {"z": True})}),
        ("a=1 \t,\t b=2", {"a": Item(1), "b": Item(2)}),
        ("  a=1  ", {"a": Item(1)}),
        ("*a_.-*=1", {"*a_.-*": Item(1)}),
    ],
)
def test_what_is_read(text, expected):
    assert parse_dictionary(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a=",
        "A=1",
        "1=a",
        "a=1,",
        "a=1,,b=2",
        ",a",
        "a=1 b=2",
        "a = 1",
        "a=1, a=2",  # the last one would win
        "a;p=1;p=2",
        'a="x',
        'a="x\\n"',
        'a="ü"',
        'a="\n"',
        "a=('x')",
        'a=("x""y")',
        'a=("x"',
        "a=:aGk:",
        "a=:aGl=:",  # a second spelling of the same bytes
        "a=:a Gk=:",
        "a=:aGk=",
        "a=1.",
        "a=1.2345",
        "a=1234567890123456",
        "a=1234567890123.1",
        "a=--1",
        "a=-",
        "a=1.2.3",
        "a=?2",
        "a=?",
        "a=@1659578233",
        "\ta=1",
        "a=1\n",
        "a=٣",
        "a=(" + "1 " * 65 + ")",
        ",".join(f"k{number}" for number in range(65)),
        "a=" + "1" * 9000,
    ],
)
def test_what_is_refused(text):
    with pytest.raises(FieldError) as error:
        parse_dictionary(text)
    assert text[:20] not in str(error.value) or len(text) < 3


KEYS = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True)
BARE = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.decimals(-(10**12) + 1, 10**12 - 1, places=3, allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    st.binary(max_size=12),
    st.booleans(),
    st.from_regex(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,8}", fullmatch=True).map(Token),
)
PARAMETERS = st.dictionaries(KEYS, BARE, max_size=3)
ITEMS = st.builds(Item, BARE, PARAMETERS)
INNER_LISTS = st.builds(InnerList, st.lists(ITEMS, max_size=4).map(tuple), PARAMETERS)


@given(st.dictionaries(KEYS, st.one_of(ITEMS, INNER_LISTS), max_size=4))
def test_what_is_written_is_read_again(members):
    assert parse_dictionary(", ".join(f"{key}={written(member)}" for key, member in members.items())) == members


def written(member):
    return serialize_inner_list(member) if isinstance(member, InnerList) else serialize_item(member)


def assert_canonical(key, member, theirs):
    """What we write of a member is what another implementation writes of it; a bare True may be left out."""
    ours = written(member)
    assert http_sf.ser({key: theirs}) in (f"{key}={ours}", f"{key}{ours.removeprefix('?1')}")


@given(KEYS, st.one_of(ITEMS, INNER_LISTS))
def test_what_we_write_is_canonical_for_another_implementation(key, member):
    text = f"{key}={written(member)}"
    assert_canonical(key, member, http_sf.parse(text.encode(), tltype="dictionary")[key])


@settings(max_examples=400)
@given(st.text(st.sampled_from('ab*=;,()":?10.- \\\t\x00é'), max_size=30))
def test_nothing_but_a_field_error_escapes_and_what_we_read_others_read(text):
    try:
        found = parse_dictionary(text)
    except FieldError:
        return
    theirs = http_sf.parse(text.strip(" ").encode(), tltype="dictionary")
    assert list(theirs) == list(found)
    for key, member in found.items():
        assert_canonical(key, member, theirs[key])


@given(st.text(max_size=40))
def test_any_text(text):
    with contextlib.suppress(FieldError):
        parse_dictionary(text)
