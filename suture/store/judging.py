"""What the SLA stage reads and writes: touched instances, standing verdicts, its own progress.

A run of the stage (a tick) is planned before it works: its number, its `now` and its range stand in
`cursors` first, so that a run that was killed is repeated with the same ones and writes the same
rows. `verdict_states`, which decisions are compared with, is written after everything derived from
the comparison; a repeat either finds the old state and writes all of it again, or finds the new
state and has nothing left to write.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa

from suture.clock import EPOCH, from_micros, to_micros
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import InstanceFacts, Verdict, VerdictState
from suture.store.engine import Store
from suture.store.queries import load

JUDGED = "sla_rules"
"""The stage's cursor: the last change of the correlator that is wholly judged."""
PLANNED = "sla_rules-tick"
PLANNED_UPTO = "sla_rules-upto"
DONE = "sla_rules-done"
"""The number and the `now` of the last finished tick; alerting follows it."""
STITCHED = "correlator-change"

_TEXT_MAP = pa.map_(pa.string(), pa.string())
_INSTANT = pa.timestamp("us", tz="UTC")

VERDICT_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("process", pa.string()),
        ("sla", pa.string()),
        ("sla_version", pa.uint32()),
        ("anchor", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("started_at", _INSTANT),
        ("deadline_at", _INSTANT),
        ("at_risk_at", _INSTANT),
        ("completed_at", _INSTANT),
        ("stopped_at", _INSTANT),
        ("elapsed_micros", pa.int64()),
        ("allowed_micros", pa.int64()),
        ("facets", _TEXT_MAP),
        ("decided_at", _INSTANT),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the stage has come: `unfinished` is the plan of a run that was cut off, if any."""

    judged: int
    stitched: int
    tick: int
    now: datetime
    unfinished: "Plan | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run: changes in (after, upto], looks due in (due_after, now], at the instant `now`."""

    tick: int
    now: datetime
    after: int
    upto: int
    due_after: datetime

    @property
    def range(self) -> dict[str, int]:
        """The plan as query parameters."""
        return {
            "after": self.after,
            "upto": self.upto,
            "due_after": to_micros(self.due_after),
            "due_upto": to_micros(self.now),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some instances of one process, in the order of their anchors, with their verdicts.

    `anchors` may hold some that have no instance any more. Verdicts are keyed by anchor, then SLA.
    """

    environment: str
    process: str
    anchors: Sequence[str]
    instances: Mapping[str, InstanceFacts]
    verdicts: Mapping[str, Mapping[str, Verdict]] = field(default_factory=dict)


def progress(store: Store) -> Progress:
    """Where the stage stands; everything is 0 before its first run."""
    stages = [JUDGED, PLANNED, PLANNED_UPTO, DONE, STITCHED]
    rows = store.poll(load("judging")["positions"], {"stages": stages}, of=["cursors"])
    reached = {row["stage"]: row["reached"] for row in rows}
    at = {row["stage"]: row["at"] for row in rows}
    done = reached.get(DONE, 0)
    now = at.get(DONE, EPOCH)
    unfinished = None
    if reached.get(PLANNED, 0) > done:
        unfinished = Plan(
            tick=reached[PLANNED],
            now=at[PLANNED],
            after=reached.get(JUDGED, 0),
            upto=reached[PLANNED_UPTO],
            due_after=now,
        )
    return Progress(
        judged=reached.get(JUDGED, 0),
        stitched=reached.get(STITCHED, 0),
        tick=done,
        now=now,
        unfinished=unfinished,
    )


def changes_upto(store: Store, *, after: int, upto: int, limit: int) -> int:
    """The last change up to which about `limit` instances were touched beyond `after`.

    Always at least one change further where there is one; `upto` where all fit.
    """
    rows = store.rows(load("judging")["changes"], {"after": after, "upto": upto})
    total, last = 0, after
    for row in rows:
        if total and total + row["instances"] > limit:
            return last
        total += row["instances"]
        last = int(row["change"])
    return last if len(rows) == 10_000 else upto


def next_due(store: Store, *, after: datetime) -> datetime | None:
    """When the first look after an instant falls due; None where none does."""
    rows = store.rows(load("judging")["next_due"], {"due_after": to_micros(after)})
    return rows[0]["due_at"] if rows else None


def begin(store: Store, plan: Plan) -> None:
    """Write the plan down; from now on it will be carried out, whatever happens."""
    _write_cursors(store, {PLANNED_UPTO: plan.upto, PLANNED: plan.tick}, plan.now)


def finish(store: Store, plan: Plan) -> None:
    """Say that the plan is carried out."""
    _write_cursors(store, {JUDGED: plan.upto, DONE: plan.tick}, plan.now)


def touched_pages(
    store: Store, plan: Plan, milestones: Mapping[str, Sequence[str]], size: int
) -> Iterator[Page]:
    """What changed or is due under `plan`, by page; `milestones`: what rules need, by process."""
    groups = store.rows(load("judging")["touched_groups"], plan.range)
    yield from _pages(store, "touched", groups, plan.range, milestones, size)


def all_pages(
    store: Store, processes: Iterable[str], milestones: Mapping[str, Sequence[str]], size: int
) -> Iterator[Page]:
    """Every instance of some processes, and every instance they have verdicts about, by page."""
    groups = store.rows(load("judging")["all_groups"], {"processes": sorted(processes)})
    groups.sort(key=lambda group: (group["environment"], group["process"]))
    yield from _pages(store, "all", groups, {}, milestones, size)


def judged_rules(store: Store) -> dict[tuple[str, str], str]:
    """The fingerprint of each rule that every instance was held against, by (rule, process)."""
    rows = store.rows(load("judging")["judged_rules"])
    return {(row["sla"], row["process"]): row["fingerprint"] for row in rows}


def write_judged_rules(
    store: Store, fingerprints: Mapping[tuple[str, str], str], *, tick: int
) -> None:
    """Remember rules as judged; an empty fingerprint forgets one."""
    store.insert(
        "judged_rules",
        [
            {"sla": sla, "process": process, "fingerprint": fingerprint, "tick": tick}
            for (sla, process), fingerprint in fingerprints.items()
        ],
    )


def write_history(store: Store, verdicts: Sequence[Verdict]) -> None:
    """Append decisions to the history."""
    if verdicts:
        store.insert_arrow("verdicts", _table(verdicts))


def write_states(store: Store, verdicts: Sequence[Verdict], *, tick: int) -> None:
    """Make verdicts the ones that count now."""
    if verdicts:
        ticks = pa.array([tick] * len(verdicts), type=pa.uint64())
        store.insert_arrow("verdict_states", _table(verdicts).append_column("tick", ticks))


def write_deadlines(store: Store, looks: Sequence[tuple[datetime, Verdict]]) -> None:
    """Remember when verdicts have to be looked at again."""
    if looks:
        columns = _keys([verdict for _, verdict in looks])
        columns["due_at"] = pa.array([due for due, _ in looks], type=_INSTANT)
        store.insert_arrow("deadlines", pa.table(columns))


def write_changes(store: Store, verdicts: Sequence[Verdict], *, tick: int) -> None:
    """Tell alerting which verdicts to look at."""
    if verdicts:
        columns = _keys(verdicts)
        columns["tick"] = pa.array([tick] * len(verdicts), type=pa.uint64())
        store.insert_arrow("verdict_changes", pa.table(columns))


def verdict_of_row(row: Mapping[str, Any], environment: str, process: str) -> Verdict:
    """A verdict from a row whose times are microseconds and whose facets are two lists."""
    return Verdict(
        environment=environment,
        process=process,
        anchor=row["anchor"],
        sla=row["sla"],
        sla_version=row["sla_version"],
        state=VerdictState(row["state"]),
        reason=row["reason"],
        started_at=from_micros(row["started_at"]),
        deadline_at=_instant(row["deadline_at"]),
        at_risk_at=_instant(row["at_risk_at"]),
        completed_at=_instant(row["completed_at"]),
        stopped_at=_instant(row["stopped_at"]),
        elapsed_micros=row["elapsed_micros"],
        allowed_micros=row["allowed_micros"],
        facets=dict(zip(row["facet_names"], row["facet_values"], strict=True)),
        decided_at=from_micros(row["decided_at"]),
    )


def _pages(
    store: Store,
    kind: str,
    groups: Sequence[Mapping[str, Any]],
    bounds: Mapping[str, int],
    milestones: Mapping[str, Sequence[str]],
    size: int,
) -> Iterator[Page]:
    blocks = load("judging")
    for group in groups:
        environment, process = group["environment"], group["process"]
        parameters: dict[str, Any] = {
            **bounds,
            "environment": environment,
            "process": process,
            "anchor_after": "",
            "limit": size,
        }
        page = blocks[f"{kind}_page"]
        while anchors := [row["anchor"] for row in store.rows(page, parameters)]:
            keys = pl.Series(anchors, dtype=pl.String)
            wanted = {**parameters, "anchor_upto": anchors[-1]}
            needed = {**wanted, "milestones": list(milestones.get(process, ()))}
            instances = store.lookup(blocks["instances"], keys, needed)
            verdicts = store.lookup(blocks["verdicts"], keys, wanted)
            yield Page(
                environment=environment,
                process=process,
                anchors=anchors,
                instances=_instances(instances, environment, process),
                verdicts=_verdicts(verdicts, environment, process),
            )
            if len(anchors) < size:
                break
            parameters["anchor_after"] = anchors[-1]


def _instances(frame: pl.DataFrame, environment: str, process: str) -> dict[str, InstanceFacts]:
    return {
        row["anchor"]: InstanceFacts(
            environment=environment,
            process=process,
            anchor=row["anchor"],
            status=InstanceStatus(row["status"]),
            started_at=from_micros(row["started_at"]),
            start_inferred=row["start_inferred"],
            ended_at=_instant(row["ended_at"]),
            milestone_times={
                name: [from_micros(micros) for micros in times]
                for name, times in zip(row["milestones"], row["times"], strict=True)
            },
            facets=dict(zip(row["facet_names"], row["facet_values"], strict=True)),
        )
        for row in frame.iter_rows(named=True)
    }


def _verdicts(frame: pl.DataFrame, environment: str, process: str) -> dict[str, dict[str, Verdict]]:
    found: dict[str, dict[str, Verdict]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(row["anchor"], {})[row["sla"]] = verdict_of_row(row, environment, process)
    return found


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _keys(verdicts: Sequence[Verdict]) -> dict[str, pa.Array]:
    names = ("environment", "process", "sla", "anchor")
    return {n: pa.array([getattr(v, n) for v in verdicts], type=pa.string()) for n in names}


def _table(verdicts: Sequence[Verdict]) -> pa.Table:
    special: dict[str, list[Any]] = {
        "state": [verdict.state.value for verdict in verdicts],
        "facets": [sorted(verdict.facets.items()) for verdict in verdicts],
    }
    arrays = [
        pa.array(special.get(name) or [getattr(v, name) for v in verdicts], type=type_)
        for name, type_ in zip(VERDICT_SCHEMA.names, VERDICT_SCHEMA.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=VERDICT_SCHEMA)


def _write_cursors(store: Store, positions: Mapping[str, int], at: datetime) -> None:
    store.insert(
        "cursors",
        [
            {"stage": stage, "stream": 0, "position": position, "updated_at": at}
            for stage, position in positions.items()
        ],
    )
