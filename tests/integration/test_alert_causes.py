"""What an alert says its time went to: the largest part of its own clock's time, nothing else's."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attribution_demo import START, Scored, instance_of, landscape_of, late_cases, spans_of
from fastapi.testclient import TestClient
from stage_doubles import PROCESS, T0, key

from correlator.attribution.attribute import attribute
from correlator.attribution.model import Instance
from dashboards.api import create_api
from dashboards.services import CollectorStatus, Services
from sla_rules.evaluate import evaluate
from suture.clock import ManualClock, from_micros, to_micros
from suture.contracts.alert import AlertAction, AlertEvent, Severity, alert_id
from suture.contracts.attribution import Attribution, Cause, Piece, Tail
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import InstanceFacts, Verdict, VerdictState
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store import judging
from suture.store.alerts import append, resolve
from suture.store.attribution import AttributedInstance, AttributionTables
from suture.store.engine import Store

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
HOUR = timedelta(hours=1)
R1 = key("R-1")
STEPS = (
    (0, 20, "requisition_created", "requisition_approved", Cause.BUSINESS_RULE),
    (20, 23, "requisition_approved", "purchase_order_created", Cause.DOWNSTREAM),
    (23, 24, "purchase_order_created", "purchase_order_sent", Cause.TRANSPORT),
)
"""Twenty hours of approval, three in the ERP, one on the way; then it waits for the supplier."""


class Desk:
    """Clocks, attributions and alerts in a store, and the API over them at an hour."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock(T0)
        self.catalog = load_catalog(HEALTHCARE)

    def judged(self, sla: str, start: float, stop: float | None, *, now: float) -> str:
        """Write a breached clock and its alert, opened at `now`; returns the alert's id."""
        verdict = Verdict(
            environment="production",
            process=PROCESS,
            anchor=R1,
            sla=sla,
            sla_version=1,
            state=VerdictState.BREACHED,
            reason="late",
            started_at=T0 + start * HOUR,
            deadline_at=T0 + (start + 1) * HOUR,
            at_risk_at=None,
            completed_at=None if stop is None else T0 + stop * HOUR,
            stopped_at=None if stop is None else T0 + stop * HOUR,
            elapsed_micros=0,
            allowed_micros=0,
            decided_at=T0 + now * HOUR,
        )
        tell(self.store, [verdict], tick=int(now * 10) + 1)
        return alert_of(verdict)

    def attributed(self) -> None:
        pieces = [
            piece(T0 + start * HOUR, T0 + end * HOUR, begun, ended, cause)
            for start, end, begun, ended, cause in STEPS
        ]
        since = T0 + 24 * HOUR
        rest = piece(since, since, "purchase_order_sent", None, Cause.EXTERNAL)
        tail = Tail(since=to_micros(since), rest=rest)
        write(self.store, PROCESS, R1, Attribution(pieces=tuple(pieces), tail=tail))

    def says(self, id_: str, *, now: float) -> tuple[str | None, str | None]:
        """Cause and step as list and detail say them at an hour; they must not differ."""
        self.clock.set(T0 + now * HOUR)
        with client(self.store, self.clock) as api:
            items = api.get("/api/v1/alerts?limit=1000").json()["items"]
            one = api.get(f"/api/v1/alerts/{id_}").json()
        (listed,) = [item for item in items if item["id"] == id_]
        assert (listed["cause"], listed["step"]) == (one["cause"], one["step"])
        return one["cause"], one["step"]


def piece(start: Any, end: Any, begun: str, ended: str | None, cause: Cause) -> Piece:
    return Piece(
        start=to_micros(start),
        end=to_micros(end),
        from_milestone=begun,
        to_milestone=ended,
        cause=cause,
        system=None,
        why="so it is",
    )


def alert_of(verdict: Verdict) -> str:
    return alert_id(
        environment=verdict.environment,
        sla=verdict.sla,
        anchor=verdict.anchor,
        clock_started_at=verdict.started_at,
    )


def tell(store: Store, verdicts: list[Verdict], *, tick: int) -> None:
    """Write verdicts as the stage does, and open an alert for each."""
    judging.write_history(store, verdicts)
    judging.write_states(store, verdicts, tick=tick)
    opened = [
        AlertEvent(
            alert_id=alert_of(verdict),
            at=verdict.decided_at,
            action=AlertAction.OPENED,
            actor="suture",
            environment=verdict.environment,
            process=verdict.process,
            sla=verdict.sla,
            anchor=verdict.anchor,
            severity=Severity.HIGH,
            owner="supply-integration",
            title="late",
            breached_at=verdict.deadline_at,
        )
        for verdict in verdicts
    ]
    append(store, opened)


def write(store: Store, process: str, anchor: str, attribution: Attribution) -> None:
    found = AttributedInstance(
        environment="production",
        process=process,
        anchor=anchor,
        started=attribution.pieces[0].start,
        ended=None,
        facets={},
        change=1,
        attribution=attribution,
    )
    AttributionTables(store).write([found], rules={}, version=1)


def client(store: Store, clock: ManualClock) -> TestClient:
    services = Services.over(
        store,
        load_catalog(HEALTHCARE),
        Settings(),
        clock,
        collector=CollectorStatus,
        payload=lambda _: None,
    )
    return TestClient(create_api(services, home="/"))


@pytest.fixture
def desk(store: Store) -> Desk:
    found = Desk(store)
    found.attributed()
    return found


def test_time_before_the_clock_began_and_after_it_stopped_is_not_its(desk: Desk) -> None:
    creation = desk.judged("order-creation", 20, 23, now=30)
    approval = desk.judged("requisition-approval", 0, 20, now=30)
    assert desk.says(creation, now=200) == (
        "downstream",
        "requisition_approved -> purchase_order_created",
    )
    assert desk.says(approval, now=200) == (
        "business_rule",
        "requisition_created -> requisition_approved",
    )


def test_pieces_that_reach_over_an_end_are_cut_to_the_clock(desk: Desk) -> None:
    # Two hours of the approval's twenty, three in the ERP, half an hour of the way.
    cut = desk.judged("requisition-cycle-time", 18, 23.5, now=30)
    assert desk.says(cut, now=200)[0] == "downstream"


def test_a_clock_that_runs_counts_up_to_now(desk: Desk) -> None:
    running = desk.judged("order-confirmation", 20, None, now=25)
    assert desk.says(running, now=26)[0] == "downstream"
    assert desk.says(running, now=60) == ("external", "purchase_order_sent ->")


def test_a_resolved_alert_says_the_same_for_good(desk: Desk) -> None:
    running = desk.judged("order-confirmation", 20, None, now=25)
    resolve(desk.store, running, actor="dana", at=T0 + 26 * HOUR)
    assert desk.says(running, now=26)[0] == "downstream"
    assert desk.says(running, now=600)[0] == "downstream"


def test_a_clock_that_began_anew_leaves_the_earlier_alert_its_own(desk: Desk) -> None:
    earlier = desk.judged("requisition-cycle-time", 0, None, now=21)
    resolve(desk.store, earlier, actor="suture", at=T0 + 22 * HOUR)
    later = desk.judged("requisition-cycle-time", 22.5, 24, now=40)
    assert desk.says(earlier, now=50)[0] == "business_rule"
    assert desk.says(later, now=50)[0] == "transport"


def test_without_a_clock_or_an_attribution_nothing_is_claimed(store: Store) -> None:
    desk = Desk(store)
    alone = desk.judged("order-creation", 20, 23, now=30)
    assert desk.says(alone, now=40) == (None, None)
    desk.attributed()
    before = desk.judged("requisition-approval", -9, -5, now=30)
    assert desk.says(before, now=40) == (None, None)


def test_alerts_name_what_was_injected(store: Store) -> None:
    catalog = load_catalog(HEALTHCARE)
    landscape, now = landscape_of(catalog), START + timedelta(days=21)
    truth, verdicts, done = {}, [], set()
    for case, line in late_cases(weeks=1, seed=11):
        anchor = f"production|{line.anchor.type}||{line.anchor.id}"
        instance = instance_of(case, line.anchor, catalog)
        if (line.process, anchor) not in done:
            done.add((line.process, anchor))
            found = attribute(instance, spans_of(case, line.anchor), landscape)
            write(store, line.process, anchor, found)
        facts = _facts(line.process, anchor, instance)
        verdict = evaluate(catalog.slas[str(line.sla)], facts, now)
        assert verdict is not None
        verdicts.append(verdict)
        truth[alert_of(verdict)] = line
    tell(store, verdicts, tick=1)
    with client(store, ManualClock(now)) as api:
        items = api.get("/api/v1/alerts?limit=1000").json()["items"]
    assert len(items) == len(truth) >= 40
    scored = [_scored(truth[item["id"]], item) for item in items]
    wrong = Counter((one.fault, one.found, one.found_step) for one in scored if not one.right)
    assert sum(one.right for one in scored) >= 0.9 * len(scored), wrong


def _facts(process: str, anchor: str, instance: Instance) -> InstanceFacts:
    times: dict[str, list[Any]] = {}
    for member in instance.members:
        if member.outcome == "ok":
            times.setdefault(member.milestone, []).append(from_micros(member.at))
    return InstanceFacts(
        environment="production",
        process=process,
        anchor=anchor,
        status=InstanceStatus.OPEN if instance.end is None else InstanceStatus.COMPLETED,
        started_at=from_micros(instance.start),
        ended_at=None if instance.end is None else from_micros(instance.end),
        milestone_times=times,
    )


def _scored(line: Any, item: dict[str, Any]) -> Scored:
    begun, _, ended = (item["step"] or "").partition(" ->")
    return Scored(
        fault=line.fault,
        cause=str(line.cause),
        step=line.step,
        found=item["cause"] or "",
        found_step=(begun, ended.strip() or None),
    )
