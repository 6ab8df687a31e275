"""Sources: who sends, how much, how late, by which clock, and who owes a sign of life."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import PageParameters, Parameters, Time, page_of
from dashboards.api.problems import documented
from dashboards.api.shapes import MICROS, Shape
from dashboards.services import Services
from dashboards.source_states import SourceKind, SourceState
from dashboards.sources import MeasuredSource, measured_sources
from suture.contracts.verdict import Window
from suture.errors import InvalidQuery
from suture.store.reading.sources import Backfill, ClockOffset, Lateness, Traffic, TrafficHour

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_LONGEST = timedelta(days=31)


class LatenessShape(Shape):
    """Recorded minus occurred; negative where a clock is ahead."""

    p50_seconds: float
    p95_seconds: float
    max_seconds: float

    @classmethod
    def of(cls, lateness: Lateness) -> "LatenessShape":
        """From what was read."""
        return cls(p50_seconds=lateness.p50, p95_seconds=lateness.p95, max_seconds=lateness.max)


class BackfillShape(Shape):
    """What came in minutes of which most had happened over an hour before."""

    arrived: int
    arrived_last_15_minutes: int
    lateness: LatenessShape

    @classmethod
    def of(cls, found: Backfill) -> "BackfillShape":
        """From what was read."""
        return cls(
            arrived=found.arrived,
            arrived_last_15_minutes=found.last_15_minutes,
            lateness=LatenessShape.of(found.lateness),
        )


class CallerShape(Shape):
    """A service's clock against that of one of its callers."""

    service: str
    seconds: float
    uncertainty_seconds: float
    pairs: int


class ClockShape(Shape):
    """How far a service's clock is ahead, as calls to and from it show."""

    seconds: float = Field(description="How far it is ahead of the reference; negative: behind.")
    uncertainty_seconds: float
    pairs: int = Field(description="How many calls to and from it were looked at.")
    reference: str = Field(
        description="The service in the middle of those that calls connect with it."
    )
    callers: list[CallerShape]


class RatesShape(Shape):
    """Arrivals per minute, over the last whole minutes."""

    last_15_minutes: float
    last_hour: float
    last_day: float


class SourceItem(Shape):
    """One source. Times are null for a system that promised a sign and never gave one."""

    source: str
    kind: SourceKind
    system: str | None
    owner: str | None
    environment: str
    state: SourceState
    first_seen_at: datetime | None = Field(description="When the first of it came.")
    last_seen_at: datetime | None = Field(description="When the latest of it came.")
    last_heard_at: datetime | None = Field(
        description="When the latest of it happened; no later than it came."
    )
    rate_per_minute: float = Field(description="Arrivals per minute, over the last 15 minutes.")
    rates_per_minute: RatesShape
    lateness: LatenessShape | None = Field(
        description="Over the last hour, or where nothing came in it over the last day, without"
        " what was a back-fill; else null."
    )
    backfill: BackfillShape | None = Field(
        description="What is not in the lateness, of the same time; counted in all other numbers."
    )
    clock_offset: ClockShape | None = Field(
        description="Null where no call of the last day tells its clock from another."
    )
    heartbeat_seconds: float | None = Field(description="How often its system is to be heard from.")
    heartbeat_calendar: str | None
    overdue: bool
    overdue_since: datetime | None
    coverage: float | None = Field(
        description="Share of its system's heartbeats that were met in the last day;"
        " null where none is declared."
    )


class SourceList(Shape):
    """A page of all heard from and all systems that owe a sign of life; overdue ones first."""

    items: list[SourceItem]
    next_cursor: str | None


class SourceHour(Shape):
    """What came of a source in one hour."""

    from_: datetime = Field(alias="from")
    to: datetime
    arrived: int
    rate_per_minute: float
    lateness: LatenessShape


class SourceHistory(Shape):
    """What came of a source, hour by hour; hours without anything are left out."""

    source: str
    kind: SourceKind
    environment: str
    items: list[SourceHour]
    next_cursor: None = None


class SourceQuery(PageParameters):
    """Filters of the list."""

    kind: SourceKind | None = None
    system: str | None = None
    state: SourceState | None = None


class HistoryQuery(Parameters):
    """Which source, and the hours in which it came: the last day by default, 31 days at most."""

    source: str
    kind: SourceKind
    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None


def router(services: Services) -> APIRouter:
    """The calls about sources."""
    api = APIRouter(tags=["sources"])

    @api.get("/sources", responses=documented(400, 401))
    def sources(query: Annotated[SourceQuery, Query()]) -> SourceList:
        """Who sends, how it stands, and who is overdue."""
        environment, now = services.environment(query.environment), services.now()
        found = [
            found
            for found in measured_sources(services, environment=environment, now=now)
            for one in [found.standing]
            if query.kind in (None, one.kind)
            and query.system in (None, one.system)
            and query.state in (None, one.state)
        ]
        items, cursor = page_of(
            found,
            query,
            shape=lambda one: _item(one, environment),
            position=lambda one: one.standing.position,
            types=(int, str, str, str),
        )
        return SourceList(items=items, next_cursor=cursor)

    @api.get("/sources/history", responses=documented(400, 401))
    def history(query: Annotated[HistoryQuery, Query()]) -> SourceHistory:
        """How much of a source came in each hour, and how late."""
        environment, now = services.environment(query.environment), services.now()
        hours = services.sources.history(
            query.kind.value, query.source, _window(query, now), environment=environment
        )
        return SourceHistory(
            source=query.source,
            kind=query.kind,
            environment=environment,
            items=[_hour(hour, now) for hour in hours],
        )

    return api


def _item(found: MeasuredSource, environment: str) -> SourceItem:
    one, rates = found.standing, _rates(found.traffic)
    late = found.traffic.lateness if found.traffic else None
    old = found.traffic.backfill if found.traffic else None
    return SourceItem(
        source=one.source,
        kind=one.kind,
        system=one.system,
        owner=one.owner,
        environment=environment,
        state=one.state,
        first_seen_at=one.first_seen_at,
        last_seen_at=one.last_seen_at,
        last_heard_at=one.last_heard_at,
        rate_per_minute=rates.last_15_minutes,
        rates_per_minute=rates,
        lateness=LatenessShape.of(late) if late else None,
        backfill=BackfillShape.of(old) if old else None,
        clock_offset=_clock(found),
        heartbeat_seconds=one.heartbeat.total_seconds() if one.heartbeat else None,
        heartbeat_calendar=one.heartbeat_calendar,
        overdue=one.state is SourceState.OVERDUE,
        overdue_since=one.overdue_since,
        coverage=found.coverage,
    )


def _clock(found: MeasuredSource) -> ClockShape | None:
    clock = found.clock
    if clock is None:
        return None
    return ClockShape(
        seconds=clock.offset_micros / MICROS,
        uncertainty_seconds=clock.uncertainty_micros / MICROS,
        pairs=clock.pairs,
        reference=clock.reference,
        callers=[_caller(caller) for caller in found.callers],
    )


def _caller(found: ClockOffset) -> CallerShape:
    return CallerShape(
        service=found.reference,
        seconds=found.offset_micros / MICROS,
        uncertainty_seconds=found.uncertainty_micros / MICROS,
        pairs=found.pairs,
    )


def _rates(traffic: Traffic | None) -> RatesShape:
    if traffic is None:
        return RatesShape(last_15_minutes=0, last_hour=0, last_day=0)
    return RatesShape(
        last_15_minutes=traffic.last_15_minutes / 15,
        last_hour=traffic.last_hour / 60,
        last_day=traffic.last_day / (24 * 60),
    )


def _hour(hour: TrafficHour, now: datetime) -> SourceHour:
    end = hour.start + _HOUR
    passed = max(min(end, now) - hour.start, timedelta(minutes=1))
    return SourceHour(
        from_=hour.start,
        to=end,
        arrived=hour.arrived,
        rate_per_minute=hour.arrived / (passed / timedelta(minutes=1)),
        lateness=LatenessShape.of(hour.lateness),
    )


def _window(query: HistoryQuery, now: datetime) -> Window:
    """The hours that were asked for, each as a whole."""
    end = query.to or now
    start = query.from_ or end - _DAY
    if not timedelta(0) < end - start <= _LONGEST:
        raise InvalidQuery("it must lie before 'to', by 31 days at most", field="from")
    first = start.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0)
    return Window(start=first, end=last if last == end else last + _HOUR)
