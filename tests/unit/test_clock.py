"""Time as a parameter."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.clock import (
    EPOCH,
    ManualClock,
    SystemClock,
    from_micros,
    parse_time,
    require_utc,
    rfc3339,
    to_micros,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_machines_clock_is_aware() -> None:
    before, now, after = datetime.now(UTC), SystemClock().now(), datetime.now(UTC)
    assert before <= now <= after
    assert now.tzinfo is UTC


def test_a_manual_clock_moves_when_told() -> None:
    clock = ManualClock(NOON.astimezone(timezone(timedelta(hours=-5))))
    assert clock.now() == NOON
    assert clock.now().tzinfo is UTC
    assert clock.advance(hours=1, seconds=30) == NOON + timedelta(hours=1, seconds=30)
    clock.set(NOON)
    assert clock.now() == NOON


@pytest.mark.parametrize("use", [ManualClock, ManualClock(NOON).set, require_utc, rfc3339])
def test_a_naive_time_is_a_mistake(use: object) -> None:
    with pytest.raises(ValueError, match="naive datetime: 2026-11-22T12:00:00"):
        use(NOON.replace(tzinfo=None))  # type: ignore[operator]


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999), st.integers(-14, 14))
def test_microseconds_are_exact_in_any_zone(micros: int, hours: int) -> None:
    instant = from_micros(micros)
    assert to_micros(instant) == micros
    assert instant - EPOCH == timedelta(microseconds=micros)
    zone = timezone(timedelta(hours=hours))
    if 0 < micros < 250_000_000_000_000_000:
        assert to_micros(instant.astimezone(zone)) == micros


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (NOON, "2026-11-22T12:00:00Z"),
        (NOON.replace(microsecond=120_000), "2026-11-22T12:00:00.120000Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-11-22T12:00:00Z"),
        (datetime(1948, 1, 26, tzinfo=UTC), "1948-01-26T00:00:00Z"),
    ],
)
def test_times_as_text(instant: datetime, text: str) -> None:
    assert rfc3339(instant) == text
    assert datetime.fromisoformat(text) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22", NOON.replace(hour=0)),
        ("2026-11-22t13:00:00.000001+01:00", NOON.replace(microsecond=1)),
        ("1900-01-01", datetime(1900, 1, 1, tzinfo=UTC)),
        ("2261-12-31T23:59:59Z", datetime(2261, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_from_text(text: str, instant: datetime) -> None:
    assert parse_time(text) == instant


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("soon", "'soon' is no time such as 2026-11-22"),
        ("", "is no time such as"),
        ("2026-11-22T12:00:00", "is no time such as"),
        ("2026-11-22 12:00:00Z", "is no time such as"),
        ("2026-02-30", "is no time of any calendar"),
        ("0001-01-01T00:00:00+14:00", "is no time of any calendar"),
        ("1899-12-31T23:59:59Z", "is outside the years 1900 to 2261"),
        ("2262-01-01", "is outside the years 1900 to 2261"),
    ],
)
def test_what_is_no_time_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_time(text)
