"""The stream of everything that happens in the network: endless, seeded, pure.

`cases` yields business in the order in which it begins. The same run (seed and start) and history
give the same stream, whatever clock the shell paces it by.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from suture.app.demo.disturb import disturb
from suture.app.demo.faults import Fault, Plan, draw_staffing_plan, draw_supply_plan
from suture.app.demo.incidents import Incidents, plan_incidents
from suture.app.demo.network import HEARTBEAT_EVERY, STAFFING, SUPPLY
from suture.app.demo.signals import Case, Delivery, SpanOut, TruthLine
from suture.app.demo.spans import Trace, milliseconds
from suture.app.demo.staffing import procedure_case
from suture.app.demo.story import Run, Setup
from suture.app.demo.supply import requisition_case
from suture.app.demo.truth import Unclear

_DRAWS = 200
_WINDOW = timedelta(minutes=10)
_WARM_WINDOWS = 3
"""So many windows before going live are as busy as live ones, so that screens move at once."""

_HOSPITAL_OFFSET = timedelta(hours=-5)
"""The hospitals' working day, as an offset from UTC; it only shapes how busy an hour is."""

_HOURLY = (4, 3, 3, 3, 4, 8, 22, 60, 88, 95, 98, 92, 80, 84, 88, 80, 66, 48, 32, 24, 18, 12, 8, 6)
_WEEKEND = 0.55

FRESH_BREACHES_S = (
    -19_800, -15_300, -10_900, -6_800, -4_100, -2_300, -1_100, -420, -150, -40,
    12, 20, 28, 36, 44, 52, 75, 110, 160, 220, 300, 400, 520, 660, 840, 1_080, 1_380, 1_740,
)  # fmt: skip
"""Seconds before and after going live at which a planted case breaks its first promise."""

_FRESH_PLANS = (
    (SUPPLY, Plan(fault=Fault.MAPPING_ERROR)),
    (STAFFING, Plan(fault=Fault.STUCK_QUEUE)),
    (SUPPLY, Plan(fault=Fault.REJECTED_APPROVAL)),
    (STAFFING, Plan(fault=Fault.LOST_MESSAGE)),
    (SUPPLY, Plan(fault=Fault.SLOW_ERP)),
    (SUPPLY, Plan(fault=Fault.STUCK_QUEUE)),
    (STAFFING, Plan(fault=Fault.REJECTED_APPROVAL)),
    (SUPPLY, Plan(fault=Fault.LOST_MESSAGE)),
    (STAFFING, Plan(fault=Fault.MAPPING_ERROR)),
    (SUPPLY, Plan(fault=Fault.SLOW_SUPPLIER)),
)
_PLANTED_FROM = 900_000
_REQUISITIONS_PER_ORDER = 1.54


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How much happens. Orders serve one and a half requisitions each on average."""

    requisitions_per_day: float = 150
    procedures_per_day: float = 60
    live_seconds_per_order: float = 18
    live_seconds_per_procedure: float = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One run of the network: `history` of it lies before `run.start`, the rest is live."""

    run: Run
    history: timedelta
    volume: Volume = Volume()

    @property
    def begin(self) -> datetime:
        """When the simulated history begins."""
        return self.run.start - self.history

    def cases(self) -> Iterator[Case]:
        """All cases, in the order of their starts; endless."""
        incidents = plan_incidents(self.run.rng("incidents"), self.run.start, self.history)
        volume = self.volume
        orders = volume.requisitions_per_day / _REQUISITIONS_PER_ORDER
        streams = (
            self._stream(SUPPLY, orders, volume.live_seconds_per_order, incidents),
            self._stream(
                STAFFING, volume.procedures_per_day, volume.live_seconds_per_procedure, incidents
            ),
            iter(sorted(self._planted(), key=lambda case: case.start)),
            self._heartbeats(),
        )
        for case in heapq.merge(*streams, key=lambda case: case.start):
            yield disturb(case, incidents)

    def _stream(
        self, process: str, per_day: float, live_gap: float, incidents: Incidents
    ) -> Iterator[Case]:
        draw_plan = draw_supply_plan if process == SUPPLY else draw_staffing_plan
        for number, start in enumerate(self._arrivals(process, per_day, live_gap)):
            plan = draw_plan(self.run.rng(process, number, "plan"))
            yield self._build(process, number, start, plan, incidents)

    def _build(
        self, process: str, number: int, start: datetime, plan: Plan, incidents: Incidents
    ) -> Case:
        """Draw a case until it is a clear one."""
        for attempt in range(_DRAWS):
            setup = Setup(
                run=self.run,
                rng=self.run.rng(process, number, attempt),
                number=number,
                start=start,
                plan=plan,
                incidents=incidents,
            )
            try:
                return _WORKFLOWS[process](setup)
            except Unclear:
                continue
        raise ValueError(f"{process} {number}: no clear case in {_DRAWS} draws")

    def _planted(self) -> Iterator[Case]:
        """Cases whose first breach falls at a chosen time around the start."""
        calm = Incidents()
        for index, seconds in enumerate(FRESH_BREACHES_S):
            process, plan = _FRESH_PLANS[index % len(_FRESH_PLANS)]
            number = _PLANTED_FROM + index
            rehearsal = self._build(process, number, self.run.start, plan, calm)
            due = min(
                line.expected_breach_at
                for line in _truth_of(rehearsal)
                if line.expected_breach_at is not None
            )
            start = self.run.start + timedelta(seconds=seconds) - (due - self.run.start)
            yield self._build(process, number, start, plan, calm)

    def _arrivals(self, process: str, per_day: float, live_gap: float) -> Iterator[datetime]:
        """Random arrivals; live ones at least as dense as one every `live_gap` seconds."""
        window = -(-self.history // _WINDOW) * -1
        while True:
            begin = self.run.start + window * _WINDOW
            rng = self.run.rng(process, "arrivals", window)
            gaps = _gaps(rng, per_day / 86_400 * _business(begin), window, live_gap)
            offset = next(gaps)
            while offset < _WINDOW.total_seconds():
                at = begin + milliseconds(offset * 1000)
                if at >= self.begin:
                    yield at
                offset += next(gaps)
            window += 1

    def _heartbeats(self) -> Iterator[Case]:
        """Every system with a declared heartbeat shows a sign of life now and then."""
        beat = 0
        while True:
            base = self.begin + beat * HEARTBEAT_EVERY
            for position, service in enumerate(_BEATING):
                rng = self.run.rng("heartbeat", service, beat)
                start = base + timedelta(seconds=20 * position)
                spans: list[SpanOut] = []
                took = milliseconds(rng.uniform(2, 15))
                Trace(rng, spans).server(service, "GET", "/healthz", start, start + took)
                yield Case(
                    process="",
                    start=start,
                    anchors=(),
                    deliveries=tuple(Delivery(at=span.end, item=span) for span in spans),
                    facts=(),
                )
            beat += 1


_WORKFLOWS: dict[str, Callable[[Setup], Case]] = {
    SUPPLY: requisition_case,
    STAFFING: procedure_case,
}
_BEATING = (
    "supply-portal",
    "erp-api",
    "mw-intake",
    "or-scheduling",
    "roster-api",
    "supplier-gateway",
)


def _gaps(rng: Random, rate: float, window: int, live_gap: float) -> Iterator[float]:
    """Seconds between arrivals: random at `rate`, or evenly by `live_gap` where that is more."""
    if window >= -_WARM_WINDOWS and live_gap * rate < 1:
        yield live_gap * rng.uniform(0, 1)
        while True:
            yield live_gap * rng.uniform(0.5, 1.5)
    while True:
        yield rng.expovariate(rate)


def _business(at: datetime) -> float:
    """How busy the hospitals are at `at`; 1 is the average over a week."""
    local = at + _HOSPITAL_OFFSET
    average = sum(_HOURLY) / 24 * (5 + 2 * _WEEKEND) / 7
    return _HOURLY[local.hour] * (_WEEKEND if local.weekday() >= 5 else 1) / average


def _truth_of(case: Case) -> Iterator[TruthLine]:
    return (d.item for d in case.deliveries if isinstance(d.item, TruthLine))
