"""Times: offsets are required, what cannot exist is refused, output is UTC."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import timestamps

UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T09:30:00Z", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("2026-11-20t09:30:00z", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("2026-11-20T09:30:00+05:30", datetime(2026, 11, 20, 4, 0, tzinfo=UTC)),
        ("2026-11-20T23:30:00-01:00", datetime(2026, 11, 21, 0, 30, tzinfo=UTC)),
        ("2026-11-20T09:30:00-00:00", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("2026-11-20T09:30:00.5Z", datetime(2026, 11, 20, 9, 30, 0, 500000, tzinfo=UTC)),
        ("2026-11-20T09:30:00.1234567891Z", datetime(2026, 11, 20, 9, 30, 0, 123456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T15:59:60.5-08:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_read(text, moment):
    parsed = timestamps.parse(text)
    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-20",
        "2026-11-20T09:30:00",
        "2026-11-20 09:30:00Z",
        "2026-11-20T09:30Z",
        "2026-11-20T09:30:00.Z",
        "2026-11-20T09:30:00Z\n",
        "2026-11-20T09:30:00+0530",
        "2026-11-20T09:30:00+24:00",
        "2026-11-20T09:30:00+01:60",
        "2026-11-20T24:00:00Z",
        "2026-11-20T09:60:00Z",
        "2026-11-20T09:30:61Z",
        "2026-11-20T09:30:60Z",
        "2025-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:60Z",
        "２０２６-11-20T09:30:00Z",
        "2026-11-20T09:30:00." + "1" * 100 + "Z",
    ],
)
def test_refused(text):
    with pytest.raises(timestamps.TimestampError):
        timestamps.parse(text)


def test_written_in_utc():
    zone = timezone(timedelta(hours=2))
    assert timestamps.format_utc(datetime(2026, 1, 1, 1, tzinfo=zone)) == "2025-12-31T23:00:00Z"
    moment = datetime(2026, 1, 1, 0, 0, 0, 1200, tzinfo=UTC)
    assert timestamps.format_utc(moment) == "2026-01-01T00:00:00.001200Z"
    with pytest.raises(ValueError, match="naive"):
        timestamps.format_utc(datetime(2026, 1, 1))


@given(st.datetimes(timezones=st.just(UTC)))
def test_round_trip(moment):
    assert timestamps.parse(timestamps.format_utc(moment)) == moment


def test_http_dates():
    expected = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert timestamps.http_date("Sun, 06 Nov 1994 08:49:37 GMT") == expected
    assert timestamps.http_date("Sun, 06 Nov 1994 08:49:37 -0000") == expected
    assert timestamps.http_date("soon") is None
    assert timestamps.http_date("x" * 1000) is None


@given(st.text())
def test_http_date_never_raises(text):
    timestamps.http_date(text)
