"""Redaction of a file's events, before they are stored. Pure."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from collector.redaction import Redactor
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import EVENT_ID_ATTRIBUTE, EVENT_SOURCE_ATTRIBUTE, MILESTONE_ATTRIBUTE
from suture.definitions.redaction import Redacted


def redacted_table(table: pa.Table, redactor: Redactor) -> pa.Table:
    """Rows of milestones as they may be kept; the same table where nothing is to be redacted."""
    if not redactor.rules[Redacted.MILESTONES].any:
        return table
    texts: dict[str, Callable[[str], str]] = {
        "source": lambda text: redactor.identity(EVENT_SOURCE_ATTRIBUTE, text),
        "id": lambda text: redactor.identity(EVENT_ID_ATTRIBUTE, text),
        "milestone": lambda text: redactor.identity(MILESTONE_ATTRIBUTE, text),
        "environment": redactor.plain,
        "system": redactor.plain,
        "reason": redactor.reason,
    }
    for name, change in texts.items():
        if name in table.column_names:
            table = _with(table, name, _changed(table[name], change))
    made = _Objects(redactor)
    objects = [
        [made[pair] for pair in zip(*row, strict=True)]
        for row in zip(
            table["object_types"].to_pylist(), table["object_ids"].to_pylist(), strict=True
        )
    ]
    table = _with(table, "object_types", [[found.type for found in row] for row in objects])
    table = _with(table, "object_ids", [[found.id for found in row] for row in objects])
    attributes = [
        list(redactor.attributes(dict(row or ())).items())
        for row in table["attributes"].to_pylist()
    ]
    return _with(table, "attributes", attributes)


class _Objects(dict[tuple[str, str], ObjectRef]):
    """Objects by (type, id), each distinct one redacted once."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def __missing__(self, pair: tuple[str, str]) -> ObjectRef:
        type_, id_ = pair
        self[pair] = found = self._redactor.object(ObjectRef(type=type_, id=id_))
        return found


def _changed(column: pa.ChunkedArray, change: Callable[[str], str]) -> list[str | None]:
    """A column of text, each distinct one changed once."""
    texts = pc.unique(column).to_pylist()
    made = {text: None if text is None else change(text) for text in texts}
    return [made[text] for text in column.to_pylist()]


def _with(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    return table.set_column(place, field, pa.array(values, type=field.type))
