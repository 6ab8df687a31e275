"""Periods that people pick: the last so many hours or days, or everything. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from suture.contracts.verdict import Window

DEFAULT = "28d"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A rolling period by its name in addresses; `length` is None for everything."""

    name: str
    title: str
    short: str
    length: timedelta | None

    def window(self, now: datetime, *, earliest: datetime | None = None) -> Window:
        """The stretch of time it is at `now`, which itself is inside.

        Everything begins at `earliest`, or a day ago where there is nothing.
        """
        end = now + timedelta(microseconds=1)
        if self.length is not None:
            return Window(start=end - self.length, end=end)
        start = min(earliest or end, end - timedelta(days=1))
        return Window(start=start, end=end)


PERIODS = (
    Period(name="24h", title="last 24 hours", short="24 h", length=timedelta(hours=24)),
    Period(name="7d", title="last 7 days", short="7 d", length=timedelta(days=7)),
    Period(name="28d", title="last 28 days", short="28 d", length=timedelta(days=28)),
    Period(name="90d", title="last 90 days", short="90 d", length=timedelta(days=90)),
    Period(name="1y", title="last 365 days", short="1 y", length=timedelta(days=365)),
    Period(name="all", title="all time", short="All", length=None),
)


def period_of(name: str | None) -> Period:
    """The period of this name; the usual one for a name that is none."""
    known = {period.name: period for period in PERIODS}
    return known.get(name or DEFAULT, known[DEFAULT])
