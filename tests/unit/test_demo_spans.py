"""The demo's spans: well formed, conventional, and telling of the faults that were injected."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from suture.app.demo.network import SERVICES
from suture.app.demo.signals import Case, SpanOut, TruthLine
from suture.app.demo.simulate import Simulation
from suture.app.demo.story import Run

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
Key = tuple[int, int]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    simulation = Simulation(run=Run(seed=11, start=START), history=timedelta(days=9))
    found = []
    for case in simulation.cases():
        if case.start > START:
            return found
        found.append(case)
    raise AssertionError("the stream ended")


@pytest.fixture(scope="module")
def spans(cases: list[Case]) -> dict[Key, SpanOut]:
    found: dict[Key, SpanOut] = {}
    for case in cases:
        for span in _spans(case):
            known = found.setdefault((span.trace_id, span.span_id), span)
            assert known == span, "one id, two spans"
    return found


def _spans(case: Case) -> Iterator[SpanOut]:
    return (d.item for d in case.deliveries if isinstance(d.item, SpanOut))


def _breaching(cases: list[Case], fault: str) -> Iterator[tuple[Case, TruthLine, list[SpanOut]]]:
    for case in cases:
        for delivery in case.deliveries:
            line = delivery.item
            if isinstance(line, TruthLine) and line.fault == fault and line.should_breach:
                yield case, line, list(_spans(case))


def _parent(span: SpanOut, spans: dict[Key, SpanOut]) -> SpanOut | None:
    return spans.get((span.trace_id, span.parent_id))


def test_ids_fit_and_times_run_forward(spans: dict[Key, SpanOut]) -> None:
    for span in spans.values():
        assert 0 < span.trace_id < 2**128
        assert 0 < span.span_id < 2**64
        assert span.start <= span.end
        assert all(point.at >= span.start for point in span.points)


def test_parents_and_links_exist(spans: dict[Key, SpanOut]) -> None:
    missing = 0
    for span in spans.values():
        if span.parent_id:
            parent = _parent(span, spans)
            # What a silent source does not report leaves its callees without a parent.
            missing += parent is None
            assert parent is None or parent.service == span.parent_service
        for link in span.links:
            assert link in spans
    assert missing < len(spans) / 100


def test_servers_are_called_by_clients_of_other_services(spans: dict[Key, SpanOut]) -> None:
    pairs = set()
    for span in spans.values():
        parent = _parent(span, spans)
        if span.kind == "server" and parent is not None:
            assert parent.kind == "client"
            assert parent.service != span.service
            pairs.add((parent.service, span.service))
            if "supplier-gateway" not in (parent.service, span.service):  # its clock may be wrong
                assert parent.start <= span.start <= span.end <= parent.end
    assert len(pairs) >= 4


def test_consumers_are_linked_to_the_producer_of_their_message(spans: dict[Key, SpanOut]) -> None:
    operations = set()
    for span in spans.values():
        if span.kind != "consumer":
            continue
        producer = spans[span.links[0]]
        assert producer.kind == "producer"
        assert producer.end <= span.start
        for name in ("messaging.message.id", "messaging.destination.name"):
            assert span.attributes[name] == producer.attributes[name]
        operations.add(span.attributes["messaging.operation.type"])
    assert operations == {"receive", "process"}


def test_each_kind_of_span_has_what_the_conventions_require(spans: dict[Key, SpanOut]) -> None:
    required = {
        "http.request.method": {"http.response.status_code"},
        "rpc.system": {"rpc.service", "rpc.method"},
        "db.system.name": {"db.operation.name", "db.collection.name"},
        "messaging.system": {"messaging.operation.type", "messaging.destination.name"},
    }
    found = defaultdict(int)
    for span in spans.values():
        for mark, names in required.items():
            if mark in span.attributes:
                found[mark] += 1
                assert names <= set(span.attributes)
        if span.kind in ("client", "server", "producer", "consumer"):
            assert set(required) & set(span.attributes)
    assert set(found) == set(required)


def test_all_services_speak_through_both_doors(spans: dict[Key, SpanOut]) -> None:
    assert {span.service for span in spans.values()} == set(SERVICES)
    assert len(SERVICES) >= 6
    assert {service.door for service in SERVICES.values()} == {"grpc", "http"}


def test_milestones_ride_on_spans_and_on_span_events(spans: dict[Key, SpanOut]) -> None:
    on_spans = {span.attributes.get("business.milestone") for span in spans.values()}
    on_events = {
        point.attributes.get("business.milestone")
        for span in spans.values()
        for point in span.points
    }
    assert on_spans - {None} == {"purchase_order_sent"}
    assert on_events - {None} == {
        "supply_requested",
        "roster_updated",
        "goods_received",
        "goods_partially_received",
    }


def test_a_stuck_queue_is_a_gap_between_producer_and_consumer(
    cases: list[Case], spans: dict[Key, SpanOut]
) -> None:
    checked = 0
    for _, line, own in _breaching(cases, "stuck_queue"):
        gaps = [span.start - spans[span.links[0]].end for span in own if span.kind == "consumer"]
        allowed = {"staff-notification": 20}.get(str(line.sla), 30)
        assert max(gaps) > timedelta(minutes=allowed)
        checked += 1
    assert checked > 5


def test_a_slow_erp_is_a_long_database_call_of_the_erp(cases: list[Case]) -> None:
    checked = 0
    for _, _, own in _breaching(cases, "slow_erp"):
        slow = [span for span in own if span.end - span.start > timedelta(hours=2)]
        assert {span.service for span in slow} == {"erp-worker"}
        assert any("db.system.name" in span.attributes for span in slow)
        checked += 1
    assert checked > 3


def test_a_mapping_error_is_a_transformation_that_fails_and_is_retried(cases: list[Case]) -> None:
    checked = 0
    for _, _, own in _breaching(cases, "mapping_error"):
        attempts = [span for span in own if span.error and span.name.startswith("transform ")]
        assert len(attempts) >= 5
        assert {SERVICES[span.service].system for span in attempts} == {"middleware"}
        assert [span.attributes["retry.attempt"] for span in sorted(attempts, key=_start)] == list(
            range(1, len(attempts) + 1)
        )
        checked += 1
    assert checked > 3


def _start(span: SpanOut) -> datetime:
    return span.start


def test_a_rejected_approval_is_a_span_with_that_outcome(cases: list[Case]) -> None:
    checked = 0
    for _, _, own in _breaching(cases, "rejected_approval"):
        rejected = [s for s in own if s.attributes.get("business.outcome") == "rejected"]
        assert len(rejected) == 1
        assert rejected[0].attributes["business.reason"]
        checked += 1
    assert checked > 3


def test_a_lost_message_has_a_producer_and_no_consumer(
    cases: list[Case], spans: dict[Key, SpanOut]
) -> None:
    consumed = {link for span in spans.values() for link in span.links}
    checked = 0
    for _, _, own in _breaching(cases, "lost_message"):
        sent = [span for span in own if span.kind == "producer"]
        assert sent
        assert all((span.trace_id, span.span_id) not in consumed for span in sent)
        checked += 1
    assert checked > 3


def test_a_skewed_clock_shows_against_its_callers(
    cases: list[Case], spans: dict[Key, SpanOut]
) -> None:
    skewed = {
        (line.process, line.anchor)
        for case in cases
        for line in (d.item for d in case.deliveries)
        if isinstance(line, TruthLine) and line.fault == "skewed_clock"
    }
    assert skewed
    offsets = [
        span.start - parent.start
        for span in spans.values()
        if span.service == "supplier-gateway"
        and span.kind == "server"
        and (parent := _parent(span, spans)) is not None
    ]
    ahead = [offset for offset in offsets if offset > timedelta(seconds=60)]
    assert ahead
    assert len(ahead) < len(offsets) / 2
