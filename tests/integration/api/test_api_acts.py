"""Triage through the API, one life of an alert after the other."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from table_writer import NOW, Writer

pytestmark = pytest.mark.store


@pytest.fixture
def alert(hospital: Writer, request: pytest.FixtureRequest) -> str:
    """An alert of the test's own."""
    id_ = f"{abs(hash(request.node.name)) % 16**16:016x}"
    hospital.alert(id_, NOW - timedelta(days=30), environment="triage")
    return id_


def act(client: TestClient, id_: str, do: str, body: Any = None, *, status: int = 200) -> Any:
    answer = client.post(f"/api/v1/alerts/{id_}/{do}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_life_of_an_alert(client: TestClient, alert: str) -> None:
    taken = act(client, alert, "ack", {"actor": "dana", "comment": "on it"})
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "dana")
    assert act(client, alert, "assign", {"assignee": "kim", "actor": "dana"})["assignee"] == "kim"
    assert act(client, alert, "comment", {"comment": "supplier called"})["state"] == "acknowledged"
    until = "2026-11-22T18:00:00Z"
    assert act(client, alert, "snooze", {"until": until})["snoozed_until"] == until
    done = act(client, alert, "resolve", {"actor": "dana"})
    assert (done["state"], done["closed_by"]) == ("resolved", "dana")
    assert done["closed_at"] is not None
    log = client.get(f"/api/v1/alerts/{alert}?environment=triage").json()["events"]
    assert [(e["action"], e["actor"]) for e in log] == [
        ("opened", "suture"),
        ("acknowledged", "dana"),
        ("assigned", "dana"),
        ("commented", "api"),
        ("snoozed", "api"),
        ("resolved", "dana"),
    ]


def test_an_act_needs_no_body(client: TestClient, alert: str) -> None:
    assert act(client, alert, "ack")["acknowledged_by"] == "api"
    assert act(client, alert, "resolve")["closed_by"] == "api"


def test_a_snooze_in_seconds(client: TestClient, alert: str) -> None:
    found = act(client, alert, "snooze", {"seconds": 3600})
    assert found["snoozed_until"] == "2026-11-22T13:00:00Z"


@pytest.mark.parametrize(
    ("do", "body"),
    [
        ("assign", {}),
        ("assign", {"assignee": ""}),
        ("assign", {"assignee": "  "}),
        ("comment", {"comment": ""}),
        ("comment", None),
        ("snooze", {}),
        ("snooze", {"seconds": -1}),
        ("snooze", {"until": "yesterday"}),
        ("snooze", {"until": "2020-01-01T00:00:00Z"}),
        ("snooze", {"until": "2027-01-01T00:00:00Z", "seconds": 5}),
        ("ack", {"who": "dana"}),
        ("ack", {"actor": ""}),
        ("ack", [1]),
    ],
)
def test_an_act_that_makes_no_sense(client: TestClient, alert: str, do: str, body: Any) -> None:
    problem = act(client, alert, do, body, status=400)
    assert problem["status"] == 400
    assert problem["detail"]


def test_what_is_over_is_not_taken(client: TestClient, alert: str) -> None:
    act(client, alert, "ack")
    assert "already acknowledged" in act(client, alert, "ack", status=400)["detail"]
    act(client, alert, "resolve")
    assert "resolved" in act(client, alert, "ack", status=400)["detail"]


def test_nobody_acts_on_an_alert_that_is_none(client: TestClient) -> None:
    for do in ("ack", "resolve"):
        assert act(client, "nothing", do, status=404)["title"] == "Not Found"
