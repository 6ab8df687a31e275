"""Loads one segment into the store, exactly once, whatever happens in between.

Within a run an insert that failed for a passing reason is repeated under the same token. What an
earlier run or an earlier failure left is settled by data: all rows there, nothing to do; else what
is there goes and the segment is inserted anew under another token. (A token alone is no proof: the
engine notes it before the rows are in place.) A segment the store refuses is halved until the bad
records are found; those become dead letters, the rest stays.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial

import msgspec
import structlog

from collector.refusals import Refusal, make_refusal
from collector.span_milestones import SpanFindings, SpanReader
from collector.spool import Record, Segment, Spool, decode_letter
from suture.clock import Clock, to_micros
from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal
from suture.errors import StoreRefused
from suture.store import facts
from suture.store.engine import Store
from suture.store.facts import FactTable, TraceObject

_log = structlog.get_logger(__name__)

ObjectKeyFunction = Callable[[str, str, Mapping[str, str], str], str]
"""The normalised key of an object, from (environment, type, event attributes, raw id)."""

INCORRECT_DATA = 117
DATA_ERRORS = frozenset(
    {6, 26, 27, 32, 33, 36, 41, 53, 69, 70, 72, INCORRECT_DATA, 128, 131, 321, 349, 407, 436, 444}
)
"""Engine errors that speak of the rows themselves; any other refusal is about the store."""

Retry = Callable[[Callable[[], None]], bool]
"""Runs an action until the store answers; says whether it had to be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLimits:
    """How large a segment may become."""

    max_items: int
    max_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a loaded segment holds for later stages: milestones by count, and what was bad in it."""

    rows: int
    refusals: Sequence[Refusal] = ()
    spans: SpanFindings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One segment that is done: `items` spans, milestones or dead letters."""

    segment: int
    items: int
    findings: Findings


@dataclass(kw_only=True)
class Lane(ABC):
    """One signal's way from the spool into its tables."""

    signal: Signal
    table: FactTable
    limits: SegmentLimits
    store: Store
    clock: Clock
    retry: Retry

    def load_next(self, spool: Spool) -> Loaded | None:
        """Load the oldest waiting segment; None where nothing waits.

        Raises StoreUnavailable once `retry` gives up, Unavailable when the spool does not answer,
        StoreRefused when the store refuses for a reason that lies not in the data.
        """
        segment = spool.next_segment(
            self.signal, max_items=self.limits.max_items, max_bytes=self.limits.max_bytes
        )
        if segment is None:
            return None
        if segment.resumed:
            segment = spool.new_attempt(segment)
        records = self._intact(spool, segment)
        if segment.resumed and facts.is_finished(self.store, segment.number):
            findings = self.examine(segment, records)
        else:
            records = self._load(spool, segment, records)
            findings = self.examine(segment, records)
            self.derive(segment, findings)
            facts.finish_segment(
                self.store,
                segment=segment.number,
                signal=self.signal,
                rows=findings.rows,
                finished_at=self.clock.now(),
            )
        spool.finish(segment, findings.refusals)
        items = sum(record.items for record in records)
        return Loaded(segment=segment.number, items=items, findings=findings)

    @abstractmethod
    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert records; raises StoreRefused or StoreUnavailable."""

    def examine(self, segment: Segment, records: Sequence[Record]) -> Findings:
        """Look at a loaded segment; changes nothing, so it may be repeated."""
        return Findings(rows=sum(record.items for record in records))

    def derive(self, segment: Segment, findings: Findings) -> None:  # noqa: B027 - a hook
        """Write what follows from a loaded segment; repeated after a failure."""

    def settled(self, segment: Segment) -> None:  # noqa: B027 - a hook
        """Repair what may be missing beside a resumed segment whose rows are all there."""

    # -- exactly once -----------------------------------------------------------------------------

    def _load(self, spool: Spool, segment: Segment, records: list[Record]) -> list[Record]:
        """Insert a segment's records and return those that the store took."""
        if segment.resumed:
            if self._is_complete(segment, records):
                self.settled(segment)
                return records
            self._clear(segment)
        try:
            repeated = self.retry(lambda: self.insert(segment, records, segment.token))
        except StoreRefused as error:
            if error.code not in DATA_ERRORS:
                raise
            return self._load_good(spool, segment, records, error)
        if repeated:
            self._ensure_complete(spool, segment, records)
        return records

    def _load_good(
        self, spool: Spool, segment: Segment, records: list[Record], error: StoreRefused
    ) -> list[Record]:
        self._clear(segment)
        segment = spool.new_attempt(segment)
        bad = dict(self._find_bad(segment, records, error))
        _log.warning("records refused by the store", segment=segment.number, records=len(bad))
        good = [record for record in records if record.id not in bad]
        self._ensure_complete(spool, segment, good)
        spool.refuse({r.id: self._refusal(r, bad[r.id]) for r in records if r.id in bad})
        return good

    def _ensure_complete(self, spool: Spool, segment: Segment, records: list[Record]) -> None:
        if not self._is_complete(segment, records):
            self._clear(segment)
            segment = spool.new_attempt(segment)
            self.retry(lambda: self.insert(segment, records, segment.token))

    def _find_bad(
        self, segment: Segment, records: list[Record], error: StoreRefused
    ) -> Iterator[tuple[int, StoreRefused]]:
        """Insert what can be inserted of refused records, by halving; yield the rest by id."""
        if len(records) == 1:
            yield records[0].id, error
            return
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            token = f"{segment.token}:{half[0].id}-{half[-1].id}"
            try:
                self.retry(partial(self.insert, segment, half, token))
            except StoreRefused as cause:
                if cause.code not in DATA_ERRORS:
                    raise
                yield from self._find_bad(segment, half, cause)

    def _is_complete(self, segment: Segment, records: Sequence[Record]) -> bool:
        expected = sum(record.items for record in records)
        return facts.count_of_segment(self.store, self.table, segment.number) == expected

    def _clear(self, segment: Segment) -> None:
        if facts.count_of_segment(self.store, self.table, segment.number):
            facts.delete_segment(self.store, self.table, segment.number)

    def _intact(self, spool: Spool, segment: Segment) -> list[Record]:
        records = spool.read(segment)
        damaged = [record for record in records if not record.intact]
        if damaged:
            cause = StoreRefused("its checksum in the spool is wrong: the disk changed it")
            _log.error("damaged records in the spool", segment=segment.number, records=len(damaged))
            spool.refuse({record.id: self._refusal(record, cause) for record in damaged})
        return [record for record in records if record.intact]

    def _refusal(self, record: Record, error: StoreRefused) -> Refusal:
        return make_refusal(
            record.payload,
            reason=error.message,
            received_at=record.received_at,
            door="loader",
            content_type="application/octet-stream",
            type_=self.signal.value,
        )


@dataclass(kw_only=True)
class TracesLane(Lane):
    """Trace requests: spans by the engine's own reader, then milestones and objects off them."""

    spans: SpanReader
    object_key: ObjectKeyFunction
    signal: Signal = Signal.TRACES
    table: FactTable = FactTable.SPANS

    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert spans."""
        requests = ((to_micros(record.received_at), record.payload) for record in records)
        if records:
            facts.insert_spans(self.store, facts.trace_body(segment.number, requests), token=token)

    def settled(self, segment: Segment) -> None:
        """Write trace times again, which the crash may have parted from the spans."""
        facts.derive_trace_times(self.store, segment.number)

    def examine(self, segment: Segment, records: Sequence[Record]) -> Findings:
        """Read milestones and objects off the spans."""
        if not any(self.spans.may_matter(record.payload) for record in records):
            return Findings(rows=0)
        rows = facts.business_spans(self.store, segment.number, services=self.spans.services)
        found = self.spans.read(rows)
        return Findings(rows=len(found.milestones), refusals=found.refusals, spans=found)

    def derive(self, segment: Segment, findings: Findings) -> None:
        """Insert milestones and objects found on the spans."""
        if segment.resumed and facts.count_of_segment(
            self.store, FactTable.MILESTONES, segment.number
        ):
            facts.delete_segment(self.store, FactTable.MILESTONES, segment.number)
        if findings.spans and findings.spans.milestones:
            table = facts.milestone_table(
                findings.spans.milestones,
                segment=segment.number,
                recorded_at=findings.spans.received,
            )
            self.retry(lambda: facts.insert_milestones(self.store, table, token=segment.token))
        if findings.spans and findings.spans.objects:
            self._insert_objects(segment, findings.spans)

    def _insert_objects(self, segment: Segment, found: SpanFindings) -> None:
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
class MilestonesLane(Lane):
    """Milestone events, checked at the door."""

    signal: Signal = Signal.MILESTONES
    table: FactTable = FactTable.MILESTONES
    _decoder: msgspec.msgpack.Decoder[list[Milestone]] = field(
        default_factory=lambda: msgspec.msgpack.Decoder(list[Milestone])
    )

    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert milestones."""
        milestones: list[Milestone] = []
        received: list[datetime] = []
        try:
            for record in records:
                found = self._decoder.decode(record.payload)
                milestones += found
                received += [record.received_at] * len(found)
            table = facts.milestone_table(milestones, segment=segment.number, recorded_at=received)
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise StoreRefused(f"cannot be stored: {error}", code=INCORRECT_DATA) from error
        if milestones:
            facts.insert_milestones(self.store, table, token=token)


@dataclass(kw_only=True)
class DeadLettersLane(Lane):
    """What was refused at a door or in the loader."""

    signal: Signal = Signal.DEAD_LETTERS
    table: FactTable = FactTable.DEAD_LETTERS

    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert dead letters without their payloads."""
        letters = [asdict(decode_letter(record.payload)) for record in records]
        if letters:
            facts.insert_dead_letters(self.store, letters, segment=segment.number, token=token)
