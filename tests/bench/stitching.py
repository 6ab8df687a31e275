"""Milestones stored to instances, against a bare-bones stitching of the same events.

The reference joins the same deltas with the same kind of look-ups, but with numbers for keys, no
evidence, no scopes, no conflicts, nothing that survives a kill, and no instances: what is left when
everything that makes the result trustworthy is taken away.
"""

import logging
import sys
import tempfile
import time
from datetime import UTC, datetime

import polars as pl

from correlator.job import Correlator
from suture.app.logs import configure_logs
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.estate import ESTATE, SEGMENTS
from tests.bench.report import report

PROCESS = ProcessDefinition.model_validate(
    {
        "process": "bench",
        "title": "Bench",
        "domain": "supply",
        "owner": "bench",
        "anchor": "requisition",
        "paths": [
            {"from": "requisition", "to": "order"},
            {"from": "order", "to": "invoice"},
            {"from": "order", "to": "receipt", "cardinality": "one_to_many"},
        ],
        "objects": {"order": {"normalize": ["trim"], "scope": "facility"}},
        "milestones": [{"name": f"m{k}"} for k in range(7)],
        "starts_with": "m0",
        "completes_with": "m6",
        "facets": ["facility"],
    }
)
MEMBERS_EACH = 7
"""Members of one requisition, with those of the order it shares."""

TABLE = """
CREATE TABLE {name} ({columns}) ENGINE = ReplacingMergeTree ORDER BY ({key})
SETTINGS index_granularity = 256
"""
TABLES = {
    "r_events": ("object UInt64, event UInt64, place UInt64", "object, event"),
    "r_links": ("object UInt64, child UInt64", "object, child"),
    "r_reaches": ("object UInt64, anchor UInt64", "object, anchor"),
    "r_members": ("anchor UInt64, event UInt64", "anchor, event"),
}
BATCH = """
SELECT cityHash64(event_key) AS event, rowNumberInAllBlocks() AS place,
       arrayMap((t, i) -> bitOr(bitShiftLeft(toUInt64(indexOf(['requisition', 'order', 'invoice',
           'receipt'], t)), 56), toUInt64(i)), object_types, object_ids) AS objects
FROM milestones WHERE segment = {segment:UInt64}
"""
ANCHOR_TYPE = 1 << 56


def _look_up(store: Store, table: str, keys: pl.Series) -> pl.DataFrame:
    sql = f"SELECT * FROM {table} WHERE object IN (SELECT toUInt64(key) FROM lookup_keys)"
    return store.lookup(sql, keys).unique()


def _reference_batch(store: Store, segment: int) -> None:
    batch = store.frame(BATCH, {"segment": segment})
    mentions = batch.explode("objects").rename({"objects": "object"})
    pairs = mentions.join(mentions, on="event").filter(pl.col("object") < pl.col("object_right"))
    links = pairs.select("object", child="object_right").unique()
    store.insert_frame("r_events", mentions.select("object", "event", "place"))
    store.insert_frame("r_links", links)
    known = _look_up(store, "r_reaches", mentions["object"].unique())
    seeds = mentions.filter(pl.col("object") < 2 * ANCHOR_TYPE).select("object", anchor="object")
    new = seeds.unique().join(known, on=["object", "anchor"], how="anti")
    seen, grown = pl.concat([known, new]), [new]
    frontier = links.join(seen, on="object").select(object="child", anchor="anchor").unique()
    frontier = frontier.join(seen, on=["object", "anchor"], how="anti")
    while frontier.height:
        grown.append(frontier)
        seen = pl.concat([seen, frontier])
        onwards = _look_up(store, "r_links", frontier["object"].unique())
        step = onwards.join(frontier, on="object").select(object="child", anchor="anchor")
        frontier = step.unique().join(seen, on=["object", "anchor"], how="anti")
    delta = pl.concat(grown)
    members = [mentions.join(known, on="object").select("anchor", "event")]
    if delta.height:
        earlier = _look_up(store, "r_events", delta["object"].unique())
        members.append(earlier.join(delta, on="object").select("anchor", "event"))
        store.insert_frame("r_reaches", delta)
    store.insert_frame("r_members", pl.concat(members).unique())


def main(batch: int) -> None:
    """Stitch the same events twice, in batches of the given size."""
    requisitions = 20_000 if batch < 20_000 else 60_000
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        for name, (columns, key) in TABLES.items():
            store.execute(TABLE.format(name=name, columns=columns, key=key))
        store.execute(ESTATE, {"batch": batch, "requisitions": requisitions})
        store.execute(SEGMENTS)
        segments = [row["segment"] for row in store.rows("SELECT segment FROM segments ORDER BY 1")]
        events = int(store.rows("SELECT count() AS found FROM milestones")[0]["found"])

        correlator = Correlator(store, Catalog(processes={"bench": PROCESS}), batch_events=batch)
        ours = theirs = 0.0
        for segment in segments:  # in turn, so that both see the same machine
            began = time.perf_counter()
            _reference_batch(store, segment)
            middle = time.perf_counter()
            correlator.tick(datetime.now(UTC))
            theirs += middle - began
            ours += time.perf_counter() - middle
        found = store.rows("SELECT uniqExact(anchor, event_key) AS found FROM members")[0]["found"]
        if found != MEMBERS_EACH * requisitions:
            sys.exit(f"{found} members for {requisitions} requisitions")
        refused = store.rows("SELECT count() AS found FROM ambiguous_links FINAL WHERE state != ''")
        if refused[0]["found"] != requisitions // 400:
            sys.exit(f"{refused[0]['found']} links refused for {requisitions} requisitions")
    report(
        f"stitching_{batch // 1000}k_batches",
        events / ours,
        "events/s",
        reference=events / theirs,
        ratio=theirs / ours,
        at_least=0.5,
    )


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main(int(sys.argv[1]))
