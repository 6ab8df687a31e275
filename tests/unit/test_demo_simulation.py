"""The simulated network tells one consistent story, and the truth file tells the truth about it.

The oracle below reads the shipped YAML and the emitted signals by itself: it maps foreign events by
their contracts, stitches by naive search and measures by subtraction. It shares no code with the
product.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jmespath
import jsonschema
import pytest
import yaml

from suture.app.demo import network
from suture.app.demo.signals import Case, Delivery, EventOut, SpanOut, TruthLine
from suture.app.demo.simulate import Simulation
from suture.app.demo.story import Run
from suture.app.demo.truth import as_json

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
START = datetime(2026, 11, 18, 15, 0, 0, 250_000, tzinfo=UTC)
HISTORY = timedelta(days=7)
PROCESSES = ("requisition_to_fulfilment", "procedure_schedule_to_staffing")


def _yaml(path: str) -> Any:
    return yaml.safe_load((HEALTHCARE / path).read_text(encoding="utf-8"))


@cache
def _slas() -> list[dict[str, Any]]:
    return [sla for process in PROCESSES for sla in _yaml(f"slas/{process}.yaml")]


@cache
def _processes() -> dict[str, dict[str, Any]]:
    return {process: _yaml(f"processes/{process}.yaml") for process in PROCESSES}


@cache
def _contracts() -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for path in sorted((HEALTHCARE / "contracts").glob("*.yaml")):
        content = _yaml(f"contracts/{path.name}")
        for contract in content if isinstance(content, list) else [content]:
            schema = (path.parent / contract["schema"]).read_text(encoding="utf-8")
            contract["validator"] = jsonschema.Draft202012Validator(json.loads(schema))
            found[contract["contract"], str(contract["version"])] = contract
    return found


def _seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


# --- what was emitted, read back ---------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """A milestone as any receiver would read it off the wire."""

    key: tuple[str, str]
    name: str
    at: datetime
    objects: frozenset[tuple[str, str]]
    outcome: str
    attributes: Mapping[str, Any]


def _normalized(type_: str, id_: str) -> tuple[str, str]:
    steps: list[str] = []
    for process in _processes().values():
        steps = process["objects"].get(type_, {}).get("normalize", steps)
    for step in steps:
        match step:
            case "trim":
                id_ = id_.strip()
            case "upper":
                id_ = id_.upper()
            case "strip_leading_zeros":
                id_ = id_.lstrip("0")
            case _:
                raise AssertionError(f"unknown step {step}")
    return type_, id_


def _read_event(event: Mapping[str, Any]) -> Seen:
    at = datetime.fromisoformat(event["time"])
    key = (event["source"], event["id"])
    data = event["data"]
    if event["type"] == "suture.milestone":
        objects = frozenset(_normalized(o["type"], o["id"]) for o in data["objects"])
        return Seen(key, data["milestone"], at, objects, data["outcome"], data["attributes"])
    contract = _contracts()[event["type"], event["version"]]
    contract["validator"].validate(data)
    named = set()
    for type_, expression in contract["objects"].items():
        found = jmespath.search(expression, event)
        named |= {
            _normalized(type_, id_) for id_ in (found if isinstance(found, list) else [found])
        }
    outcome = jmespath.search(contract["outcome"], event) if "outcome" in contract else "ok"
    attributes = {n: jmespath.search(e, event) for n, e in contract["attributes"].items()}
    assert None not in attributes.values()
    return Seen(key, contract["milestone"], at, frozenset(named), outcome, attributes)


def _read_span(span: SpanOut) -> Iterator[Seen]:
    carriers = [(span.end, span.attributes), *((p.at, p.attributes) for p in span.points)]
    for number, (at, attributes) in enumerate(carriers):
        name = attributes.get("business.milestone")
        if isinstance(name, str):
            objects = frozenset(
                _normalized(key.removeprefix("business.object."), str(value))
                for key, value in attributes.items()
                if key.startswith("business.object.")
            )
            key = (span.service, f"{span.trace_id}:{span.span_id}:{number}")
            outcome = str(attributes.get("business.outcome", "ok"))
            yield Seen(key, name, at, objects, outcome, {})


@dataclass(frozen=True)
class Told:
    """A milestone and when the platform was told of it, first or again."""

    at: datetime
    seen: Seen


def _read(deliveries: Iterable[Delivery]) -> list[Told]:
    found: list[Told] = []
    for delivery in deliveries:
        if isinstance(delivery.item, EventOut) and delivery.item.valid:
            found.append(Told(delivery.at, _read_event(delivery.item.event)))
        elif isinstance(delivery.item, SpanOut):
            found += [Told(delivery.at, one) for one in _read_span(delivery.item)]
    return found


def _known(told: list[Told], now: datetime | None = None) -> list[Seen]:
    """What is known at `now`, each identity once."""
    seen: dict[tuple[str, str], Seen] = {}
    for one in told:
        if now is None or one.at <= now:
            assert seen.setdefault(one.seen.key, one.seen) == one.seen, "two contents"
    return list(seen.values())


# --- naive stitching and judging ---------------------------------------------------------------


def _instances(process: Mapping[str, Any], seen: list[Seen]) -> dict[str, list[Seen]]:
    names = {milestone["name"] for milestone in process["milestones"]}
    paths = {(path["from"], path["to"]) for path in process["paths"]}
    onward: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    about: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        for x in one.objects:
            if one.name in names:
                about[x].append(one)
            onward[x] |= {y for y in one.objects if (x[0], y[0]) in paths}
    found = {}
    for anchor in [x for x in set(about) | set(onward) if x[0] == process["anchor"]]:
        reached, frontier = {anchor}, {anchor}
        while frontier := {y for x in frontier for y in onward[x]} - reached:
            reached |= frontier
        members = {one.key: one for x in reached for one in about[x]}
        found[anchor[1]] = [
            one
            for one in members.values()
            if anchor in one.objects or not any(t == process["anchor"] for t, _ in one.objects)
        ]
    return found


def _first(members: list[Seen], name: str, since: datetime | None = None) -> datetime | None:
    reached = [m.at for m in members if m.name == name and m.outcome == "ok"]
    return min((at for at in reached if since is None or at >= since), default=None)


@dataclass(frozen=True)
class Measured:
    begun: datetime
    stopped: datetime | None
    deadline: datetime
    ended: datetime | None

    def breached(self, now: datetime) -> bool:
        if self.stopped is not None:
            return self.stopped > self.deadline
        if self.ended is not None and self.ended <= self.deadline:
            return False
        return now > self.deadline


def _measure(
    sla: Mapping[str, Any], process: Mapping[str, Any], members: list[Seen]
) -> Measured | None:
    begun = _first(members, sla.get("from", process["starts_with"]))
    if begun is None:
        return None
    facets: dict[str, Any] = {}
    for member in sorted(members, key=lambda m: m.at):
        facets |= member.attributes
    within = sla["within"]
    for segment in sla.get("segments", []):
        if all(facets.get(name) == value for name, value in segment["when"].items()):
            within = segment["within"]
            break
    return Measured(
        begun,
        _first(members, sla.get("to", process["completes_with"]), begun),
        begun + timedelta(seconds=_seconds(within)),
        _first(members, process["ends_with"][0], begun),
    )


def _all_measured(seen: list[Seen]) -> Iterator[tuple[tuple[str, str, str], Measured]]:
    for name, process in _processes().items():
        for anchor, members in _instances(process, seen).items():
            for sla in (s for s in _slas() if s["process"] == name):
                measured = _measure(sla, process, members)
                if measured is not None:
                    yield (name, anchor, sla["sla"]), measured


# --- the story ---------------------------------------------------------------------------------


def _cases(
    seed: int, *, until: timedelta, history: timedelta = HISTORY, start: datetime = START
) -> list[Case]:
    simulation = Simulation(run=Run(seed=seed, start=start), history=history)
    found = []
    for case in simulation.cases():
        if case.start > start + until:
            return found
        found.append(case)
    raise AssertionError("the stream ended")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return _cases(7, until=timedelta(hours=1))


@pytest.fixture(scope="module")
def told(cases: list[Case]) -> list[Told]:
    return _read(_deliveries(cases))


@pytest.fixture(scope="module")
def seen(told: list[Told]) -> list[Seen]:
    return _known(told)


@pytest.fixture(scope="module")
def measured(seen: list[Seen]) -> dict[tuple[str, str, str], Measured]:
    return dict(_all_measured(seen))


def _deliveries(cases: list[Case]) -> Iterator[Delivery]:
    return (delivery for case in cases for delivery in case.deliveries)


def _truth(cases: list[Case]) -> list[TruthLine]:
    return [d.item for d in _deliveries(cases) if isinstance(d.item, TruthLine)]


def test_the_same_seed_and_start_tell_the_same_story() -> None:
    brief = {"until": timedelta(minutes=5), "history": timedelta(hours=6)}
    first = _cases(7, **brief)
    assert _cases(7, **brief) == first
    assert _cases(8, **brief) != first


def test_cases_come_in_the_order_of_their_starts(cases: list[Case]) -> None:
    starts = [case.start for case in cases]
    assert starts == sorted(starts)
    for case in cases:
        times = [delivery.at for delivery in case.deliveries]
        assert times == sorted(times)


def test_exactly_the_marked_faults_break_their_sla(
    cases: list[Case], measured: dict[tuple[str, str, str], Measured]
) -> None:
    far = START + timedelta(days=365)
    broken = {key: m.deadline for key, m in measured.items() if m.breached(far)}
    expected = {
        (line.process, line.anchor.id, line.sla): line.expected_breach_at
        for line in _truth(cases)
        if line.should_breach
    }
    assert broken == expected
    assert len(expected) > 100


@pytest.mark.parametrize("seconds", [0, 60, 1200])
def test_breaches_become_due_when_the_truth_says(
    cases: list[Case], told: list[Told], seconds: int
) -> None:
    now = START + timedelta(seconds=seconds)
    broken = {key for key, m in _all_measured(_known(told, now)) if m.breached(now)}
    due = {
        (line.process, line.anchor.id, line.sla)
        for line in _truth(cases)
        if line.expected_breach_at is not None and line.expected_breach_at < now
    }
    assert broken == due


@pytest.mark.parametrize(
    ("seed", "start"),
    [(1, START - timedelta(hours=10)), (2, START + timedelta(days=3, hours=5, seconds=17))],
)
def test_another_seed_on_another_day_is_as_truthful(seed: int, start: datetime) -> None:
    cases = _cases(seed, until=timedelta(minutes=10), history=timedelta(days=2), start=start)
    now = start + timedelta(minutes=5)
    measured = _all_measured(_known(_read(_deliveries(cases)), now))
    broken = {key for key, m in measured if m.breached(now)}
    assert broken == {
        (line.process, line.anchor.id, line.sla)
        for line in _truth(cases)
        if line.expected_breach_at is not None and line.expected_breach_at < now
    }
    assert len(broken) > 20


def test_what_is_well_stays_clear_of_every_deadline(
    cases: list[Case], measured: dict[tuple[str, str, str], Measured]
) -> None:
    faulty = {(line.process, line.anchor.id) for line in _truth(cases) if line.cause is not None}
    checked = 0
    for (process, anchor, sla), m in measured.items():
        if (process, anchor) in faulty or m.stopped is None:
            continue
        checked += 1
        assert (m.stopped - m.begun) / (m.deadline - m.begun) <= 0.75, (anchor, sla)
    assert checked > 5000


def test_a_marked_breach_is_clear_of_its_deadline(
    cases: list[Case], measured: dict[tuple[str, str, str], Measured]
) -> None:
    for line in _truth(cases):
        if line.should_breach:
            m = measured[line.process, line.anchor.id, str(line.sla)]
            assert m.stopped is None or (m.stopped - m.begun) / (m.deadline - m.begun) >= 1.15


def test_every_instance_that_was_simulated_can_be_stitched_and_no_other(
    cases: list[Case], seen: list[Seen]
) -> None:
    for name, process in _processes().items():
        simulated = {a.id for case in cases if case.process == name for a in case.anchors}
        assert set(_instances(process, seen)) == simulated


def test_both_processes_have_completed_and_open_instances_at_the_start(told: list[Told]) -> None:
    for process in _processes().values():
        instances = _instances(process, _known(told, START)).values()
        completed = [m for m in instances if _first(m, process["completes_with"])]
        ended = [m for m in instances if _first(m, process["ends_with"][0])]
        assert len(completed) / HISTORY.days > 50
        assert ended
        assert len(instances) - len(completed) - len(ended) > 10


def test_orders_are_shared_and_receipts_partial(seen: list[Seen]) -> None:
    shared = [
        one
        for one in seen
        if one.name == "purchase_order_created"
        and sum(type_ == "requisition" for type_, _ in one.objects) > 1
    ]
    partial = [one for one in seen if one.name == "goods_partially_received"]
    assert len(shared) > 100
    assert len(partial) > 100


def test_every_declared_milestone_occurs_and_no_other(seen: list[Seen]) -> None:
    declared = {m["name"] for process in _processes().values() for m in process["milestones"]}
    assert {one.name for one in seen} == declared


def test_every_contract_is_used(cases: list[Case]) -> None:
    used = {
        (d.item.event["type"], d.item.event["version"])
        for d in _deliveries(cases)
        if isinstance(d.item, EventOut) and "version" in d.item.event
    }
    assert used == set(_contracts())


def test_a_malformed_event_breaks_its_contract_and_is_put_right_soon(cases: list[Case]) -> None:
    malformed = 0
    affected = sum(any(line.fault == "malformed_event" for line in _truth([c])) for c in cases)
    for case in cases:
        events = [d.item for d in case.deliveries if isinstance(d.item, EventOut)]
        for wrong in [one for one in events if not one.valid]:
            malformed += 1
            kind = wrong.event["type"], wrong.event["version"]
            assert not _contracts()[kind]["validator"].is_valid(wrong.event["data"])
            (right,) = [one for one in events if one.valid and one.event["type"] == kind[0]]
            assert timedelta(0) < right.at - wrong.at < timedelta(minutes=2)
            assert right.event["id"] != wrong.event["id"]
    assert malformed == affected > 5


def test_every_kind_of_fault_occurs(cases: list[Case]) -> None:
    assert {line.fault for line in _truth(cases)} == {
        "slow_erp",
        "mapping_error",
        "stuck_queue",
        "rejected_approval",
        "silent_source",
        "lost_message",
        "slow_supplier",
        "duplicate",
        "malformed_event",
        "skewed_clock",
    }


def test_alerts_fire_soon_after_the_start(cases: list[Case]) -> None:
    offsets = [
        (line.expected_breach_at - START).total_seconds()
        for line in _truth(cases)
        if line.expected_breach_at is not None
    ]
    assert sum(0 < offset <= 60 for offset in offsets) >= 4
    assert sum(-3600 <= offset <= 0 for offset in offsets) >= 4
    assert sum(60 < offset <= 1800 for offset in offsets) >= 10


def test_something_happens_every_few_seconds_live(seen: list[Seen]) -> None:
    times = sorted(one.at for one in seen)
    live = [at for at in times if START < at <= START + timedelta(minutes=10)]
    assert len(live) > 120
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(live)]
    assert max(gaps) < 40


def test_the_volume_is_that_of_three_hospitals(cases: list[Case]) -> None:
    past = [case for case in cases if case.start < START - timedelta(hours=1)]
    requisitions = sum(len(c.anchors) for c in past if c.process == PROCESSES[0])
    procedures = sum(len(c.anchors) for c in past if c.process == PROCESSES[1])
    spans = sum(isinstance(d.item, SpanOut) for d in _deliveries(cases) if d.at <= START)
    assert 130 <= requisitions / HISTORY.days <= 170
    assert 50 <= procedures / HISTORY.days <= 70
    assert spans / HISTORY.days < 4_700


def test_nothing_is_sent_before_it_happened(cases: list[Case]) -> None:
    for delivery in _deliveries(cases):
        if isinstance(delivery.item, EventOut):
            assert datetime.fromisoformat(delivery.item.event["time"]) <= delivery.at
        elif isinstance(delivery.item, SpanOut) and delivery.item.service != "supplier-gateway":
            assert delivery.item.end <= delivery.at


def test_truth_lines_have_the_agreed_form(cases: list[Case]) -> None:
    slas = {sla["sla"]: sla["process"] for sla in _slas()}
    causes = {
        "transport", "transformation", "downstream", "business_rule", "planned_wait", "external",
        "unobserved", None,
    }  # fmt: skip
    for item in _truth(cases):
        line = json.loads(as_json(item))
        assert list(line) == [
            "fault", "process", "anchor", "environment", "sla", "should_breach",
            "expected_breach_at", "cause", "step", "injected_at", "detail",
        ]  # fmt: skip
        process = _processes()[line["process"]]
        assert line["anchor"]["type"] == process["anchor"]
        assert line["environment"] == "production"
        assert line["cause"] in causes
        assert line["sla"] is None or slas[line["sla"]] == line["process"]
        assert line["should_breach"] is (line["expected_breach_at"] is not None)
        assert datetime.fromisoformat(line["injected_at"]).tzinfo is not None
        if line["step"] is not None:
            assert set(line["step"]) <= {m["name"] for m in process["milestones"]}


def test_two_runs_never_speak_of_the_same_documents() -> None:
    codes = {Run(seed=7, start=START + timedelta(minutes=n)).code for n in range(200)}
    assert len(codes) > 195


# --- the shipped configuration and the network are one -----------------------------------------


def test_the_promised_terms_are_the_shipped_ones() -> None:
    shipped = {
        (
            sla["sla"],
            sla["process"],
            sla.get("from"),
            sla.get("to"),
            _seconds(sla["within"]),
            tuple(_seconds(segment["within"]) for segment in sla.get("segments", [])),
        )
        for sla in _slas()
    }
    assert shipped == {
        (
            term.sla,
            term.process,
            term.start,
            term.stop,
            term.within.total_seconds(),
            (term.urgent.total_seconds(),) if term.urgent else (),
        )
        for term in network.TERMS
    }


def test_the_services_are_the_declared_ones() -> None:
    systems = _yaml("systems.yaml")["systems"]
    declared = {
        service: name for name, system in systems.items() for service in system.get("services", [])
    }
    assert declared == {service.name: service.system for service in network.SERVICES.values()}
    every = {_seconds(system["heartbeat"]) for system in systems.values() if "heartbeat" in system}
    assert all(network.HEARTBEAT_EVERY.total_seconds() * 2 < seconds for seconds in every)


def test_a_system_with_a_heartbeat_is_heard_from(cases: list[Case]) -> None:
    systems = _yaml("systems.yaml")["systems"]
    heard: dict[str, list[datetime]] = defaultdict(list)
    for delivery in _deliveries(cases):
        if isinstance(delivery.item, SpanOut) and delivery.at <= START:
            heard[network.SERVICES[delivery.item.service].system].append(delivery.item.end)
    for name, system in systems.items():
        if "heartbeat" not in system or name == "supplier-network":  # that one falls silent
            continue
        times = sorted(heard[name])
        longest = max(b - a for a, b in itertools.pairwise(times))
        assert longest.total_seconds() < _seconds(system["heartbeat"]), name


def test_queues_are_declared(cases: list[Case]) -> None:
    declared = {
        queue
        for system in _yaml("systems.yaml")["systems"].values()
        for queue in system.get("queues", [])
    }
    used = {
        d.item.attributes["messaging.destination.name"]
        for d in _deliveries(cases)
        if isinstance(d.item, SpanOut) and "messaging.destination.name" in d.item.attributes
    }
    assert used == declared
