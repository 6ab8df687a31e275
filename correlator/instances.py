"""Instances: what the members of an anchor say together.

An instance is a pure function of its members, the objects it reaches and the definition that is in
force for it. Members are ordered by occurred_at, sequence, declared order, source, id; everything
below is said in that order.

Frames: members have the columns of `correlator.stitch`, of which those in MEMBER are used, one row
for each event of an anchor; reaches have anchor and object. An instance has the columns of the
table `instances` but for `change` and `removed`; maps are lists of (key, value). Inside, `n`
stands for an anchor, since numbers are faster to compare than keys.
"""

import json
from collections.abc import Sequence

import polars as pl

from correlator.keys import unquoted
from suture.definitions.process import ProcessDefinition

MEMBER = [
    "process",
    "anchor",
    "event_key",
    "milestone",
    "source",
    "id",
    "occurred_at",
    "sequence",
    "outcome",
    "trace_id",
    "carried_names",
    "carried_values",
]

_TOLD = [name for name in MEMBER if name not in ("process", "anchor", "event_key")]
_AT = pl.col("occurred_at")
_NAME = pl.col("milestone")
_OK = pl.col("ok")
_INSTANT = pl.Datetime("us", "UTC")
_FACETS = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
_TIMES = pl.List(pl.Struct({"key": pl.String, "value": pl.List(_INSTANT)}))


def aggregate(
    members: pl.DataFrame, reaches: pl.DataFrame, definition: ProcessDefinition
) -> pl.DataFrame:
    """The instances of one process whose `members` and `reaches` are given, all of them complete.

    Whoever reaches objects and has no member is no instance.
    """
    anchors = members.select(pl.col("anchor").unique()).with_row_index("n")
    # Beside the members, since what joins them copies all that it carries along.
    numbers = members.select("anchor").join(anchors, on="anchor", maintain_order="left")["n"]
    ordered = _ordered(members.select(_TOLD).with_columns(n=numbers), definition)
    carried = _carried(ordered)
    latest = carried.group_by("n", "name").agg(pl.col("value").last())
    spans = _spans(ordered, latest, definition)
    parts = [
        _sequences(ordered),
        _facets(latest, definition.facets),
        _facet_history(carried, definition.facets),
        _number(latest, definition.money or "", "money"),
        _times(ordered.filter(_OK), "milestone_times"),
        _times(ordered.filter(~_OK), "attempt_times"),
        _objects(reaches.join(anchors, on="anchor")),
    ]
    found = anchors.join(spans, on="n")
    for part in parts:
        found = found.join(part, on="n", how="left")
    return _shaped(found, definition)


def _ordered(members: pl.DataFrame, definition: ProcessDefinition) -> pl.DataFrame:
    """Members in the order of their instances, which `n` numbers."""
    places = {name: place for place, name in enumerate(definition.milestone_names)}
    placed = members.with_columns(
        ok=pl.col("outcome") == "ok",
        place=_NAME.replace_strict(places, default=-1, return_dtype=pl.Int64),
    )
    order = ["n", "occurred_at", "sequence", "place"]
    ordered = placed.sort(order)
    # Text is dear to sort by, and few logs have many events that only text tells apart.
    if ordered.select(pl.struct(order).rle_id().last() + 1).item() != ordered.height:
        ordered = placed.sort(*order, "source", "id")
    return ordered.with_columns(pl.col("n").set_sorted())


def _carried(ordered: pl.DataFrame) -> pl.DataFrame:
    """n, name, value, occurred_at: carried attributes, a row for each time one was said."""
    said = ordered.select("n", "occurred_at", name="carried_names", value="carried_values")
    return said.explode("name", "value").filter(pl.col("name").is_not_null())


def _spans(
    ordered: pl.DataFrame, latest: pl.DataFrame, definition: ProcessDefinition
) -> pl.DataFrame:
    """When each begins, completes or ends otherwise, and what comes last."""
    first = _OK & _NAME.is_in(list(definition.starts_with))
    spans = ordered.group_by("n", maintain_order=True).agg(
        first_start=_AT.filter(first).first(),
        first_at=_AT.first(),
        last_at=_AT.last(),
        last_milestone=pl.coalesce(_NAME.filter(_OK).last(), _NAME.last()),
    )
    spans = spans.with_columns(started_at=pl.coalesce("first_start", "first_at"))
    since = ordered.filter(_OK).join(spans.select("n", "started_at"), on="n")
    since = since.filter(pl.col("started_at") <= _AT)
    done = _NAME.is_in([definition.completes_with.milestone])
    over = _NAME.is_in(list(definition.ends_with))
    ends = since.group_by("n").agg(
        completions=_AT.filter(done).sort(), other_end=_AT.filter(over).min()
    )
    spans = spans.join(ends, on="n", how="left")
    expect = definition.completes_with.expect
    if isinstance(expect, str):
        spans = spans.join(_number(latest, expect, "expected"), on="n", how="left")
        spans = spans.with_columns(pl.col("expected").fill_null(0).cast(pl.Int64, strict=False))
    else:
        spans = spans.with_columns(expected=pl.lit(expect or 1, pl.Int64))
    nth = pl.col("completions").list.get(pl.col("expected") - 1, null_on_oob=True)
    return spans.with_columns(completed_at=pl.when(pl.col("expected") >= 1).then(nth))


def _sequences(ordered: pl.DataFrame) -> pl.DataFrame:
    trace = pl.col("trace_id")
    return ordered.group_by("n").agg(
        members_count=pl.len().cast(pl.UInt32),
        path=_NAME,
        path_times=_AT,
        path_reached=_OK.cast(pl.UInt8),
        trace_ids=trace.filter(trace != "").unique().sort(),
    )


def _facets(latest: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    facets = latest.filter(pl.col("name").is_in(list(names))).sort("n", "name")
    return facets.group_by("n").agg(facets=pl.struct(key="name", value="value"))


def _facet_history(carried: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Of each facet the values it had before, as JSON: [{value, until}, …] by facet."""
    places = {name: place for place, name in enumerate(sorted(names))}
    placed = carried.filter(pl.col("name").is_in(list(names))).with_columns(
        place=pl.col("name").replace_strict(places, return_dtype=pl.UInt32)
    )
    same = (pl.col("n") == pl.col("n").shift()) & (pl.col("place") == pl.col("place").shift())
    changes = (
        placed.sort("n", "place", maintain_order=True)
        .with_columns(before=pl.when(same).then(pl.col("value").shift()))
        .filter(pl.col("before") != pl.col("value"))
    )
    until = _AT.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    told = changes.select(
        "n", "name", told=pl.struct(value="before", until=until).struct.json_encode()
    )
    by_facet = told.group_by("n", "name", maintain_order=True).agg(pl.col("told").str.join(","))
    quoted = {name: json.dumps(name, ensure_ascii=False) for name in names}
    entry = pl.format(
        "{}:[{}]", pl.col("name").replace_strict(quoted, return_dtype=pl.String), "told"
    )
    by_anchor = by_facet.group_by("n", maintain_order=True).agg(history=entry.str.join(","))
    whole = pl.concat_str(pl.lit("{"), "history", pl.lit("}"))
    return by_anchor.select("n", facet_history=whole)


def _number(latest: pl.DataFrame, name: str, column: str) -> pl.DataFrame:
    """The latest value of an attribute as a number, where it is one."""
    number = pl.col("value").cast(pl.Float64, strict=False)
    found = latest.filter(pl.col("name") == name).select("n", number.alias(column))
    return found.filter(pl.col(column).is_finite())


def _times(ordered: pl.DataFrame, column: str) -> pl.DataFrame:
    """All times of each milestone, ascending, as a map."""
    each = ordered.group_by("n", "milestone", maintain_order=True).agg(times=_AT)
    pairs = pl.struct(key="milestone", value="times").alias(column)
    return each.sort("n", "milestone").group_by("n").agg(pairs)


def _objects(reaches: pl.DataFrame) -> pl.DataFrame:
    return reaches.group_by("n").agg(objects=pl.col("object").unique().sort())


def _shaped(found: pl.DataFrame, definition: ProcessDefinition) -> pl.DataFrame:
    key = pl.col("anchor").str.splitn("|", 4).struct
    ended = pl.col("other_end").is_not_null() & (
        pl.col("completed_at").is_null() | (pl.col("other_end") < pl.col("completed_at"))
    )
    status = (
        pl.when(ended)
        .then(pl.lit("ended"))
        .when(pl.col("completed_at").is_not_null())
        .then(pl.lit("completed"))
        .otherwise(pl.lit("open"))
    )
    return found.select(
        environment=unquoted(key.field("field_0")),
        process=pl.lit(definition.process),
        process_version=pl.lit(definition.version, pl.UInt32),
        anchor="anchor",
        anchor_type=unquoted(key.field("field_1")),
        anchor_scope=unquoted(key.field("field_2")),
        anchor_id=key.field("field_3"),
        status=status,
        started_at="started_at",
        start_inferred=pl.col("first_start").is_null(),
        last_at="last_at",
        ended_at=pl.when(ended).then("other_end").otherwise("completed_at"),
        stall_at=pl.col("last_at") + definition.stall_after,
        last_milestone="last_milestone",
        facets=pl.col("facets").fill_null(pl.lit([], _FACETS)),
        facet_history=pl.col("facet_history").fill_null("{}"),
        money="money",
        objects=pl.col("objects").fill_null(pl.lit([], pl.List(pl.String))),
        trace_ids="trace_ids",
        members_count="members_count",
        path="path",
        path_times="path_times",
        path_reached="path_reached",
        milestone_times=pl.col("milestone_times").fill_null(pl.lit([], _TIMES)),
        attempt_times=pl.col("attempt_times").fill_null(pl.lit([], _TIMES)),
    )
