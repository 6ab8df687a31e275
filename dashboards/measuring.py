"""KPIs with their values: a few aggregates over the whole period, whatever the number of KPIs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dashboards.coverage import Coverage, coverage_of
from dashboards.kpis import Kpi, Measure
from dashboards.services import Services
from suture.clock import from_micros, to_micros
from suture.contracts.verdict import Attainment, VerdictState, Window
from suture.store.reading.measures import Completions, Durations

_SECOND = 1_000_000
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_BUCKETS = (_HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 28 * _DAY, 364 * _DAY)
_MOST_POINTS = 62
_STRAGGLERS = 0.02
"""The share of a stretch's instances that may still run where it counts as finished."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One stretch of a trend; `value` is None where nothing was counted in it.

    `running` is how many instances that began in it still run. While they are many, `value` is of
    those that were quick: failures come first, and completions later.
    """

    start: datetime
    end: datetime
    value: float | None
    count: int
    running: int = 0

    @property
    def finished(self) -> bool:
        """Whether so few still run that they hardly change `value`."""
        return self.running <= _STRAGGLERS * (self.count + self.running)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A KPI with its value (seconds or a ratio), None where nothing was counted.

    `facet` is the value of the facet it is split by. `count` is how many clocks or instances the
    value is of; `uncompleted` is how many clocks were decided and are not in it, since their end
    never came or has not come yet. `attainment` is None for a KPI without a rule.
    """

    kpi: Kpi
    facet: str = ""
    value: float | None = None
    p90: float | None = None
    count: int = 0
    uncompleted: int = 0
    completions: Completions | None = None
    attainment: Attainment | None = None
    states: Mapping[VerdictState, int] = field(default_factory=dict)
    coverage: float | None = None
    trend: Sequence[Point] = ()


def bucket_of(window: Window) -> timedelta:
    """The width of a trend's stretches: a day where that gives a readable number of them."""
    length = window.end - window.start
    if 3 * _DAY <= length <= _MOST_POINTS * _DAY:
        return _DAY
    return next((one for one in _BUCKETS if length / one <= _MOST_POINTS), _BUCKETS[-1])


def measure(
    services: Services,
    kpis: Sequence[Kpi],
    window: Window,
    *,
    environment: str,
    now: datetime,
    facet: str | None = None,
) -> list[Figure]:
    """The figures of some KPIs in a window, each once, or once per value of a facet."""
    bucket = bucket_of(window)
    coverage = coverage_of(
        services, environment=environment, start=window.start, end=window.end, now=now
    )
    ruled = _Rules.read(services, kpis, window, environment=environment, facet=facet)
    completions = services.measures.completions(
        window,
        bucket,
        environment=environment,
        now=now,
        facet=facet,
    )
    figures: list[Figure] = []
    for kpi in kpis:
        if kpi.measure is Measure.DURATION:
            figures += _durations(kpi, ruled, window, bucket)
        else:
            figures += _completions(kpi, ruled, completions, window, bucket)
    return [_covered(services, figure, coverage) for figure in figures]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rules:
    """What was counted of the rules behind some KPIs, by (rule, facet value)."""

    decided: Mapping[tuple[str, str], tuple[Durations, Mapping[datetime, Durations]]]
    undecided: Mapping[tuple[str, str], Mapping[VerdictState, int]]
    targets: Mapping[str, float]
    split: bool

    @classmethod
    def read(
        cls,
        services: Services,
        kpis: Sequence[Kpi],
        window: Window,
        *,
        environment: str,
        facet: str | None,
    ) -> "_Rules":
        rules = {kpi.sla: kpi.process for kpi in kpis if kpi.sla and kpi.process}
        reader = services.measures
        return cls(
            decided=reader.durations(
                rules, window, bucket_of(window), environment=environment, facet=facet
            ),
            undecided=reader.undecided(rules, window, environment=environment, facet=facet),
            targets={name: services.catalog.slas[name].target for name in rules},
            split=facet is not None,
        )

    def values_of(self, sla: str) -> list[str]:
        """The facet values that occur, or the one empty value."""
        if not self.split:
            return [""]
        return sorted({value for name, value in (*self.decided, *self.undecided) if name == sla})

    def attainment(self, sla: str, value: str) -> Attainment:
        decided = self.decided.get((sla, value), (None, {}))[0]
        states = self.undecided.get((sla, value), {})
        unknown = states.get(VerdictState.UNKNOWN, 0)
        return Attainment(
            by={},
            met=decided.met if decided else 0,
            breached=decided.breached if decided else 0,
            pending=sum(states.values()) - unknown,
            unknown=unknown,
            target=self.targets[sla],
        )


def _durations(kpi: Kpi, ruled: _Rules, window: Window, bucket: timedelta) -> list[Figure]:
    sla = kpi.sla or ""
    figures = []
    for value in ruled.values_of(sla):
        decided, trend = ruled.decided.get((sla, value), (None, {}))
        counted = {
            start: (_seconds(one.median_micros), one.completed, 0) for start, one in trend.items()
        }
        figures.append(
            Figure(
                kpi=kpi,
                facet=value,
                value=_seconds(decided.median_micros) if decided else None,
                p90=_seconds(decided.p90_micros) if decided else None,
                count=decided.completed if decided else 0,
                uncompleted=decided.uncompleted if decided else 0,
                attainment=ruled.attainment(sla, value),
                states=ruled.undecided.get((sla, value), {}),
                trend=_points(counted, window, bucket),
            )
        )
    return figures


def _completions(
    kpi: Kpi,
    ruled: _Rules,
    counted: Mapping[tuple[str, str], Mapping[datetime, Completions]],
    window: Window,
    bucket: timedelta,
) -> list[Figure]:
    groups: dict[str, dict[datetime, Completions]] = {} if ruled.split else {"": {}}
    for (process, value), by_start in counted.items():
        if kpi.process in (None, process):
            group = groups.setdefault(value, {})
            for start, one in by_start.items():
                group[start] = group.get(start, Completions()) + one
    figures = []
    for value, by_start in sorted(groups.items()):
        total = sum(by_start.values(), Completions())
        points = {start: (one.ratio, one.settled, one.running) for start, one in by_start.items()}
        figures.append(
            Figure(
                kpi=kpi,
                facet=value,
                value=total.ratio,
                count=total.settled,
                completions=total,
                attainment=ruled.attainment(kpi.sla, value) if kpi.sla else None,
                states=ruled.undecided.get((kpi.sla or "", value), {}),
                trend=_points(points, window, bucket),
            )
        )
    return figures


def _seconds(micros: float | None) -> float | None:
    return None if micros is None else micros / _SECOND


def _points(
    counted: Mapping[datetime, tuple[float | None, int, int]], window: Window, bucket: timedelta
) -> list[Point]:
    """Every stretch of the window, those without anything included."""
    width = bucket // timedelta(microseconds=1)
    first = to_micros(window.start) // width
    last = -(-to_micros(window.end) // width)
    starts = [from_micros(index * width) for index in range(first, last)]
    return [
        Point(start=s, end=s + bucket, value=value, count=count, running=running)
        for s in starts
        for value, count, running in [counted.get(s, (None, 0, 0))]
    ]


def _covered(services: Services, figure: Figure, coverage: Coverage) -> Figure:
    processes = services.catalog.processes
    name = figure.kpi.process
    if name is None:
        systems = {m.system for p in processes.values() for m in p.milestones if m.system}
        share = coverage.of_systems(systems)
    else:
        share = coverage.of_process(processes[name])
    return replace(figure, coverage=share)
