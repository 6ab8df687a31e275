"""What people decided about links, and what follows from it now.

Of the decisions about a pair that nobody took back the latest counts: accepting it is evidence of
the strongest kind, blocking forbids it. A split blocks every pair it names. All decisions are read
whenever one is new, since there are few; so neither their order of arrival nor a tick that was
killed makes a difference.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from correlator.acceptance import on_paths, version_in
from correlator.stitch import LINK, Rules
from suture.contracts.links import DecisionAction
from suture.contracts.process import EvidenceKind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """LINK + blocked of every pair that anybody ever spoke about, and evidence of acceptances."""

    pairs: pl.DataFrame
    evidence: pl.DataFrame


def decided(decisions: pl.DataFrame, rules: Rules) -> Decided:
    """What `decisions` come to, on declared paths."""
    undo = pl.col("action") == DecisionAction.UNDO.value
    undone = decisions.filter(undo)["undoes"]
    spoken = (
        decisions.filter(~undo)
        .rename({"from_objects": "from_object", "to_objects": "to_object"})
        .explode("from_object", "to_object")
        .filter(pl.col("from_object").is_not_null())
    )
    spoken = on_paths(spoken, rules)
    standing = spoken.filter(~pl.col("id").is_in(undone.implode()))
    last = standing.sort("at", "id").unique(LINK, keep="last")
    blocks = [DecisionAction.BLOCK.value, DecisionAction.SPLIT.value]
    blocked = last.select(*LINK, blocked=pl.col("action").is_in(blocks))
    pairs = spoken.select(LINK).unique().join(blocked, on=LINK, how="left")
    accepted = last.filter(pl.col("action") == DecisionAction.ACCEPT.value)
    return Decided(
        pairs=pairs.with_columns(pl.col("blocked").fill_null(value=False)),
        evidence=accepted.select(
            *LINK,
            "id",
            event_key=pl.concat_str(pl.lit("operator:"), "id"),
            source="actor",
            occurred_at="at",
            unsure=pl.lit(0, pl.UInt8),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Restated:
    """Rows for `links`, with their paths' columns, and the pairs (LINK) whose evidence changed."""

    rows: pl.DataFrame
    pairs: pl.DataFrame


def restated(
    wanted: pl.DataFrame, stored: pl.DataFrame, rules: Rules, *, kind: EvidenceKind, change: int
) -> Restated:
    """Compare evidence of a kind that should stand with what is `stored`.

    `wanted` is LINK + event_key, source, id, occurred_at, unsure; `stored` is LINK + event_key,
    removed, unsure, occurred_at, version. A row that this very tick wrote before it was killed
    counts as different.
    """
    key = [*LINK, "event_key"]
    stands = pl.col("was_removed") == 0
    told = (
        wanted.join(
            stored.rename(
                {"unsure": "was_unsure", "removed": "was_removed", "occurred_at": "was_at"}
            ),
            on=key,
            how="full",
            coalesce=True,
        )
        .with_columns(
            removed=pl.col("unsure").is_null().cast(pl.UInt8),
            version=pl.col("version").fill_null(0),
            differs=~(
                pl.col("unsure").eq_missing(pl.when(stands).then("was_unsure"))
                & pl.col("occurred_at").eq_missing(pl.when(stands).then("was_at"))
            ),
        )
        .filter(pl.col("differs") | (pl.col("version") >= version_in(change)))
    )
    next_version = pl.max_horizontal(pl.col("version") + 1, pl.lit(version_in(change), pl.UInt64))
    rows = told.filter("differs").select(
        *key,
        "removed",
        pl.col("source", "id").fill_null(""),
        pl.col("unsure").fill_null(0),
        pl.col("occurred_at").fill_null(EPOCH),
        kind=pl.lit(kind.value),
        version=next_version.cast(pl.UInt64),
    )
    return Restated(rows=on_paths(rows, rules), pairs=told.select(LINK).unique())
