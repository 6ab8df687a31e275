"""Who is linked does not depend on how anything arrives, and equals the rules as written."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from correlator.job import Correlator
from correlator.rebuild import rebuild
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.facts import (
    TraceObject,
    finish_segment,
    insert_trace_objects,
    milestone_table,
    new_stream,
)
from suture.testing import wipe
from tests import link_oracle

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CARDINALITIES = ["one_to_one", "one_to_many", "many_to_one", "many_to_many"]
MILESTONES = ["created", "ordered", "received"]
ENDS = [("requisition", "order"), ("order", "receipt"), ("receipt", "order")]


def catalog(limits: tuple[str, ...]) -> Catalog:
    """Two processes over the same objects, with the given cardinalities."""
    made = {}
    for name, anchor, paths in (("supply", "requisition", ENDS[:2]), ("desk", "order", ENDS[1:])):
        given = limits[:2] if name == "supply" else limits[1:]
        made[name] = ProcessDefinition.model_validate(
            {
                "process": name,
                "title": name,
                "domain": "supply",
                "owner": "desk",
                "anchor": anchor,
                "paths": [
                    {"from": f, "to": t, "cardinality": c}
                    for (f, t), c in zip(paths, given, strict=True)
                ],
                "objects": {"order": {"normalize": ["strip_leading_zeros"], "scope": "site"}},
                "milestones": [{"name": n} for n in MILESTONES],
                "starts_with": "created",
                "completes_with": "received",
            }
        )
    return Catalog(processes=made)


def described(found: Catalog) -> list[dict[str, Any]]:
    """The same for the oracle."""
    return [
        {
            "name": p.process,
            "anchor": p.anchor,
            "milestones": list(p.milestone_names),
            "paths": {(q.from_type, q.to_type): q.cardinality.value for q in p.paths},
        }
        for p in found.processes.values()
    ]


SPAN_OBJECTS = [
    ("production", "requisition", "", "R0"),
    ("production", "requisition", "", "R1"),
    ("production", "order", "", "1"),
    ("production", "order", "n", "2"),
    ("production", "receipt", "", "G|0"),
]

_object = st.one_of(
    st.builds(lambda n: ("requisition", f"R{n}"), st.integers(0, 2)),
    st.builds(lambda n, z: ("order", f"{z}{n}"), st.integers(1, 3), st.sampled_from(["", "0"])),
    st.builds(lambda n: ("receipt", f"G|{n}"), st.integers(0, 2)),
)
_event = st.fixed_dictionaries(
    {
        "id": st.integers(0, 25),
        "milestone": st.sampled_from([*MILESTONES, "elsewhere"]),
        "minute": st.integers(0, 6),
        "objects": st.lists(_object, min_size=1, max_size=3),
        "site": st.sampled_from(["", "", "n"]),
        "trace": st.sampled_from(["", "", "t1", "t2"]),
        "span": st.sampled_from(["", "s0", "s1", "s2"]),
    }
)
_span = st.fixed_dictionaries(
    {
        "trace": st.sampled_from(["t1", "t2"]),
        "minute": st.integers(0, 6),
        "parent": st.integers(0, 9),
        "objects": st.lists(st.sampled_from(SPAN_OBJECTS), max_size=2),
    }
)
_decision = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["accept", "block", "split", "undo", "undo"]),
        "pick": st.integers(0, 1000),
        "minute": st.integers(0, 5),
    }
)


def milestone(event: dict[str, Any]) -> Milestone:
    return Milestone(
        source="/s",
        id=str(event["id"]),
        milestone=event["milestone"],
        occurred_at=T0 + timedelta(minutes=event["minute"]),
        objects=tuple(ObjectRef(type=t, id=i) for t, i in event["objects"]),
        attributes={"site": event["site"]} if event["site"] else {},
        trace_id=event.get("trace", ""),
        span_id=event.get("span", ""),
    )


class Feed:
    """Loads batches of events as segments, and decisions, and stitches after each."""

    def __init__(self, store: Store, found: Catalog) -> None:
        self.store, self.catalog = store, found
        self.stream, self.number = new_stream(), 0

    def load(self, events: list[dict[str, Any]]) -> None:
        self.number += 1
        segment = segment_number(self.stream, self.number)
        rows = [milestone(event) for event in events]
        table = milestone_table(rows, segment=segment, recorded_at=T0)
        self.store.insert_arrow("milestones", table)
        finish_segment(
            self.store, segment=segment, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0
        )

    def load_spans(self, spans: list[dict[str, Any]]) -> None:
        self.number += 1
        segment = segment_number(self.stream, self.number)
        rows = [
            {
                "Timestamp": s["at"],
                "TraceId": s["trace"],
                "SpanId": s["span"],
                "ParentSpanId": s["parent"],
                "Links.TraceId": [t for t, _ in s.get("links", ())],
                "Links.SpanId": [i for _, i in s.get("links", ())],
                "Links.TraceState": ["" for _ in s.get("links", ())],
                "Links.Attributes": [{} for _ in s.get("links", ())],
                "WalSegment": segment,
            }
            for s in spans
        ]
        self.store.insert("otel_traces", rows, token=str(segment))
        carried = [
            TraceObject(
                environment="production",
                object_type=o[1],
                object_id=o[3],
                object=key(o),
                trace_id=s["trace"],
                span_id=s["span"],
                occurred_at=s["at"],
            )
            for s in spans
            for o in s["objects"]
        ]
        insert_trace_objects(self.store, carried, segment=segment)
        finish_segment(
            self.store, segment=segment, signal=Signal.TRACES, rows=len(rows), finished_at=T0
        )

    def decide(self, decision: dict[str, Any]) -> None:
        self.store.insert("link_decisions", [row_of(decision)])

    def stitch(self) -> None:
        Correlator(self.store, self.catalog).run(T0)


def row_of(d: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": d["id"],
        "at": d["at"],
        "actor": d["actor"],
        "action": d["action"],
        "environment": "production",
        "process": d["process"],
        "from_objects": ["|".join(x) for x, _ in d["pairs"]],
        "to_objects": ["|".join(y) for _, y in d["pairs"]],
        "undoes": d["undoes"],
    }


def made_decisions(
    drawn: list[dict[str, Any]], processes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Decisions about pairs that may or may not be candidates; undone ones name an earlier one."""
    orders = [("production", "order", s, str(n)) for n in (1, 2, 3) for s in ("", "n")]
    own: dict[str, list[Any]] = {
        "requisition": [("production", "requisition", "", f"R{n}") for n in range(3)],
        "order": orders,
        "receipt": [("production", "receipt", "", f"G|{n}") for n in range(3)],
    }
    out: list[dict[str, Any]] = []
    for n, d in enumerate(drawn):
        process = processes[d["pick"] % 2]
        rng = random.Random(d["pick"])
        types = rng.choice(sorted(process["paths"]))
        pairs = [(rng.choice(own[types[0]]), rng.choice(own[types[1]]))]
        if d["action"] == "split":
            pairs = [(x, pairs[0][1]) for x in own[types[0]]]
        undoes = ""
        if d["action"] == "undo":
            earlier = [o for o in out if o["action"] != "undo"]
            if not earlier:
                continue
            undone = rng.choice(earlier)
            undoes, pairs = undone["id"], []
            process = {"name": undone["process"]}
        out.append(
            {
                "id": f"d{n}",
                "at": T0 + timedelta(minutes=d["minute"]),
                "actor": "eve",
                "action": d["action"],
                "process": process["name"],
                "pairs": pairs,
                "undoes": undoes,
            }
        )
    return out


def made_spans(grown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spans s0, s1, … of each trace, each below an earlier one or below one that is missing."""
    counts: dict[str, int] = {}
    out = []
    for g in grown:
        n = counts[g["trace"]] = counts.get(g["trace"], -1) + 1
        parent = f"s{g['parent'] % n}" if n and g["parent"] < 7 else "gone"
        at = T0 + timedelta(minutes=g["minute"])
        out.append({**g, "span": f"s{n}", "parent": parent, "at": at})
    return out


def key(o: tuple[str, ...]) -> str:
    return "|".join(o)


def counted(store: Store) -> list[dict[str, Any]]:
    """The facts for the oracle, one version of each event."""
    facts = store.rows(
        "SELECT event_key, milestone, source, id, occurred_at, content_hash, object_types,"
        " object_ids, attributes, trace_id, span_id FROM milestones"
    )
    chosen: dict[str, Any] = {}
    for fact in sorted(facts, key=lambda f: (f["occurred_at"], f["content_hash"])):
        chosen.setdefault(fact["event_key"], fact)
    out = []
    for f in chosen.values():
        objects = set()
        for t, i in zip(f["object_types"], f["object_ids"], strict=True):
            order = t == "order"
            scope = f["attributes"].get("site", "") if order else ""
            objects.add(("production", t, scope, (i.lstrip("0") or "0") if order else i))
        out.append({**f, "at": f["occurred_at"], "objects": objects})
    return out


def carriers(
    store: Store, events: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What events and spans name, each in its trace; an event in all traces it was sent in."""
    facts = store.rows("SELECT event_key, content_hash, trace_id, span_id FROM milestones")
    counting = {(e["event_key"], e["content_hash"]): e for e in events}
    out = []
    for f in facts:
        e = counting.get((f["event_key"], f["content_hash"]))
        if e and f["trace_id"]:
            place = {"trace": f["trace_id"], "span": f["span_id"], "event": f["event_key"]}
            out += [{**place, "object": o, "at": e["at"]} for o in e["objects"]]
    for s in spans:
        place = {"trace": s["trace"], "span": s["span"], "event": ""}
        out += [{**place, "object": o, "at": s["at"]} for o in s["objects"]]
    return out


def expected(
    store: Store,
    found: Catalog,
    decisions: list[dict[str, Any]],
    spans: list[dict[str, Any]] | None = None,
) -> Any:
    events = counted(store)
    carried = carriers(store, events, spans or [])
    out: dict[Any, Any] = {}
    for process in described(found):
        traced = link_oracle.traced(carried, spans or [], process)
        known = link_oracle.candidates(events, traced, decisions, process)
        links = link_oracle.accepted(known, process)
        shown = link_oracle.instances(events, links, process)
        for anchor, (objects, members) in shown.items():
            out[process["name"], key(anchor)] = (sorted(map(key, objects)), sorted(members))
        out["links", process["name"]] = sorted((key(x), key(y)) for x, y in links)
        out["refused", process["name"]] = sorted((key(x), key(y)) for x, y in set(known) - links)
    return out


def actual(store: Store, found: Catalog) -> Any:
    out: dict[Any, Any] = {}
    members = store.rows(
        "SELECT process, anchor, arraySort(groupArray(id)) AS ids FROM members FINAL"
        " WHERE removed = 0 GROUP BY process, anchor"
    )
    by_anchor = {(r["process"], r["anchor"]): r["ids"] for r in members}
    standing = store.rows("SELECT * FROM instances FINAL WHERE removed = 0")
    assert {(r["process"], r["anchor"]) for r in standing} == set(by_anchor)
    for r in standing:
        ids = by_anchor[r["process"], r["anchor"]]
        assert r["members_count"] == len(ids)
        out[r["process"], r["anchor"]] = (r["objects"], ids)
    for name in found.processes:
        pairs = store.rows(
            "SELECT DISTINCT from_object AS f, to_object AS t FROM links FINAL"
            " WHERE removed = 0 AND unsure = 0 AND process = {p:String}",
            {"p": name},
        )
        states = store.rows(
            "SELECT from_object AS f, to_object AS t, state FROM ambiguous_links FINAL"
            " WHERE process = {p:String} AND state != ''",
            {"p": name},
        )
        refused = {(r["f"], r["t"]): r["state"] for r in states}
        every = {(r["f"], r["t"]) for r in pairs}
        out["links", name] = sorted(every - set(refused))
        out["refused", name] = sorted(p for p, s in refused.items() if s == "refused")
    return out


@settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    limits=st.tuples(*[st.sampled_from(CARDINALITIES)] * 3),
    events=st.lists(_event, min_size=4, max_size=20),
    drawn=st.lists(_decision, max_size=4),
    grown=st.lists(_span, max_size=5),
    seed=st.integers(0, 10_000),
)
def test_any_order_of_events_and_decisions_links_what_the_rules_say(
    store: Store,
    limits: tuple[str, str, str],
    events: list[dict[str, Any]],
    drawn: list[dict[str, Any]],
    grown: list[dict[str, Any]],
    seed: int,
) -> None:
    rng = random.Random(seed)
    wipe(store)
    found = catalog(limits)
    decisions = made_decisions(drawn, described(found))
    spans = made_spans(grown)
    again = rng.sample(events, rng.randint(0, len(events)))
    arrivals: list[Any] = events + again + decisions + spans
    rng.shuffle(arrivals)
    cuts = sorted(rng.sample(range(len(arrivals) + 1), rng.randint(0, 3)))
    feed = Feed(store, found)
    for a, b in itertools.pairwise([0, *cuts, len(arrivals)]):
        if batch := [one for one in arrivals[a:b] if "milestone" in one]:
            feed.load(batch)
        if batch := [one for one in arrivals[a:b] if "parent" in one]:
            feed.load_spans(batch)
        for one in arrivals[a:b]:
            if "action" in one:
                feed.decide(one)
        feed.stitch()
    assert actual(store, found) == expected(store, found, decisions, spans)
    if seed % 5 == 0:
        rebuild(store, found, now=T0)
        assert actual(store, found) == expected(store, found, decisions, spans)


class _Killed(Exception):
    """Stands for a process that dies between two writes."""


def test_a_tick_killed_between_any_two_writes_links_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = catalog(("one_to_many", "one_to_one", "many_to_one"))
    feed = Feed(store, found)
    base = {"milestone": "ordered", "site": "", "trace": "", "span": ""}
    late = [("requisition", "R1"), ("order", "1")]
    feed.load([{**base, "id": 1, "minute": 4, "objects": late}])
    feed.load([{**base, "id": 2, "minute": 5, "objects": [("order", "1"), ("receipt", "G|0")]}])
    traced = {**base, "trace": "t1", "span": "s0"}
    feed.load([{**traced, "id": 3, "minute": 1, "objects": [("requisition", "R2")]}])
    feed.stitch()
    feed.load(
        [
            {**base, "id": 4, "minute": 2, "objects": [("requisition", "R0"), ("order", "1")]},
            {**base, "id": 5, "minute": 6, "objects": [("order", "2"), ("receipt", "G|0")]},
            {**base, "id": 2, "minute": 3, "objects": [("order", "1"), ("receipt", "G|1")]},
        ]
    )
    order = ("production", "order", "", "3")
    spans = made_spans([{"trace": "t1", "minute": 2, "parent": 9, "objects": [order]}])
    feed.load_spans(spans)
    pair = (("production", "requisition", "", "R1"), ("production", "order", "", "1"))
    decision = {
        "id": "d",
        "at": T0,
        "actor": "eve",
        "action": "accept",
        "process": "supply",
        "pairs": [pair],
        "undoes": "",
    }
    feed.decide(decision)
    insert_arrow, remaining = store.insert_arrow, [0]

    def dying(table: str, content: Any, **options: Any) -> None:
        if remaining[0] == 0:
            raise _Killed
        remaining[0] -= 1
        insert_arrow(table, content, **options)

    monkeypatch.setattr(store, "insert_arrow", dying)
    for survived in itertools.count():
        remaining[0] = survived
        try:
            feed.stitch()
        except _Killed:
            continue
        break
    assert survived > 12
    pairs = (
        "SELECT process, anchor, object FROM {t:Identifier} FINAL WHERE removed = 0 ORDER BY ALL"
    )
    down, up = (store.rows(pairs, {"t": table}) for table in ("reached_objects", "reaches"))
    assert down == up
    shown = actual(store, found)
    assert shown == expected(store, found, [decision], spans)
    assert ("production|requisition||R2", "production|order||3") in shown["links", "supply"]
    assert ("production|requisition||R0", "production|order||1") in shown["refused", "supply"]


def test_span_links_are_followed_and_several_in_one_subtree_stay_apart(store: Store) -> None:
    found = catalog(("many_to_many", "many_to_many", "many_to_many"))
    feed = Feed(store, found)
    requisition = ("production", "requisition", "", "R0")
    orders = [("production", "order", "", n) for n in "123"]
    place = {"at": T0, "parent": ""}
    feed.load_spans([{**place, "trace": "take", "span": "c", "objects": orders[:1]}])
    feed.stitch()
    feed.load(
        [
            {
                "id": 1,
                "milestone": "created",
                "minute": 0,
                "objects": [("requisition", "R0")],
                "site": "",
                "trace": "send",
                "span": "p",
            }
        ]
    )
    feed.stitch()
    assert actual(store, found)["links", "supply"] == []
    tied = {"links": [("send", "p")]}
    feed.load_spans(
        [
            {**place, "trace": "send", "span": "p", "objects": []},
            {**place, "trace": "take", "span": "d", "objects": [], **tied},
        ]
    )
    feed.stitch()
    assert actual(store, found)["links", "supply"] == [(key(requisition), key(orders[0]))]
    feed.load_spans([{**place, "trace": "take", "span": "e", "objects": orders[1:]}])
    feed.stitch()
    assert actual(store, found)["links", "supply"] == []
    states = store.rows("SELECT state, count() AS n FROM ambiguous_links FINAL GROUP BY state")
    assert [(row["state"], row["n"]) for row in states] == [("unsure", 3)]


def two_processes() -> Catalog:
    """Two that share no object types."""
    made = {}
    for name, anchor, other in (("supply", "requisition", "order"), ("service", "ticket", "case")):
        made[name] = ProcessDefinition.model_validate(
            {
                "process": name,
                "title": name,
                "domain": "supply",
                "owner": "desk",
                "anchor": anchor,
                "paths": [{"from": anchor, "to": other}],
                "milestones": [{"name": n} for n in MILESTONES],
                "starts_with": "created",
                "completes_with": "received",
            }
        )
    return Catalog(processes=made)


EVENT = {"milestone": "received", "minute": 1, "site": "", "trace": "", "span": ""}
TICKET, CASE = ("production", "ticket", "", "T1"), ("production", "case", "", "C1")


@pytest.mark.parametrize("only", [None, "supply"])
def test_what_arrives_before_a_rebuild_of_one_process_reaches_the_others(
    store: Store, only: str | None
) -> None:
    found = two_processes()
    feed = Feed(store, found)
    feed.load(
        [
            {**EVENT, "id": 1, "objects": [("ticket", "T1"), ("case", "C1")]},
            {**EVENT, "id": 2, "objects": [("requisition", "R1"), ("order", "1")]},
        ]
    )
    feed.stitch()
    feed.load(
        [
            {**EVENT, "id": 3, "objects": [("case", "C1")]},
            {**EVENT, "id": 4, "objects": [("order", "1")]},
        ]
    )
    rebuild(store, found, now=T0, only=only)
    feed.stitch()
    assert actual(store, found) == expected(store, found, [])
    decision = {"id": "d", "at": T0, "actor": "eve", "action": "block", "process": "service"}
    decision |= {"pairs": [(TICKET, CASE)], "undoes": ""}
    feed.decide(decision)
    rebuild(store, found, now=T0, only=only)
    feed.stitch()
    assert actual(store, found)["links", "service"] == []
    assert actual(store, found) == expected(store, found, [decision])


@pytest.mark.parametrize("only", [None, "supply"])
def test_a_rebuild_of_one_process_keeps_what_traces_carry_for_the_others(
    store: Store, only: str | None
) -> None:
    found = two_processes()
    feed = Feed(store, found)
    traced = {**EVENT, "trace": "t1"}
    feed.load(
        [
            {**traced, "id": 1, "objects": [("ticket", "T1")]},
            {**traced, "id": 2, "objects": [("case", "C1")]},
            {**traced, "id": 3, "objects": [("requisition", "R1")], "trace": "t2"},
        ]
    )
    feed.stitch()
    rebuild(store, found, now=T0, only=only)
    feed.load([{**traced, "id": 4, "objects": [("case", "C1")]}])
    feed.load([{**traced, "id": 5, "objects": [("order", "1")], "trace": "t2"}])
    feed.stitch()
    assert actual(store, found)["links", "service"] == [(key(TICKET), key(CASE))]
    assert actual(store, found) == expected(store, found, [])


@pytest.mark.parametrize("only", [None, "supply"])
@pytest.mark.parametrize("what", ["conflict", "trace"])
def test_a_rebuild_of_one_process_is_not_stopped_by_what_bears_upon_others(
    store: Store, only: str | None, what: str
) -> None:
    found = two_processes()
    feed = Feed(store, found)
    feed.load([{**EVENT, "id": 1, "objects": [("ticket", "T1")], "trace": "t1"}])
    if what == "conflict":
        feed.load([{**EVENT, "id": 1, "objects": [("ticket", "T1")], "minute": 0, "trace": "t1"}])
    else:
        feed.load([{**EVENT, "id": 2, "objects": [("case", "C1")], "trace": "t1"}])
        feed.load([{**EVENT, "id": 3, "objects": [("requisition", "R1")], "trace": "t1"}])
        feed.load([{**EVENT, "id": 4, "objects": [("order", "1")], "trace": "t1"}])
    feed.stitch()
    assert actual(store, found) == expected(store, found, [])
    rebuild(store, found, now=T0, only=only)
    assert actual(store, found) == expected(store, found, [])
