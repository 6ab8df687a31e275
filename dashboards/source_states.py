"""Who sends, and who owes a sign of life: sources held against what their systems promise. Pure.

A promise is a system's, whatever sends for it: a system is overdue when its heartbeat has passed
since anything of it was last heard from, and then all its sources are. One that was never heard
from is expected from when its environment was, and stands in the list under its own name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from suture.clock import to_micros
from suture.contracts.source import SourceTimes
from suture.definitions.landscape import System

_LAST = 2**62
_NO_SYSTEM = "\uffff"
"""Where sources that are not overdue, and those of no system, stand in the list."""


class SourceKind(StrEnum):
    """What a source sends; `system` is a system that promised to and never did."""

    EVENTS = "events"
    SPANS = "spans"
    LOGS = "logs"
    METRICS = "metrics"
    SYSTEM = "system"


class SourceState(StrEnum):
    """How a source stands to its system's heartbeat.

    `not_judged`: the heartbeat follows a calendar, and there are none to hold it against.
    """

    OVERDUE = "overdue"
    ON_TIME = "on_time"
    NOT_JUDGED = "not_judged"
    NOT_DECLARED = "not_declared"


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceStanding:
    """One source and how it stands; times are None for a system that was never heard from."""

    kind: SourceKind
    source: str
    system: str | None
    owner: str | None
    state: SourceState
    heartbeat: timedelta | None
    heartbeat_calendar: str | None
    overdue_since: datetime | None = None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    last_heard_at: datetime | None = None

    @property
    def position(self) -> tuple[int, str, str, str]:
        """Where it stands in the list: overdue first, longest first; then by name."""
        since = to_micros(self.overdue_since) if self.overdue_since else _LAST
        return since, self.system or _NO_SYSTEM, self.source, self.kind.value


def standings(
    times: Sequence[SourceTimes], systems: Mapping[str, System], *, now: datetime
) -> list[SourceStanding]:
    """Every source, and every system that owes one: overdue first, longest first; then by name."""
    services = {service: name for name, s in systems.items() for service in s.services}
    heard: dict[str, datetime] = {}
    for one in times:
        system = one.system or services.get(one.source, "")
        heard[system] = max(one.last_heard_at, heard.get(system, one.last_heard_at))
    begun = min((one.first_heard_at for one in times), default=None)
    overdue = {
        name: since
        for name, system in systems.items()
        if (since := _overdue_since(system, heard.get(name, begun), now)) is not None
    }
    found = [
        _standing(SourceKind(one.kind), one.source, system, systems, overdue, times=one)
        for one in _merged(times)
        for system in [one.system or services.get(one.source)]
    ]
    found += [
        _standing(SourceKind.SYSTEM, name, name, systems, overdue)
        for name, system in systems.items()
        if system.heartbeat and name not in heard
    ]
    return sorted(found, key=lambda one: one.position)


def _overdue_since(system: System, last: datetime | None, now: datetime) -> datetime | None:
    """When its heartbeat had passed without a sign; None where it has not, or none counts."""
    if system.judged_heartbeat is None or last is None:
        return None
    due = last + system.judged_heartbeat
    return due if due < now else None


def _merged(times: Iterable[SourceTimes]) -> list[SourceTimes]:
    """One entry per source; of the systems it spoke for, the one it spoke for last."""
    found: dict[tuple[str, str], SourceTimes] = {}
    for one in times:
        key = (one.kind, one.source)
        known = found.get(key)
        found[key] = one if known is None else _merge(known, one)
    return list(found.values())


def _merge(one: SourceTimes, other: SourceTimes) -> SourceTimes:
    return replace(
        max(one, other, key=lambda times: (times.last_heard_at, times.system)),
        first_heard_at=min(one.first_heard_at, other.first_heard_at),
        first_seen_at=min(one.first_seen_at, other.first_seen_at),
        last_seen_at=max(one.last_seen_at, other.last_seen_at),
    )


def _standing(
    kind: SourceKind,
    source: str,
    system: str | None,
    systems: Mapping[str, System],
    overdue: Mapping[str, datetime],
    *,
    times: SourceTimes | None = None,
) -> SourceStanding:
    declared = systems.get(system or "")
    since = overdue.get(system or "")
    return SourceStanding(
        kind=kind,
        source=source,
        system=system,
        owner=declared.owner if declared else None,
        state=_state(declared, since),
        heartbeat=declared.heartbeat if declared else None,
        heartbeat_calendar=declared.heartbeat_calendar if declared else None,
        overdue_since=since,
        first_seen_at=times.first_seen_at if times else None,
        last_seen_at=times.last_seen_at if times else None,
        last_heard_at=times.last_heard_at if times else None,
    )


def _state(declared: System | None, overdue_since: datetime | None) -> SourceState:
    if declared is None or declared.heartbeat is None:
        return SourceState.NOT_DECLARED
    if declared.judged_heartbeat is None:
        return SourceState.NOT_JUDGED
    return SourceState.OVERDUE if overdue_since else SourceState.ON_TIME
