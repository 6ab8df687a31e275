"""A small hospital whose every number is known, and the API over it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from table_writer import NOW, Writer, key

from collector.coverage import Coverage
from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.clock import ManualClock
from suture.definitions.catalog import Catalog, load_catalog
from suture.settings import Settings
from suture.store.engine import Store

HEALTHCARE = Path(__file__).resolve().parents[3] / "deploy" / "config" / "healthcare"
SUPPLY, STAFFING = "requisition_to_fulfilment", "procedure_schedule_to_staffing"
LONG_AGO = datetime(1948, 1, 26, 23, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def hospital(kept_store: Store) -> Writer:
    """A store with a handful of instances; tests only read it."""
    write = Writer(kept_store)
    _supply(write)
    _others(write)
    _alerts(write)
    # The spans are counted as those of another Collector, which have no segment.
    soon = datetime.now(UTC) + timedelta(minutes=1)
    Coverage(kept_store, direct=True, direct_delay=timedelta(0)).tick(soon)
    return write


def _supply(write: Writer) -> None:
    start = NOW - timedelta(days=1)
    first, order = key("requisition", "R-1"), key("purchase_order", "PO/7")
    write.instance(
        SUPPLY,
        first,
        start,
        status="completed",
        ended_at=start + timedelta(hours=10),
        last_at=start + timedelta(hours=11),
        last_milestone="goods_received",
        facets={"facility": "mercy-west", "priority": "urgent"},
        money=1250.0,
        objects=[first, order],
        trace_ids=["a" * 32],
        members_count=5,
    )
    steps = [
        ("supply_requested", -1, "ok"),
        ("requisition_created", 0, "ok"),
        ("requisition_approved", 2, "rejected"),
        ("requisition_approved", 3, "ok"),
        ("goods_received", 10, "ok"),
        ("goods_partially_received", 11, "ok"),
    ]
    for name, hours, outcome in steps:
        at = start + timedelta(hours=hours)
        reason = "over budget" if outcome != "ok" else ""
        trace = "a" * 32 if name == "requisition_created" else ""
        write.member(SUPPLY, first, name, at, outcome=outcome, reason=reason, trace_id=trace)
    write.link(SUPPLY, first, order, start + timedelta(hours=4))
    write.link(SUPPLY, first, order, start + timedelta(hours=1), kind="trace", id="earlier")
    write.verdict(
        SUPPLY,
        first,
        "requisition-cycle-time",
        "breached",
        start,
        completed_at=start + timedelta(hours=10),
        facets={"facility": "mercy-west"},
    )
    write.verdict(
        SUPPLY, first, "order-creation", "met", start, completed_at=start + timedelta(hours=1)
    )
    for number in range(2, 8):
        anchor = key("requisition", f"R-{number}")
        began = NOW - timedelta(hours=number)
        write.instance(SUPPLY, anchor, began, facets={"facility": "mercy-east"})
        state = "at_risk" if number == 7 else "pending"
        write.verdict(SUPPLY, anchor, "requisition-cycle-time", state, began)
    write.instance(SUPPLY, key("requisition", "OLD"), LONG_AGO)
    gone = key("requisition", "GONE")
    write.instance(SUPPLY, gone, NOW, removed=1)
    write.verdict(SUPPLY, gone, "requisition-cycle-time", "cancelled", NOW - timedelta(hours=9))
    write.instance(SUPPLY, key("requisition", "R-1", "test"), start)


def _alerts(write: Writer) -> None:
    for number, sla in enumerate(("requisition-cycle-time", "order-creation", "order-creation")):
        write.alert(f"{number:016x}", NOW - timedelta(hours=3 - number), sla=sla)


def _others(write: Writer) -> None:
    start = NOW - timedelta(hours=3)
    slashed = key("procedure", "OR/3 %C3 |X")
    write.instance(STAFFING, slashed, start, last_milestone="procedure_scheduled")
    at = NOW - timedelta(days=1)
    root, child = "1" * 16, "2" * 16
    links = {"Links.TraceId": ["b" * 32], "Links.SpanId": ["9" * 16]}
    more = {"Links.TraceState": [""], "Links.Attributes": [{}]}
    write.span("a" * 32, root, "POST /requisitions", at, Duration=2_000_000_000)
    child_at = at + timedelta(milliseconds=1)
    for _ in range(2):  # sent again by its producer
        write.span(
            "a" * 32,
            child,
            "INSERT",
            child_at,
            ParentSpanId=root,
            StatusCode="Error",
            **links,
            **more,
        )
    late = NOW - timedelta(hours=1)
    service = {"ServiceName": "mw-intake", "ResourceAttributes": {"service.name": "mw-intake"}}
    write.span("b" * 32, "9" * 16, "consume po.outbound", late, **service)
    write.trace_object("a" * 32, key("requisition", "R-1"), at)
    other = {"deployment.environment": "test"}
    write.span("c" * 32, "8" * 16, "GET /health", late, ResourceAttributes=other)
    write.dead_letter("dl-1", NOW - timedelta(hours=2))
    write.dead_letter("dl-1", NOW - timedelta(hours=1))
    write.dead_letter(
        "dl-2",
        NOW - timedelta(minutes=5),
        source="/erp",
        type="com.x",
        reason="no contract",
        owner="",
    )


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The shipped example."""
    return load_catalog(HEALTHCARE)


Client = Callable[..., TestClient]


@pytest.fixture(scope="module")
def client_for(hospital: Writer, catalog: Catalog) -> Client:
    """A function that gives a client of the whole web application under some settings."""

    def make(*, raising: bool = True, **settings: Any) -> TestClient:
        web = create_web(
            hospital.store,
            catalog,
            Settings(**settings),
            ManualClock(NOW),
            status_source=lambda: CollectorStatus(spool_max_bytes=1024),
            payload_reader={"dl-1": b'{"specversion"'}.get,
        )
        client = TestClient(
            web,
            base_url="http://127.0.0.1",
            follow_redirects=False,
            raise_server_exceptions=raising,
        )
        client.web = web  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture(scope="module")
def client(client_for: Client) -> TestClient:
    """A client of a keyless installation."""
    return client_for()
