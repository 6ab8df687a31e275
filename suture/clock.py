"""Time as a parameter: whoever decides something about time is handed a clock or an instant."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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
