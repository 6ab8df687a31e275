"""Rows of the coverage stage: what each source sent and when, and calls that tell clocks apart.

A run of the stage (a tick) is planned before it works: its number and how far it reads of every
stream stand in `cursors` first, in one insert. A run that was killed is therefore repeated over
the same segments and writes the same rows under the same keys. Rows that somebody else wrote into
the tables of telemetry have no segment; they are read by when they came, with a delay, so that what
becomes visible late is not missed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from suture.clock import from_micros, to_micros
from suture.contracts.trace import Signal
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.segments import waiting_segments

COVERAGE = "coverage"
PLANNED = "coverage-plan"
PLANNED_TICK = "coverage-tick"
DONE = "coverage-done"
DIRECT = "coverage-direct"
"""Up to when rows without a segment were counted, microseconds since 1970."""
PLANNED_DIRECT = "coverage-direct-plan"

_COUNTS = {
    "count_events": {Signal.MILESTONES, Signal.TRACES, Signal.LOGS},
    "count_spans": {Signal.TRACES},
    "count_logs": {Signal.LOGS},
    "count_metrics": {Signal.METRICS},
}
"""Of which signals' segments each counts; milestones ride on telemetry too."""

_SPREADS = ("spread_sources", "spread_minutes", "spread_arrivals")
_HOUR = timedelta(hours=1) // timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1) // timedelta(microseconds=1)
_LOOK_BACK_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One run: segments in (after, upto] of every stream; direct rows that came in [from, to)."""

    tick: int
    after: Mapping[int, int]
    upto: Mapping[int, int]
    direct_from: int
    direct_to: int

    @property
    def has_direct(self) -> bool:
        """Whether rows without a segment are looked for."""
        return self.direct_to > self.direct_from


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far the stage has come; `unfinished` is the plan of a run that was cut off, if any."""

    tick: int = 0
    read: Mapping[int, int] = field(default_factory=dict)
    direct_upto: int = 0
    unfinished: Plan | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeHour:
    """The calls between two services in one hour (counted from 1970): (lower, upper) bounds."""

    environment: str
    hour: int
    client: str
    server: str
    pairs: int
    bounds: Sequence[tuple[int, int]]


class SourceTables:
    """The coverage stage's reads and writes."""

    def __init__(self, store: Store) -> None:
        """Use `store`."""
        self._store = store
        self._sql = load("sources")
        self._clocks = load("clocks")

    def progress(self) -> Progress:
        """Where the stage stands; everything is 0 before its first run."""
        at: dict[str, dict[int, int]] = {}
        for row in self._store.poll(self._sql["progress"], of=["cursors"]):
            at.setdefault(row["stage"], {})[row["stream"]] = row["position"]
        done, planned = _first(at, DONE), _first(at, PLANNED_TICK)
        read, direct = at.get(COVERAGE, {}), _first(at, DIRECT)
        unfinished = None
        if planned > done:
            unfinished = Plan(
                tick=planned,
                after=read,
                upto=at.get(PLANNED, {}),
                direct_from=direct,
                direct_to=_first(at, PLANNED_DIRECT),
            )
        return Progress(tick=done, read=read, direct_upto=direct, unfinished=unfinished)

    def waiting(self, limit: int) -> dict[int, int]:
        """How far every stream with something new can be read without a gap, within `limit`."""
        signals = [signal for signal in Signal if signal is not Signal.DEAD_LETTERS]
        found = waiting_segments(self._store, stage=COVERAGE, signals=signals, limit=limit)
        return {segment.stream: segment.sequence for segment in found}

    def begin(self, plan: Plan, at: datetime) -> None:
        """Write a plan down, all of it or nothing."""
        self._move(at, PLANNED, plan.upto, {PLANNED_DIRECT: plan.direct_to}, PLANNED_TICK, plan)

    def finish(self, plan: Plan, at: datetime) -> None:
        """Say that a plan is carried out."""
        self._move(at, COVERAGE, plan.upto, {DIRECT: plan.direct_to}, DONE, plan)

    def segments(self, plan: Plan) -> dict[int, str]:
        """The segments of a plan, with the signal of each."""
        new = {s: upto for s, upto in plan.upto.items() if upto > plan.after.get(s, 0)}
        if not new:
            return {}
        parameters = {
            "streams": list(new),
            "after": [plan.after.get(stream, 0) for stream in new],
            "upto": list(new.values()),
        }
        rows = self._store.rows(self._sql["planned"], parameters)
        return {row["segment"]: row["signal"] for row in rows}

    def count(self, plan: Plan, segments: Mapping[int, str], at: datetime) -> None:
        """Count what came, and add it to the tables that are read."""
        for name, signals in _COUNTS.items():
            mine = [segment for segment, signal in segments.items() if signal in signals]
            if mine or (plan.has_direct and name != "count_events"):
                self._store.execute(self._sql[name], _of_plan(plan, mine, at))
        for name in _SPREADS:
            self._store.execute(self._sql[name], {"tick": plan.tick})

    def pair_calls(
        self, plan: Plan, segments: Mapping[int, str], at: datetime, *, traces: int
    ) -> None:
        """Sample calls, `traces` a minute per service and side, and pair those that fit."""
        mine = [segment for segment, signal in segments.items() if signal == Signal.TRACES]
        if not mine and not plan.has_direct:
            return
        parameters = _of_plan(plan, mine, at)
        self._store.execute(self._clocks["sample_calls"], {**parameters, "traces": traces})
        pairing = {"tick": plan.tick, "now": parameters["now"]}
        self._store.execute(self._clocks["pair_calls"], pairing)

    def touched_edges(self, tick: int, *, most: int) -> list[EdgeHour]:
        """Every edge in the hours that got pairs with this tick, by its `most` tightest bounds."""
        rows = self._store.rows(self._clocks["touched_bounds"], {"tick": tick, "most": most})
        return [
            EdgeHour(
                environment=row["environment"],
                hour=row["hour"],
                client=row["client"],
                server=row["server"],
                pairs=row["pairs"],
                bounds=list(zip(row["lowers"], row["uppers"], strict=True)),
            )
            for row in rows
        ]

    def write_edges(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Estimates of edges; of two about one hour the one from more pairs counts."""
        self._store.insert("clock_edges", rows)

    def edges(self, environment: str, hours: Iterable[int]) -> list[dict[str, Any]]:
        """The estimates that count of some hours."""
        parameters = {"environment": environment, "hours": sorted(hours)}
        return self._store.rows(self._clocks["edges"], parameters)

    def write_offsets(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Offsets of services; the latest tick's count."""
        self._store.insert("clock_offsets", rows)

    def _move(
        self,
        at: datetime,
        stage: str,
        streams: Mapping[int, int],
        others: Mapping[str, int],
        tick_stage: str,
        plan: Plan,
    ) -> None:
        positions = [(stage, stream, position) for stream, position in streams.items()]
        positions += [(name, 0, position) for name, position in others.items()]
        positions.append((tick_stage, 0, plan.tick))
        self._store.insert(
            "cursors",
            [
                {"stage": name, "stream": stream, "position": position, "updated_at": at}
                for name, stream, position in positions
            ],
        )


def last_heard(
    store: Store, *, environment: str, services: Mapping[str, str], at: datetime
) -> dict[str, datetime]:
    """When each system was last heard from by `at`: the time of any event or telemetry of it.

    `services` gives the system of each service. A time later than its arrival counts as that of the
    arrival. What is not counted yet, a few seconds' worth, is missing; a system never heard from is
    missing too. Of a minute only the first and the last sign are known, so asked about the past the
    answer may be too early by less than a minute, and never too late.
    """
    sql = load("sources")
    found: dict[str, datetime] = {}

    def note(row: Mapping[str, Any], heard_at: datetime) -> None:
        system = row["system"] or services.get(row["source"], "")
        if system:
            found[system] = max(heard_at, found.get(system, heard_at))

    ever = store.rows(sql["ever_heard"], {"environment": environment})
    for row in ever:
        if row["last_heard_at"] <= at:
            note(row, row["last_heard_at"])
    open_ = {_key(r) for r in ever if r["first_heard_at"] <= at < r["last_heard_at"]}
    asked = to_micros(at)
    minute = asked // _MINUTE
    for first in (minute - _LOOK_BACK_MINUTES, -(2**31)):
        if not open_:
            break
        parameters = {"at": asked, "first_minute": first, "last_minute": minute}
        for row in store.rows(sql["heard"], {"environment": environment, **parameters}):
            note(row, row["heard_at"])
            open_.discard(_key(row))
    return found


def hour_start(hour: int) -> datetime:
    """When an hour, counted from 1970, began."""
    return from_micros(hour * _HOUR)


def hour_of(at: datetime) -> int:
    """The hour of an instant, counted from 1970."""
    return to_micros(at) // _HOUR


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["kind"], row["source"], row["system"]


def _first(at: Mapping[str, Mapping[int, int]], stage: str) -> int:
    return at.get(stage, {}).get(0, 0)


def _of_plan(plan: Plan, segments: Sequence[int], at: datetime) -> dict[str, Any]:
    return {
        "tick": plan.tick,
        "segments": list(segments),
        "direct_from": plan.direct_from,
        "direct_to": plan.direct_to,
        "now": at.strftime("%Y-%m-%d %H:%M:%S"),
    }
