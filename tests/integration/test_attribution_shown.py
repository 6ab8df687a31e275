"""Where the time went, as the API and the command line say it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from table_writer import Writer, key

from correlator.attribution.job import AttributionJob
from dashboards.api import create_api
from dashboards.services import CollectorStatus, Services
from suture.app.cli import suture
from suture.clock import ManualClock
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.migrate import migrate

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
PROCESS = "requisition_to_fulfilment"
# The command line has no clock but the real one, by which an instance of last week is stalled.
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
T0 = NOW - timedelta(hours=10)
R1 = key("requisition", "R-1")


class Holding:
    """Takes rows instead of a store, to insert them at once."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        self.rows.setdefault(table, []).extend(rows)


def fill(store: Store) -> None:
    """R-1 was rejected and then ordered by a slow ERP; R-10 and up are open, some of them late."""
    write = Writer(Holding())  # type: ignore[arg-type]
    trace = "c" * 32
    west = {"facility": "west"}
    write.instance(PROCESS, R1, T0, trace_ids=[trace], facets=west)
    steps = [
        ("requisition_created", 0.0, "ok"),
        ("requisition_approved", 1.0, "rejected"),
        ("requisition_approved", 3.0, "ok"),
        ("purchase_order_created", 6.0, "ok"),
    ]
    for name, hours, outcome in steps:
        at = T0 + timedelta(hours=hours)
        reason = "over budget" if outcome != "ok" else ""
        found = trace if name == "purchase_order_created" else ""
        write.member(PROCESS, R1, name, at, outcome=outcome, reason=reason, trace_id=found)
    slow = {"ServiceName": "erp-worker", "SpanKind": "Client", "Duration": 9_000_000_000_000}
    slow |= {"SpanAttributes": {"db.system": "oracle"}, "Events.Name": ["lock wait"]}
    slow |= {"Events.Timestamp": [T0], "Events.Attributes": [{}]}
    write.span(trace, "5" * 16, "INSERT purchase_order", T0 + timedelta(hours=3.5), **slow)
    write.verdict(PROCESS, R1, "order-creation", "breached", T0)
    for number in range(10, 90):
        anchor = key("requisition", f"R-{number}")
        facets = {"facility": "west" if number < 30 else "east"}
        write.instance(PROCESS, anchor, T0 + timedelta(hours=1), facets=facets)
        write.member(PROCESS, anchor, "requisition_created", T0 + timedelta(hours=1))
        if (number < 30 and number % 2) or number == 40:
            write.verdict(PROCESS, anchor, "requisition-approval", "breached", T0)
    for table, rows in write.store.rows.items():  # type: ignore[attr-defined]
        store.insert(table, rows)
    store.execute(
        "INSERT INTO instance_changes SELECT 1, environment, process, anchor FROM instances"
    )
    cursor = {"stage": "correlator-change", "stream": 0, "position": 1, "updated_at": NOW}
    store.insert("cursors", [cursor])
    AttributionJob(store, load_catalog(HEALTHCARE)).run(NOW)


@pytest.fixture
def api(store: Store) -> Iterator[TestClient]:
    fill(store)
    services = Services.over(
        store,
        load_catalog(HEALTHCARE),
        Settings(),
        ManualClock(NOW),
        collector=CollectorStatus,
        payload=lambda _: None,
    )
    with TestClient(create_api(services, home="/")) as client:
        yield client


def get(api: TestClient, path: str) -> Any:
    answer = api.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_instance_says_where_its_time_went(api: TestClient) -> None:
    found = get(api, f"/instances/{PROCESS}/R-1")
    segments = found["segments"]
    assert [(s["from"], s["to"]) for s in segments] == [
        ("requisition_created", "requisition_approved"),
        ("requisition_approved", "requisition_approved"),
        ("requisition_approved", "purchase_order_created"),
        ("purchase_order_created", None),
    ]
    for segment in segments:
        assert sum(c["seconds"] for c in segment["causes"]) == segment["elapsed_seconds"]
    assert sum(c["seconds"] for c in found["causes"]) == found["elapsed_seconds"] == 36_000
    assert [(c["cause"], c["seconds"]) for c in found["causes"]] == [
        ("unobserved", 16_200.0),
        ("business_rule", 10_800.0),
        ("downstream", 9_000.0),
    ]
    assert segments[1]["causes"][0] == {
        "cause": "business_rule",
        "seconds": 7_200.0,
        "system": "erp",
        "evidence": [f"requisition_approved-{T0 + timedelta(hours=1):%H%M%S}"],
        "reason": "rejected: over budget",
    }
    assert segments[1]["explanation"] == (
        "All of it went to business rules and people (erp): rejected: over budget."
    )
    slow = segments[2]["causes"][0]
    assert (slow["system"], slow["evidence"]) == ("erp", ["5" * 16])
    assert slow["reason"] == "INSERT purchase_order in erp-worker waited for a lock"
    assert found["explanation"] == (
        "Of 10 h the largest part, 4 h since Purchase order created, was not observed:"
        " no telemetry."
    )


def test_totals_by_every_dimension_equal_the_instances(api: TestClient) -> None:
    whole = 36_000 + 80 * 9 * 3_600
    for by in ("process", "step", "cause", "system", "facet.facility", "step,cause,facet.priority"):
        found = get(api, f"/attribution?process={PROCESS}&by={by}")
        assert found["total"]["seconds"] == whole
        assert found["total"]["instances"] == 81
        assert sum(one["seconds"] for one in found["items"]) == whole
        assert sum(one["share"] for one in found["items"]) == pytest.approx(1)
        for one in found["items"]:
            assert sum(c["seconds"] for c in one["causes"]) == one["seconds"]
    west = get(api, f"/attribution?by=facet.facility&to={T0:%Y-%m-%dT%H:%M:%S}.000001Z")["items"]
    assert [(one["by"], one["instances"]) for one in west] == [({"facility": "west"}, 1)]
    assert get(api, f"/attribution?from={NOW:%Y-%m-%dT%H:%M:%S}Z")["items"] == []


def test_what_cannot_be_asked_is_a_problem(api: TestClient) -> None:
    for query in ("by=colour", "by=facet.colour", "process=none", "by=step,step", "by=", "x=1"):
        assert api.get(f"/api/v1/attribution?{query}").status_code == 400


def test_what_late_instances_share(api: TestClient) -> None:
    found = get(api, f"/attribution/late?process={PROCESS}")
    assert (found["instances"], found["late"]) == (81, 12)
    best = found["items"][0]
    assert (best["kind"], best["name"], best["value"]) == ("facet", "facility", "west")
    assert (best["late"], best["instances"]) == (11, 21)
    assert best["lift"] == pytest.approx((11 / 21) / (12 / 81))
    assert best["support"] == pytest.approx(11 / 12)
    assert best["chance"] < 1e-4


def test_it_is_told_in_a_terminal(lone_engine_url: str, tmp_path: Path) -> None:
    with Store(lone_engine_url) as store:
        migrate(store)
        fill(store)
    where = ["--store", lone_engine_url, "--data", str(tmp_path), "--config", str(HEALTHCARE)]
    told = CliRunner().invoke(suture, ["explain", PROCESS, "r-1", *where])
    assert told.exit_code == 0, told.output
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert lines[0].startswith("requisition R-1 requisition_to_fulfilment open")
    rejected = f"{T0 + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    assert f"{rejected} requisition_approved rejected: over budget" in lines
    assert any(
        line.startswith("2 h 30 min downstream at erp INSERT purchase_order in erp-worker")
        for line in lines
    )
    missing = CliRunner().invoke(suture, ["explain", PROCESS, "R-none", *where])
    assert missing.exit_code != 0
