"""Facts as they arrive: milestones, telemetry, dead letters, and the segments that carry them.

Every row of a fact table names its segment. An insert repeated under the same token is one insert;
after a crash a segment is settled by counting its rows, and deleting what is incomplete.
"""

import secrets
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa

from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal, split_segment
from suture.errors import StoreUnavailable
from suture.store import queries
from suture.store.engine import Store

_TEXT_MAP = pa.map_(pa.string(), pa.string())
_INSTANT = pa.timestamp("us", tz="UTC")

MILESTONE_SCHEMA = pa.schema(
    [
        ("segment", pa.uint64()),
        ("environment", pa.string()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("milestone", pa.string()),
        ("system", pa.string()),
        ("occurred_at", _INSTANT),
        ("recorded_at", _INSTANT),
        ("sequence", pa.int64()),
        ("object_types", pa.list_(pa.string())),
        ("object_ids", pa.list_(pa.string())),
        ("attributes", _TEXT_MAP),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("extensions", _TEXT_MAP),
        ("contract", pa.string()),
        ("contract_version", pa.string()),
    ]
)
"""Columns a writer of milestones fills; event_key and content_hash are computed by the engine."""


DEAD_LETTER_SCHEMA = pa.schema(
    [
        ("segment", pa.uint64()),
        ("id", pa.string()),
        ("received_at", _INSTANT),
        ("action", pa.string()),
        ("actor", pa.string()),
        ("comment", pa.string()),
        ("environment", pa.string()),
        ("door", pa.string()),
        ("source", pa.string()),
        ("event_id", pa.string()),
        ("type", pa.string()),
        ("reason", pa.string()),
        ("owner", pa.string()),
        ("payload_sha256", pa.string()),
        ("payload_bytes", pa.uint64()),
        ("preview", pa.string()),
    ]
)
"""All columns of `dead_letters`."""

TRACE_OBJECT_SCHEMA = pa.schema(
    [
        ("segment", pa.uint64()),
        ("environment", pa.string()),
        ("object_type", pa.string()),
        ("object_id", pa.string()),
        ("object", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("occurred_at", _INSTANT),
    ]
)
"""All columns of `trace_objects`."""


def new_stream() -> int:
    """A random stream number: 31 bits, so that a segment number also fits a signed integer."""
    return secrets.randbelow(2**31 - 1) + 1


def milestone_table(
    milestones: Sequence[Milestone], *, segment: int, recorded_at: datetime | Sequence[datetime]
) -> pa.Table:
    """Milestones as an Arrow table for `milestones`; `recorded_at` is one instant, or many."""
    count = len(milestones)
    recorded = [recorded_at] * count if isinstance(recorded_at, datetime) else list(recorded_at)
    columns: dict[str, list[object]] = {
        "segment": [segment] * count,
        "recorded_at": list(recorded),
        "object_types": [[o.type for o in m.objects] for m in milestones],
        "object_ids": [[o.id for o in m.objects] for m in milestones],
        "attributes": [list(m.attributes.items()) for m in milestones],
        "extensions": [list(m.extensions.items()) for m in milestones],
        "outcome": [m.outcome.value for m in milestones],
    }
    arrays = [
        pa.array(columns.get(name) or [getattr(m, name) for m in milestones], type=type_)
        for name, type_ in zip(MILESTONE_SCHEMA.names, MILESTONE_SCHEMA.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=MILESTONE_SCHEMA)


def finish_segment(
    store: Store, *, segment: int, signal: Signal, rows: int, finished_at: datetime
) -> None:
    """Say that a segment is completely loaded; from now on later stages read it."""
    stream, sequence = split_segment(segment)
    store.insert(
        "segments",
        [
            {
                "stream": stream,
                "sequence": sequence,
                "segment": segment,
                "signal": signal.value,
                "rows": rows,
                "finished_at": finished_at,
            }
        ],
    )


class FactTable(Enum):
    """The tables whose rows belong to segments, and what their query blocks are called."""

    MILESTONES = "milestones"
    SPANS = "spans"
    LOGS = "logs"
    GAUGES = "gauges"
    SUMS = "sums"
    HISTOGRAMS = "histograms"
    EXPONENTIAL_HISTOGRAMS = "exponential_histograms"
    SUMMARIES = "summaries"
    DEAD_LETTERS = "dead_letters"


def count_of_segment(store: Store, table: FactTable, segment: int) -> int:
    """How many rows of a segment a table holds."""
    sql = queries.load("facts")[f"count_{table.value}"]
    return int(store.rows(sql, {"segment": segment})[0]["found"])


def delete_segment(store: Store, table: FactTable, segment: int) -> None:
    """Take what a table holds of a segment out again."""
    store.execute(queries.load("facts")[f"delete_{table.value}"], {"segment": segment})


def require_no_insert(store: Store, segment: int) -> None:
    """Make sure that no insert of a segment is still under way; raises StoreUnavailable if one is.

    A server goes on with an insert whose sender is gone. Rows may be counted only when that is
    over, else they could appear after the count.
    """
    if store.embedded:
        return  # its inserts end with their calls, or with this process
    sql = queries.load("facts")["running_inserts"]
    if store.rows(sql, {"segment": segment})[0]["found"]:
        raise StoreUnavailable(f"an earlier insert of segment {segment} is still under way")


def is_finished(store: Store, segment: int) -> bool:
    """Whether a segment was recorded as completely loaded."""
    stream, sequence = split_segment(segment)
    sql = queries.load("facts")["finished_segment"]
    return bool(store.rows(sql, {"stream": stream, "sequence": sequence})[0]["found"])


def insert_milestones(store: Store, table: pa.Table, *, token: str) -> None:
    """Insert a table made by `milestone_table`; repeated under the same token it is one insert."""
    _insert_arrow(store, "milestones", table, token)


def insert_dead_letters(
    store: Store, letters: Sequence[Mapping[str, Any]], *, segment: int, token: str
) -> None:
    """Insert dead letters given by their fields; the payloads stay with the collector."""
    columns = {name: [letter[name] for letter in letters] for name in DEAD_LETTER_SCHEMA.names[1:]}
    columns["segment"] = [segment] * len(letters)
    table = pa.table(columns, schema=DEAD_LETTER_SCHEMA)
    _insert_arrow(store, "dead_letters", table, token)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceObject:
    """An object that a span carries; `object` is its normalised key."""

    environment: str
    object_type: str
    object_id: str
    object: str
    trace_id: str
    span_id: str
    occurred_at: datetime


def insert_trace_objects(store: Store, found: Sequence[TraceObject], *, segment: int) -> None:
    """Insert what spans of a segment carry; a repeated row replaces itself."""
    names = TRACE_OBJECT_SCHEMA.names[1:]
    columns: dict[str, list[Any]] = {name: [getattr(o, name) for o in found] for name in names}
    columns["segment"] = [segment] * len(found)
    store.insert_arrow("trace_objects", pa.table(columns, schema=TRACE_OBJECT_SCHEMA))


def request_body(
    segment: int, requests: Iterable[tuple[int, bytes]], *, pads: bytes = b""
) -> bytes:
    """The insert body for OTLP requests, given as (received, microseconds; serialized request).

    Each request goes into an envelope, `WalRecord` of `otlp_*.proto`, without being parsed; `pads`
    is what a landing table that redacts asks for.
    """
    pieces: list[bytes] = []
    for received_micros, request in requests:
        head = struct.pack("<BQBQ", 0x09, segment, 0x11, received_micros * 1000)
        head += (b"\x22" + _varint(len(pads)) + pads if pads else b"") + b"\x1a"
        head += _varint(len(request))
        pieces += (_varint(len(head) + len(request)), head, request)
    return b"".join(pieces)


def insert_spans(store: Store, body: bytes, *, token: str, landing: str = "otlp_traces_in") -> None:
    """Insert trace requests, as `request_body` packs them; raises StoreRefused if one is bad."""
    _insert_requests(store, body, token=token, landing=landing, schema="otlp_traces")


def insert_logs(store: Store, body: bytes, *, token: str, landing: str = "otlp_logs_in") -> None:
    """Insert log requests, as `request_body` packs them; raises StoreRefused if one is bad."""
    _insert_requests(store, body, token=token, landing=landing, schema="otlp_logs")


def insert_points(
    store: Store, body: bytes, *, token: str, landing: str = "otlp_metrics_in"
) -> None:
    """Insert metric requests, as `request_body` packs them; raises StoreRefused if one is bad.

    Five tables are filled, one after the other: a failure may leave some of them without theirs.
    """
    _insert_requests(store, body, token=token, landing=landing, schema="otlp_metrics")


def _insert_requests(store: Store, body: bytes, *, token: str, landing: str, schema: str) -> None:
    settings = {
        "format_schema_source": "string",
        "format_schema": _request_schema(schema),
        "format_schema_message_name": "WalRecord",
        "input_format_protobuf_oneof_presence": 1,
        # The views' steps as they are written: to merge them takes a third of the time of a small
        # insert of points, and gains nothing for large ones.
        "query_plan_merge_expressions": 0,
        # What comes from a backlog may fall on many days, each a partition.
        "max_partitions_per_insert_block": 0,
        "insert_deduplication_token": token,
    }
    store.insert_bytes(landing, body, format="Protobuf", settings=settings)


def derive_trace_times(store: Store, segment: int) -> None:
    """Write the trace times of a segment again; needed where a crash may have parted them."""
    store.execute(queries.load("facts")["derive_trace_times"], {"segment": segment})


def business_spans(
    store: Store, segment: int, *, services: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Spans of a segment that may be milestones or name objects; see the query for the columns.

    Of `services` all spans come, with all attributes: span contracts look at them.
    """
    sql = queries.load("facts")["business_spans"]
    return store.rows(sql, {"segment": segment, "services": list(services)})


def business_logs(store: Store, segment: int) -> list[dict[str, Any]]:
    """Log records of a segment that may be milestones; see the query for the columns."""
    return store.rows(queries.load("facts")["business_logs"], {"segment": segment})


def _insert_arrow(store: Store, name: str, table: pa.Table, token: str) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    settings = {"insert_deduplication_token": token, "max_partitions_per_insert_block": 0}
    store.insert_bytes(name, sink.getvalue().to_pybytes(), format="Arrow", settings=settings)


@cache
def _request_schema(name: str) -> str:
    parts = (files(queries) / f"{part}.proto" for part in (name, "otlp_common"))
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
