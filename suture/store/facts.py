"""Facts: milestones as rows of `milestones`, and the segments they arrive in."""

import secrets
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal, split_segment
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


def new_stream() -> int:
    """A random stream number: 31 bits, so that a segment number also fits a signed integer."""
    return secrets.randbelow(2**31 - 1) + 1


def milestone_table(
    milestones: Sequence[Milestone], *, segment: int, recorded_at: datetime | Sequence[datetime]
) -> pa.Table:
    """Milestones as an Arrow table for `milestones`; `recorded_at` is one instant, or one for each."""
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
