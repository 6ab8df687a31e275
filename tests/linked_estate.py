"""An estate of five systems that share no keys, and which objects truly belong together.

Requisitions (clinical support) are ordered, several in one order (ERP, whose numbers are per
facility and used again elsewhere); orders are shipped in parts (supplier network), shipments are
received in parts (warehouse), orders are billed, several on one invoice (finance). Each hand-over
is an event that names both keys. Some are missing; of those, half are seen in traces: a producer's
span names one key, a consumer's span the other, in one of the branches of a batch of such
hand-overs. Some receipts are claimed by a wrong shipment later on.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from correlator.keys import object_key
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

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ORDER = {"order": {"normalize": ["trim", "strip_leading_zeros"], "scope": "facility"}}
SUPPLY = ProcessDefinition.model_validate(
    {
        "process": "supply",
        "title": "Supply",
        "domain": "supply",
        "owner": "desk",
        "anchor": "requisition",
        "paths": [
            {"from": "requisition", "to": "order", "cardinality": "many_to_many"},
            {"from": "order", "to": "shipment", "cardinality": "one_to_many"},
            {"from": "shipment", "to": "receipt", "cardinality": "one_to_many"},
            {"from": "order", "to": "invoice", "cardinality": "many_to_many"},
        ],
        "objects": ORDER,
        "milestones": [{"name": n} for n in ("asked", "ordered", "shipped", "received", "billed")],
        "starts_with": "asked",
        "completes_with": "received",
    }
)
CATALOG = Catalog(processes={"supply": SUPPLY})

Thing = tuple[str, str]
"""(type, id); an order's id is facility/number, since numbers are used again elsewhere."""
SYSTEMS = {
    "requisition": ("clinical", "asked"),
    "order": ("erp", "ordered"),
    "shipment": ("supplier-network", "shipped"),
    "receipt": ("warehouse", "received"),
    "invoice": ("finance", "billed"),
}


@dataclass
class Estate:
    """Events and spans to load; which pairs are true, and which of them anything tells of."""

    events: list[Milestone] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    true: set[tuple[Thing, Thing]] = field(default_factory=set)
    told: set[tuple[Thing, Thing]] = field(default_factory=set)
    requisitions: int = 0
    missing: int = 0
    traced: int = 0
    wrong: int = 0
    reused: int = 0


def estate(requisitions: int, *, seed: int, missing: float = 0.02, reused: float = 0.01) -> Estate:
    """The estate of so many requisitions."""
    rng = random.Random(seed)
    made = Estate(requisitions=requisitions)
    facility_of: dict[Thing, str] = {}
    bridges: list[tuple[Thing, Thing]] = []
    hidden: list[tuple[Thing, Thing]] = []

    def join(x: Thing, y: Thing, facility: str) -> None:
        facility_of[x] = facility_of[y] = facility
        made.true.add((x, y))
        if rng.random() >= missing:
            bridges.append((x, y))
            return
        made.missing += 1
        if rng.random() < 0.5:
            hidden.append((x, y))

    numbers: list[tuple[str, str]] = []
    orders: list[Thing] = []
    n = 0
    while n < requisitions:
        facility, number = f"f{rng.randrange(5)}", str(len(orders) + 1)
        free = [i for f, i in rng.sample(numbers, min(3, len(numbers))) if f != facility]
        if rng.random() < reused and free and (facility, free[0]) not in set(numbers):
            number = free[0]
            made.reused += 1
        numbers.append((facility, number))
        order = ("order", f"{facility}/{number}")
        orders.append(order)
        for _ in range(rng.choice([1, 1, 2, 3])):
            join(("requisition", f"R-{n}"), order, facility)
            n += 1
        for s in range(rng.choice([1, 1, 2])):
            shipment = ("shipment", f"S-{len(orders)}-{s}")
            join(order, shipment, facility)
            for g in range(rng.choice([1, 1, 2])):
                join(shipment, ("receipt", f"G-{len(orders)}-{s}-{g}"), facility)
    made.requisitions = n
    for start in range(0, len(orders), 3):
        for order in orders[start : start + rng.choice([1, 3])]:
            join(order, ("invoice", f"I-{start}"), facility_of[order])
    for thing, facility in facility_of.items():
        _event(made, rng, [thing], facility)
    for pair in bridges:
        _event(made, rng, list(pair), facility_of[pair[0]])
        made.told.add(pair)
    _wrong_claims(made, rng, bridges, facility_of)
    _trace(made, hidden)
    rng.shuffle(made.events)
    return made


def _event(
    made: Estate, rng: random.Random, things: list[Thing], facility: str, hours: float = 0.0
) -> None:
    system, milestone = SYSTEMS[things[-1][0]]
    # What names two keys tells of a hand-over and not of a step of its own.
    name = milestone if len(things) == 1 else "handed_over"
    objects = tuple(ObjectRef(type=t, id=_sent(rng, t, i)) for t, i in things)
    at = T0 + timedelta(hours=hours or rng.uniform(0, 200))
    made.events.append(
        Milestone(
            source=f"/{system}",
            id=f"e{len(made.events)}",
            milestone=name,
            system=system,
            occurred_at=at,
            objects=objects,
            attributes={"facility": facility},
        )
    )


def _sent(rng: random.Random, type_: str, id_: str) -> str:
    """An id as its producer writes it: systems pad order numbers differently."""
    if type_ != "order":
        return id_
    return rng.choice(["", "00", " "]) + id_.partition("/")[2]


def _wrong_claims(
    made: Estate,
    rng: random.Random,
    bridges: list[tuple[Thing, Thing]],
    facility_of: dict[Thing, str],
) -> None:
    """Some receipts are claimed by another shipment, after the right one was told."""
    receipts = [pair for pair in bridges if pair[1][0] == "receipt"]
    shipments = sorted({x for x, _ in receipts})
    for shipment, receipt in rng.sample(receipts, max(1, len(receipts) // 100)):
        other = rng.choice(shipments)
        if other != shipment:
            made.wrong += 1
            _event(made, rng, [other, receipt], facility_of[receipt], hours=rng.uniform(201, 300))


def _trace(made: Estate, hidden: list[tuple[Thing, Thing]]) -> None:
    """Batches of up to five pairs of the same types a trace, each pair in a branch of its own."""
    kinds: dict[tuple[str, str], list[tuple[Thing, Thing]]] = {}
    for pair in hidden:
        kinds.setdefault((pair[0][0], pair[1][0]), []).append(pair)
    batches = [some[n : n + 5] for some in kinds.values() for n in range(0, len(some), 5)]
    for number, batch in enumerate(batches, 1):
        trace = f"{number:032x}"
        made.spans.append(_span(trace, "root", "", []))
        for n, pair in enumerate(batch):
            made.told.add(pair)
            made.traced += 1
            keys = [key_of(thing) for thing in pair]
            made.spans.append(_span(trace, f"branch{n}", "root", []))
            made.spans.append(_span(trace, f"out{n}", f"branch{n}", keys[:1]))
            made.spans.append(_span(trace, f"in{n}", f"out{n}", keys[1:]))


def _span(trace: str, span: str, parent: str, objects: list[str]) -> dict[str, Any]:
    return {"trace": trace, "span": span, "parent": parent, "objects": objects}


def key_of(thing: Thing) -> str:
    """The key that the product should make of an object."""
    type_, id_ = thing
    facility, _, number = id_.partition("/")
    attributes = {"facility": facility} if type_ == "order" else {}
    return object_key(
        CATALOG.object_types,
        environment="production",
        type_=type_,
        id_=number if type_ == "order" else id_,
        attributes=attributes,
    )


def load(store: Store, made: Estate, *, batch: int) -> Iterator[None]:
    """Load it segment by segment; yields after each."""
    stream, sequence = new_stream(), 0
    middle = len(made.events) // 2
    for start in range(0, len(made.events), batch):
        if made.spans and start + batch > middle:
            sequence += 1
            _load_spans(store, made.spans, segment_number(stream, sequence))
            made.spans = []
        sequence += 1
        rows = made.events[start : start + batch]
        segment = segment_number(stream, sequence)
        store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=T0))
        finish_segment(
            store, segment=segment, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0
        )
        yield


def _load_spans(store: Store, spans: list[dict[str, Any]], segment: int) -> None:
    rows = [
        {
            "Timestamp": T0,
            "TraceId": s["trace"],
            "SpanId": s["span"],
            "ParentSpanId": s["parent"],
            "WalSegment": segment,
        }
        for s in spans
    ]
    store.insert("otel_traces", rows, token=str(segment))
    carried = [
        TraceObject(
            environment="production",
            object_type=key.split("|")[1],
            object_id=key,
            object=key,
            trace_id=s["trace"],
            span_id=s["span"],
            occurred_at=T0,
        )
        for s in spans
        for key in s["objects"]
    ]
    insert_trace_objects(store, carried, segment=segment)
    finish_segment(store, segment=segment, signal=Signal.TRACES, rows=len(rows), finished_at=T0)


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well pairs of requisition and object agree with the truth.

    `recall` is over all true pairs, `recall_told` over those that evidence leads to.
    """

    precision: float
    recall: float
    recall_told: float
    pairs: int
    refused: int


def score(store: Store, made: Estate) -> Score:
    """Compare what requisitions reach with what they should."""
    rows = store.rows("SELECT anchor, object FROM reached_objects FINAL WHERE removed = 0")
    found = {(row["anchor"], row["object"]) for row in rows}
    found |= {
        (row["anchor"], object_)
        for row in store.rows("SELECT anchor, objects FROM instances FINAL WHERE removed = 0")
        for object_ in row["objects"]
    }
    found = {pair for pair in found if pair[0] != pair[1]}
    true, told = (_reached(made, pairs) for pairs in (made.true, made.told))
    refused = store.rows("SELECT count() AS n FROM ambiguous_links FINAL WHERE state != ''")
    return Score(
        precision=len(found & true) / len(found),
        recall=len(found & true) / len(true),
        recall_told=len(found & told) / len(told),
        pairs=len(true),
        refused=int(refused[0]["n"]),
    )


def _reached(made: Estate, pairs: set[tuple[Thing, Thing]]) -> set[tuple[str, str]]:
    below: dict[Thing, list[Thing]] = {}
    for x, y in pairs:
        below.setdefault(x, []).append(y)
    out = set()
    for n in range(made.requisitions):
        anchor = ("requisition", f"R-{n}")
        waiting, seen = list(below.get(anchor, ())), set[Thing]()
        while waiting:
            thing = waiting.pop()
            if thing not in seen:
                seen.add(thing)
                waiting += below.get(thing, ())
        out |= {(key_of(anchor), key_of(thing)) for thing in seen}
    return out
