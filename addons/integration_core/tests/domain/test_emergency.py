"""Breaking the glass: what counts as a reason, and for how long the door stays open."""

import pytest

from integration_core.domain import emergency


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        (None, False),
        ("", False),
        ("urgent", False),
        (" " * 30, False),
        ("x" * 30, False),
        ("a b a b a b a b a b a b", False),
        ("nineteen characters", False),
        ("twenty characters ok", True),
        ("  The ward waits for the blood group  ", True),
    ],
)
def test_a_reason_is_more_than_a_word(text, enough):
    assert emergency.is_reason(text) is enough


@pytest.mark.parametrize(
    ("setting", "minutes", "days"),
    [(None, 30, 3), ("", 30, 3), ("10", 10, 10), ("0", 30, 3), ("-5", 30, 3), ("31", 31, 3), ("241", 30, 3)],
)
def test_settings_hold_within_bounds(setting, minutes, days):
    assert emergency.minutes(setting) == minutes
    assert emergency.review_days(setting) == days
