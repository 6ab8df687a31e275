"""What a KPI's value is of, and what its trend leaves open: clocks and instances without an end."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from table_writer import NOW, Writer, key

from suture.store.engine import Store

pytestmark = pytest.mark.store

API = "/api/v1"
SUPPLY, RULE = "requisition_to_fulfilment", "requisition-cycle-time"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = {"from": "2026-11-16T00:00:00Z", "to": "2026-11-23T00:00:00Z"}


@pytest.fixture(scope="module")
def hospital(kept_store: Store) -> Writer:
    """Clocks of one rule that took 2, 4, 6 and 30 hours, and two that never came to an end.

    On the 22nd, forty instances: three are over, one of them completed, and the others run.
    """
    write = Writer(kept_store)
    for number, (hours, site) in enumerate(
        [(2, "west"), (4, "west"), (6, "west"), (30, "west"), (None, "east"), (None, "east")]
    ):
        anchor, start = key("requisition", f"C-{number}"), NOW - 4 * DAY
        end = start + hours * HOUR if hours else None
        state = "met" if hours and hours <= 8 else "breached"
        status = "completed" if hours else ("ended" if number == 4 else "open")
        write.verdict(
            SUPPLY, anchor, RULE, state, start, completed_at=end, facets={"facility": site},
            stopped_at=end or (start + 20 * HOUR if status == "ended" else None),
        )  # fmt: skip
        write.instance(
            SUPPLY, anchor, start, status=status, ended_at=end, facets={"facility": site},
            stall_at=start + DAY,
        )  # fmt: skip
    for number in range(40):
        status = {0: "completed", 1: "ended", 2: "ended"}.get(number, "open")
        started = NOW - 3 * HOUR
        write.instance(
            SUPPLY, key("requisition", f"T-{number}"), started, status=status,
            ended_at=started + HOUR if number < 3 else None,
        )  # fmt: skip
    return write


def kpi(client: TestClient, name: str, **query: Any) -> dict[tuple[str, ...], Any]:
    answer = client.get(f"{API}/kpis", params={**WEEK, **query})
    assert answer.status_code == 200, answer.text
    return {
        tuple(item["by"].values()): item for item in answer.json()["items"] if item["kpi"] == name
    }


def test_only_completed_clocks_have_a_duration(client: TestClient) -> None:
    found = kpi(client, "requisition_cycle_time")[()]
    # Of 2, 4, 6 and 30 hours; both breaches without an end count as breached only.
    assert found["value"] == 5 * 3600
    assert found["p90"] == pytest.approx((6 + 0.7 * 24) * 3600)
    assert (found["count"], found["uncompleted"]) == (4, 2)
    assert (found["met"], found["breached"]) == (3, 3)
    assert found["attainment"] == 0.5


def test_where_none_was_completed_there_is_no_duration(client: TestClient) -> None:
    by = kpi(client, "requisition_cycle_time", by="facility")
    east = by[("east",)]
    assert (east["value"], east["p90"], east["count"], east["uncompleted"]) == (None, None, 0, 2)
    assert (east["breached"], east["attainment"]) == (2, 0)
    assert by[("west",)]["value"] == 5 * 3600
    assert by[("west",)]["uncompleted"] == 0


def test_the_trend_of_a_duration_is_of_completed_clocks(client: TestClient) -> None:
    trend = kpi(client, "requisition_cycle_time")[()]["trend"]
    values = {p["from"][:10]: (p["value"], p["count"]) for p in trend if p["count"]}
    assert values == {"2026-11-18": (4 * 3600, 3), "2026-11-19": (30 * 3600, 1)}
    assert all(p["finished"] for p in trend)


def test_a_stretch_in_which_instances_run_is_not_finished(client: TestClient) -> None:
    found = kpi(client, f"{SUPPLY}.completion_rate")[()]
    trend = {p["from"][:10]: p for p in found["trend"]}
    today = trend["2026-11-22"]
    assert (today["count"], today["running"], today["finished"]) == (3, 37, False)
    assert today["value"] == pytest.approx(1 / 3)
    before = trend["2026-11-18"]
    assert (before["count"], before["running"], before["finished"]) == (6, 0, True)
    assert before["value"] == pytest.approx(4 / 6)
    assert found["uncompleted"] is None
    assert sum(p["count"] for p in found["trend"]) == found["count"] == 9
    assert sum(p["running"] for p in found["trend"]) == found["running"] == 37
