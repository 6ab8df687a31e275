"""The mapping by which `suture import` takes an exported log in again, to the same instances.

Names are ours already, so little has to be mapped: which attributes were the events' own, what
their outcome was, and, where ids had to change, what they were.
"""

from collections.abc import Mapping
from typing import Any

from suture.app.ocel.names import object_pattern
from suture.app.ocel.staging import Staging, Totals
from suture.contracts.objects import DEFAULT_ENVIRONMENT
from suture.contracts.ocel import OUTCOME, OWN, REASON, SEQUENCE

RELATION = f"{OWN}relation"
"""The milestone that relations become which no event shows: seen in traces, or decided."""


def mapping_of(
    log: Staging,
    totals: Totals,
    *,
    process: str,
    environment: str,
    columns: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A mapping file's content for a log of one process.

    `columns` says what attributes are called in the file, where that is not their name.
    """
    attributes = sorted({name for some in log.event_types.values() for name in some})
    mapping: dict[str, Any] = {
        "source": f"/import/export-of-{process}",
        "title": f"Export of {process}",
        "format": "ocel",
    }
    if environment != DEFAULT_ENVIRONMENT:
        mapping["environment"] = environment
    if systems := log.systems():
        mapping["system"] = systems
    # No definition can name a type with a colon, so nothing but an event ever does.
    if renamed := [type_ for type_ in totals.renamed if ":" not in type_]:
        mapping["objects"] = {
            type_: {"from": type_, "pattern": object_pattern(type_)} for type_ in renamed
        }
    brought = [name for name in attributes if not name.startswith(OWN)]
    mapping["attributes"] = {name: (columns or {}).get(name, name) for name in brought}
    own = {"outcome": OUTCOME, "reason": REASON, "sequence": SEQUENCE}
    mapping |= {field: name for field, name in own.items() if name in attributes}
    if totals.unshown:
        mapping["relations"] = RELATION
    return mapping
