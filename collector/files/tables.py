"""Checked events as Arrow tables of the store's `milestones`."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
import pyarrow as pa

from collector.files.mapping import LogMapping
from collector.files.rows import Cells, Objects
from collector.files.shaping import CheckedEvents
from suture.store.facts import MILESTONE_SCHEMA

IMPORT_CONTRACT = "suture.import"
"""The `contract` of imported milestones: what made them is a mapping."""

SCHEMA = pa.schema([f for f in MILESTONE_SCHEMA if f.name not in ("segment", "recorded_at")])
"""`milestones` but for what is known only when a chunk is delivered."""

_INSTANT = pa.timestamp("us", tz="UTC")

Value = TypeVar("Value")


def milestone_columns(
    events: CheckedEvents, mapping: LogMapping, systems: Mapping[str, str]
) -> pa.Table:
    """The good events of a chunk, by `SCHEMA`.

    `systems` are those of milestones for which the mapping names none.
    """
    raw, count = events.raw, len(events.kept)
    names = _take(events, events.names)
    system_of = {n: mapping.system_of(n or "") or systems.get(n or "", "") for n in set(names)}
    types, ids = object_lists(_take(events, raw.objects))
    attributes = {name: _take(events, cells) for name, cells in raw.attributes.items()}
    columns: dict[str, object] = {
        "id": _take(events, events.ids),
        "milestone": names,
        "system": [system_of[name] for name in names],
        "occurred_at": pa.array(_take(events, events.instants), pa.int64()).cast(_INSTANT),
        "sequence": pa.array(_take(events, events.sequences), pa.int64()),
        "object_types": types,
        "object_ids": ids,
        "attributes": text_maps(attributes, count),
        "outcome": _take(events, events.outcomes),
        "extensions": text_maps({}, count),
    }
    if raw.reasons is not None:
        columns["reason"] = [text or "" for text in _take(events, raw.reasons)]
    fixed = {"environment": mapping.environment, "source": mapping.source}
    fixed["contract"] = IMPORT_CONTRACT
    for name in SCHEMA.names:
        if name not in columns:
            columns[name] = pa.repeat(pa.scalar(fixed.get(name, ""), pa.string()), count)
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def object_lists(objects: Sequence[Objects]) -> tuple[pa.Array, pa.Array]:
    """The types and the ids of each event's objects, as two Array(String) of the same shape."""
    ends = np.cumsum([len(pairs) for pairs in objects], dtype=np.int64)
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    flat = list(chain.from_iterable(objects))
    types = pa.array([type_ for type_, _ in flat], pa.string())
    ids = pa.array([id_ for _, id_ in flat], pa.string())
    return pa.ListArray.from_arrays(offsets, types), pa.ListArray.from_arrays(offsets, ids)


def text_maps(columns: Mapping[str, Cells], count: int) -> pa.Array:
    """`count` rows of Map(String, String) out of columns; a missing cell is left out of its map."""
    width = len(columns)
    cells = pa.array([cell for column in columns.values() for cell in column], pa.string())
    present = np.asarray(cells.is_valid()).reshape(width, count).T
    # The cells lie column by column; the maps want them row by row.
    by_row = np.arange(width * count).reshape(width, count).T[present]
    names = np.tile(np.arange(width), (count, 1))[present]
    offsets = np.concatenate(([0], np.cumsum(present.sum(axis=1))))
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.array(list(columns), pa.string()).take(pa.array(names, pa.int64())),
        cells.take(pa.array(by_row, pa.int64())),
    )


def _take(events: CheckedEvents, values: list[Value]) -> list[Value]:
    """Of a chunk's values those of the good events."""
    if len(events.kept) == len(values):
        return values
    return [values[index] for index in events.kept]
