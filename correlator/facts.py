"""From stored facts to the events that stitching works on: one version each, with object keys."""

from collections.abc import Mapping, Sequence

import polars as pl

from correlator.keys import with_object_keys
from suture.definitions.process import ObjectType

EVENT_COLUMNS = [
    "event_key",
    "milestone",
    "system",
    "source",
    "id",
    "occurred_at",
    "recorded_at",
    "sequence",
    "outcome",
    "reason",
    "trace_id",
    "carried_names",
    "carried_values",
    "objects",
    "types",
]
MEMBER_COLUMNS = ["process", "anchor", *(name for name in EVENT_COLUMNS if name != "types")]
MEMBERSHIP = ["process", "anchor", "event_key"]
"""What makes an event a member, without what it says."""


def winners(facts: pl.DataFrame) -> pl.DataFrame:
    """One version of each event: the smallest (occurred_at, content_hash).

    Of arrivals that say the same, one with a trace is kept, and the earliest arrival's recorded_at.
    """
    if _each_once(facts):
        return facts
    version = ["event_key", "occurred_at", "content_hash"]
    first = pl.col("recorded_at").min().over(version)
    return (
        facts.with_columns(recorded_at=first, untraced=pl.col("trace_id") == "")
        .sort("event_key", "occurred_at", "content_hash", "untraced", "trace_id")
        .unique("event_key", keep="first", maintain_order=True)
        .drop("untraced")
    )


def conflicting(facts: pl.DataFrame) -> pl.DataFrame:
    """Event keys of `facts` that stand for more than one content."""
    if _each_once(facts):
        return facts.clear().select("event_key")
    versions = pl.struct("occurred_at", "content_hash").n_unique()
    counts = facts.group_by("event_key").agg(versions=versions)
    return counts.filter(pl.col("versions") > 1).select("event_key")


def as_events(
    facts: pl.DataFrame, types: Mapping[str, ObjectType], scopes: Sequence[str]
) -> pl.DataFrame:
    """`facts` (one row for an event) with their objects as keys.

    EVENT_COLUMNS, and the `segment` and `content_hash` of the version that counts. Who names no
    object is left out.
    """
    numbered = facts.with_row_index("n")
    mentions = (
        numbered.select("n", "environment", "scope_values", type="object_types", id="object_ids")
        .explode("type", "id")
        .filter(pl.col("type").is_not_null())
    )
    keyed = with_object_keys(mentions, types, scopes).sort("n", "object")
    n, object_ = pl.col("n"), pl.col("object")
    again = (n == n.shift()) & (object_ == object_.shift())
    lists = (
        keyed.filter(~again.fill_null(value=False))
        .group_by("n", maintain_order=True)
        .agg(objects=pl.col("object"), types=pl.col("type"))
    )
    return numbered.join(lists, on="n").select(*EVENT_COLUMNS, "segment", "content_hash")


def _each_once(facts: pl.DataFrame) -> bool:
    return facts["event_key"].n_unique() == facts.height
