"""Instances: the aggregate of an anchor's members.

An instance is a pure function of its members and its definition, so it does not matter in which
order they came. Members are ordered by occurred_at, then sequence, then declared order of the
milestones, then source and id; a milestone is reached by a member whose outcome is `ok`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import polars as pl
import pyarrow as pa

from correlator.keys import unquoted
from suture.contracts.milestone import Outcome
from suture.contracts.process import InstanceStatus
from suture.definitions.process import Completion, ProcessDefinition

_OLDEST = pl.CompatLevel.oldest()
_INSTANTS = pa.list_(pa.timestamp("us", tz="UTC"))


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Instances of one process: flat columns in `frame`, and the map columns by name."""

    frame: pl.DataFrame
    maps: Mapping[str, pa.Array]

    def table(self) -> pa.Table:
        """All columns as one Arrow table, as the table `instances` takes them."""
        table = self.frame.to_arrow(compat_level=_OLDEST)
        for name, column in self.maps.items():
            table = table.append_column(name, column)
        return table


def build_instances(
    members: pl.DataFrame, objects: pl.DataFrame, definition: ProcessDefinition
) -> Instances:
    """One row for each anchor in `members`, which all belong to the process of `definition`.

    `objects` has the columns anchor and object: what each anchor reaches, itself included.
    """
    ordered = _in_order(members, definition)
    carried = _carried(ordered)
    latest = carried.lazy().group_by("anchor", "name").agg(pl.col("value").last())
    reached = objects.lazy().group_by("anchor").agg(objects=pl.col("object").unique().sort())
    money = latest.filter(pl.col("name") == (definition.money or ""))
    money = money.select("anchor", money=pl.col("value").cast(pl.Float64, strict=False))
    frame, facets, times = pl.collect_all(
        [
            _aggregate(ordered.lazy(), latest, definition)
            .join(reached, on="anchor", how="left")
            .join(money, on="anchor", how="left")
            .with_columns(
                *_identity(definition),
                stall_at=pl.col("last_at") + pl.lit(definition.stall_after),
                objects=pl.col("objects").fill_null(pl.concat_list("anchor")),
            )
            .sort("anchor"),
            latest.filter(pl.col("name").is_in(list(definition.facets))).sort("anchor", "name"),
            ordered.lazy()
            .group_by("anchor", "reached", "milestone")
            .agg(times="occurred_at")
            .sort("anchor", "milestone"),
        ]
    )
    anchors = frame["anchor"]
    history = _facet_history(carried, definition)
    shown = [history.get(anchor, "{}") for anchor in anchors] if history else ["{}"] * len(anchors)
    reached_times, attempts = times.filter("reached"), times.filter(~pl.col("reached"))
    return Instances(
        frame=frame.with_columns(facet_history=pl.Series(shown, dtype=pl.String)),
        maps={
            "facets": _map(anchors, facets, "name", "value", pa.string()),
            "milestone_times": _map(anchors, reached_times, "milestone", "times", _INSTANTS),
            "attempt_times": _map(anchors, attempts, "milestone", "times", _INSTANTS),
        },
    )


def _in_order(members: pl.DataFrame, definition: ProcessDefinition) -> pl.DataFrame:
    """Members sorted by anchor, then as an instance orders them, with its start beside each."""
    rank = {name: index for index, name in enumerate(definition.milestone_names)}
    at = pl.col("occurred_at")
    starts = pl.col("reached") & pl.col("milestone").is_in(list(definition.starts_with))
    return (
        members.lazy()
        .with_columns(
            declared=pl.col("milestone").replace_strict(rank, return_dtype=pl.Int32),
            reached=pl.col("outcome") == Outcome.OK.value,
        )
        .sort("anchor", "occurred_at", "sequence", "declared", "source", "id")
        .with_columns(
            first_at=at.first().over("anchor"),
            first_start=pl.when(starts).then(at).min().over("anchor"),
        )
        .with_columns(began_at=pl.coalesce("first_start", "first_at"))
        .collect()
    )


def _aggregate(
    ordered: pl.LazyFrame, latest: pl.LazyFrame, definition: ProcessDefinition
) -> pl.LazyFrame:
    """Bounds, status and last member of each anchor."""
    at, milestone = pl.col("occurred_at"), pl.col("milestone")
    since = pl.col("reached") & (at >= pl.col("began_at"))
    completion = definition.completes_with
    grouped = ordered.group_by("anchor").agg(
        started_at=pl.col("began_at").first(),
        start_inferred=pl.col("first_start").first().is_null(),
        completions=at.filter(since & (milestone == completion.milestone)),
        other_end=at.filter(since & milestone.is_in(list(definition.ends_with))).first(),
        last_at=at.last(),
        last_reached=milestone.filter("reached").last(),
        last_member=milestone.last(),
        members_count=pl.len().cast(pl.UInt32),
        trace_ids=pl.col("trace_id").filter(pl.col("trace_id") != "").unique().sort(),
    )
    ended_first = pl.col("other_end").is_not_null() & (
        pl.col("completed_at").is_null() | (pl.col("other_end") < pl.col("completed_at"))
    )
    return (
        _completed(grouped, latest, completion)
        .with_columns(
            last_milestone=pl.coalesce("last_reached", "last_member"),
            ended_at=pl.when(ended_first).then("other_end").otherwise("completed_at"),
            status=pl.when(ended_first)
            .then(pl.lit(InstanceStatus.ENDED.value))
            .when(pl.col("completed_at").is_not_null())
            .then(pl.lit(InstanceStatus.COMPLETED.value))
            .otherwise(pl.lit(InstanceStatus.OPEN.value)),
        )
        .drop("completions", "completed_at", "other_end", "last_reached", "last_member")
    )


def _completed(grouped: pl.LazyFrame, latest: pl.LazyFrame, completion: Completion) -> pl.LazyFrame:
    """Add completed_at: the first completion, or as many as are expected (an attribute may say)."""
    if isinstance(completion.expect, str):
        stated = latest.filter(pl.col("name") == completion.expect)
        count = pl.col("value").cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
        grouped = grouped.join(stated.select("anchor", expected=count), on="anchor", how="left")
    else:
        grouped = grouped.with_columns(expected=pl.lit(completion.expect or 1, pl.Int64))
    asked = pl.when(pl.col("expected") >= 1).then(pl.col("expected") - 1)
    return grouped.with_columns(
        completed_at=pl.col("completions").list.get(asked, null_on_oob=True)
    ).drop("expected")


def _carried(ordered: pl.DataFrame) -> pl.DataFrame:
    """Attributes that members carry, in the members' order: anchor, occurred_at, name, value."""
    return (
        ordered.lazy()
        .filter(pl.col("carried_names").list.len() > 0)
        .select("anchor", "occurred_at", name="carried_names", value="carried_values")
        .explode("name", "value")
        .collect()
    )


def _facet_history(carried: pl.DataFrame, definition: ProcessDefinition) -> dict[str, str]:
    """Earlier, different values of facets by anchor, as JSON: {facet: [{value, until}, …]}."""
    own = ["anchor", "name"]
    changed = (
        carried.lazy()
        .filter(pl.col("name").is_in(list(definition.facets)))
        .with_columns(
            following=pl.col("value").shift(-1).over(own),
            until=pl.col("occurred_at").shift(-1).over(own),
        )
        .filter(pl.col("value") != pl.col("following"))
        .select(*own, "value", until=pl.col("until").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
        .collect()
    )
    history: dict[str, dict[str, list[dict[str, str]]]] = {}
    for anchor, name, value, until in changed.iter_rows():
        past = history.setdefault(anchor, {}).setdefault(name, [])
        past.append({"value": value, "until": until})
    return {
        anchor: json.dumps(past, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        for anchor, past in history.items()
    }


def _identity(definition: ProcessDefinition) -> list[pl.Expr]:
    parts = pl.col("anchor").str.splitn("|", 4)

    def part(index: int) -> pl.Expr:
        return parts.struct.field(f"field_{index}")

    return [
        pl.lit(definition.process).alias("process"),
        pl.lit(definition.version, pl.UInt32).alias("process_version"),
        unquoted(part(0)).alias("environment"),
        unquoted(part(1)).alias("anchor_type"),
        unquoted(part(2)).alias("anchor_scope"),
        part(3).alias("anchor_id"),
    ]


def _map(
    anchors: pl.Series, entries: pl.DataFrame, key: str, value: str, value_type: pa.DataType
) -> pa.Array:
    """A map column parallel to `anchors`; both are sorted by anchor, and entries by key in it."""
    counts = dict(entries.group_by("anchor").len().iter_rows())
    ends = [0, *accumulate(counts.get(anchor, 0) for anchor in anchors)]
    return pa.MapArray.from_arrays(
        pa.array(ends, pa.int32()),
        entries[key].to_arrow(compat_level=_OLDEST).cast(pa.string()),
        entries[value].to_arrow(compat_level=_OLDEST).cast(value_type),
    )
