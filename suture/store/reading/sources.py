"""Who sends: when each was heard from, how much comes and how late, and how its clock runs.

Written by the coverage stage; what came in the last seconds may not be counted yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from suture.clock import to_micros
from suture.contracts.source import SourceTimes
from suture.contracts.verdict import Window
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.sources import hour_of

_MICRO, _MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_OLD = timedelta(hours=1)
"""From when on the median of a minute is no lateness but a back-fill."""
_CLOCK_HOURS = 24
"""How far back the latest estimate of a clock may lie."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """Recorded minus occurred, in seconds; negative where a clock is ahead. Within 1 %."""

    p50: float
    p95: float
    max: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """What came in minutes of which most had happened over an hour before."""

    arrived: int
    last_15_minutes: int
    lateness: Lateness


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """How much came in the last whole minutes, and how late it was.

    Lateness is over the last hour; where nothing came in it, over the last day. A back-fill says
    nothing of how late a source usually is: it stands apart, and is counted in the other numbers.
    """

    last_15_minutes: int
    last_hour: int
    last_day: int
    lateness: Lateness | None
    backfill: Backfill | None = None

    @property
    def live_per_minute(self) -> float:
        """What came in a minute of the last 15, without a back-fill."""
        old = self.backfill.last_15_minutes if self.backfill else 0
        return (self.last_15_minutes - old) / 15


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficHour:
    """How much came in an hour, and how late it was."""

    start: datetime
    arrived: int
    lateness: Lateness


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockOffset:
    """How far a service's clock is ahead of `reference`'s: microseconds, give or take.

    `pairs` is how many calls to and from it were looked at, or for one caller how many by it.
    """

    reference: str
    offset_micros: int
    uncertainty_micros: int
    pairs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What a system promised: to be heard from once in every `every`, whole minutes."""

    system: str
    every: timedelta
    services: tuple[str, ...]


class SourceReader:
    """Reads about sources; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_sources")

    def sources(self, *, environment: str) -> list[SourceTimes]:
        """Everyone ever heard from, once per system it spoke for; the latest of these first."""
        rows = self._store.rows(self._sql["sources"], {"environment": environment})
        return [
            SourceTimes(
                kind=row["kind"],
                source=row["source"],
                system=row["system"],
                first_heard_at=row["first_heard"],
                last_heard_at=row["last_heard"],
                first_seen_at=row["first_seen"],
                last_seen_at=row["last_seen"],
            )
            for row in rows
        ]

    def traffic(self, *, environment: str, now: datetime) -> dict[tuple[str, str], Traffic]:
        """By (kind, source), of those from which anything came in the last day."""
        asked: dict[str, Any] = {"environment": environment, "now": _minute(now)}
        counts = self._store.rows(self._sql["traffic"], asked)
        asked["backfill"] = _OLD.total_seconds()
        late: dict[tuple[str, str], tuple[Lateness | None, Backfill | None]] = {}
        for since, recently in ((now - _DAY, False), (now - _HOUR, True)):
            sources = sorted({r["source"] for r in counts if bool(r["recently"]) is recently})
            if sources:
                asked |= {"sources": sources, "since": _minute(since)}
                rows = self._store.rows(self._sql["lateness"], asked)
                late |= {(row["kind"], row["source"]): _arrivals(row) for row in rows}
        return {
            key: Traffic(
                last_15_minutes=row["last_15_minutes"],
                last_hour=row["last_hour"],
                last_day=row["last_day"],
                lateness=late[key][0],
                backfill=late[key][1],
            )
            for row in counts
            for key in [(row["kind"], row["source"])]
            if key in late
        }

    def history(
        self, kind: str, source: str, window: Window, *, environment: str
    ) -> list[TrafficHour]:
        """Hour by hour, hours without anything left out; give whole hours."""
        parameters = {
            "environment": environment,
            "kind": kind,
            "source": source,
            "from": _minute(window.start),
            "to": _minute(window.end),
        }
        return [
            TrafficHour(
                start=row["hour"],
                arrived=row["count_arrived"],
                lateness=_lateness(row["late"], row["latest"]),
            )
            for row in self._store.rows(self._sql["history"], parameters)
        ]

    def offsets(self, *, environment: str, now: datetime) -> dict[str, ClockOffset]:
        """The clock of each service against the reference of its part of the call graph."""
        return {
            row["service"]: ClockOffset(
                reference=row["of_reference"],
                offset_micros=row["ahead"],
                uncertainty_micros=row["uncertainty"],
                pairs=row["counted"],
            )
            for row in self._store.rows(self._sql["offsets"], _hours(environment, now))
        }

    def callers(self, *, environment: str, now: datetime) -> dict[str, list[ClockOffset]]:
        """The clock of each service against each of those that call it."""
        found: dict[str, list[ClockOffset]] = {}
        for row in self._store.rows(self._sql["callers"], _hours(environment, now)):
            middle = (row["lower"] + row["upper"]) // 2
            found.setdefault(row["server"], []).append(
                ClockOffset(
                    reference=row["client"],
                    offset_micros=middle,
                    uncertainty_micros=row["upper"] - middle,
                    pairs=row["counted"],
                )
            )
        return found

    def coverage(
        self, heartbeats: Sequence[Heartbeat], window: Window, *, environment: str, now: datetime
    ) -> dict[str, tuple[int, int]]:
        """(heard, expected) heartbeats by system, over the whole slots of the window that are past.

        A slot is a stretch as long as the heartbeat, counted from 1970, and is heard where an event
        or any telemetry of the system happened in it. A system is expected from when it was first
        heard from; one that never was, from when the environment was.
        """
        since = self._since(heartbeats, environment=environment)
        end = min(to_micros(window.end), to_micros(now)) // (_MINUTE // _MICRO)
        bounds = {}
        for beat in heartbeats:
            if beat.system in since:
                start = max(window.start, since[beat.system])
                first = -(-to_micros(start) // (_MINUTE // _MICRO))
                slots = _slots(first, end, beat.every // _MINUTE)
                if slots[1] > slots[0]:
                    bounds[beat.system] = slots
        counted = [beat for beat in heartbeats if beat.system in bounds]
        heard = self._heard(counted, bounds, environment=environment) if counted else {}
        return {
            system: (min(heard.get(system, 0), last - first), last - first)
            for system, (first, last) in bounds.items()
        }

    def _since(self, heartbeats: Sequence[Heartbeat], *, environment: str) -> dict[str, datetime]:
        sources = self.sources(environment=environment)
        if not sources:
            return {}
        services = {service: beat.system for beat in heartbeats for service in beat.services}
        since: dict[str, datetime] = {}
        for one in sources:
            system = one.system or services.get(one.source, "")
            since[system] = min(one.first_heard_at, since.get(system, one.first_heard_at))
        first = min(one.first_heard_at for one in sources)
        return {beat.system: since.get(beat.system, first) for beat in heartbeats}

    def _heard(
        self,
        heartbeats: Sequence[Heartbeat],
        bounds: Mapping[str, tuple[int, int]],
        *,
        environment: str,
    ) -> dict[str, int]:
        widths = {beat.system: beat.every // _MINUTE for beat in heartbeats}
        pairs = [(service, beat.system) for beat in heartbeats for service in beat.services]
        parameters = {
            "environment": environment,
            "systems": list(widths),
            "beats": list(widths.values()),
            "first_slots": [bounds[system][0] for system in widths],
            "last_slots": [bounds[system][1] for system in widths],
            "services": [service for service, _ in pairs],
            "service_systems": [system for _, system in pairs],
            "heard_from": min(bounds[system][0] * widths[system] for system in widths),
            "heard_to": max(bounds[system][1] * widths[system] for system in widths),
        }
        rows = self._store.rows(self._sql["heartbeats"], parameters)
        return {row["of_system"]: row["heard"] for row in rows}


def _slots(start: int, end: int, width: int) -> tuple[int, int]:
    """The whole slots of `width` within [start, end), as a half-open range of their numbers."""
    return -(-start // width), end // width


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:00")


def _hours(environment: str, now: datetime) -> dict[str, Any]:
    hour = hour_of(now)
    return {"environment": environment, "first_hour": hour - _CLOCK_HOURS, "last_hour": hour + 1}


def _arrivals(row: Mapping[str, Any]) -> tuple[Lateness | None, Backfill | None]:
    """How late what came live was, and what was a back-fill; None for none."""
    live = _lateness(row["late"], row["latest"]) if row["any_live"] else None
    if not row["any_old"]:
        return live, None
    return live, Backfill(
        arrived=row["old_arrived"],
        last_15_minutes=row["old_last_15_minutes"],
        lateness=_lateness(row["old_late"], row["old_latest"]),
    )


def _lateness(quantiles: Sequence[float], largest: float) -> Lateness:
    p50, p95 = quantiles
    # A sketch may put a quantile beyond the largest value by its own error.
    return Lateness(p50=min(p50, largest), p95=min(p95, largest), max=largest)
