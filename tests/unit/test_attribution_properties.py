"""Attribution adds up whatever it is given, and says what the rules say, interval by interval."""

import random
from collections import Counter
from typing import Any

import msgspec
from attribution_oracle import Oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.attribution.attribute import attribute
from correlator.attribution.model import (
    ClockOffset,
    Instance,
    Interval,
    Landscape,
    Member,
    Milestone,
    PlannedWait,
    Span,
    SpanId,
    Step,
    System,
)
from suture.contracts.attribution import parts_between
from suture.contracts.process import MilestoneKind
from suture.definitions.landscape import SystemRole

TIMES = st.integers(min_value=-5, max_value=45)
SERVICES = {"erp-api": "erp", "mw": "hub", "gate": "edge", "judge": "policy", "old": "legacy"}
ROLES = {
    "erp": "system_of_record",
    "hub": "middleware",
    "edge": "gateway",
    "policy": "rules",
    "legacy": "system_of_record",
}
DECLARED = {
    "begun": {"kind": "system", "system": "hub"},
    "approved": {"kind": "manual", "system": "erp"},
    "shipped": {"kind": "external", "system": "edge"},
    "done": {"kind": "system", "system": "erp"},
}
ERRORS = ("timeout", "ECONNREFUSED", "MappingError", "LockTimeoutException", "429", "503")


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, str]:
    found = {}
    if draw(st.booleans()):
        found["error.type"] = draw(st.sampled_from(ERRORS))
    options = (
        ("business.outcome", ("rejected",)),
        ("http.response.status_code", ("200", "409", "503", "504")),
        ("http.request.resend_count", ("1",)),
        ("server.address", ("erp-api", "old", "stranger")),
        ("db.system", ("postgresql",)),
        ("messaging.operation", ("publish", "receive", "process", "settle")),
        ("messaging.message.id", ("m1", "m2")),
        ("messaging.destination.name", ("po.out", "other")),
    )
    for name, values in options:
        if draw(st.integers(0, 4)) == 0:
            found[name] = draw(st.sampled_from(values))
    return found


@st.composite
def one_span(draw: st.DrawFn, trace: str, id_: str) -> dict[str, Any]:
    start = draw(TIMES)
    length = draw(st.sampled_from((-3, 0, 1, 2, 5, 9, 20)))
    ids = st.sampled_from(("", "s0", "s1", "s2", "s3", "missing"))
    parent = draw(ids)
    return {
        "trace": trace,
        "id": id_,
        "parent": parent,
        "given_parent": parent,
        "kind": draw(st.sampled_from(("client", "server", "internal", "producer", "consumer"))),
        "name": draw(st.sampled_from(("work", "call"))),
        "service": draw(st.sampled_from((*SERVICES, "ghost"))),
        "start": start,
        "end": start + length,
        "failed": draw(st.integers(0, 3)) == 0,
        "attributes": draw(attributes()),
        "links": draw(
            st.lists(
                st.tuples(st.sampled_from("abx"), st.sampled_from(("s0", "s1", "s2"))), max_size=2
            )
        ),
    }


@st.composite
def retried(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """Attempts at one call, or at one message, most of them failed."""
    trace, message = draw(st.sampled_from("ab")), draw(st.booleans())
    service, at = draw(st.sampled_from(sorted(SERVICES))), draw(st.integers(0, 15))
    said = draw(attributes())
    attempts = []
    for attempt in range(draw(st.integers(2, 3))):
        span = draw(one_span(trace, f"r{number}-{attempt}"))
        parent = "" if message else "s0"
        span |= {"parent": parent, "given_parent": parent, "name": "call", "service": service}
        span |= {"kind": "consumer" if message else "client", "start": at}
        span |= {"end": at + draw(st.integers(0, 4)), "failed": draw(st.integers(0, 3)) > 0}
        span["attributes"] = {} if draw(st.booleans()) else said
        span["links"] = [("x", "s1")] if message else []
        at = span["end"] + draw(st.integers(-1, 9))
        attempts.append(span)
    return attempts


@st.composite
def queued(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """A message: its producer, and those who take it some time later."""
    sent = draw(one_span("a", f"q{number}"))
    id_ = {"messaging.message.id": f"q{number}"} if draw(st.booleans()) else {}
    queue = {"messaging.destination.name": draw(st.sampled_from(("po.out", "other")))}
    sent |= {"kind": "producer", "start": draw(st.integers(0, 15)), "attributes": id_ | queue}
    sent["end"] = sent["start"] + 1
    found = [sent]
    for taker in range(draw(st.integers(1, 2))):
        taken = draw(one_span("b", f"q{number}-{taker}"))
        taken |= {"kind": "consumer", "start": sent["end"] + draw(st.integers(-2, 20))}
        taken |= {"end": taken["start"] + 2, "attributes": id_, "parent": "", "given_parent": ""}
        taken["links"] = [] if id_ and draw(st.booleans()) else [("a", f"q{number}")]
        found.append(taken)
    return found


@st.composite
def called(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """A call from the middleware that went wrong somehow, with or without its server's span."""
    client = draw(one_span("b", f"c{number}"))
    said = {}
    if error := draw(st.sampled_from(("", *ERRORS))):
        said["error.type"] = error
    if address := draw(st.sampled_from(("", "erp-api", "old", "stranger"))):
        said["server.address"] = address
    at = draw(st.integers(0, 15))
    client |= {"kind": "client", "service": "mw", "start": at, "end": at + 12}
    client |= {"attributes": said, "parent": "", "given_parent": ""}
    if draw(st.booleans()):
        return [client]
    server = draw(one_span("b", f"c{number}-server"))
    server |= {"kind": "server", "parent": client["id"], "given_parent": client["id"]}
    server |= {"start": at + draw(st.integers(-1, 3)), "end": at + draw(st.integers(4, 13))}
    return [client, server]


@st.composite
def concurrent(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """Children of one parent side by side, some of them longer than it."""
    parent = draw(one_span("a", f"k{number}"))
    at = draw(st.integers(0, 15))
    parent |= {"start": at, "end": at + 15, "parent": "", "given_parent": "", "attributes": {}}
    found = [parent]
    for child in range(3):
        span = draw(one_span("a", f"k{number}-{child}"))
        start = at + draw(st.integers(-2, 12))
        span |= {"parent": parent["id"], "given_parent": parent["id"], "attributes": {}}
        span |= {"start": start, "end": start + draw(st.integers(1, 8)), "links": []}
        found.append(span)
    return found


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """An instance from 0 to 40 at most, and up to ten spans of two traces in every disorder."""
    names = draw(st.lists(st.sampled_from(sorted(DECLARED)), min_size=1, max_size=4))
    times = sorted(draw(st.lists(st.integers(0, 40), min_size=len(names), max_size=len(names))))
    members = [{"milestone": "begun", "at": 0, "outcome": "ok", "trace": ""}]
    for name, at in zip(names, times, strict=True):
        outcome = draw(st.sampled_from(("ok", "ok", "failed", "rejected")))
        trace = draw(st.sampled_from(("", "a", "b")))
        members.append({"milestone": name, "at": at, "outcome": outcome, "trace": trace})
    spans = [
        draw(one_span(trace, f"s{number}"))
        for trace in "ab"
        for number in range(draw(st.integers(0, 5)))
    ]
    kinds = (retried, queued, called, concurrent)
    for extra in draw(st.lists(st.sampled_from(kinds), max_size=3)):
        spans += draw(extra(len(spans)))
    closed = draw(st.lists(st.integers(0, 40), max_size=4, unique=True).map(sorted))
    planned = draw(st.lists(st.integers(0, 40), max_size=4, unique=True).map(sorted))
    systems = {name: {"role": role, "closed": []} for name, role in ROLES.items()}
    systems["erp"]["closed"] = list(zip(closed[::2], closed[1::2], strict=False))
    return {
        "start": 0,
        "end": members[-1]["at"],
        "members": members,
        "declared": DECLARED,
        "spans": spans,
        "services": SERVICES,
        "systems": systems,
        "senders": {"erp-api", "mw", "gate", "judge"},
        "queues": {"po.out": "hub"},
        "planned": list(zip(planned[::2], planned[1::2], strict=False)),
        "offsets": draw(st.dictionaries(st.sampled_from(sorted(SERVICES)), st.integers(-6, 6))),
    }


def span_of(row: dict[str, Any]) -> Span:
    return Span(
        trace_id=row["trace"],
        span_id=row["id"],
        parent_id=row["parent"],
        kind=row["kind"],
        name=row["name"],
        service=row["service"],
        start=row["start"],
        end=row["end"],
        failed=row["failed"],
        attributes=row["attributes"],
        links=tuple(SpanId(*link) for link in row["links"]),
    )


def instance_of(world: dict[str, Any], *, open_: bool = False) -> Instance:
    return Instance(
        start=world["start"],
        end=None if open_ else world["end"],
        members=[
            Member(
                milestone=m["milestone"],
                at=m["at"],
                outcome=m["outcome"],
                trace_id=m["trace"],
                id=f"e{number}",
            )
            for number, m in enumerate(world["members"])
        ],
        declared=[
            Milestone(name=name, kind=MilestoneKind(d["kind"]), system=d["system"])
            for name, d in DECLARED.items()
        ],
    )


def landscape_of(world: dict[str, Any]) -> Landscape:
    return Landscape(
        systems={
            name: System(
                role=SystemRole(system["role"]),
                closed=[Interval(*interval) for interval in system["closed"]],
            )
            for name, system in world["systems"].items()
        },
        services=world["services"],
        queues=world["queues"],
        senders=frozenset(world["senders"]),
        offsets={
            (name, hour): ClockOffset(micros=m)
            for name, m in world["offsets"].items()
            for hour in (-1, 0)
        },
    )


def planning_of(world: dict[str, Any]) -> Any:
    waits = [PlannedWait(start=s, end=e, why="closed") for s, e in world["planned"]]

    def planning(step: Step) -> list[PlannedWait]:
        return [wait for wait in waits if wait.start < step.end and wait.end > step.start]

    return planning


def computed(world: dict[str, Any], **options: Any) -> Any:
    spans = [span_of(row) for row in world["spans"]]
    landscape, planning = landscape_of(world), planning_of(world)
    return attribute(instance_of(world, **options), spans, landscape, planning)


@settings(max_examples=150)
@given(worlds())
def test_it_agrees_with_the_rules_applied_to_every_interval(world: dict[str, Any]) -> None:
    pieces = computed(world).pieces
    found: Counter[tuple[int, str, str | None]] = Counter()
    inside = [m for m in world["members"] if m["at"] <= world["end"]]
    bounds = list(zip([m["at"] for m in inside], [m["at"] for m in inside[1:]], strict=False))
    for number, (start, end) in enumerate(bounds):
        for piece in pieces:
            shared = min(end, piece.end) - max(start, piece.start)
            if shared > 0:
                found[number, piece.cause.value, piece.system] += shared
    assert found == Counter(Oracle(world).seconds())


@settings(max_examples=60)
@given(worlds(), st.integers(-10, 60))
def test_the_parts_sum_to_the_elapsed_time_and_none_is_negative(
    world: dict[str, Any], now: int
) -> None:
    for open_ in (False, True):
        attribution = computed(world, open_=open_)
        end = max(now, 0) if open_ else world["end"]
        parts = parts_between(attribution, world["start"], end)
        assert sum(part.micros for part in parts) == end - world["start"]
        assert all(part.micros > 0 for part in parts)
        at = world["start"]
        for piece in attribution.pieces:
            assert (piece.start, piece.end > piece.start) == (at, True)
            at = piece.end
        assert at == (attribution.tail.since if attribution.tail else end)


@settings(max_examples=40)
@given(worlds(), st.integers())
def test_neither_order_nor_repetition_counts(world: dict[str, Any], seed: int) -> None:
    spans = [span_of(row) for row in world["spans"]]
    shuffled = spans + [msgspec.structs.replace(span) for span in spans[::2]]
    random.Random(seed).shuffle(shuffled)
    landscape, instance = landscape_of(world), instance_of(world)
    assert attribute(instance, spans, landscape) == attribute(instance, shuffled, landscape)


@settings(max_examples=40)
@given(worlds())
def test_spans_that_run_at_other_times_and_belong_to_nothing_change_nothing(
    world: dict[str, Any],
) -> None:
    elsewhere = Span(
        trace_id="z", span_id="z", parent_id="", kind="server", name="other", service="mw",
        start=100, end=200,
    )  # fmt: skip
    spans = [span_of(row) for row in world["spans"]]
    landscape, instance = landscape_of(world), instance_of(world)
    with_it = attribute(instance, [*spans, elsewhere], landscape)
    assert with_it.pieces == attribute(instance, spans, landscape).pieces
