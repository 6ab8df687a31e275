"""Attribution on a real store: what it follows, what it writes, and what readers make of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stage_doubles import DyingStore, Killed
from table_writer import Writer, key

from correlator.attribution.job import AttributionJob
from correlator.attribution.on_demand import AT_ONCE, AttributionOnDemand
from suture.clock import to_micros
from suture.contracts.attribution import Attribution, Part, parts_between
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.landscape import System
from suture.definitions.process import ObjectType, ProcessDefinition
from suture.store.engine import Store
from suture.store.facts import finish_segment
from suture.store.reading.attribution import AttributionFilter, AttributionReader

pytestmark = pytest.mark.store

PROCESS, NOW = "supply", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
T0 = NOW - timedelta(hours=10)
TABLES = {
    "attributions": "environment, process, anchor",
    "instance_traces": "trace_id, anchor",
    "trace_links": "linked_trace_id, trace_id",
}
R1, R2, ORDER = key("requisition", "R-1"), key("requisition", "R-2"), key("order", "P-7")


def catalog(**systems: dict[str, Any]) -> Catalog:
    declared = {
        "erp": {"role": "system_of_record", "services": ["erp-api"]},
        "hub": {"role": "middleware", "services": ["mw"], "queues": ["po.out"]},
        "legacy": {"role": "system_of_record", "addresses": ["legacy.example"]},
        **systems,
    }
    process = ProcessDefinition.model_validate(
        {
            "process": PROCESS,
            "title": "Supply",
            "domain": "supply",
            "owner": "desk",
            "anchor": "requisition",
            "paths": [{"from": "requisition", "to": "order"}],
            "objects": {"order": {"normalize": ["upper"]}},
            "milestones": [
                {"name": "created", "system": "erp"},
                {"name": "approved", "system": "erp", "kind": "manual"},
                {"name": "sent", "system": "hub"},
                {"name": "received", "system": "erp", "kind": "external"},
            ],
            "starts_with": "created",
            "completes_with": "received",
            "facets": ["facility"],
        }
    )
    return Catalog(
        processes={PROCESS: process},
        systems={name: System.model_validate(system) for name, system in declared.items()},
    )


class World:
    """One store that instances and spans arrive in, and what is attributed there."""

    def __init__(self, store: Store, known: Catalog | None = None) -> None:
        self.store, self.write, self.change, self.sequence = store, Writer(store), 0, 0
        self.job = AttributionJob(store, known or catalog())

    def instance(self, anchor: str, *steps: tuple[str, float], **given: Any) -> None:
        """An instance whose milestones lie so many minutes after T0."""
        traces, outcomes = given.pop("traces", {}), given.pop("outcomes", {})
        times = {name: T0 + timedelta(minutes=minutes) for name, minutes in steps}
        done = times.get("received")
        self.change += 1
        more = {"status": "completed", "ended_at": done} if done else {}
        row = {"change": self.change, "trace_ids": sorted(traces.values()), **more, **given}
        self.write.instance(PROCESS, anchor, min(times.values()), **row)
        for name, at in times.items():
            trace, outcome = traces.get(name, ""), outcomes.get(name, "ok")
            self.write.member(PROCESS, anchor, name, at, trace_id=trace, outcome=outcome)
        entry = {"change": self.change, "environment": "production"}
        row = entry | {"process": PROCESS, "anchor": anchor}
        self.store.insert("instance_changes", [row])
        position = {"stage": "correlator-change", "stream": 0, "position": self.change}
        self.store.insert("cursors", [position | {"updated_at": T0}])

    def spans(self, *spans: dict[str, Any]) -> None:
        """A finished segment of spans."""
        self.sequence += 1
        segment = segment_number(7, self.sequence)
        for span in spans:
            at = T0 + timedelta(minutes=span["at"])
            links = span.get("links", [])
            row = {
                "Duration": round(span["minutes"] * 60e9),
                "SpanKind": span.get("kind", "Internal"),
                "ServiceName": span.get("service", "erp-api"),
                "SpanAttributes": span.get("attributes", {}),
                "ParentSpanId": span.get("parent", ""),
                "StatusCode": "Error" if span.get("failed") else "Unset",
                "Links.TraceId": [trace for trace, _ in links],
                "Links.SpanId": [id_ for _, id_ in links],
                "Links.TraceState": ["" for _ in links],
                "Links.Attributes": [{} for _ in links],
                "WalSegment": segment,
            }
            self.write.span(span["trace"], span["id"], span.get("name", "work"), at, **row)
            for object_ in span.get("objects", []):
                kind, _, id_ = object_.split("|")[1:]
                row = {"segment": segment, "environment": "production", "object_type": kind}
                row |= {"object_id": id_, "object": object_, "trace_id": span["trace"]}
                row |= {"span_id": span["id"], "occurred_at": at}
                self.store.insert("trace_objects", [row])
        finish_segment(
            self.store, segment=segment, signal=Signal.TRACES, rows=len(spans), finished_at=NOW
        )

    def attribution(self, anchor: str = R1) -> Attribution | None:
        return AttributionReader(self.store).one(
            environment="production", process=PROCESS, anchor=anchor
        )

    def minutes(self, anchor: str = R1, hours: float = 10) -> dict[tuple[str, str | None], float]:
        found = self.attribution(anchor)
        assert found is not None
        start, end = to_micros(T0), to_micros(T0 + timedelta(hours=hours))
        parts: list[Part] = parts_between(found, start, end)
        return {(p.cause.value, p.system): p.micros / 60e6 for p in parts}


def test_instances_are_attributed_and_again_when_their_spans_arrive(any_store: Store) -> None:
    world = World(any_store)
    world.instance(R1, ("created", 0), ("approved", 60), ("sent", 90), ("received", 600))
    assert world.job.run(NOW) == 1
    assert world.minutes() == {
        ("external", "erp"): 510, ("business_rule", "erp"): 60, ("unobserved", None): 30,
    }  # fmt: skip
    # A span about an object of the instance, in a trace nobody has named yet.
    span = {"trace": "t1", "id": "s1", "at": 65, "minutes": 5}
    world.spans({**span, "objects": [R1]})
    assert world.job.run(NOW) == 1
    assert world.minutes()["downstream", "erp"] == 5
    # More of the same trace, without any object.
    world.spans({**span, "id": "s2", "at": 70, "minutes": 2, "service": "mw"})
    assert world.job.run(NOW) == 1
    assert world.minutes()["transformation", "hub"] == 2
    # And what is none of its business.
    world.spans({**span, "trace": "t9", "id": "s9"})
    assert world.job.run(NOW) == 0


def test_links_lead_to_the_message_and_to_who_took_it_but_not_to_other_orders(store: Store) -> None:
    world = World(store)
    queue = {"messaging.destination.name": "po.out"}
    send = {"trace": "send", "id": "p1", "at": 60, "minutes": 1, "kind": "Producer"}
    take = {"trace": "take", "id": "c1", "at": 80, "minutes": 1, "kind": "Consumer"}
    world.spans(
        {**send, "attributes": queue, "service": "mw"},
        {**take, "service": "mw", "links": [("send", "p1")]},
        # The same batch run served another order, in a trace that says so.
        {**take, "trace": "alien", "id": "c2", "at": 62, "minutes": 15, "service": "erp-api",
         "links": [("send", "p1")], "attributes": {"business.object.order": "p-8"}},
    )  # fmt: skip
    world.instance(
        R1, ("created", 0), ("approved", 60), ("sent", 90), ("received", 600),
        traces={"approved": "send"}, objects=[R1, ORDER],
    )  # fmt: skip
    world.job.run(NOW)
    minutes = world.minutes()
    assert minutes["transport", "hub"] == 1 + 19  # handing over, and in the queue
    assert minutes["transformation", "hub"] == 1
    assert ("downstream", "erp") not in minutes
    # Backwards as well: the trace of the consumer is what a milestone named.
    world.instance(
        R2, ("created", 0), ("approved", 60), ("sent", 90), ("received", 600),
        traces={"sent": "take"}, objects=[R2],
    )  # fmt: skip
    world.job.run(NOW)
    assert world.minutes(R2)["transport", "hub"] == 20


def test_a_failed_delivery_that_nothing_names_is_found_through_its_message(store: Store) -> None:
    world = World(store)
    taken = {"kind": "Consumer", "service": "mw", "minutes": 1, "links": [("send", "p1")]}
    world.instance(
        R1, ("created", 0), ("approved", 60), ("sent", 90), ("received", 600),
        traces={"sent": "third"},
    )  # fmt: skip
    world.spans(
        {"trace": "send", "id": "p1", "at": 60, "minutes": 1, "kind": "Producer"},
        {**taken, "trace": "first", "id": "c1", "at": 62, "failed": True},
        {**taken, "trace": "second", "id": "c2", "at": 70, "failed": True},
        {**taken, "trace": "third", "id": "c3", "at": 89},
    )
    world.job.run(NOW)
    # 3 x 1 at work, 7 + 18 between attempts; the queue had it from 61 to 62.
    assert world.minutes()["transformation", "hub"] == 28
    assert world.minutes()["transport", "erp"] == 1
    assert world.minutes()["transport", "hub"] == 1


def test_an_open_instance_waits_for_what_comes_next_up_to_now(store: Store) -> None:
    world = World(store)
    world.instance(R1, ("created", 0))
    world.job.run(NOW)
    assert world.minutes(hours=1) == {("business_rule", "erp"): 60}
    assert world.minutes(hours=10) == {("business_rule", "erp"): 600}
    world.instance(R1, ("approved", 30), started_at=T0)
    world.job.run(NOW)
    assert world.minutes(hours=1) == {("business_rule", "erp"): 30, ("unobserved", None): 30}


def test_shares_are_the_sums_of_their_instances(store: Store) -> None:
    world = World(store)
    west, east = {"facility": "west"}, {"facility": "east"}
    world.instance(R1, ("created", 0), ("approved", 60), ("received", 600), facets=west)
    world.instance(R2, ("created", 120), ("approved", 150), facets=east)
    world.spans({"trace": "t", "id": "s", "at": 10, "minutes": 20, "objects": [R1]})
    world.job.run(NOW)
    reader = AttributionReader(store)
    wanted = AttributionFilter(environment="production", process=PROCESS)
    hour = 3_600_000_000
    items, total = reader.shares(wanted, ["facet.facility"], now=NOW)
    assert {(s.by["facility"], s.micros, s.instances) for s in items} == {
        ("west", 10 * hour, 1),
        ("east", 8 * hour, 1),
    }
    assert (total.micros, total.instances) == (18 * hour, 2)
    by_cause = {s.by["cause"]: s.micros for s in reader.shares(wanted, ["cause"], now=NOW)[0]}
    assert by_cause == {
        "external": 9 * hour,
        "unobserved": 7.5 * hour,
        "business_rule": hour * 2 // 3 + hour // 2,
        "downstream": hour // 3,
    }
    steps, _ = reader.shares(wanted, ["step", "system"], now=NOW)
    first = next(s for s in steps if s.by["to"] == "received")
    assert first.by == {"process": PROCESS, "from": "approved", "to": "received", "system": "erp"}
    assert next(s.micros for s in steps if s.by["to"] is None) == 7.5 * hour
    later = replace(wanted, started_from=T0 + timedelta(minutes=1))
    assert reader.shares(later, [], now=NOW)[1].instances == 1
    late = replace(wanted, started_from=NOW)
    assert reader.shares(late, ["cause"], now=NOW)[0] == []


def test_an_answer_adds_up_since_it_is_read_in_one_statement(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = store.rows, []

    def counting(sql: str, *arguments: Any) -> Any:
        asked.append(sql)
        return rows(sql, *arguments)

    monkeypatch.setattr(store, "rows", counting)
    wanted = AttributionFilter(environment="production")
    for by in (["cause"], ["process", "facet.facility"], ["step", "cause", "system"]):
        asked.clear()
        AttributionReader(store).shares(wanted, by, now=NOW)
        assert len(asked) == 1


def test_what_is_removed_or_declared_anew_is_followed(store: Store) -> None:
    world = World(store)
    world.spans({"trace": "t", "id": "s", "at": 10, "minutes": 20, "objects": [R1]})
    world.instance(R1, ("created", 0), ("sent", 60), ("received", 600))
    world.job.run(NOW)
    assert world.minutes()["downstream", "erp"] == 20
    again = World(store, catalog(erp={"role": "gateway", "services": ["erp-api"]}))
    assert again.job.run(NOW) == 1
    assert again.minutes()["transport", "erp"] == 20
    assert again.job.run(NOW) == 0
    again.change = world.change
    again.instance(R1, ("created", 0), removed=1)
    again.job.run(NOW)
    assert again.attribution() is None


def test_a_tick_killed_between_any_two_writes_is_repeated_without_a_trace(store: Store) -> None:
    world = World(store)
    world.spans({"trace": "t", "id": "s", "at": 10, "minutes": 20, "objects": [R1]})
    world.instance(R1, ("created", 0), ("sent", 60), ("received", 600))
    writes = 0
    while True:
        dying = DyingStore(store, writes)
        try:
            AttributionJob(dying, catalog()).run(NOW)  # type: ignore[arg-type]
            break
        except Killed:
            writes += 1
    assert writes >= 3
    found = {t: store.rows(f"SELECT * FROM {t} FINAL ORDER BY {o}") for t, o in TABLES.items()}
    assert {t: len(rows) for t, rows in found.items()} == {
        "attributions": 1,
        "instance_traces": 1,
        "trace_links": 0,
    }
    assert world.minutes()["downstream", "erp"] == 20


def test_asked_before_a_tick_it_is_what_the_tick_will_write(any_store: Store) -> None:
    world = World(any_store)
    asked = AttributionOnDemand(any_store, catalog())
    assert asked("production", PROCESS, R1) is None
    steps = (("created", 0), ("approved", 60), ("sent", 90), ("received", 600))
    world.instance(R1, *steps, traces={"sent": "third"})
    taken = {"kind": "Consumer", "service": "mw", "minutes": 1, "links": [("send", "p1")]}
    world.spans(
        {"trace": "send", "id": "p1", "at": 60, "minutes": 1, "kind": "Producer"},
        {**taken, "trace": "first", "id": "c1", "at": 62, "failed": True},
    )
    # That the first consumer is linked to the message stands in a segment that nobody has read.
    world.spans({**taken, "trace": "third", "id": "c3", "at": 89})
    early = asked("production", PROCESS, R1)
    assert world.attribution() is None
    assert world.job.run(NOW) >= 1
    assert early == world.attribution() == asked("production", PROCESS, R1)
    assert world.minutes()["transformation", "hub"] == 28


def test_asked_it_follows_the_instance_its_spans_and_its_definitions(store: Store) -> None:
    world = World(store)
    world.instance(R1, ("created", 0), traces={"created": "t"})
    world.job.run(NOW)
    asked = AttributionOnDemand(store, catalog())
    assert asked("production", PROCESS, R1) == world.attribution()
    # A call is on the way where its server sends spans: that a new one does is learned.
    call = {"trace": "t", "id": "c", "at": 1, "minutes": 8, "kind": "Client"}
    call |= {"attributes": {"peer.service": "mw", "http.request.method": "GET"}}
    world.spans(call)
    found = asked("production", PROCESS, R1)
    assert found is not None
    assert [p.cause.value for p in found.pieces] == ["business_rule", "transformation"]
    world.spans({"trace": "u", "id": "x", "at": 0, "minutes": 1, "service": "mw"})
    found = asked("production", PROCESS, R1)
    assert found is not None
    assert [p.cause.value for p in found.pieces] == ["business_rule", "transport"]
    world.instance(R1, ("approved", 30), started_at=T0, trace_ids=["t"])
    found = asked("production", PROCESS, R1)
    assert found is not None
    assert found.pieces[-1].to_milestone == "approved"
    world.job.run(NOW)
    written = world.attribution()
    assert written is not None
    assert found.pieces == written.pieces
    world.spans({"trace": "t", "id": "m", "at": 20, "minutes": 5, "service": "mw"})
    world.job.run(NOW)
    other = AttributionOnDemand(store, catalog(hub={"role": "rules", "services": ["mw"]}))
    for one, cause in ((asked, "transformation"), (other, "business_rule")):
        found = one("production", PROCESS, R1)
        assert found is not None
        assert [p.cause.value for p in found.pieces if "m" in p.evidence] == [cause]


def test_asked_for_too_much_it_gives_what_is_stored_and_says_what_that_lacks(store: Store) -> None:
    world = World(store)
    world.instance(R1, ("created", 0), ("sent", 60), traces={"created": "t"})
    busy = AttributionOnDemand(store, catalog(), patience_seconds=0)
    for _ in range(AT_ONCE):
        assert busy._turns.acquire(timeout=0)
    small = AttributionOnDemand(store, catalog(), most_spans=1)
    span = {"trace": "t", "at": 10, "minutes": 20}
    world.spans({**span, "id": "1"}, {**span, "id": "2"})
    hour = 3_600_000_000
    for asked in (busy, small):
        found = asked("production", PROCESS, R1)
        assert found is not None
        (part,) = parts_between(found, to_micros(T0), to_micros(T0) + hour)
        assert (part.cause.value, part.micros, part.why) == (
            "unobserved", hour, "not attributed yet",
        )  # fmt: skip
    world.job.run(NOW)
    stored = world.attribution()
    world.spans({**span, "id": "3"})
    assert busy("production", PROCESS, R1) == small("production", PROCESS, R1) == stored
    exact = AttributionOnDemand(store, catalog(), most_spans=3)
    assert exact("production", PROCESS, R1) is not None
    assert exact._kept


def test_links_do_not_lead_to_an_order_of_another_scope(store: Store) -> None:
    """Carried objects are the same in the same scope only."""
    known = catalog()
    process = known.processes[PROCESS]
    scoped = ObjectType(normalize=("upper",), scope="facility")
    process = process.model_copy(update={"objects": {"order": scoped}})
    world = World(store, replace(known, processes={PROCESS: process}))
    send = {"trace": "send", "id": "p1", "at": 60, "minutes": 1, "kind": "Producer"}
    alien = {"business.object.order": "p-7", "business.attr.facility": "east"}
    world.spans(
        {**send, "service": "mw"},
        {"trace": "alien", "id": "c2", "at": 62, "minutes": 15, "kind": "Consumer",
         "service": "erp-api", "links": [("send", "p1")], "attributes": alien},
    )  # fmt: skip
    west = key("order", "P-7", scope="west")
    world.instance(
        R1, ("created", 0), ("approved", 60), ("sent", 90), ("received", 600),
        traces={"approved": "send"}, objects=[R1, west],
    )  # fmt: skip
    world.job.run(NOW)
    assert ("downstream", "erp") not in world.minutes()
