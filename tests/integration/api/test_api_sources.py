"""Sources over the API: who sends, how much, how late, by which clock, and who is overdue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from coverage_feed import HOUR, MINUTE, SECOND, Feed, call, span
from fastapi.testclient import TestClient

from collector.coverage import Coverage
from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.clock import ManualClock
from suture.definitions.catalog import Catalog
from suture.definitions.landscape import System
from suture.definitions.process import ProcessDefinition
from suture.settings import Settings
from suture.store.engine import Store

pytestmark = pytest.mark.store

# The present, because counts expire by themselves; on the hour, so that slots are known.
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
AHEAD = timedelta(seconds=90)


def system(**given: Any) -> System:
    return System.model_validate({"role": "application", **given})


SYSTEMS = {
    "portal": system(services=["portal"], owner="portal-team", heartbeat="15m"),
    "erp": system(services=["erp-api", "erp-batch"], owner="erp-team", heartbeat="1h"),
    "network": system(heartbeat="30m"),
    "silent": system(services=["nobody"], heartbeat="6h"),
    "clinic": system(services=["clinic"], heartbeat="5m", heartbeat_calendar="clinic-hours"),
}
PROCESS = ProcessDefinition.model_validate(
    {
        "process": "buying",
        "title": "Buying",
        "domain": "supply",
        "owner": "erp-team",
        "anchor": "order",
        "milestones": [
            {"name": "ordered", "system": "erp"},
            {"name": "shipped", "system": "network"},
        ],
        "starts_with": "ordered",
        "completes_with": "shipped",
    }
)


@pytest.fixture(scope="module")
def api(kept_store: Store) -> TestClient:
    _fill(kept_store)
    web = create_web(
        kept_store,
        Catalog(systems=SYSTEMS, processes={"buying": PROCESS}),
        Settings(),
        ManualClock(NOW),
        status_source=CollectorStatus,
        payload_reader={}.get,
    )
    return TestClient(web, base_url="http://127.0.0.1")


def _fill(store: Store) -> None:
    feed = Feed(store)
    feed.events(
        *[(NOW - n * HOUR - MINUTE, 10 * SECOND) for n in (0, 1, 2, 3, 6, 7)], source="/erp/west"
    )
    feed.events((NOW - 5 * HOUR, SECOND), (NOW - 2 * HOUR, SECOND), system="network", source="/net")
    for n in range(30):
        at = NOW - 30 * SECOND * n - MINUTE
        feed.spans(*call("portal", "erp-api", at, AHEAD), seen=at + MINUTE - SECOND)
    feed.spans(span("clinic", NOW - HOUR), seen=NOW - HOUR)
    other = {"deployment.environment": "test"}
    feed.spans(span("portal", NOW - HOUR, ResourceAttributes=other), seen=NOW - HOUR)
    Coverage(store).run(NOW)


def sources(api: TestClient, **filters: str) -> dict[tuple[str, str], dict[str, Any]]:
    answer = api.get("/api/v1/sources", params=filters)
    assert answer.status_code == 200, answer.text
    return {(one["kind"], one["source"]): one for one in answer.json()["items"]}


def test_overdue_sources_come_first_and_one_never_heard_from_stands_for_itself(
    api: TestClient,
) -> None:
    found = sources(api)
    assert list(found) == [
        ("events", "/net"),
        ("system", "silent"),
        ("spans", "clinic"),
        ("events", "/erp/west"),
        ("spans", "erp-api"),
        ("spans", "portal"),
    ]
    assert [one["state"] for one in found.values()] == [
        "overdue",
        "overdue",
        "not_judged",
        "on_time",
        "on_time",
        "on_time",
    ]
    late = found["events", "/net"]
    since = NOW - 2 * HOUR - SECOND + 30 * MINUTE
    assert (late["overdue"], late["overdue_since"]) == (True, shown(since))
    assert late["heartbeat_seconds"] == 1800
    never = found["system", "silent"]
    assert never["first_seen_at"] is never["last_heard_at"] is never["lateness"] is None
    first = NOW - 7 * HOUR - MINUTE - 10 * SECOND
    assert never["overdue_since"] == shown(first + 6 * HOUR)


def shown(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def test_one_source_in_full(api: TestClient) -> None:
    found = sources(api)["events", "/erp/west"]
    assert found["system"] == "erp"
    assert found["owner"] == "erp-team"
    assert found["environment"] == "production"
    assert found["first_seen_at"] == shown(NOW - 7 * HOUR - MINUTE)
    assert found["last_seen_at"] == shown(NOW - MINUTE)
    assert found["last_heard_at"] == shown(NOW - MINUTE - 10 * SECOND)
    assert found["rate_per_minute"] == pytest.approx(1 / 15)
    assert found["rates_per_minute"] == {
        "last_15_minutes": pytest.approx(1 / 15),
        "last_hour": pytest.approx(1 / 60),
        "last_day": pytest.approx(6 / 1440),
    }
    assert found["lateness"] == {
        "p50_seconds": pytest.approx(10, rel=0.01),
        "p95_seconds": pytest.approx(10, rel=0.01),
        "max_seconds": 10,
    }
    assert found["clock_offset"] is None
    # Hours from 7 to 1 before now: in those 5 and 4 hours before, nothing of the ERP happened.
    assert found["coverage"] == pytest.approx(5 / 7)


def test_a_clock_that_is_ahead(api: TestClient) -> None:
    clock = sources(api)["spans", "erp-api"]["clock_offset"]
    assert abs(clock["seconds"] - AHEAD.total_seconds()) <= clock["uncertainty_seconds"] < 0.05
    assert clock["reference"] == "portal"
    assert [caller["service"] for caller in clock["callers"]] == ["portal"]
    assert clock["callers"][0]["seconds"] == clock["seconds"]
    itself = sources(api)["spans", "portal"]["clock_offset"]
    assert (itself["seconds"], itself["uncertainty_seconds"]) == (0, 0)


def test_lateness_shows_the_clock_too(api: TestClient) -> None:
    assert sources(api)["spans", "erp-api"]["lateness"]["p50_seconds"] < -30


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"state": "overdue"}, ["/net", "silent"]),
        ({"state": "not_judged"}, ["clinic"]),
        ({"system": "erp"}, ["/erp/west", "erp-api"]),
        ({"kind": "spans", "system": "erp"}, ["erp-api"]),
        ({"environment": "test"}, ["network", "silent", "erp", "clinic", "portal"]),
    ],
)
def test_filters(api: TestClient, filters: dict[str, str], expected: list[str]) -> None:
    assert sorted(name for _, name in sources(api, **filters)) == sorted(expected)


@pytest.mark.parametrize(
    "path",
    [
        "sources?state=late",
        "sources?kind=mail",
        "sources?limit=0",
        "sources/history?kind=spans",
        "sources/history?kind=spans&source=x&from=2026-01-01T00:00:00Z",
        "sources/history?kind=spans&source=x&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    ],
)
def test_what_cannot_be_asked(api: TestClient, path: str) -> None:
    answer = api.get(f"/api/v1/{path}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_history_of_a_source(api: TestClient) -> None:
    wanted = {"source": "/erp/west", "kind": "events"}
    items = api.get("/api/v1/sources/history", params=wanted).json()["items"]
    assert [one["from"] for one in items] == [shown(NOW - n * HOUR) for n in (8, 7, 4, 3, 2, 1)]
    assert {one["arrived"] for one in items} == {1}
    assert items[0]["to"] == shown(NOW - 7 * HOUR)
    assert items[0]["rate_per_minute"] == pytest.approx(1 / 60)
    short = {**wanted, "from": shown(NOW - 45 * MINUTE), "to": shown(NOW - MINUTE)}
    items = api.get("/api/v1/sources/history", params=short).json()["items"]
    assert [one["from"] for one in items] == [shown(NOW - HOUR)]


def test_coverage_of_a_process_is_over_the_heartbeats_of_its_systems(api: TestClient) -> None:
    day = {"from": shown(NOW - 24 * HOUR), "to": shown(NOW)}
    (found,) = api.get("/api/v1/processes", params=day).json()["items"]
    # The ERP met 5 of 7 hours; the network, first heard from five hours ago, 1 of 10 half hours
    # and the one that began with its first event before them.
    assert found["coverage"] == pytest.approx((5 + 1) / (7 + 10))


def test_the_status_names_the_same_sources(api: TestClient) -> None:
    found = api.get("/api/v1/status").json()["sources"]
    assert {(one["kind"], one["source"], one["system"]) for one in found} == {
        ("events", "/erp/west", "erp"),
        ("events", "/net", "network"),
        ("spans", "clinic", "clinic"),
        ("spans", "erp-api", "erp"),
        ("spans", "portal", "portal"),
    }
