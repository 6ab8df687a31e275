"""Time as a parameter: whoever decides something about time is handed a clock or an instant."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, BEYOND = datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""The store holds times from the one to before the other."""

_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")


class Clock(Protocol):
    """Anything that says what time it is."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that only moves when told to: tests and back-tests run on it."""

    def __init__(self, start: datetime) -> None:
        """Begin at `start`, which must be aware."""
        self._now = require_utc(start)

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    def advance(self, **span: float) -> datetime:
        """Move forward by a `timedelta(**span)` and return the new instant."""
        self._now += timedelta(**span)
        return self._now

    def set(self, instant: datetime) -> None:
        """Jump to `instant`."""
        self._now = require_utc(instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The half-open stretch of time [start, end) that one periodic run answers for."""

    start: datetime
    end: datetime


def require_utc(instant: datetime) -> datetime:
    """Return `instant` in UTC; a naive one is a programming error and raises ValueError."""
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime: {instant.isoformat()}")
    return instant.astimezone(UTC)


def to_micros(instant: datetime) -> int:
    """Integer microseconds since 1970-01-01 UTC; negative before. Exact, unlike `timestamp()`."""
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The instant `micros` microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=micros)


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with 'Z'; microseconds only where there are some."""
    return require_utc(instant).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """An RFC 3339 time, or a date for its midnight in UTC, as an aware instant in UTC.

    The one way in which times are taken, in queries and on the command line; raises ValueError for
    anything else. A time without an offset is refused: nobody knows whose it is.
    """
    whole_day = _DATE.fullmatch(text)
    if not (whole_day or _RFC3339.fullmatch(text)):
        raise ValueError(f"{text!r} is no time such as 2026-11-22 or 2026-11-22T09:00:00Z")
    try:
        if whole_day:
            instant = datetime.combine(date.fromisoformat(text), time.min, UTC)
        else:
            instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time of any calendar") from error
    if not is_storable(instant):
        raise ValueError(f"{text!r} is outside the years {EARLIEST.year} to {BEYOND.year - 1}")
    return instant


def is_storable(instant: datetime) -> bool:
    """Whether the store can hold it."""
    return EARLIEST <= instant < BEYOND
