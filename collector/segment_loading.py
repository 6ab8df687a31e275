"""Loads one segment into the store, exactly once, whatever happens in between.

Within a run an insert that failed for a passing reason is repeated under the same token. What an
earlier run or an earlier failure left is settled by data: all rows there, nothing to do; else what
is there goes and the segment is inserted anew under another token. (A token alone is no proof: the
engine notes it before the rows are in place.) A segment the store refuses is halved until the bad
records are found; those become dead letters, the rest stays.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial

import msgspec
import structlog

from collector.letter_source import source_of
from collector.redacted_columns import redacted_table
from collector.redaction import Redactor
from collector.refusals import LOADER_DOOR, Refusal, make_refusal
from collector.spool import Record, Segment, Spool, decode_letter
from collector.telemetry_milestones import TelemetryFindings
from suture.clock import Clock
from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal
from suture.definitions.ownership import Ownership
from suture.errors import StoreRefused, StoreUnavailable
from suture.store import facts
from suture.store.engine import Store
from suture.store.facts import FactTable

_log = structlog.get_logger(__name__)

ObjectKeyFunction = Callable[[str, str, Mapping[str, str], str], str]
"""The normalised key of an object, from (environment, type, event attributes, raw id)."""

INCORRECT_DATA = 117
DATA_ERRORS = frozenset(
    {6, 26, 27, 32, 33, 36, 41, 53, 69, 70, 72, INCORRECT_DATA, 128, 131, 321, 349, 407, 436, 444}
)
"""Engine errors that speak of the rows themselves; any other refusal is about the store."""
MEMORY_LIMIT = 241
"""The engine had not enough memory at the moment, or never has enough for so much at once."""
MEMORY_ATTEMPTS = 10
MEMORY_BYTES = 1024 * 1024
"""A single record as large as this, refused for memory in so many attempts, is a dead letter."""

_Refused = StoreRefused | StoreUnavailable

Retry = Callable[[Callable[[], None]], bool]
"""Runs an action until the store answers; says whether it had to be repeated.

What the store has no memory for, it gives up after some tries and raises StoreUnavailable.
"""


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
    telemetry: TelemetryFindings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One segment that is done: `items` spans, log records, points, milestones or dead letters."""

    segment: int
    items: int
    findings: Findings


@dataclass(kw_only=True)
class Lane(ABC):
    """One signal's way from the spool into its tables.

    `tables` are those that `insert` fills; what follows from them is no part of it. Small segments
    follow each other no faster than `spacing_seconds`: each insert is a plan for the engine to
    make, and a part for it to merge.
    """

    signal: Signal
    tables: tuple[FactTable, ...]
    limits: SegmentLimits
    store: Store
    clock: Clock
    retry: Retry
    owners: Ownership | None = None
    redactor: Redactor = field(default_factory=Redactor.none)
    spacing_seconds: float = 0.2

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
        refusals = [self.redactor.refusal(refusal) for refusal in findings.refusals]
        spool.finish(segment, [self._owned(refusal) for refusal in refusals])
        items = sum(record.items for record in records)
        return Loaded(segment=segment.number, items=items, findings=findings)

    @abstractmethod
    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert records; raises StoreRefused or StoreUnavailable."""

    def expected(self, records: Sequence[Record]) -> Mapping[FactTable, int]:
        """How many rows records make in each table; asked only where that has to be settled."""
        return {self.tables[0]: sum(record.items for record in records)}

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
        except StoreUnavailable as error:
            if error.code != MEMORY_LIMIT:
                raise
            return self._load_good(spool, segment, records, error)
        if repeated:
            self._ensure_complete(spool, segment, records)
        return records

    def _load_good(
        self, spool: Spool, segment: Segment, records: list[Record], error: _Refused
    ) -> list[Record]:
        self._clear(segment)
        segment = spool.new_attempt(segment)
        bad = dict(self._find_bad(segment, records, error))
        _log.warning("a segment was loaded in parts", segment=segment.number, refused=len(bad))
        good = [record for record in records if record.id not in bad]
        self._ensure_complete(spool, segment, good)
        spool.refuse({r.id: self._refusal(r, bad[r.id]) for r in records if r.id in bad})
        return good

    def _ensure_complete(self, spool: Spool, segment: Segment, records: list[Record]) -> None:
        while not self._is_complete(segment, records):
            self._clear(segment)
            segment = spool.new_attempt(segment)
            insert = partial(self.insert, segment, records, segment.token)
            if not self.retry(insert):
                return  # answered at the first try: nothing is in doubt

    def _find_bad(
        self, segment: Segment, records: list[Record], error: _Refused
    ) -> Iterator[tuple[int, _Refused]]:
        """Insert what can be inserted of refused records, by halving; yield the rest by id."""
        if len(records) == 1:
            if isinstance(error, StoreUnavailable) and not _is_hopeless(segment, records[0]):
                raise error
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
            except StoreUnavailable as cause:
                if cause.code != MEMORY_LIMIT:
                    raise
                yield from self._find_bad(segment, half, cause)

    def _is_complete(self, segment: Segment, records: Sequence[Record]) -> bool:
        facts.require_no_insert(self.store, segment.number)
        return all(
            facts.count_of_segment(self.store, table, segment.number) == count
            for table, count in self.expected(records).items()
        )

    def _clear(self, segment: Segment) -> None:
        for table in self.tables:
            if facts.count_of_segment(self.store, table, segment.number):
                facts.delete_segment(self.store, table, segment.number)

    def _intact(self, spool: Spool, segment: Segment) -> list[Record]:
        records = spool.read(segment)
        damaged = [record for record in records if not record.intact]
        if damaged:
            cause = StoreRefused("its checksum in the spool is wrong: the disk changed it")
            _log.error("damaged records in the spool", segment=segment.number, records=len(damaged))
            spool.refuse({r.id: self._refusal(r, cause, damaged=True) for r in damaged})
        return [record for record in records if record.intact]

    def _owned(self, refusal: Refusal) -> Refusal:
        """A refusal with the team that answers for it, where it names none itself."""
        letter = refusal.letter
        if self.owners is None or letter.owner:
            return refusal
        return replace(refusal, letter=replace(letter, owner=self.owners.of(source=letter.source)))

    def _refusal(self, record: Record, error: _Refused, *, damaged: bool = False) -> Refusal:
        """A record as a dead letter; one that is not damaged can be put back as it is."""
        source = "" if damaged else source_of(self.signal, record.payload)
        refusal = make_refusal(
            record.payload,
            reason=error.message,
            received_at=self.clock.now(),
            came_at=record.received_at,
            door=LOADER_DOOR,
            content_type="application/octet-stream",
            environment="",  # a record may hold several
            source=source,
            type_=self.signal.value,
            owner=self.owners.of(source=source) if self.owners else "",
            items=0 if damaged else record.items,
        )
        return self.redactor.refusal(refusal)


@dataclass(kw_only=True)
class MilestonesLane(Lane):
    """Milestone events, checked at the door."""

    signal: Signal = Signal.MILESTONES
    tables: tuple[FactTable, ...] = (FactTable.MILESTONES,)
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
            facts.insert_milestones(self.store, redacted_table(table, self.redactor), token=token)


@dataclass(kw_only=True)
class DeadLettersLane(Lane):
    """What was refused at a door or in the loader."""

    signal: Signal = Signal.DEAD_LETTERS
    tables: tuple[FactTable, ...] = (FactTable.DEAD_LETTERS,)

    def insert(self, segment: Segment, records: Sequence[Record], token: str) -> None:
        """Insert dead letters without their payloads."""
        letters = [asdict(decode_letter(record.payload)) for record in records]
        if letters:
            facts.insert_dead_letters(self.store, letters, segment=segment.number, token=token)


def _is_hopeless(segment: Segment, record: Record) -> bool:
    """Whether the store will hardly ever have the memory for a record."""
    return len(record.payload) >= MEMORY_BYTES and segment.attempt > MEMORY_ATTEMPTS
