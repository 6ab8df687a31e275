"""Times of logs: exact to the microsecond, of any year the store holds, with a zone or refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.files.mapping import TimeRule
from collector.files.times import TimeReader, time_text
from suture.clock import from_micros

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(text: str, **rule: str) -> datetime:
    return from_micros(TimeReader(TimeRule(**rule), now=NOW).micros(text))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1948-01-26T22:59:00+00:00", datetime(1948, 1, 26, 22, 59, tzinfo=UTC)),
        ("1969-12-31T23:59:59.999999Z", datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2020-04-09T21:59:00.120+02:00", datetime(2020, 4, 9, 19, 59, 0, 120000, tzinfo=UTC)),
        ("2020-04-09 21:59:00,000001-0530", datetime(2020, 4, 10, 3, 29, 0, 1, tzinfo=UTC)),
        ("2018-01-02T12:53:00.123456789Z", datetime(2018, 1, 2, 12, 53, 0, 123456, tzinfo=UTC)),
        (" 20180102T125300Z ", datetime(2018, 1, 2, 12, 53, tzinfo=UTC)),
    ],
)
def test_iso_times(text: str, expected: datetime) -> None:
    assert read(text) == expected


@given(
    st.integers(-2_208_900_000_000_000, 1_772_000_000_000_000).map(from_micros),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_any_instant_in_any_zone_is_exact(instant: datetime, zone: timezone) -> None:
    assert read(instant.astimezone(zone).isoformat()) == instant
    assert read(time_text(TimeReader(TimeRule(), now=NOW).micros(instant.isoformat()))) == instant


def test_times_without_an_offset_are_meant_in_the_mapping_s_zone() -> None:
    assert read("2026-01-05 09:00", timezone="America/New_York") == datetime(
        2026, 1, 5, 14, tzinfo=UTC
    )
    assert read("05.01.2026 09:00", format="%d.%m.%Y %H:%M", timezone="Europe/Berlin") == datetime(
        2026, 1, 5, 8, tzinfo=UTC
    )
    assert read("2026-01-05T09:00+01:00", timezone="Asia/Tokyo") == datetime(
        2026, 1, 5, 8, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("epoch_seconds", "-692236860.000001"),
        ("epoch_millis", "-692236860000.001"),
        ("epoch_micros", "-692236860000001"),
    ],
)
def test_epochs(format: str, text: str) -> None:
    assert read(text, format=format) == datetime(1948, 1, 24, 23, 58, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("yesterday", "time 'yesterday' cannot be read"),
        ("", "time '' cannot be read"),
        ("2018-13-01T00:00:00Z", "cannot be read"),
        ("2018-01-02T12:53:00", "has no zone: set time.timezone"),
        ("1899-12-31T23:59:59Z", "is before 1900"),
        ("0001-01-01T00:00:00+14:00", "is before 1900"),
        ("2026-03-01T00:10:00.000001Z", "is in the future"),
        ("9999-12-31T23:59:59-14:00", "is in the future"),
    ],
)
def test_what_is_refused_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(text)


def test_ten_minutes_ahead_are_allowed() -> None:
    assert read("2026-03-01T00:10:00Z") == NOW + timedelta(minutes=10)


@pytest.mark.parametrize("text", ["nan", "Infinity", "1e400", "x", "99999999999999999999"])
def test_numbers_that_are_no_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read(text, format="epoch_seconds")
