"""Every GET of the API refuses what makes no sense alike, and names the parameter it refuses."""

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

pytestmark = pytest.mark.store

API = "/api/v1"
PLACES = {
    "process": "requisition_to_fulfilment",
    "anchor_id": "R-1",
    "sla": "order-creation",
    "trace_id": "a" * 32,
    "id": "dl-1",
}
NEEDED = {"kind": "spans", "source": "erp-api"}
EARLY, LATE = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"
PAGED = {
    "/processes", "/processes/{process}/variants", "/instances", "/slas", "/slas/{sla}/verdicts",
    "/alerts", "/traces", "/dead-letters", "/conflicts", "/links/ambiguous", "/links/decisions",
    "/sources", "/keys",
}  # fmt: skip


def calls(client: TestClient) -> dict[str, list[str]]:
    """Every GET route, and its query parameters."""
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    return {
        path.removeprefix(API): [
            p["name"] for p in call["get"].get("parameters", []) if p["in"] == "query"
        ]
        for path, call in paths.items()
        if "get" in call and path.startswith(API)
    }


def needed(names: list[str]) -> list[tuple[str, str]]:
    """What a call cannot do without."""
    return list(NEEDED.items()) if NEEDED.keys() <= set(names) else []


def ask(client: TestClient, path: str, query: list[tuple[str, str]]) -> Any:
    return client.get(f"{API}{path.format(**PLACES)}", params=query)


def refused(client: TestClient, path: str, query: list[tuple[str, str]], field: str) -> None:
    answer = ask(client, path, query)
    assert answer.status_code == 400, (path, query, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert [one["field"] for one in body["errors"]] == [field], (path, query, body)
    assert body["errors"][0]["message"], (path, query, body)
    assert body["detail"] == f"{field}: {body['errors'][0]['message']}"


def test_the_walk_finds_the_calls(client: TestClient) -> None:
    found = calls(client)
    assert len(found) >= 25
    assert {path for path, names in found.items() if {"limit", "cursor"} <= set(names)} == PAGED


def test_an_unknown_parameter(client: TestClient) -> None:
    for path, names in calls(client).items():
        refused(client, path, [*needed(names), ("bogus", "1")], "bogus")


def test_a_parameter_that_is_given_twice(client: TestClient) -> None:
    for path, names in calls(client).items():
        for name in names:
            others = [pair for pair in needed(names) if pair[0] != name]
            refused(client, path, [*others, (name, "5"), (name, "6")], name)
    twice = [("facet.facility", "mercy-west"), ("facet.facility", "mercy-east")]
    refused(client, "/instances", twice, "facet.facility")


def test_a_time_that_ends_before_it_begins(client: TestClient) -> None:
    walked = [path for path, names in calls(client).items() if {"from", "to"} <= set(names)]
    assert len(walked) >= 12
    for path in walked:
        names = calls(client)[path]
        refused(client, path, [*needed(names), ("from", LATE), ("to", EARLY)], "from")
        assert ask(client, path, [*needed(names), ("from", EARLY), ("to", LATE)]).status_code == 200
    refused(client, "/instances", [("judged_from", LATE), ("judged_to", EARLY)], "judged_from")


def test_a_cursor_of_something_else(client: TestClient) -> None:
    large = base64.urlsafe_b64encode(json.dumps([2**63, "a"]).encode()).decode()
    for path, names in calls(client).items():
        if "cursor" in names and path != "/keys":  # whose list nobody gets without a key
            for cursor in ("nonsense", "W10", "WzEsMiwzLDQsNSw2XQ", large):
                refused(client, path, [("cursor", cursor)], "cursor")
            refused(client, path, [("limit", "1001")], "limit")


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/instances", {"process": "nothing"}, "process"),
        ("/instances", {"sla": "nothing"}, "sla"),
        ("/instances", {"facet.nope": "x"}, "facet.nope"),
        ("/instances", {"facet.": "x"}, "facet."),
        ("/instances", {"judged_to": LATE}, "judged_from"),
        ("/instances", {"judged_from": LATE}, "judged_to"),
        ("/processes/{process}/map", {"facet.nope": "x"}, "facet.nope"),
        ("/processes/{process}/conformance", {"by": "colour"}, "by"),
        ("/attribution", {"process": "nothing"}, "process"),
        ("/attribution", {"by": "colour"}, "by"),
        ("/slas/{sla}/attainment", {"window": "soon"}, "window"),
        ("/slas/{sla}/attainment", {"by": "colour"}, "by"),
        ("/slas/{sla}/verdicts", {"window": "soon"}, "window"),
        ("/kpis", {"by": "colour"}, "by"),
        ("/kpis", {"from": LATE, "to": LATE}, "from"),
        ("/alerts", {"sla": "nothing"}, "sla"),
        ("/links/ambiguous", {"process": "nothing"}, "process"),
        ("/links/ambiguous", {"object": "x"}, "object"),
        ("/sources/history", {**NEEDED, "from": "2026-01-01", "to": "2026-11-01"}, "from"),
    ],
)
def test_what_nobody_declared(
    client: TestClient, path: str, query: dict[str, str], field: str
) -> None:
    refused(client, path, list(query.items()), field)


def test_several_unknown_parameters_are_all_named(client: TestClient) -> None:
    for path in ("/instances", "/slas"):
        body = ask(client, path, [("bogus", "1"), ("colour", "red")]).json()
        assert {one["field"] for one in body["errors"]} == {"bogus", "colour"}


def test_a_body_that_cannot_be_read_is_named_as_a_whole(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for content in (b"{", b"[1]"):
        answer = client.post(f"{API}/dead-letters/dl-1/discard", content=content, headers=headers)
        assert answer.status_code == 400
        assert [one["field"] for one in answer.json()["errors"]] == ["body"]
        assert answer.json()["detail"].startswith("body: ")
    order = {"from": LATE, "to": EARLY, "all": True}
    answer = client.post(f"{API}/dead-letters/discard", json=order)
    assert answer.json()["errors"] == [{"field": "from", "message": "it is after 'to'"}]
    answer = client.post(f"{API}/dead-letters/discard", json={})
    assert [one["field"] for one in answer.json()["errors"]] == ["all"]


@pytest.mark.parametrize("path", ["/processes", "/slas", "/sources"])
def test_what_is_read_as_a_whole_comes_in_pages_too(client: TestClient, path: str) -> None:
    whole = ask(client, path, []).json()
    assert whole["next_cursor"] is None
    assert len(whole["items"]) > 1
    seen: list[Any] = []
    query: list[tuple[str, str]] = [("limit", "1")]
    while len(seen) < len(whole["items"]):
        page = ask(client, path, query).json()
        assert len(page["items"]) == 1
        seen += page["items"]
        query = [("limit", "1"), ("cursor", page["next_cursor"] or "")]
    assert page["next_cursor"] is None
    assert seen == whole["items"]


def test_every_list_says_whether_it_goes_on(client: TestClient) -> None:
    for path, names in calls(client).items():
        answer = ask(client, path, needed(names)).json()
        if "items" in answer and "total" not in answer:
            assert "next_cursor" in answer, path
