"""Redaction of milestones on their way into the store, by columns. Pure.

The same as `Redactor.milestone` does to one event, a column at a time: RE2, which is how the store
reads patterns too, tells which values can change at all, and only those are redacted, equal ones
once. Of hundreds of thousands of ids nearly all stay as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.redaction import Redactor, extension_key
from suture.contracts.trace import (
    EVENT_ID_ATTRIBUTE,
    EVENT_SOURCE_ATTRIBUTE,
    MILESTONE_ATTRIBUTE,
    OBJECT_PREFIX,
    REASON_ATTRIBUTE,
)
from suture.definitions.redaction import Redacted

Change = Callable[[str], str | None]
_IDENTITIES = {
    "source": EVENT_SOURCE_ATTRIBUTE,
    "id": EVENT_ID_ATTRIBUTE,
    "milestone": MILESTONE_ATTRIBUTE,
}


def redacted_table(table: pa.Table, redactor: Redactor) -> pa.Table:
    """Rows of milestones as they may be kept; the same table where nothing is to be redacted."""
    if not redactor.rules[Redacted.MILESTONES].any:
        return table
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    for name, key in _IDENTITIES.items():
        columns[name] = _changed(
            columns[name], redactor.suspicious(key), partial(redactor.identity, key)
        )
    for name in ("environment", "system"):
        columns[name] = _changed(columns[name], redactor.suspicious(""), redactor.plain)
    suspicious = redactor.suspicious(REASON_ATTRIBUTE)
    columns["reason"] = _changed(columns["reason"], suspicious, redactor.reason)
    columns |= _objects(columns["object_types"], columns["object_ids"], redactor)
    columns["attributes"] = _facets(columns["attributes"], redactor)
    columns["extensions"] = _extensions(columns["extensions"], redactor)
    return pa.table(columns, schema=table.schema)


def _objects(types: pa.ListArray, ids: pa.ListArray, redactor: Redactor) -> dict[str, pa.Array]:
    """Both columns of objects; of two that become the same one is left."""
    names, known = types.flatten(), ids.flatten()
    kept = known
    for type_, where in _by_key(names):
        key = OBJECT_PREFIX + type_
        kept = _changed_at(kept, where, redactor.suspicious(key), partial(redactor.identity, key))
    renamed = _changed(names, None, redactor.name)
    if kept is known and renamed is names:
        return {}
    pairs = list(zip(renamed.to_pylist(), kept.to_pylist(), strict=True))
    rows = [list(dict.fromkeys(pairs[begin:end])) for begin, end in _bounds(types)]
    return {
        "object_types": pa.array([[type_ for type_, _ in row] for row in rows], types.type),
        "object_ids": pa.array([[id_ for _, id_ in row] for row in rows], ids.type),
    }


def _facets(maps: pa.MapArray, redactor: Redactor) -> pa.MapArray:
    """Facets by their keys' rules."""
    names, known = _flattened(maps)
    kept = known
    for key, where in _by_key(names):
        kept = _changed_at(kept, where, redactor.suspicious(key), partial(redactor.facet, key))
    renamed = _changed(names, None, redactor.name)
    return maps if kept is known and renamed is names else _rebuilt(maps, renamed, kept)


def _extensions(maps: pa.MapArray, redactor: Redactor) -> pa.MapArray:
    """What the extensions of events said; their names are fixed."""
    names, known = _flattened(maps)
    kept = known
    for name, where in _by_key(names):
        suspicious = redactor.suspicious(extension_key(name))
        kept = _changed_at(kept, where, suspicious, partial(redactor.extension, name))
    return maps if kept is known else _rebuilt(maps, names, kept)


def _flattened(maps: pa.MapArray) -> tuple[pa.Array, pa.Array]:
    """The keys and the values of all rows, one after the other."""
    begin, end = maps.offsets[0].as_py(), maps.offsets[-1].as_py()
    return maps.keys[begin:end], maps.items[begin:end]


def _rebuilt(maps: pa.MapArray, names: pa.Array, values: pa.Array) -> pa.MapArray:
    """Maps with other keys and values, less what has none."""
    pairs = list(zip(names.to_pylist(), values.to_pylist(), strict=True))
    rows = [
        list({key: value for key, value in pairs[begin:end] if value is not None}.items())
        for begin, end in _bounds(maps)
    ]
    return pa.array(rows, maps.type)


def _bounds(lists: pa.ListArray | pa.MapArray) -> Iterator[tuple[int, int]]:
    """Where each row begins and ends among the flattened values."""
    offsets: Sequence[int] = (np.asarray(lists.offsets) - lists.offsets[0].as_py()).tolist()
    return pairwise(offsets)


def _by_key(keys: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """Each distinct key, and a mask of where it stands."""
    encoded = keys.dictionary_encode()
    for index, key in enumerate(encoded.dictionary.to_pylist()):
        yield key, pc.equal(encoded.indices, index)


def _changed_at(
    texts: pa.Array, where: pa.Array, suspicious: str | None, change: Change
) -> pa.Array:
    own = texts.filter(where)
    made = _changed(own, suspicious, change)
    return texts if made is own else pc.replace_with_mask(texts, where, made)


def _changed(texts: pa.Array, suspicious: str | None, change: Change) -> pa.Array:
    """Text after a change; the same array where none changes.

    Only what the pattern `suspicious` is found in can change; anything can where it is None.
    """
    distinct = pc.unique(texts).drop_null()
    if suspicious is not None:
        distinct = distinct.filter(pc.match_substring_regex(distinct, suspicious))
    made = {text: change(text) for text in distinct.to_pylist()}
    made = {text: new for text, new in made.items() if new != text}
    if not made:
        return texts
    place = pc.index_in(texts, value_set=pa.array(list(made), texts.type))
    instead = pa.array(list(made.values()), texts.type).take(place)
    return pc.if_else(pc.is_valid(place), instead, texts)
