"""What a collector notes while it is killed again and again, to tell what became of what is lost.

Every step of a request on its way from the door into the store is a line of JSON, written before or
after it is done; a line survives the end of its process. Requests go by their labels, `7-12` for
the twelfth of producer 7.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from collector.segment_loading import Lane, MilestonesLane
from collector.spool import Segment, Spool
from collector.spool_file import reading
from collector.telemetry_lanes import TelemetryLane
from suture.contracts.trace import Signal
from suture.store.engine import Store

MOST = 5
"""So many lost requests are told of in full; the others have had the same fate, as a rule."""

_TRACE_ID = re.compile(rb"\n\x10(.{16})", re.DOTALL)
_ID = re.compile(rb"(\d+-\d+)-\d+")


def label_of(id_: str) -> str:
    """The request in which an item was sent."""
    if ":" not in id_:
        return id_.rpartition("-")[0]
    trace_id = bytes.fromhex(id_.partition(":")[0])
    return _trace_label(trace_id)


def keep_journal(path: Path) -> None:
    """Note the steps of this process from now on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(what: str, **values: Any) -> None:
        line = {"at": round(time.time(), 3), "pid": os.getpid(), "what": what} | values
        os.write(descriptor, json.dumps(line).encode() + b"\n")

    _after(
        Spool, "append",
        lambda _, spool, entries, *rest: note(
            "kept", labels=_labels(entry.payload for entry in entries)
        ),
    )  # fmt: skip
    _after(Spool, "next_segment", lambda segment, *_: segment and note("segment", **_of(segment)))
    _after(
        Spool, "read",
        lambda records, spool, segment: note(
            "read", labels=_labels(record.payload for record in records), **_of(segment)
        ),
    )  # fmt: skip
    _after(Spool, "new_attempt", lambda segment, *_: note("attempt", **_of(segment)))
    _after(Spool, "finish", lambda _, spool, segment, *rest: note("finished", **_of(segment)))
    _after(
        Lane, "_is_complete",
        lambda found, lane, segment, *_: note("counted", complete=found, **_of(segment)),
    )  # fmt: skip
    for lane in (TelemetryLane, MilestonesLane):
        _after(
            lane, "insert",
            lambda _, lane, segment, records, token: note(
                "inserted", token=token, count=len(records), **_of(segment)
            ),
        )  # fmt: skip


def history(lost: Sequence[str], journal: Path, spool: Path, store_url: str) -> str:
    """All that is known of lost items, for a message; opens the store."""
    labels = sorted({label_of(id_) for id_ in lost})
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    pending = _pending(spool)
    told = [f"requests: {labels}", f"in the spool still: {sorted(pending & set(labels))}"]
    with Store(store_url) as store:
        for label in labels[:MOST]:
            told.append(f"-- {label}")
            kept = [line for line in lines if label in line.get("labels", ())]
            numbers = {line["number"] for line in kept if "number" in line}
            told += [
                json.dumps({name: value for name, value in line.items() if name != "labels"})
                for line in lines
                if line in kept or line.get("number") in numbers
            ]
            told += [_rows_of(store, number) for number in sorted(numbers)]
    return "\n".join(told)


def _rows_of(store: Store, number: int) -> str:
    """What the store holds of a segment: rows by table, and whether it is recorded as loaded."""
    tables = {
        "otel_traces": "WalSegment", "otel_logs": "WalSegment", "otel_metrics_gauge": "WalSegment",
        "otel_metrics_sum": "WalSegment", "milestones": "segment", "segments": "segment",
    }  # fmt: skip
    found = {
        table: store.rows(f"SELECT count() AS n FROM {table} WHERE {column} = {number}")[0]["n"]
        for table, column in tables.items()
    }
    return f"rows of segment {number}: {found}"


def _pending(spool: Path) -> set[str]:
    with reading(spool) as connection:
        rows = connection.execute(
            "SELECT payload FROM records WHERE signal != ?", (Signal.DEAD_LETTERS.value,)
        )
        return set(_labels(payload for (payload,) in rows))


def _after(owner: Any, name: str, then: Any) -> None:
    """Have `then` called with the result and the arguments of a method, once it is done."""
    real = getattr(owner, name)

    def noting(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        then(result, *args)
        return result

    setattr(owner, name, noting)


def _labels(payloads: Iterable[bytes]) -> list[str]:
    found: dict[str, None] = {}
    for payload in payloads:
        if match := _TRACE_ID.search(payload):
            found[_trace_label(match[1])] = None
        elif match := _ID.search(payload):
            found[match[1].decode()] = None
    return list(found)


def _trace_label(trace_id: bytes) -> str:
    return f"{int.from_bytes(trace_id[:8], 'big')}-{int.from_bytes(trace_id[8:], 'big')}"


def _of(segment: Segment) -> dict[str, Any]:
    return {
        "signal": segment.signal.value,
        "number": segment.number,
        "attempt": segment.attempt,
        "resumed": segment.resumed,
        "records": [segment.first_id, segment.last_id],
    }
