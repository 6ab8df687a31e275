"""The spool: a SQLite file that holds what was accepted until it is loaded.

One process appends (see `spool_writer`), another takes segments out; both may be killed at any
moment. An append is durable when `append` returns. A segment is a run of records of one signal
whose range is written down before its first insert, so that a restart forms the identical one; its
records go when it is finished. A `Spool` is one connection and belongs to one thread.
"""

import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from collector.refusals import DeadLetter, Refusal
from collector.spool_file import (
    CHECKPOINT_BYTES,
    COMMIT_BYTES,
    PAGE_BYTES,
    STEP_PAGES,
    Pending,
    checkpoint,
    connect,
    free_disk_bytes,
    give_back,
    mapped_errors,
    pending,
    truncate_log,
)
from suture.clock import from_micros, to_micros
from suture.contracts.dead_letter import LetterState
from suture.contracts.trace import Signal, segment_number
from suture.errors import SpoolFull, Unavailable
from suture.store import queries

REMOVE_BYTES = 8 * 1024 * 1024
"""Records are removed in transactions of about this much, so that appends never wait for long."""
PAYLOADS_MAX_BYTES = 256 * 1024 * 1024
"""Refused input that is kept; when it is more, the oldest goes until an eighth is free again."""
PAYLOADS_RETENTION = timedelta(days=30)
KEPT_FREE_BYTES = 64 * 1024 * 1024
"""Free space that the file keeps while in use, so that it does not grow and shrink in turns."""
FULL_RETRY_SECONDS = 5.0

_CREATE = (
    "create_streams",
    "create_records",
    "create_records_index",
    "create_segments",
    "create_payloads",
    "create_payloads_index",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One accepted request: `items` spans or milestones in `payload`."""

    signal: Signal
    received_at: datetime
    items: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An entry as read back. `intact` is false when its length or checksum is wrong."""

    id: int
    received_at: datetime
    items: int
    payload: bytes
    intact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of records. `resumed` says that an earlier run, or an earlier failure, left it."""

    signal: Signal
    stream: int
    sequence: int
    first_id: int
    last_id: int
    attempt: int
    resumed: bool

    @property
    def number(self) -> int:
        """The number that every row of it carries."""
        return segment_number(self.stream, self.sequence)

    @property
    def token(self) -> str:
        """What the store recognises a repeated insert of this attempt by."""
        return f"{self.number}:{self.attempt}"


class Spool:
    """One connection to the spool. Not for use by two threads."""

    def __init__(self, path: Path, *, max_bytes: int | None = None, reserve_bytes: int = 0) -> None:
        """Open the spool at `path`, and create it, readable by its owner only.

        Appends raise SpoolFull once `max_bytes` wait, and Unavailable where they would leave less
        than `reserve_bytes` on the disk: removing what is loaded needs room too. Raises Unavailable
        where the file cannot be opened.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._reserve_bytes = reserve_bytes
        self._payload_bytes: int | None = None
        self._logged_bytes = 0
        self._sql = queries.load("spool")
        self._letter_encoder = msgspec.msgpack.Encoder()
        self._db = connect(path)
        with self._transaction():
            for name in _CREATE:
                self._db.execute(self._sql[name])
            for signal in Signal:
                stream = secrets.randbelow(2**31 - 1) + 1
                self._run("ensure_stream", signal=signal.value, stream=stream)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    # -- appending ------------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry], refusals: Sequence[Refusal] = ()) -> None:
        """Make entries and dead letters durable, all or none.

        Raises SpoolFull at the cap, Unavailable when the disk does not take them.
        """
        adding = sum(len(entry.payload) for entry in entries)
        adding += sum(len(refusal.payload) for refusal in refusals)
        with self._transaction(adding):
            self._require_room(adding)
            self._append(entries)
            self._keep_refusals(refusals)

    def _require_room(self, adding: int) -> None:
        if self._max_bytes is not None and self.pending_bytes() + adding > self._max_bytes:
            raise SpoolFull(retry_after_seconds=FULL_RETRY_SECONDS)
        if self._reserve_bytes and free_disk_bytes(self._path) < self._reserve_bytes + adding:
            reason = "the spool takes nothing: its disk is full"
            raise Unavailable(reason, retry_after_seconds=FULL_RETRY_SECONDS)

    def pending_bytes(self) -> int:
        """How much waits to be loaded."""
        return int(self._run("pending_bytes").fetchone()[0])

    def pending(self) -> dict[Signal, Pending]:
        """What waits to be loaded, by signal."""
        with mapped_errors():
            return pending(self._db)

    def _append(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._run(
                "insert_record",
                signal=entry.signal.value,
                received_at=to_micros(entry.received_at),
                items=entry.items,
                bytes=len(entry.payload),
                checksum=zlib.crc32(entry.payload),
                payload=entry.payload,
            )
        for signal in {entry.signal for entry in entries}:
            mine = [entry for entry in entries if entry.signal is signal]
            self._run(
                "add_appended",
                signal=signal.value,
                records=len(mine),
                items=sum(entry.items for entry in mine),
                bytes=sum(len(entry.payload) for entry in mine),
            )

    def _keep_refusals(self, refusals: Iterable[Refusal]) -> None:
        """Keep refused input and a dead letter for each, within the cap on what is kept."""
        letters = []
        for refusal in refusals:
            letter = refusal.letter
            added = self._run(
                "insert_payload",
                id=letter.id,
                received_at=to_micros(refusal.came_at or letter.received_at),
                content_type=refusal.content_type,
                bytes=len(refusal.payload),
                items=refusal.items,
                payload=refusal.payload,
            ).rowcount
            if not added:
                # It came before, and whatever was done about it then, it is here again.
                self._run("set_payload_state", id=letter.id, state=LetterState.OPEN.value)
            self._count_payload(len(refusal.payload) if added else 0)
            letters.append(self._letter_entry(letter))
        self._append(letters)

    def _letter_entry(self, letter: DeadLetter) -> Entry:
        return Entry(
            signal=Signal.DEAD_LETTERS,
            received_at=letter.received_at,
            items=1,
            payload=self._letter_encoder.encode(letter),
        )

    def _count_payload(self, size: int) -> None:
        """Keep the cap on refused input at all times, by an estimate that is right on its own.

        Another connection may add as much again before one of the two notices.
        """
        if self._payload_bytes is None:
            self._payload_bytes = self._run("payloads_total").fetchone()[1]
        else:
            self._payload_bytes += size
        if self._payload_bytes > PAYLOADS_MAX_BYTES:
            self._drop_excess_payloads()
            self._payload_bytes = None

    # -- segments -------------------------------------------------------------------------------

    def next_segment(self, signal: Signal, *, max_items: int, max_bytes: int) -> Segment | None:
        """The oldest unfinished segment, else a new one of what waits; None where nothing does.

        A new segment holds at most `max_items` and `max_bytes`, but always one record.
        """
        with mapped_errors():
            self._purge_finished(signal)
            found = self._run("first_segment", signal=signal.value).fetchone()
        if found:
            return self._segment(signal, found, resumed=True)
        with mapped_errors():
            # Read before the write lock is taken: nobody else forms segments.
            _, sequence, formed_to = self._run("stream", signal=signal.value).fetchone()
            ends = self._range(signal, formed_to, max_items, max_bytes)
        if ends is None:
            return None
        with self._transaction():
            values = {"signal": signal.value, "sequence": sequence + 1}
            self._run("insert_segment", **values, first_id=ends[0], last_id=ends[1])
            self._run("advance_stream", **values, formed_to=ends[1])
        return self._segment(signal, (sequence + 1, *ends, 1, 0), resumed=False)

    def read(self, segment: Segment) -> list[Record]:
        """The records of a segment that were not refused, in order."""
        with mapped_errors():
            rows = self._run("segment_records", **_range_of(segment)).fetchall()
        return [
            Record(
                id=id_,
                received_at=from_micros(received_at),
                items=items,
                payload=payload,
                intact=len(payload) == size and zlib.crc32(payload) == checksum,
            )
            for id_, received_at, items, size, checksum, refused, payload in rows
            if not refused
        ]

    def new_attempt(self, segment: Segment) -> Segment:
        """Note, durably, that the segment is inserted anew under another token."""
        with self._transaction():
            attempt = self._run(
                "new_attempt", signal=segment.signal.value, sequence=segment.sequence
            ).fetchone()[0]
        return replace(segment, attempt=attempt)

    def refuse(self, records: Mapping[int, Refusal]) -> None:
        """Take records out of their segment, each as a dead letter, in one step."""
        with self._transaction(sum(len(refusal.payload) for refusal in records.values())):
            for record_id in records:
                self._run("refuse_record", id=record_id)
            self._keep_refusals(records.values())

    def finish(self, segment: Segment, refusals: Sequence[Refusal] = ()) -> None:
        """Note that a segment is loaded, keep the dead letters found in it, drop its records.

        The dead letters are kept in the same step, so that a repeated load keeps them once.
        """
        with self._transaction(sum(len(refusal.payload) for refusal in refusals)):
            self._run("finish_segment", signal=segment.signal.value, sequence=segment.sequence)
            self._keep_refusals(refusals)
            done = self._remove_some(segment)
        if not done:
            self._purge_finished(segment.signal)

    def expire_payloads(self, now: datetime) -> None:
        """Drop refused input past its retention, and the oldest of what is over its cap."""
        with self._transaction():
            self._run("expire_payloads", before=to_micros(now - PAYLOADS_RETENTION))
            self._drop_excess_payloads()

    def _drop_excess_payloads(self) -> None:
        total = self._run("payloads_total").fetchone()[1]
        if total <= PAYLOADS_MAX_BYTES:
            return
        # More than it has to be, since adding all of it up is not for every append.
        excess = total - PAYLOADS_MAX_BYTES * 7 // 8
        while oldest := self._run("oldest_payloads").fetchall():
            for id_, size in oldest:
                self._run("delete_payload", id=id_)
                excess -= size
                if excess <= 0:
                    return

    # -- giving space back ----------------------------------------------------------------------

    def trim(self) -> None:
        """Give back one step of the space that a backlog took and normal work does not need."""
        if give_back(self._db, keep_bytes=KEPT_FREE_BYTES):
            self._logged(STEP_PAGES * PAGE_BYTES)

    def tidy(self) -> bool:
        """Give back all free space, so that nothing that was removed can be read from the disk.

        For a spool at rest: False, with the work half done, where something waits or others write.
        """
        if self.pending_bytes():
            return False
        # First the log: on a disk that is nearly full there may be no room to do it last.
        truncate_log(self._db, self._path)
        while give_back(self._db):
            self._logged(STEP_PAGES * PAGE_BYTES)
            if self.pending_bytes():
                return False
        return truncate_log(self._db, self._path)

    def _segment(
        self, signal: Signal, row: tuple[int, int, int, int, int], *, resumed: bool
    ) -> Segment:
        stream = self._run("stream", signal=signal.value).fetchone()[0]
        sequence, first_id, last_id, attempt, _ = row
        return Segment(
            signal=signal,
            stream=stream,
            sequence=sequence,
            first_id=first_id,
            last_id=last_id,
            attempt=attempt,
            resumed=resumed,
        )

    def _range(
        self, signal: Signal, formed_to: int, max_items: int, max_bytes: int
    ) -> tuple[int, int] | None:
        first = last = None
        items = size = 0
        cursor = self._run("unformed_records", signal=signal.value, formed_to=formed_to)
        for id_, record_items, record_bytes in cursor:
            items += record_items
            size += record_bytes
            if first is not None and (items > max_items or size > max_bytes):
                break
            first, last = first or id_, id_
        cursor.close()
        return None if first is None or last is None else (first, last)

    def _purge_finished(self, signal: Signal) -> None:
        while True:
            found = self._run("first_segment", signal=signal.value).fetchone()
            if found is None or not found[4]:
                return
            with self._transaction():
                self._remove_some(self._segment(signal, found, resumed=True))

    def _remove_some(self, segment: Segment) -> bool:
        records = items = size = 0
        last = segment.first_id
        cursor = self._run("segment_sizes", **_range_of(segment))
        for id_, record_items, record_bytes in cursor:
            if records and size + record_bytes > REMOVE_BYTES:
                break
            records, items, size, last = records + 1, items + record_items, size + record_bytes, id_
        else:
            last = segment.last_id
        cursor.close()
        span = {"first_id": segment.first_id, "last_id": last}
        self._run("delete_records", signal=segment.signal.value, **span)
        self._run("add_done", signal=segment.signal.value, records=records, items=items, bytes=size)
        if last == segment.last_id:
            self._run("delete_segment", signal=segment.signal.value, sequence=segment.sequence)
        return last == segment.last_id

    def _run(self, name: str, **values: Any) -> sqlite3.Cursor:
        return self._db.execute(self._sql[name], values)

    def _logged(self, size: int) -> None:
        """Count about what goes into the write-ahead log, and empty it now and then."""
        self._logged_bytes += size
        if self._logged_bytes >= CHECKPOINT_BYTES:
            self._logged_bytes = 0
            # What was committed stays so: an append that failed for this would be repeated.
            with suppress(Unavailable):
                checkpoint(self._db)

    @contextmanager
    def _transaction(self, adding: int = 0) -> Iterator[None]:
        """One transaction that writes about `adding` bytes of payload; its commit is durable."""
        with mapped_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                # Some errors roll back by themselves, a full disk among them.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        self._logged(adding + COMMIT_BYTES)


def decode_letter(payload: bytes) -> DeadLetter:
    """A dead letter as `append` stored it."""
    return msgspec.msgpack.decode(payload, type=DeadLetter)


def _range_of(segment: Segment) -> dict[str, Any]:
    return {
        "signal": segment.signal.value,
        "first_id": segment.first_id,
        "last_id": segment.last_id,
    }
