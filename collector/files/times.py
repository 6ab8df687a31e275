"""Times of a log: text as exact microseconds, or the reason why not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from collector.files.mapping import TimeRule
from suture.clock import EARLIEST, EPOCH, from_micros, require_utc, rfc3339, to_micros
from suture.contracts.milestone import ALLOWED_FUTURE_SECONDS

_EPOCH_UNITS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}


class TimeReader:
    """Reads the times of one log. More than ten minutes after `now` is refused as future."""

    def __init__(self, rule: TimeRule, *, now: datetime) -> None:
        """Read as `rule` says; `now` is aware."""
        self._parse = _parser(rule.format)
        self._zone = ZoneInfo(rule.timezone) if rule.timezone else None
        self._latest = require_utc(now) + timedelta(seconds=ALLOWED_FUTURE_SECONDS)

    def micros(self, text: str) -> int:
        """Microseconds since 1970 UTC, negative before; digits beyond microseconds are cut off.

        Raises ValueError with a reason for a person: no time, no zone, too old, in the future.
        """
        try:
            instant = self._parse(text)
        except (ValueError, OverflowError, InvalidOperation) as error:
            raise ValueError(f"time {text!r} cannot be read") from error
        if instant.tzinfo is None:
            if self._zone is None:
                raise ValueError(f"time {text!r} has no zone: set time.timezone in the mapping")
            instant = instant.replace(tzinfo=self._zone)
        if instant < EARLIEST:
            raise ValueError(f"time {text!r} is before {EARLIEST.year}, too old for the store")
        if instant > self._latest:
            raise ValueError(f"time {text!r} is in the future")
        return to_micros(instant)


def time_text(micros: int) -> str:
    """The one spelling of an instant that identities are built from."""
    return rfc3339(from_micros(micros))


def _parser(format: str | None) -> Callable[[str], datetime]:
    if format is None:
        return _iso
    if format in _EPOCH_UNITS:
        unit = _EPOCH_UNITS[format]
        return lambda text: EPOCH + timedelta(microseconds=int(Decimal(text.strip()) * unit))
    return lambda text: datetime.strptime(text.strip(), format)  # noqa: DTZ007 - zones come after


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.strip())
