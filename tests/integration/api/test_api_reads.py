"""Every read of the API, against a hospital whose numbers are known."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi.testclient import TestClient
from table_writer import NOW

pytestmark = pytest.mark.store

API = "/api/v1"
SUPPLY = "requisition_to_fulfilment"
OLD = "1948-01-26T23:59:00Z"


def get(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(f"{API}{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    return [item["anchor"]["id"] for item in page["items"]]


def test_processes_have_counts_by_status(client: TestClient) -> None:
    items = {item["process"]: item for item in get(client, "/processes")["items"]}
    supply = items[SUPPLY]
    assert supply["counts"] == {"open": 6, "completed": 1, "ended": 0, "stalled": 1}
    assert supply["sla_states"]["breached"] == 1
    assert supply["sla_states"]["at_risk"] == 1
    assert supply["sla_states"]["pending"] == 5
    assert supply["title"] == "Requisition to fulfilment"


def test_a_process_shows_its_definition(client: TestClient) -> None:
    found = get(client, f"/processes/{SUPPLY}", **{"from": "2026-11-01T00:00:00Z"})
    assert found["counts"]["stalled"] == 0
    assert found["anchor"] == "requisition"
    assert {"from": "requisition", "to": "purchase_order", "cardinality": "many_to_many"} in found[
        "paths"
    ]
    assert "requisition-cycle-time" in found["slas"]


def test_instances_are_listed_newest_first(client: TestClient) -> None:
    page = get(client, "/instances", process=SUPPLY)
    assert ids(page) == ["R-2", "R-3", "R-4", "R-5", "R-6", "R-7", "R-1", "OLD"]
    assert page["next_cursor"] is None


def test_pages_cover_everything_once(client: TestClient) -> None:
    seen, cursor = [], None
    for _ in range(20):
        page = get(client, "/instances", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [(item["process"], item["anchor"]["id"]) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 9


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "completed"}, ["R-1"]),
        ({"status": "stalled"}, ["OLD"]),
        ({"sla_state": "breached"}, ["R-1"]),
        ({"sla_state": "at_risk"}, ["R-7"]),
        ({"sla_state": "met"}, []),
        ({"sla_state": "met", "sla": "order-creation"}, ["R-1"]),
        ({"facet.facility": "mercy-west"}, ["R-1"]),
        ({"facet.facility": "mercy-west", "facet.priority": "routine"}, []),
        ({"object": "purchase_order:PO/7"}, ["R-1"]),
        ({"object": "purchase_order:  po/7 "}, ["R-1"]),
        ({"object": "purchase_order:7"}, []),
        ({"object": "requisition:r-3"}, ["R-3"]),
        ({"to": "2000-01-01T00:00:00Z"}, ["OLD"]),
        ({"from": OLD, "to": "1950-01-01T00:00:00+01:00"}, ["OLD"]),
        ({"to": OLD}, []),
        ({"to": "2000-01-01"}, ["OLD"]),
        ({"from": "1948-01-26", "to": "1948-01-27"}, ["OLD"]),
        ({"from": "1948-01-27", "to": "1950-01-01"}, []),
        ({"from": "2026-11-22T10:00:00Z"}, ["R-2"]),
        ({"to": "2026-11-22T10:00:00Z", "from": "2026-11-22T09:00:00Z"}, ["R-3"]),
        ({"environment": "test"}, ["R-1"]),
        ({"environment": "nowhere"}, []),
    ],
)
def test_filters(client: TestClient, query: dict[str, str], found: list[str]) -> None:
    assert ids(get(client, "/instances", process=SUPPLY, **query)) == found


def test_instances_by_when_they_were_judged(client: TestClient) -> None:
    window = {"judged_from": "2026-11-21T00:00:00Z", "judged_to": "2026-11-22T00:00:00Z"}
    assert ids(get(client, "/instances", sla="order-creation", **window)) == ["R-1"]
    window["judged_to"] = "2026-11-21T13:00:00Z"
    assert ids(get(client, "/instances", sla="order-creation", **window)) == []


def test_an_instance_line(client: TestClient) -> None:
    item = get(client, "/instances", status="completed")["items"][0]
    assert item["anchor"] == {"type": "requisition", "id": "R-1"}
    assert item["started_at"] == "2026-11-21T12:00:00Z"
    assert item["ended_at"] == "2026-11-21T22:00:00Z"
    assert item["elapsed_seconds"] == 36000
    assert item["money"] == 1250.0
    assert item["facets"] == {"facility": "mercy-west", "priority": "urgent"}
    assert item["sla_state"] == "breached"
    running = get(client, "/instances", object="requisition:R-2")["items"][0]
    assert (running["elapsed_seconds"], running["ended_at"]) == (7200, None)


def test_one_instance_with_all_that_is_known(client: TestClient) -> None:
    found = get(client, f"/instances/{SUPPLY}/r-1")
    assert found["objects"] == [
        {"type": "purchase_order", "id": "PO/7"},
        {"type": "requisition", "id": "R-1"},
    ]
    assert [link["evidence"]["kind"] for link in found["links"]] == ["event"]
    assert found["links"][0]["evidence_count"] == 2
    assert found["links"][0]["from"] == {"type": "requisition", "id": "R-1"}
    milestones = found["milestones"]
    assert [m["name"] for m in milestones][1:4] == [
        "requisition_created",
        "requisition_approved",
        "requisition_approved",
    ]
    assert (milestones[2]["outcome"], milestones[2]["reason"]) == ("rejected", "over budget")
    assert (milestones[1]["trace_id"], milestones[0]["trace_id"]) == ("a" * 32, None)
    assert [(s["from"], s["to"], s["elapsed_seconds"]) for s in found["segments"]] == [
        ("requisition_created", "requisition_approved", 7200),
        ("requisition_approved", "requisition_approved", 3600),
        ("requisition_approved", "goods_received", 25200),
    ]
    assert sum(s["elapsed_seconds"] for s in found["segments"]) == found["elapsed_seconds"]
    assert {v["sla"]: v["state"] for v in found["verdicts"]} == {
        "requisition-cycle-time": "breached",
        "order-creation": "met",
    }
    assert found["verdicts"][1]["elapsed_seconds"] == 36000
    assert found["traces"] == ["a" * 32]


@pytest.mark.parametrize("escape", [lambda t: quote(t, safe=""), lambda t: quote(t, safe="/|")])
def test_an_anchor_id_may_hold_anything(client: TestClient, escape: Any) -> None:
    path = f"{API}/instances/procedure_schedule_to_staffing/{escape('or/3 %C3 |x')}"

    async def ask() -> httpx2.Response:
        # Not by the test client, which decodes a path twice.
        transport = httpx2.ASGITransport(app=client.web)  # type: ignore[attr-defined]
        async with httpx2.AsyncClient(transport=transport) as direct:
            return await direct.get(f"http://127.0.0.1{path}")

    answer = asyncio.run(ask())
    assert answer.json()["anchor"]["id"] == "OR/3 %C3 |X"


def test_rules_and_their_counts(client: TestClient) -> None:
    items = {item["sla"]: item for item in get(client, "/slas")["items"]}
    one = get(client, "/slas/requisition-cycle-time")
    assert items["requisition-cycle-time"] == one
    assert (one["within_seconds"], one["target"], one["from"]) == (
        259200,
        0.95,
        "requisition_created",
    )
    assert one["counts"]["breached"] == 1
    assert one["segments"] == [{"when": {"priority": "urgent"}, "within_seconds": 28800}]


def test_attainment_in_total_and_by_facet(client: TestClient) -> None:
    found = get(client, "/slas/requisition-cycle-time/attainment", window="28d", by="facility")
    assert (found["met"], found["breached"], found["pending"], found["ratio"]) == (0, 1, 6, 0)
    assert found["window"]["to"] == "2026-11-22T12:00:00Z"
    by = {item["by"]["facility"]: item["breached"] for item in found["items"]}
    assert by == {"": 0, "mercy-west": 1}
    assert found["total"]["breached"] == 1
    empty = get(client, "/slas/requisition-cycle-time/attainment", window="2026-04")
    assert (empty["ratio"], empty["window"]["from"]) == (None, "2026-04-01T00:00:00Z")


def test_verdicts_of_a_rule(client: TestClient) -> None:
    page = get(client, "/slas/requisition-cycle-time/verdicts", state="pending", limit=2)
    assert ids(page) == ["R-2", "R-3"]
    rest = get(
        client, "/slas/requisition-cycle-time/verdicts", state="pending", cursor=page["next_cursor"]
    )
    assert ids(rest) == ["R-4", "R-5", "R-6"]
    assert page["items"][0]["reason"] == "requisition-cycle-time is pending"


def test_kpis_say_what_they_are_made_of(client: TestClient) -> None:
    answer = get(client, "/kpis", **{"from": "2026-11-20T00:00:00Z", "to": "2026-11-23T00:00:00Z"})
    kpis = {item["kpi"]: item for item in answer["items"]}
    cycle = kpis["requisition_cycle_time"]
    assert cycle["title"] == "Requisition cycle time"
    assert (cycle["value"], cycle["p90"], cycle["unit"]) == (36000, 36000, "seconds")
    assert (cycle["attainment"], cycle["target"], cycle["breached"]) == (0, 0.95, 1)
    assert [p["count"] for p in cycle["trend"]] == [0, 1, 0]
    assert cycle["trend"][1]["from"] == "2026-11-21T00:00:00Z"
    across = kpis["process_completion_rate"]
    assert (across["value"], across["completed"], across["running"]) == (1.0, 1, 7)
    assert "schedule_to_staffing_latency" in kpis
    # Spans of a day ago, and then nothing: no whole hour since has been heard.
    assert cycle["coverage"] == 0


def test_kpis_by_facet(client: TestClient) -> None:
    answer = get(client, "/kpis", by="facility")
    by = {i["by"]["facility"]: i for i in answer["items"] if i["kpi"] == "requisition_cycle_time"}
    assert by["mercy-west"]["breached"] == 1


def test_a_kpi_equals_the_attainment_of_its_rule(client: TestClient) -> None:
    kpi = next(i for i in get(client, "/kpis")["items"] if i["kpi"] == "requisition_cycle_time")
    rule = get(client, "/slas/requisition-cycle-time/attainment", window="28d")
    for name in ("met", "breached", "pending", "unknown"):
        assert kpi[name] == rule[name]


def test_traces_newest_first_each_span_once(client: TestClient) -> None:
    page = get(client, "/traces")
    assert [item["trace_id"][0] for item in page["items"]] == ["b", "a"]
    assert (page["items"][1]["spans_count"], page["items"][1]["errors_count"]) == (2, 1)
    first = get(client, "/traces", limit=1)
    rest = get(client, "/traces", limit=1, cursor=first["next_cursor"])
    assert [item["trace_id"][0] for item in rest["items"]] == ["a"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"service": "mw-intake"}, "b"),
        ({"service": "nobody"}, ""),
        ({"min_duration": "1.5"}, "a"),
        ({"from": "2026-11-22T00:00:00Z"}, "b"),
        ({"to": "2026-11-22T11:00:00Z"}, "a"),
        ({"environment": "test"}, "c"),
        ({"object": "requisition:r-1"}, "a"),
        ({"object": "requisition:R-9"}, ""),
    ],
)
def test_trace_filters(client: TestClient, query: dict[str, str], found: str) -> None:
    assert "".join(i["trace_id"][0] for i in get(client, "/traces", **query)["items"]) == found


def test_one_trace(client: TestClient) -> None:
    found = get(client, f"/traces/{'A' * 32}")
    root, child = found["spans"]
    assert (root["name"], root["parent_span_id"], root["duration_seconds"]) == (
        "POST /requisitions",
        None,
        2.0,
    )
    assert child["links"] == [{"trace_id": "b" * 32, "span_id": "9" * 16}]
    assert (child["status"], child["started_at"]) == ("Error", "2026-11-21T12:00:00.001000Z")
    assert child["attributes"] == {"http.request.method": "POST"}
    assert found["instances"] == [
        {"process": SUPPLY, "anchor": {"type": "requisition", "id": "R-1"}}
    ]
    assert found["truncated"] is False


def test_dead_letters_are_counted(client: TestClient) -> None:
    items = get(client, "/dead-letters")["items"]
    assert [item["id"] for item in items] == ["dl-2", "dl-1"]
    assert (items[1]["count"], items[1]["first_seen_at"]) == (2, "2026-11-22T10:00:00Z")
    assert (items[1]["payload"], items[0]["payload"]) == ('{"specversion"', None)
    assert items[0]["owner"] is None
    detail = get(client, "/dead-letters/dl-1")
    events = detail.pop("events")
    assert detail == items[1]
    assert [(e["at"], e["action"], e["actor"]) for e in events] == [
        ("2026-11-22T11:00:00Z", "refused", None),
        ("2026-11-22T10:00:00Z", "refused", None),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"source": "/erp"}, ["dl-2"]),
        ({"type": "suture.milestone"}, ["dl-1"]),
        ({"reason": "FUTURE"}, ["dl-1"]),
        ({"reason": "nothing"}, []),
        ({"limit": "1"}, ["dl-2"]),
        ({"owner": "-"}, ["dl-2"]),
        ({"state": "replayed"}, []),
        ({"from": "2026-11-22T11:30:00Z"}, ["dl-2"]),
        ({"to": "2026-11-22T11:30:00Z"}, ["dl-1"]),
    ],
)
def test_dead_letter_filters(client: TestClient, query: dict[str, str], found: list[str]) -> None:
    assert [i["id"] for i in get(client, "/dead-letters", **query)["items"]] == found


def test_dead_letters_are_grouped(client: TestClient) -> None:
    (group,) = get(client, "/dead-letters/groups", by="type", reason="no contract")["items"]
    assert (group["value"], group["letters"], group["open"]) == ("com.x", 1, 1)
    found = get(client, "/dead-letters/groups", by="owner")["items"]
    assert {g["value"]: g["count"] for g in found} == {"": 1, "supply-integration": 2}


def test_status(client: TestClient) -> None:
    found = get(client, "/status")
    assert found["settled"] is True
    assert [stage["stage"] for stage in found["stages"]] == [
        "collector",
        "correlator",
        "sla_rules",
        "alerting",
        "attribution",
    ]
    assert found["spool"] == {"records": 0, "bytes": 0, "max_bytes": 1024}
    services = {s["source"]: s["system"] for s in found["sources"] if s["kind"] == "spans"}
    assert services["erp-api"] == "erp"


def test_alerts_latest_first(client: TestClient) -> None:
    page = get(client, "/alerts", sla="order-creation")
    assert [item["id"][-1] for item in page["items"]] == ["2", "1"]
    alert = page["items"][0]
    assert (alert["state"], alert["severity"], alert["cause"]) == ("firing", "high", None)
    assert alert["anchor"] == {"type": "requisition", "id": "R-1"}
    assert alert["opened_at"] == (NOW - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = get(client, f"/alerts/{alert['id']}")
    assert [event["action"] for event in detail["events"]] == ["opened"]
