"""Who was heard from, when, how much and how late; and how far the clocks of services are apart.

Reads: `segments` and the telemetry and milestones in them; calls between services.
Writes: `source_batches`, `sources`, `source_minutes`, `source_arrivals`; `clock_spans`,
`clock_pairs`, `clock_edges`, `clock_offsets`; its cursors last.
Runs as: a step of the schedule beside the stages; nothing waits for it.
Next: `clocks` (pure) estimates offsets; `suture.store.reading.sources` reads what is written here.

Counters fed by materialized views would count a segment twice that is deleted and inserted again
while it is settled. So only finished segments are counted, which never change, under the number of
a tick that is planned before it works (see `suture.store.sources`): a repeat replaces its own rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from collector.clocks import Edge, Estimate, combine, estimate
from suture.clock import require_utc, to_micros
from suture.store.engine import Store
from suture.store.sources import EdgeHour, Plan, Progress, SourceTables

SEGMENTS = 32
"""Segments read in one tick: of a backlog of large ones so many fit into memory."""

TRACES = 20
"""Traces sampled a minute for each service and side of a call."""

TIGHTEST = 200
"""Pairs looked at of each two services and hour: the ones with the narrowest bounds."""

DIRECT_DELAY = timedelta(seconds=30)
"""What others write into the tables is counted so much later, when all of it can be seen."""

DIRECT_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class CoverageTick:
    """What one tick did; `more` segments wait, or not."""

    segments: int = 0
    edges: int = 0
    more: bool = False


class Coverage:
    """Counts what sources send. One tick at a time."""

    def __init__(
        self,
        store: Store,
        *,
        segments: int = SEGMENTS,
        direct: bool | None = None,
        direct_delay: timedelta = DIRECT_DELAY,
    ) -> None:
        """Count `segments` at a time; rows of other writers `direct_delay` after they came.

        With `direct` left out these are looked for behind HTTP only: nobody else writes into an
        embedded store.
        """
        self._tables = SourceTables(store)
        self._segments = segments
        self._direct = not store.embedded if direct is None else direct
        self._direct_delay = direct_delay

    def tick(self, now: datetime) -> CoverageTick:
        """Count the next finished segments.

        Raises StoreUnavailable when the store does not answer; the next tick goes on from there.
        """
        now = require_utc(now)
        progress = self._tables.progress()
        plan = progress.unfinished or self._plan(progress, now)
        if plan is None:
            return CoverageTick()
        if plan is not progress.unfinished:
            self._tables.begin(plan, now)
        return self._carry_out(plan, now)

    def run(self, now: datetime) -> int:
        """Tick until nothing waits; returns how many segments were counted."""
        total = 0
        while (result := self.tick(now)).segments or result.more:
            total += result.segments
        return total

    def _plan(self, progress: Progress, now: datetime) -> Plan | None:
        """The next run, or None where nothing waits."""
        upto = self._tables.waiting(self._segments)
        direct_to = progress.direct_upto
        if self._direct:
            seen = to_micros(now - self._direct_delay)
            if seen - direct_to >= DIRECT_EVERY // timedelta(microseconds=1):
                direct_to = seen
        if not upto and direct_to == progress.direct_upto:
            return None
        return Plan(
            tick=progress.tick + 1,
            after=progress.read,
            upto=upto,
            direct_from=progress.direct_upto,
            direct_to=direct_to,
        )

    def _carry_out(self, plan: Plan, now: datetime) -> CoverageTick:
        segments = self._tables.segments(plan)
        self._tables.count(plan, segments, now)
        self._tables.pair_calls(plan, segments, now, traces=TRACES)
        edges = self._estimate(plan.tick)
        self._tables.finish(plan, now)
        more = len(segments) >= self._segments
        return CoverageTick(segments=len(segments), edges=edges, more=more)

    def _estimate(self, tick: int) -> int:
        """Estimate the edges that got new pairs, then the offsets of the hours they lie in."""
        touched = self._tables.touched_edges(tick, most=TIGHTEST)
        rows = [_edge_row(edge, found) for edge in touched if (found := estimate(edge.bounds))]
        self._tables.write_edges(rows)
        for environment, group in groupby(touched, key=lambda edge: edge.environment):
            self._write_offsets(environment, {edge.hour for edge in group}, tick)
        return len(rows)

    def _write_offsets(self, environment: str, hours: set[int], tick: int) -> None:
        edges: dict[int, dict[Edge, Estimate]] = {}
        for row in self._tables.edges(environment, hours):
            edges.setdefault(row["hour"], {})[row["client"], row["server"]] = Estimate(
                lower=row["lower_micros"],
                upper=row["upper_micros"],
                pairs=row["pairs"],
                agreeing=row["agreeing"],
            )
        self._tables.write_offsets(
            [
                {
                    "environment": environment,
                    "hour": hour,
                    "service": service,
                    "reference": one.reference,
                    "offset_micros": one.offset,
                    "uncertainty_micros": one.uncertainty,
                    "pairs": one.pairs,
                    "tick": tick,
                }
                for hour, of_hour in edges.items()
                for service, one in combine(of_hour).items()
            ]
        )


def _edge_row(edge: EdgeHour, found: Estimate) -> Mapping[str, object]:
    return {
        "environment": edge.environment,
        "hour": edge.hour,
        "client": edge.client,
        "server": edge.server,
        "lower_micros": found.lower,
        "upper_micros": found.upper,
        "pairs": edge.pairs,
        "used": found.pairs,
        "agreeing": found.agreeing,
    }
