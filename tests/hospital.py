"""A believable hospital network, written straight into the tables, to look at the pages with.

Four weeks of requisitions and scheduled procedures up to a given instant, some late, some stuck,
the latest ones with spans. The same seed gives the same hospital.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from coverage_feed import STREAMS, Feed, call

from collector.coverage import Coverage
from suture.contracts.alert import alert_id
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.definitions.sla import SlaDefinition
from suture.definitions.values import format_duration
from suture.store.engine import Store

SUPPLY, STAFFING = "requisition_to_fulfilment", "procedure_schedule_to_staffing"
FACILITIES = ("mercy-west", "mercy-east", "st-anne")
DEPARTMENTS = ("OR-3", "ICU", "Oncology", "Emergency", "Cardiology")
SUPPLIERS = ("Medline", "Stryker", "Owens & Minor", "Baxter")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEKS = 28 * DAY

SUPPLY_STEPS = (
    ("supply_requested", "clinical-support", "/portal", -4 * MINUTE, "supply_request"),
    ("requisition_created", "clinical-support", "/portal", timedelta(0), "requisition"),
    ("requisition_approved", "erp", "/erp", 2 * HOUR, "requisition"),
    ("purchase_order_created", "erp", "/erp", 35 * MINUTE, "purchase_order"),
    ("purchase_order_sent", "middleware", "/mw", 9 * MINUTE, "purchase_order"),
    ("order_confirmed", "supplier-network", "/suppliers", 4 * HOUR, "purchase_order"),
    ("goods_shipped", "supplier-network", "/suppliers", 14 * HOUR, "shipment"),
    ("goods_received", "erp", "/erp", 20 * HOUR, "goods_receipt"),
)
STAFFING_STEPS = (
    ("procedure_scheduled", "perioperative", "/or", timedelta(0), "procedure"),
    ("staffing_demand_published", "middleware", "/mw", 4 * MINUTE, "staffing_demand"),
    ("roster_updated", "workforce", "/wfm", 11 * MINUTE, "staffing_demand"),
    ("staff_assigned", "workforce", "/wfm", 100 * MINUTE, "shift_assignment"),
    ("staff_notified", "workforce", "/wfm", 6 * MINUTE, "notification"),
)
SERVICES = {
    "supply_requested": ("supply-portal", "mw-intake"),
    "requisition_created": ("supply-portal", "mw-intake", "erp-api"),
    "requisition_approved": ("erp-api", "erp-worker"),
    "purchase_order_created": ("erp-worker", "mw-intake"),
    "purchase_order_sent": ("mw-dispatch", "supplier-gateway"),
    "order_confirmed": ("supplier-gateway", "mw-intake", "erp-api"),
    "goods_received": ("erp-api", "analytics-loader"),
    "procedure_scheduled": ("or-scheduling", "mw-intake"),
    "staffing_demand_published": ("mw-dispatch", "roster-api"),
    "roster_updated": ("roster-api",),
    "staff_notified": ("roster-api", "staff-notifier"),
}


@dataclass
class Rows:
    """Rows by table, inserted at the end."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        self.tables.setdefault(table, []).append(row)

    def insert(self, store: Store) -> None:
        for table, rows in self.tables.items():
            store.insert(table, rows)


@dataclass
class Story:
    """One instance on its way."""

    process: str
    number: int
    anchor: str
    started: datetime
    facets: dict[str, str]
    steps: Iterable[tuple[str, str, str, timedelta, str]]
    slow: str = ""
    stuck_at: str = ""
    times: dict[str, datetime] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    path: list[tuple[datetime, str, int]] = field(default_factory=list)


def fill(store: Store, catalog: Catalog, now: datetime, *, seed: int = 7) -> None:
    """Write the hospital into `store`, as it stands at `now`."""
    dice, rows = random.Random(seed), Rows()
    for story in _stories(dice, now):
        _tell(story, rows, dice, now)
        _judge(story, rows, catalog, now)
    _dead_letters(rows, now)
    rows.insert(store)
    _send(Feed(store), dice, now)
    Coverage(store).run(now)


SENDERS = (
    ("/portal", "clinical-support", 4, 2.0),
    ("/erp/mercy-west", "erp", 9, 45.0),
    ("/erp/mercy-east", "erp", 7, 3.0),
    ("/mw", "middleware", 2, 0.4),
    ("/or", "perioperative", 11, 1.2),
    ("/wfm", "workforce", 6, 900.0),
)
CALLS = (
    ("supply-portal", "mw-intake", 0.0),
    ("mw-intake", "erp-api", -0.012),
    ("mw-intake", "roster-api", 83.0),
    ("or-scheduling", "mw-intake", 0.0),
)


def _send(feed: Feed, dice: random.Random, now: datetime) -> None:
    """A day of signs of life, and who falls silent in it: the supplier network."""
    for source, system, every, late in SENDERS:
        times = [now - dice.random() * every * MINUTE * 2 - n * every * MINUTE for n in range(99)]
        how = [timedelta(seconds=late * dice.uniform(0.6, 2.4)) for _ in times]
        feed.events(*zip(times, how, strict=True), source=source, system=system)
    silent = [(now - DAY + n * HOUR, timedelta(seconds=30)) for n in range(20)]
    feed.events(*silent, source="/suppliers", system="supplier-network")
    feed.events((now - 3 * HOUR, DAY), source="/import/bed-management", system="")
    with feed.segment(Signal.LOGS) as number:
        log = {"ServiceName": "erp-api", "WalSegment": number}
        times = [now - n * MINUTE for n in range(90)]
        logs = [{**log, "Timestamp": at, "ReceivedAt": at + 2 * MINUTE / 60} for at in times]
        feed.store.insert("otel_logs", logs)
    for minute in range(1, 21):
        at = now - minute * MINUTE
        sides = [
            side
            for client, server, ahead in CALLS
            for _ in range(3)
            for side in call(client, server, at, timedelta(seconds=ahead))
        ]
        feed.spans(*sides, seen=at + timedelta(seconds=5))
    # The stages have read them: their work stands in the tables already.
    for stage in ("correlator", "attribution"):
        read = [(STREAMS[signal], upto) for signal, upto in feed.sequences.items() if upto]
        rows = [{"stage": stage, "stream": stream, "position": upto} for stream, upto in read]
        feed.store.insert("cursors", [{**row, "updated_at": now} for row in rows])


def _stories(dice: random.Random, now: datetime) -> Iterable[Story]:
    for number in range(520):
        start = now - WEEKS + WEEKS * (number / 520) + dice.random() * HOUR - 2 * HOUR
        yield Story(
            process=SUPPLY,
            number=10_000 + number,
            anchor=f"production|requisition||R-{10_000 + number}",
            started=start,
            facets={
                "facility": dice.choice(FACILITIES),
                "department": dice.choice(DEPARTMENTS),
                "supplier": dice.choice(SUPPLIERS),
                "priority": "urgent" if number % 9 == 0 else "routine",
            },
            steps=SUPPLY_STEPS,
            slow=dice.choice(("order_confirmed", "goods_received", "purchase_order_sent"))
            if dice.random() < 0.07
            else "",
            stuck_at="goods_shipped" if number % 61 == 0 else "",
        )
    for number in range(640):
        start = now - WEEKS + WEEKS * (number / 640) + dice.random() * HOUR - 30 * MINUTE
        yield Story(
            process=STAFFING,
            number=70_000 + number,
            anchor=f"production|procedure||P-{70_000 + number}",
            started=min(start, now - MINUTE),
            facets={
                "facility": dice.choice(FACILITIES),
                "department": "OR",
                "service_line": dice.choice(("orthopaedics", "cardiac", "general")),
                "priority": "urgent" if number % 11 == 0 else "routine",
            },
            steps=STAFFING_STEPS,
            slow="roster_updated" if dice.random() < 0.025 else "",
            stuck_at="staff_assigned" if number % 160 == 150 else "",
        )


def _tell(story: Story, rows: Rows, dice: random.Random, now: datetime) -> None:
    """Its events, objects and links up to now; the recent ones have spans."""
    at, previous = story.started, story.anchor
    story.objects.append(story.anchor)
    last, spoken = story.started, 0
    for milestone, system, source, usual, type_ in story.steps:
        factor = 9 if milestone == story.slow else 0.6 + dice.random() * 0.9
        at = at + usual * factor if usual > timedelta(0) else story.started + usual
        if at > now or milestone == story.stuck_at:
            break
        anchor_type = story.anchor.split("|")[1]
        object_ = story.anchor
        if type_ != anchor_type:
            object_ = f"production|{type_}||{type_[:2].upper()}-{story.number}"
        if object_ not in story.objects:
            story.objects.append(object_)
            _link(story, rows, previous if type_ != "supply_request" else story.anchor, object_, at)
        if type_ != "supply_request":
            previous = object_
        if milestone == "requisition_approved" and story.number % 37 == 0:
            early = at - HOUR
            _member(story, rows, milestone, system, source, early, object_, "rejected", spoken)
            spoken += 1
        _member(story, rows, milestone, system, source, at, object_, "ok", spoken)
        if now - story.started < 6 * DAY and milestone in SERVICES:
            _trace(story, rows, dice, milestone, at)
        story.times.setdefault(milestone, at)
        last, spoken = max(last, at), spoken + 1
    for object_ in story.objects:
        rows.add("reaches", process=story.process, object=object_, anchor=story.anchor, version=1)
    _instance(story, rows, dice, last, spoken, now)


def _member(
    story: Story,
    rows: Rows,
    milestone: str,
    system: str,
    source: str,
    at: datetime,
    object_: str,
    outcome: str,
    number: int,
) -> None:
    key = f"{story.number:016x}{number:016x}"
    story.path.append((at, milestone, int(outcome == "ok")))
    rows.add(
        "milestones",
        segment=1,
        environment="production",
        source=source,
        id=f"{milestone}-{story.number}-{number}",
        milestone=milestone,
        system=system,
        occurred_at=at,
        recorded_at=at + timedelta(seconds=1.4),
        object_types=[],
        object_ids=[],
        attributes={},
        extensions={},
    )
    rows.add(
        "members",
        process=story.process,
        anchor=story.anchor,
        event_key=key,
        milestone=milestone,
        system=system,
        source=source,
        id=f"{milestone}-{story.number}-{number}",
        occurred_at=at,
        recorded_at=at + timedelta(seconds=1.4),
        sequence=0,
        outcome=outcome,
        reason="Amount is over the department's budget" if outcome == "rejected" else "",
        trace_id=_trace_id(story, milestone) if milestone in SERVICES and outcome == "ok" else "",
        objects=list(dict.fromkeys((story.anchor, object_))),
        version=1,
    )


def _link(story: Story, rows: Rows, from_: str, to: str, at: datetime) -> None:
    for kind, id_ in (("event", f"link-{story.number}"), ("trace", f"trace-{story.number}")):
        rows.add(
            "links",
            process=story.process,
            from_object=from_,
            to_object=to,
            kind=kind,
            event_key=f"{kind}{story.number}",
            source="/erp" if kind == "event" else "otel:mw-intake",
            id=id_,
            occurred_at=at,
            version=1,
        )


def _trace_id(story: Story, milestone: str) -> str:
    return f"{story.number:024x}{sum(map(ord, milestone)) % 0xFFFFFFFF:08x}"


def _trace(story: Story, rows: Rows, dice: random.Random, milestone: str, at: datetime) -> None:
    """A few spans through the services of a milestone, ending about when it happened."""
    trace = _trace_id(story, milestone)
    story.traces.append(trace)
    begin = at - timedelta(milliseconds=dice.randint(40, 900))
    parent, offset, failed = "", 0.0, milestone == story.slow
    for depth, service in enumerate(SERVICES[milestone]):
        kind = "Server" if depth == 0 else dice.choice(("Consumer", "Server"))
        names = [f"POST /{milestone.replace('_', '-')}", "validate", "INSERT", f"publish {service}"]
        top = ""
        for index, name in enumerate(names):
            span = f"{dice.getrandbits(64):016x}"
            took = dice.uniform(30, 260) if index == 0 else dice.uniform(0.4, 40)
            error = failed and depth == len(SERVICES[milestone]) - 1 and index == 2
            rows.add(
                "otel_traces",
                Timestamp=begin + timedelta(milliseconds=offset + index * 3.7),
                TraceId=trace,
                SpanId=span,
                ParentSpanId=parent if index == 0 else top,
                SpanName=name,
                SpanKind=kind if index == 0 else ("Producer" if index == 3 else "Internal"),
                ServiceName=service,
                ResourceAttributes={"service.name": service, "host.name": f"{service}-1"},
                SpanAttributes={
                    "business.object.requisition": f"R-{story.number}",
                    "db.system": "postgresql" if index == 2 else "",
                    "http.response.status_code": "503" if error else "200",
                },
                Duration=int(took * 1_000_000),
                StatusCode="Error" if error else "Unset",
                StatusMessage="lock wait timeout" if error else "",
            )
            top = top or span
            parent = span if index == 3 else parent
        offset += dice.uniform(40, 400)


def _instance(
    story: Story, rows: Rows, dice: random.Random, last: datetime, events: int, now: datetime
) -> None:
    definition_end = "goods_received" if story.process == SUPPLY else "staff_notified"
    ended = story.times.get(definition_end)
    cancelled = ended is None and story.number % 83 == 0 and now - story.started > DAY
    status = "completed" if ended else "ended" if cancelled else "open"
    end = ended or (last + HOUR if cancelled else None)
    rows.add(
        "instances",
        environment="production",
        process=story.process,
        process_version=1,
        anchor=story.anchor,
        anchor_type=story.anchor.split("|")[1],
        anchor_scope="",
        anchor_id=story.anchor.split("|")[3],
        status=status,
        started_at=story.started,
        start_inferred=False,
        last_at=last,
        ended_at=end,
        stall_at=last + 7 * DAY,
        last_milestone=list(story.times)[-1],
        facets=story.facets,
        facet_history="{}",
        money=round(dice.uniform(80, 9000), 2) if story.process == SUPPLY else None,
        objects=story.objects,
        trace_ids=story.traces,
        members_count=events,
        milestone_times={name: [at] for name, at in story.times.items()},
        attempt_times={},
        path=[milestone for _, milestone, _ in sorted(story.path)],
        path_times=[at for at, _, _ in sorted(story.path)],
        path_reached=[ok for _, _, ok in sorted(story.path)],
        change=1,
    )


def _judge(story: Story, rows: Rows, catalog: Catalog, now: datetime) -> None:
    for rule in catalog.slas_of(story.process):
        begin = story.times.get(rule.from_milestone or "", story.started)
        if rule.kind == "duration" and rule.from_milestone not in story.times:
            continue
        last = "goods_received" if story.process == SUPPLY else "staff_notified"
        stop = story.times.get(rule.to_milestone or last)
        segment = rule.segment_of(story.facets)
        allowed = segment.within if segment else rule.within
        _verdict(story, rows, rule, begin, stop, allowed, now)


def _verdict(
    story: Story,
    rows: Rows,
    rule: SlaDefinition,
    begin: datetime,
    stop: datetime | None,
    allowed: timedelta,
    now: datetime,
) -> None:
    deadline = begin + allowed
    risk = begin + allowed * rule.at_risk
    state = "met" if stop and stop <= deadline else "breached" if now > deadline or stop else ""
    state = state or ("at_risk" if now > risk else "pending")
    if state == "breached" and stop and stop <= deadline:
        state = "met"
    decided = stop or (deadline if state == "breached" else now)
    awaited, origin = rule.to_milestone or "completion", rule.from_milestone or "the start"
    span = f"{format_duration(allowed)} allowed"
    waits = f"waiting for {awaited} since {begin:%Y-%m-%d %H:%M} UTC"
    due = f"due {deadline:%Y-%m-%d %H:%M} UTC"
    came = f"{awaited} came {format_duration((stop or now) - begin)} after {origin}"
    texts = {
        "met": f"{came}, within the {span}",
        "breached": f"{came}, over the {span}" if stop else f"{waits}, was {due}: it is late",
        "at_risk": f"{waits}, {due}: most of the {span} are used up",
        "pending": f"{waits}, {due}",
    }
    row = {
        "environment": "production",
        "process": story.process,
        "sla": rule.sla,
        "sla_version": 1,
        "anchor": story.anchor,
        "state": state,
        "reason": texts[state],
        "started_at": begin,
        "deadline_at": deadline,
        "at_risk_at": risk,
        "completed_at": stop,
        "stopped_at": stop,
        "elapsed_micros": int(((stop or now) - begin).total_seconds() * 1e6),
        "allowed_micros": int(allowed.total_seconds() * 1e6),
        "facets": story.facets,
        "decided_at": decided,
    }
    rows.add("verdicts", **row)
    rows.add("verdict_states", **row, tick=1)
    if state == "breached" and decided > now - 4 * DAY:
        _alert(story, rows, rule, begin, decided, row["reason"], now)


def _alert(
    story: Story,
    rows: Rows,
    rule: SlaDefinition,
    begin: datetime,
    at: datetime,
    reason: str,
    now: datetime,
) -> None:
    noun = "Requisition" if story.process == SUPPLY else "Procedure"
    anchor_id = story.anchor.split("|")[3]
    common = {
        "alert_id": alert_id(
            environment="production", sla=rule.sla, anchor=story.anchor, clock_started_at=begin
        ),
        "environment": "production",
        "process": story.process,
        "sla": rule.sla,
        "anchor": story.anchor,
        "severity": rule.severity.value,
        "owner": rule.owner or "integration-desk",
        "title": f"{noun} {anchor_id}: {rule.title}",
        "breached_at": at,
    }
    rows.add("alert_events", **common, at=at, action="opened", actor="suture", comment=reason)
    if story.number % 4 == 0:
        rows.add(
            "alert_events",
            **common,
            at=min(now, at + 20 * MINUTE),
            action="acknowledged",
            actor="operator",
            comment="Called the supplier.",
        )


def _dead_letters(rows: Rows, now: datetime) -> None:
    for number, (type_, source, reason, owner, times) in enumerate(
        (
            ("erp.purchase_order.created", "/erp", "data.poNumber is missing", "erp-platform", 4),
            ("suture.milestone", "/portal", "the time is 3 d ahead of the platform's clock", "", 1),
            ("lab.result.posted", "/lab", "no contract is known for this event type", "", 17),
            ("", "", "the body is not JSON: line 1, column 88", "", 2),
        )
    ):
        for arrival in range(times):
            rows.add(
                "dead_letters",
                segment=1,
                id=f"{number:032x}",
                received_at=now - (number + 1) * HOUR + arrival * MINUTE,
                environment="production",
                door="milestones",
                source=source,
                event_id=f"e-{number}",
                type=type_,
                reason=reason,
                owner=owner,
                payload_sha256="0" * 64,
                payload_bytes=240,
                preview='{"specversion": "1.0", "id": "e-1"',
            )
