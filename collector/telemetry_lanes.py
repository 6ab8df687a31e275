"""The lanes of OTLP requests: rows by the engine, then what the rows say about the business.

A request goes into the store as it lies in the spool. What its rows say about the business is read
back from the store, for the few segments whose bytes mention any, and written as milestones of the
same segment.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from collector.log_milestones import LogReader
from collector.otlp import points_by_kind
from collector.segment_loading import Findings, Lane, ObjectKeyFunction
from collector.span_milestones import SpanReader
from collector.spool import Record, Segment
from collector.telemetry_milestones import TelemetryFindings
from suture.clock import to_micros
from suture.contracts.trace import Signal
from suture.definitions.redaction import Redacted
from suture.store import facts
from suture.store.facts import FactTable, TraceObject
from suture.store.redaction import Landing

POINT_TABLES: Mapping[str, FactTable] = {
    "gauge": FactTable.GAUGES,
    "sum": FactTable.SUMS,
    "histogram": FactTable.HISTOGRAMS,
    "exponential_histogram": FactTable.EXPONENTIAL_HISTOGRAMS,
    "summary": FactTable.SUMMARIES,
}
"""Where the points of each kind of metric are stored."""


@dataclass(kw_only=True)
class TelemetryLane(Lane):
    """What the signals of OTLP share.

    To plan an insert takes the engine some tenths of a second of processor time, however small the
    segment, and twice as much with rules of redaction: many small ones would take a core.
    """

    landing: Landing
    spacing_seconds: float = 1.0

    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert requests."""
        requests = ((to_micros(record.received_at), record.payload) for record in records)
        if records:
            pads = self.landing.pads(Redacted(self.signal.value))
            self.insert_body(facts.request_body(segment.number, requests, pads=pads), token)

    @abstractmethod
    def insert_body(self, body: bytes, token: str) -> None:
        """Insert what `facts.request_body` made; raises StoreRefused or StoreUnavailable."""

    def read_business(
        self, segment: Segment, records: Sequence[Record]
    ) -> TelemetryFindings | None:
        """What the segment's rows say about the business; None where nothing can."""
        return None

    def examine(self, segment: Segment, records: Sequence[Record]) -> Findings:
        """Read milestones and objects off the rows."""
        found = self.read_business(segment, records)
        if found is None:
            return Findings(rows=0)
        found = found.redacted(self.redactor)
        return Findings(rows=len(found.milestones), refusals=found.refusals, telemetry=found)

    def derive(self, segment: Segment, findings: Findings) -> None:
        """Insert the milestones that were found."""
        if segment.resumed and facts.count_of_segment(
            self.store, FactTable.MILESTONES, segment.number
        ):
            facts.delete_segment(self.store, FactTable.MILESTONES, segment.number)
        if findings.telemetry and findings.telemetry.milestones:
            table = facts.milestone_table(
                findings.telemetry.milestones,
                segment=segment.number,
                recorded_at=findings.telemetry.received,
            )
            self._insert_milestones(segment, table)

    def _insert_milestones(self, segment: Segment, table: pa.Table) -> None:
        """Insert milestones; what is in doubt after a lost answer is settled by counting."""
        token = segment.token
        while self.retry(partial(facts.insert_milestones, self.store, table, token=token)):
            facts.require_no_insert(self.store, segment.number)
            found = facts.count_of_segment(self.store, FactTable.MILESTONES, segment.number)
            if found == table.num_rows:
                return
            facts.delete_segment(self.store, FactTable.MILESTONES, segment.number)
            token = f"{token}:again"


@dataclass(kw_only=True)
class TracesLane(TelemetryLane):
    """Trace requests: spans, and the milestones and objects that they carry."""

    spans: SpanReader
    object_key: ObjectKeyFunction
    signal: Signal = Signal.TRACES
    tables: tuple[FactTable, ...] = (FactTable.SPANS,)

    def insert_body(self, body: bytes, token: str) -> None:
        """Insert spans."""
        landing = self.landing.table(Redacted.TRACES, "otlp_traces_in")
        facts.insert_spans(self.store, body, token=token, landing=landing)

    def settled(self, segment: Segment) -> None:
        """Write trace times again, which the crash may have parted from the spans."""
        facts.derive_trace_times(self.store, segment.number)

    def read_business(
        self, segment: Segment, records: Sequence[Record]
    ) -> TelemetryFindings | None:
        """Read milestones and objects off the spans."""
        if not any(self.spans.may_matter(record.payload) for record in records):
            return None
        rows = facts.business_spans(self.store, segment.number, services=self.spans.services)
        return self.spans.read(rows)

    def derive(self, segment: Segment, findings: Findings) -> None:
        """Insert milestones and objects found on the spans."""
        super().derive(segment, findings)
        if findings.telemetry and findings.telemetry.objects:
            self._insert_objects(segment, findings.telemetry)

    def _insert_objects(self, segment: Segment, found: TelemetryFindings) -> None:
        carried = [
            TraceObject(
                environment=named.environment,
                object_type=named.object.type,
                object_id=named.object.id,
                object=self.object_key(
                    named.environment, named.object.type, named.attributes, named.object.id
                ),
                trace_id=named.trace_id,
                span_id=named.span_id,
                occurred_at=named.occurred_at,
            )
            for named in found.objects
        ]
        facts.insert_trace_objects(self.store, carried, segment=segment.number)


@dataclass(kw_only=True)
class LogsLane(TelemetryLane):
    """Log requests: log records, and the milestones that they carry."""

    logs: LogReader
    spacing_seconds: float = 2.0
    signal: Signal = Signal.LOGS
    tables: tuple[FactTable, ...] = (FactTable.LOGS,)

    def insert_body(self, body: bytes, token: str) -> None:
        """Insert log records."""
        landing = self.landing.table(Redacted.LOGS, "otlp_logs_in")
        facts.insert_logs(self.store, body, token=token, landing=landing)

    def read_business(
        self, segment: Segment, records: Sequence[Record]
    ) -> TelemetryFindings | None:
        """Read milestones off the log records."""
        if not any(self.logs.may_matter(record.payload) for record in records):
            return None
        return self.logs.read(facts.business_logs(self.store, segment.number))


@dataclass(kw_only=True)
class MetricsLane(TelemetryLane):
    """Metric requests: points, in a table for each of their kinds.

    The widest of all inserts to plan, and the least urgent.
    """

    signal: Signal = Signal.METRICS
    tables: tuple[FactTable, ...] = tuple(POINT_TABLES.values())
    spacing_seconds: float = 2.0

    def insert_body(self, body: bytes, token: str) -> None:
        """Insert points."""
        landing = self.landing.table(Redacted.METRICS, "otlp_metrics_in")
        facts.insert_points(self.store, body, token=token, landing=landing)

    def expected(self, records: Sequence[Record]) -> Mapping[FactTable, int]:
        """Points by kind: a kind that is whole must not make up for one that is missing."""
        found = dict.fromkeys(self.tables, 0)
        for record in records:
            for kind, count in points_by_kind(record.payload).items():
                found[POINT_TABLES[kind]] += count
        return found
