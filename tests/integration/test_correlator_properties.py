"""The result of stitching does not depend on how events arrive, and equals a naive computation."""

import itertools
import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from correlator.job import Correlator
from correlator.rebuild import rebuild
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.process import (
    Completion,
    MilestoneDefinition,
    Path,
    ProcessDefinition,
)
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream
from suture.store.rebuilding import finish_swap
from suture.testing import wipe

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SUPPLY = ProcessDefinition.model_validate(
    {
        "process": "supply",
        "title": "Supply",
        "domain": "supply",
        "owner": "desk",
        "anchor": "requisition",
        "paths": [
            {"from": "requisition", "to": "order"},
            {"from": "order", "to": "receipt"},
            {"from": "order", "to": "invoice"},
        ],
        "objects": {
            "order": {"normalize": ["trim", "upper", "strip_leading_zeros"], "scope": "site"}
        },
        "milestones": [
            {"name": n} for n in ("created", "ordered", "received", "billed", "cancelled")
        ],
        "starts_with": "created",
        "completes_with": "received",
        "ends_with": ["cancelled"],
        "facets": ["site", "ward"],
        "money": "amount",
    }
)
BILLING = ProcessDefinition.model_validate(
    {
        "process": "billing",
        "title": "Billing",
        "domain": "finance",
        "owner": "desk",
        "anchor": "order",
        "paths": [{"from": "order", "to": "invoice"}, {"from": "invoice", "to": "order"}],
        "milestones": [{"name": n} for n in ("ordered", "billed", "paid")],
        "objects": {
            "order": {"normalize": ["trim", "upper", "strip_leading_zeros"], "scope": "site"}
        },
        "starts_with": "ordered",
        "completes_with": {"milestone": "paid", "occurrence": "last", "expect": 2},
        "facets": ["ward"],
    }
)
CATALOG = Catalog(processes={"supply": SUPPLY, "billing": BILLING})
SUPPLY_2 = SUPPLY.model_copy(
    update={
        "version": 2,
        "effective_from": date(2026, 3, 2),
        "paths": (
            Path(from_type="requisition", to_type="order"),
            Path(from_type="requisition", to_type="invoice"),
            Path(from_type="order", to_type="receipt"),
        ),
        "milestones": tuple(
            MilestoneDefinition(name=n)
            for n in ("created", "billed", "ordered", "received", "paid")
        ),
        "completes_with": Completion(milestone="billed"),
        "ends_with": (),
        "facets": ("ward",),
        "money": None,
        "stall_after": timedelta(days=1),
    }
)
SUPPLY_3 = SUPPLY_2.model_copy(update={"version": 3, "effective_from": date(2026, 3, 3)})
VERSIONED = Catalog(
    processes={"supply": SUPPLY_3, "billing": BILLING}, earlier={"supply": (SUPPLY, SUPPLY_2)}
)

_object = st.one_of(
    st.builds(lambda n: ("requisition", f"R{n}"), st.integers(0, 4)),
    st.builds(
        lambda n, pad: ("order", f"{pad}p{n}"), st.integers(0, 3), st.sampled_from(["", "00", " "])
    ),
    st.builds(lambda n: ("receipt", f"G|{n}"), st.integers(0, 3)),
    st.builds(lambda n: ("invoice", f"I{n}"), st.integers(0, 2)),
    st.builds(lambda n: ("ward", f"W{n}"), st.integers(0, 1)),
)
_event = st.fixed_dictionaries(
    {
        "id": st.integers(0, 40),
        "milestone": st.sampled_from(
            ["created", "ordered", "received", "billed", "paid", "cancelled", "elsewhere"]
        ),
        "minute": st.builds(
            lambda m, day: m + 1440 * day, st.integers(0, 12), st.sampled_from([0, 0, 1, 2])
        ),
        "objects": st.lists(_object, min_size=1, max_size=4),
        "attributes": st.dictionaries(
            st.sampled_from(["site", "ward", "amount", "other"]),
            st.sampled_from(["1", "2.5", "x"]),
            max_size=3,
        ),
        "outcome": st.sampled_from(["ok", "ok", "ok", "failed", "rejected"]),
        "environment": st.sampled_from(["production", "production", "production", "test"]),
        "sequence": st.integers(0, 1),
        "trace": st.sampled_from(["", "t1", "t2"]),
    }
)


def _milestone(event: dict[str, Any]) -> Milestone:
    return Milestone(
        source="/s",
        id=str(event["id"]),
        milestone=event["milestone"],
        occurred_at=T0 + timedelta(minutes=event["minute"]),
        objects=tuple(ObjectRef(type=t, id=i) for t, i in event["objects"]),
        environment=event["environment"],
        attributes=event["attributes"],
        outcome=Outcome(event["outcome"]),
        sequence=event["sequence"],
        trace_id=event["trace"],
    )


def feed(store: Store, batches: list[list[dict[str, Any]]], catalog: Catalog = CATALOG) -> None:
    """Load each batch as a finished segment and stitch it before the next arrives."""
    stream, correlator = new_stream(), Correlator(store, catalog)
    for number, batch in enumerate(batches, 1):
        segment = segment_number(stream, number)
        rows = [_milestone(event) for event in batch]
        store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=T0))
        finish_segment(
            store, segment=segment, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0
        )
        correlator.run(T0)


def read(store: Store) -> dict[tuple[str, str], dict[str, Any]]:
    rows = store.rows("SELECT * EXCEPT (change, removed) FROM instances FINAL WHERE removed = 0")
    return {(row["process"], row["anchor"]): row for row in rows}


# ------------------------------------------------------------------ the oracle: naive, from scratch


def oracle(store: Store, processes: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Instances by the rules as written, over the stored facts, with plain sets and loops."""
    facts = store.rows(
        "SELECT event_key, environment, milestone, source, id, occurred_at, sequence, outcome,"
        " trace_id, content_hash, object_types, object_ids, attributes FROM milestones"
    )
    chosen: dict[str, Any] = {}
    for fact in sorted(
        facts,
        key=lambda f: (f["occurred_at"], f["content_hash"], f["trace_id"] == "", f["trace_id"]),
    ):
        chosen.setdefault(fact["event_key"], fact)
    traces: dict[str, set[str]] = {}
    for fact in facts:
        if fact["trace_id"] and fact["content_hash"] == chosen[fact["event_key"]]["content_hash"]:
            traces.setdefault(fact["event_key"], set()).add(fact["trace_id"])
    events = []
    for fact in chosen.values():
        objects = set()
        for type_, id_ in zip(fact["object_types"], fact["object_ids"], strict=True):
            scope = ""
            if type_ == "order":
                id_ = id_.strip().upper()
                id_ = id_.lstrip("0") or ("0" if id_ else "")
                scope = fact["attributes"].get("site", "")
            objects.add((fact["environment"], type_, scope, id_))
        traced = traces.get(fact["event_key"], set())
        events.append({**fact, "objects": objects, "traces": traced})
    result = {}
    for process in processes:
        result.update(_oracle_process(events, process))
    return result


def _bridges(events: list[dict[str, Any]], newest: dict[str, Any]) -> set[tuple[Any, Any]]:
    """Two events of a trace that names exactly one object of each type bridge the two."""
    paths, version = set(newest["paths"]), newest
    while "before" in version:
        version = version["before"]
        paths |= set(version["paths"])
    found = set()
    for trace, place in {(t, o[0]) for e in events for t in e["traces"] for o in e["objects"]}:
        named = {o for e in events if trace in e["traces"] for o in e["objects"] if o[0] == place}
        for pair in paths:
            ends = [[o for o in named if o[1] == type_] for type_ in pair]
            if [len(end) for end in ends] == [1, 1]:
                found.add((ends[0][0], ends[1][0]))
    return found


def _oracle_process(
    events: list[dict[str, Any]], newest: dict[str, Any]
) -> dict[tuple[str, str], Any]:
    pairs = {(x, y) for e in events for x, y in itertools.permutations(e["objects"], 2)}
    pairs |= _bridges(events, newest)
    found = {}
    for a in {o for e in events for o in e["objects"] if o[1] == newest["anchor"]}:
        first = min(e["occurred_at"] for e in events if a in e["objects"])
        p = newest
        while first < p.get("since", T0) and "before" in p:
            p = p["before"]
        links = {(x, y) for x, y in pairs if (x[1], y[1]) in p["paths"]}
        reached = {a}
        while more := {y for x, y in links if x in reached} - reached:
            reached |= more
        members = []
        for e in events:
            if e["milestone"] not in p["milestones"] or not e["objects"] & reached:
                continue
            anchors = {o for o in e["objects"] if o[1] == p["anchor"]}
            if not anchors or a in anchors:
                members.append(e)
        if members:
            row = _oracle_instance(a, reached, members, p)
            found[p["name"], row["anchor"]] = row
    return found


def _oracle_instance(a: Any, reached: Any, members: list[Any], p: dict[str, Any]) -> dict[str, Any]:
    def rank(e: Any) -> Any:
        return (
            e["occurred_at"],
            e["sequence"],
            p["milestones"].index(e["milestone"]),
            e["source"],
            e["id"],
        )

    members = sorted(members, key=rank)
    ok = [e for e in members if e["outcome"] == "ok"]
    starts = [e["occurred_at"] for e in ok if e["milestone"] == p["start"]]
    started = starts[0] if starts else members[0]["occurred_at"]
    since = [e for e in ok if e["occurred_at"] >= started]
    done = [e["occurred_at"] for e in since if e["milestone"] == p["complete"]]
    completed = done[p["count"] - 1] if len(done) >= p["count"] else None
    ends = [e["occurred_at"] for e in since if e["milestone"] in p["ends"]]
    ended = ends[0] if ends and (completed is None or ends[0] < completed) else None
    facets, history, money = {}, {}, None
    for e in members:
        for name in p["facets"]:
            if name in e["attributes"]:
                value = e["attributes"][name]
                if name in facets and facets[name] != value:
                    until = e["occurred_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                    history.setdefault(name, []).append({"value": facets[name], "until": until})
                facets[name] = value
        if p["money"] in e["attributes"]:
            try:
                money = float(e["attributes"][p["money"]])
            except ValueError:
                money = None
    times: dict[str, Any] = {}
    attempts: dict[str, Any] = {}
    for e in members:
        into = times if e["outcome"] == "ok" else attempts
        into.setdefault(e["milestone"], []).append(e["occurred_at"])
    last = (ok or members)[-1]
    return {
        "environment": a[0],
        "process": p["name"],
        "process_version": p.get("version", 1),
        "anchor": "|".join(a),
        "anchor_type": a[1],
        "anchor_scope": a[2],
        "anchor_id": a[3],
        "status": "ended" if ended else "completed" if completed else "open",
        "started_at": started,
        "start_inferred": not starts,
        "last_at": max(e["occurred_at"] for e in members),
        "ended_at": ended or completed,
        "stall_at": max(e["occurred_at"] for e in members) + timedelta(days=p.get("stall", 7)),
        "last_milestone": last["milestone"],
        "facets": facets,
        "facet_history": history,
        "money": money,
        "objects": sorted("|".join(o) for o in reached),
        "trace_ids": sorted({e["trace_id"] for e in members} - {""}),
        "members_count": len(members),
        "path": [e["milestone"] for e in members],
        "path_times": [e["occurred_at"] for e in members],
        "path_reached": [int(e["outcome"] == "ok") for e in members],
        "milestone_times": times,
        "attempt_times": attempts,
    }


ORACLE_PROCESSES = [
    {
        "name": "supply",
        "anchor": "requisition",
        "paths": {("requisition", "order"), ("order", "receipt"), ("order", "invoice")},
        "milestones": ["created", "ordered", "received", "billed", "cancelled"],
        "start": "created",
        "complete": "received",
        "count": 1,
        "ends": ["cancelled"],
        "facets": ["site", "ward"],
        "money": "amount",
    },
    {
        "name": "billing",
        "anchor": "order",
        "paths": {("order", "invoice"), ("invoice", "order")},
        "milestones": ["ordered", "billed", "paid"],
        "start": "ordered",
        "complete": "paid",
        "count": 2,
        "ends": [],
        "facets": ["ward"],
        "money": None,
    },
]


ORACLE_SUPPLY_2 = {
    "name": "supply",
    "version": 2,
    "since": T0 + timedelta(days=1),
    "before": ORACLE_PROCESSES[0],
    "anchor": "requisition",
    "paths": {("requisition", "order"), ("requisition", "invoice"), ("order", "receipt")},
    "milestones": ["created", "billed", "ordered", "received", "paid"],
    "start": "created",
    "complete": "billed",
    "count": 1,
    "ends": [],
    "facets": ["ward"],
    "money": None,
    "stall": 1,
}
ORACLE_SUPPLY_3 = {
    **ORACLE_SUPPLY_2,
    "version": 3,
    "since": T0 + timedelta(days=2),
    "before": ORACLE_SUPPLY_2,
}
ORACLES = {"one version": ORACLE_PROCESSES, "three": [ORACLE_SUPPLY_3, ORACLE_PROCESSES[1]]}
CATALOGS = {"one version": CATALOG, "three": VERSIONED}


def _comparable(
    rows: dict[tuple[str, str], dict[str, Any]],
) -> dict[tuple[str, str], dict[str, Any]]:
    out = {}
    for key, row in rows.items():
        history = row["facet_history"]
        parsed = json.loads(history) if isinstance(history, str) else history
        out[key] = {**row, "facet_history": parsed}
    return out


@pytest.mark.parametrize("versions", list(CATALOGS))
@settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=st.lists(_event, min_size=1, max_size=30), seed=st.integers(0, 10_000))
def test_any_order_batching_and_duplication_gives_what_the_rules_say(
    store: Store, versions: str, events: list[dict[str, Any]], seed: int
) -> None:
    rng = random.Random(seed)
    wipe(store)
    arrivals = events + rng.sample(events, rng.randint(0, len(events)))
    rng.shuffle(arrivals)
    cuts = sorted(rng.sample(range(len(arrivals) + 1), min(rng.randint(0, 4), len(arrivals))))
    batches = [arrivals[a:b] for a, b in itertools.pairwise([0, *cuts, len(arrivals)]) if a < b]
    feed(store, batches, CATALOGS[versions])
    assert _comparable(read(store)) == _comparable(oracle(store, ORACLES[versions]))


@pytest.mark.parametrize("only", [None, "supply"])
def test_a_rebuild_gives_the_same_instances_and_follows_new_definitions(
    store: Store, only: str | None
) -> None:
    events = [
        {
            "id": n,
            "milestone": ["created", "ordered", "received", "paid"][n % 4],
            "minute": n + 1440 * (n // 16),
            "objects": [("requisition", f"R{n // 4}"), ("order", f"p{n // 8}")][n % 4 // 2 :],
            "attributes": {"ward": "a"},
            "outcome": "ok",
            "environment": "production",
            "sequence": 0,
            "trace": "",
        }
        for n in range(40)
    ]
    poorer = SUPPLY.model_copy(update={"paths": (), "facets": ()})
    feed(
        store, [events[:20], events[20:]], Catalog(processes={"supply": poorer, "billing": BILLING})
    )
    assert _comparable(read(store)) != _comparable(oracle(store, ORACLE_PROCESSES))
    rebuild(store, CATALOG, now=T0, only=only)
    assert _comparable(read(store)) == _comparable(oracle(store, ORACLE_PROCESSES))
    feed(store, [[{**events[3], "id": 99, "milestone": "received"}]])
    assert _comparable(read(store)) == _comparable(oracle(store, ORACLE_PROCESSES))
    rebuild(store, VERSIONED, now=T0, only=only)
    assert _comparable(read(store)) == _comparable(oracle(store, ORACLES["three"]))


class _Killed(Exception):
    """Stands for a process that dies between two writes."""


def test_a_rebuild_killed_anywhere_leaves_the_old_or_the_new_and_nothing_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        {
            "id": n,
            "milestone": ["created", "ordered", "billed"][n % 3],
            "minute": n,
            "objects": [("requisition", f"R{n // 3}"), ("order", f"P{n // 6}")],
            "attributes": {"ward": "a"},
            "outcome": "ok",
            "environment": "production",
            "sequence": 0,
            "trace": "",
        }
        for n in range(12)
    ]
    feed(store, [events])
    execute = store.execute
    remaining: list[int] = []
    seen: list[Any] = []

    def state() -> list[Any]:
        tables = {"instances": "change", "members": "version", "reached_objects": "version"}
        sql = "SELECT * EXCEPT ({}) FROM {} FINAL WHERE removed = 0 ORDER BY ALL"
        return [store.rows(sql.format(counter, table)) for table, counter in tables.items()]

    def dying(sql: str, *arguments: Any) -> None:
        if remaining:
            seen.append(state())
            if remaining[0] == 0:
                raise _Killed
            remaining[0] -= 1
        execute(sql, *arguments)

    monkeypatch.setattr(store, "execute", dying)
    stands = old = state()
    # Of what a rebuild does to the live tables: the second plans, the next eight swap.
    for survived in (1, 2, 3, 6, 11):
        remaining[:], seen[:] = [survived], []
        with pytest.raises(_Killed):
            rebuild(store, Catalog(processes={"supply": SUPPLY_2}), now=T0)
        remaining.clear()
        assert all(reading == stands for reading in seen[:3])
        assert finish_swap(store) == (survived > 2)
        if stands == old and survived > 2:
            stands = state()
            assert stands != old
        assert state() == stands
    assert not finish_swap(store)


@pytest.mark.parametrize("versions", list(CATALOGS))
def test_a_tick_killed_between_any_two_writes_is_repeated_without_a_trace(
    store: Store, monkeypatch: pytest.MonkeyPatch, versions: str
) -> None:
    rng = random.Random(5)
    events = [
        {
            "id": rng.randrange(30),
            "milestone": rng.choice(["created", "ordered", "received", "billed", "paid"]),
            "minute": rng.randrange(12) + 1440 * rng.randrange(3),
            "objects": rng.sample(
                [("requisition", f"R{n}") for n in range(4)]
                + [("order", f"P{n}") for n in range(3)]
                + [("invoice", f"I{n}") for n in range(3)],
                rng.randint(1, 3),
            ),
            "attributes": {"ward": rng.choice("ab")},
            "outcome": "ok",
            "environment": "production",
            "sequence": 0,
            "trace": "",
        }
        for _ in range(24)
    ]
    insert_arrow = store.insert_arrow
    remaining = [0]

    def dying(table: str, content: Any, **options: Any) -> None:
        if table != "milestones":
            if remaining[0] == 0:
                raise _Killed
            remaining[0] -= 1
        insert_arrow(table, content, **options)

    monkeypatch.setattr(store, "insert_arrow", dying)
    stream = new_stream()
    arriving = len(events) if versions == "one version" else 12
    for number, start in enumerate(range(0, arriving, 12), 1):
        segment = segment_number(stream, number)
        rows = [_milestone(event) for event in events[start : start + 12]]
        store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=T0))
        finish_segment(store, segment=segment, signal=Signal.MILESTONES, rows=12, finished_at=T0)
        for survived in itertools.count():
            remaining[0] = survived
            try:
                Correlator(store, CATALOGS[versions]).run(T0)
            except _Killed:
                continue
            break
        assert survived > 5
    assert _comparable(read(store)) == _comparable(oracle(store, ORACLES[versions]))
