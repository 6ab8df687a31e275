"""The spool: a SQLite file that holds what was accepted until it is loaded.

One process appends (see `spool_writer`), another takes segments out; both may be killed at any
moment. An append is durable when `append` returns. A segment is a run of records of one signal
whose range is written down before its first insert, so that a restart forms the identical one; its
records go when it is finished. A `Spool` is one connection and belongs to one thread.
"""

import secrets
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from collector.refusals import DeadLetter, Refusal
from collector.spool_file import Pending, connect, mapped_errors, pending
from suture.clock import from_micros, to_micros
from suture.contracts.trace import Signal, segment_number
from suture.errors import SpoolFull
from suture.store import queries

REMOVE_BYTES = 8 * 1024 * 1024
"""Records are removed in transactions of about this much, so that appends never wait for long."""
PAYLOADS_MAX_BYTES = 256 * 1024 * 1024
PAYLOADS_RETENTION = timedelta(days=30)

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

    def __init__(self, path: Path, *, max_bytes: int | None = None) -> None:
        """Open the spool at `path`, and create it, readable by its owner only.

        Appends raise SpoolFull once `max_bytes` wait. Raises Unavailable where the file cannot be
        opened.
        """
        self._max_bytes = max_bytes
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
        with self._transaction():
            adding = sum(len(entry.payload) for entry in entries)
            if self._max_bytes is not None and self.pending_bytes() + adding > self._max_bytes:
                raise SpoolFull(retry_after_seconds=5)
            for entry in entries:
                self._append(entry)
            for refusal in refusals:
                self._append_refusal(refusal)

    def pending_bytes(self) -> int:
        """How much waits to be loaded."""
        return int(self._run("pending_bytes").fetchone()[0])

    def pending(self) -> dict[Signal, Pending]:
        """What waits to be loaded, by signal."""
        with mapped_errors():
            return pending(self._db)

    def _append(self, entry: Entry) -> None:
        size = len(entry.payload)
        self._run(
            "insert_record",
            signal=entry.signal.value,
            received_at=to_micros(entry.received_at),
            items=entry.items,
            bytes=size,
            checksum=zlib.crc32(entry.payload),
            payload=entry.payload,
        )
        self._run(
            "add_appended", signal=entry.signal.value, records=1, items=entry.items, bytes=size
        )

    def _append_refusal(self, refusal: Refusal) -> None:
        letter = refusal.letter
        received_at = to_micros(letter.received_at)
        self._run(
            "insert_payload",
            id=letter.id,
            received_at=received_at,
            content_type=refusal.content_type,
            bytes=len(refusal.payload),
            payload=refusal.payload,
        )
        self._append(
            Entry(
                signal=Signal.DEAD_LETTERS,
                received_at=letter.received_at,
                items=1,
                payload=self._letter_encoder.encode(letter),
            )
        )

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
        with self._transaction():
            for record_id, refusal in records.items():
                self._run("refuse_record", id=record_id)
                self._append_refusal(refusal)

    def finish(self, segment: Segment, refusals: Sequence[Refusal] = ()) -> None:
        """Note that a segment is loaded, keep the dead letters found in it, drop its records.

        The dead letters are kept in the same step, so that a repeated load keeps them once.
        """
        with self._transaction():
            self._run("finish_segment", signal=segment.signal.value, sequence=segment.sequence)
            for refusal in refusals:
                self._append_refusal(refusal)
            done = self._remove_some(segment)
        if not done:
            self._purge_finished(segment.signal)

    def expire_payloads(self, now: datetime) -> None:
        """Drop refused input past its retention, and the oldest of what is over its cap."""
        with self._transaction():
            self._run("expire_payloads", before=to_micros(now - PAYLOADS_RETENTION))
            excess = self._run("payloads_total").fetchone()[1] - PAYLOADS_MAX_BYTES
            if excess <= 0:
                return
            for id_, size in self._run("oldest_payloads").fetchall():
                self._run("delete_payload", id=id_)
                excess -= size
                if excess <= 0:
                    return

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

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with mapped_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                # Some errors roll back by themselves, a full disk among them.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")


def decode_letter(payload: bytes) -> DeadLetter:
    """A dead letter as `append` stored it."""
    return msgspec.msgpack.decode(payload, type=DeadLetter)


def _range_of(segment: Segment) -> dict[str, Any]:
    return {
        "signal": segment.signal.value,
        "first_id": segment.first_id,
        "last_id": segment.last_id,
    }
