"""Patterns that could hold a worker for minutes are refused; those that people need are not."""

import pytest

from integration_core.domain import patterns


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "(a*){2,}",
        "^(a|a)*$",
        "^(a|aa)+$",
        "^(?:a|b?)*?$",
        "^(a?){0,30}$",
        "^(?:(?:a|aa)b?)+$",
        "^(?=(a|aa)+b)",
        "^(?:x(?:a+)y)*$",
        "^(?:a{0,50}){0,50}$",
        "^((((a|aa)+)))$",
        "^(?:a|bc|b){20}$",
    ],
)
def test_a_repeated_group_of_many_ways_is_refused(pattern):
    with pytest.raises(patterns.PatternError, match="exponential"):
        patterns.check(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{3}$",
        "^(?:0|[1-9][0-9]{0,14})(?:\\.[0-9]{1,9})?$",
        "^(?:[0-9]{2}:)+[0-9]{2}$",
        "^(?:a|b|c)*$",  # one of several characters is no choice
        "^(?:red|green){1,3}$",
        "^(?:[0-9]{1,3}[.]){3}$",
        "^(?:x+)?y*$",
        "^(?=a)(?!b)(?<=)(?<!b)[(?i)]\\(?x$",
    ],
)
def test_what_people_need_is_not_refused(pattern):
    patterns.check(pattern)


@pytest.mark.parametrize("pattern", ["(", "[", "a{99999999999999999999}", "*", "(?P<a>x)", "(?i)a", "a(?#b)"])
def test_what_cannot_be_read_is_refused(pattern):
    with pytest.raises(patterns.PatternError):
        patterns.check(pattern)


def test_a_pattern_has_a_length():
    patterns.check("a" * 500)
    with pytest.raises(patterns.PatternError, match="500 characters"):
        patterns.check("a" * 501)
