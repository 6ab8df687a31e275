"""What is refused, and how it is said: RFC 9457 everywhere."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from suture.errors import StoreRefused, StoreUnavailable

pytestmark = pytest.mark.store

API = "/api/v1"
DESIGNED = {
    "/processes",
    "/processes/{process}",
    "/processes/{process}/map",
    "/processes/{process}/variants",
    "/processes/{process}/conformance",
    "/instances",
    "/instances/{process}/{anchor_id}",
    "/slas",
    "/slas/{sla}",
    "/slas/{sla}/attainment",
    "/slas/{sla}/verdicts",
    "/kpis",
    "/alerts",
    "/alerts/{id}/ack",
    "/alerts/{id}/assign",
    "/alerts/{id}/comment",
    "/alerts/{id}/snooze",
    "/alerts/{id}/resolve",
    "/traces",
    "/traces/{trace_id}",
    "/dead-letters",
    "/status",
}


def refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/instances?limit=0", "limit"),
        ("/instances?limit=1001", "limit"),
        ("/instances?limit=many", "limit"),
        ("/instances?cursor=nonsense", "cursor"),
        ("/instances?cursor=WzEsMl0", "cursor"),
        ("/instances?cursor=W10", "cursor"),
        ("/instances?from=yesterday", "from"),
        ("/instances?from=2026-11-31", "from"),
        ("/instances?from=20261122", "from"),
        ("/instances?from=2026-11-22Z", "from"),
        ("/instances?from=2026-11-22T09:00:00", "from"),
        ("/instances?from=2026-13-22T09:00:00Z", "from"),
        ("/instances?from=1234567890", "from"),
        ("/instances?to=0001-01-01T00:00:00Z", "to"),
        ("/instances?status=lost", "status"),
        ("/instances?status=", "status"),
        ("/instances?sla_state=fine", "sla_state"),
        ("/instances?process=nothing", "process"),
        ("/instances?sla=nothing", "sla"),
        ("/instances?object=R-1", "object"),
        ("/instances?object=:R-1", "object"),
        ("/instances?facet.nothing=x", "facet.nothing"),
        ("/instances?facet.=x", "facet."),
        ("/instances?colour=red", "colour"),
        ("/instances?judged_from=2026-11-22T09:00:00Z", "judged_to"),
        ("/instances/requisition_to_fulfilment/R-1?colour=red", "colour"),
        ("/processes?colour=red", "colour"),
        ("/processes/requisition_to_fulfilment/map?from=yesterday", "from"),
        ("/processes/requisition_to_fulfilment/map?limit=0", "limit"),
        ("/processes/requisition_to_fulfilment/map?cursor=x", "cursor"),
        ("/processes/requisition_to_fulfilment/map?facet.colour=red", "facet.colour"),
        ("/processes/requisition_to_fulfilment/map?facet.=red", "facet."),
        ("/processes/requisition_to_fulfilment/variants?status=lost", "status"),
        ("/processes/requisition_to_fulfilment/variants?limit=1001", "limit"),
        ("/processes/requisition_to_fulfilment/variants?cursor=W10", "cursor"),
        ("/processes/requisition_to_fulfilment/variants?cursor=Wy0xLCJhIl0", "cursor"),
        ("/processes/requisition_to_fulfilment/conformance?by=colour", "by"),
        ("/processes/requisition_to_fulfilment/conformance?by=day,week", "by"),
        ("/processes/requisition_to_fulfilment/conformance?by=day,day", "by"),
        ("/processes/requisition_to_fulfilment/conformance?colour=red", "colour"),
        ("/slas?colour=red", "colour"),
        ("/slas/order-creation/attainment?window=soon", "window"),
        ("/slas/order-creation/attainment?by=colour", "colour"),
        ("/slas/order-creation/verdicts?state=fine", "state"),
        ("/slas/order-creation/verdicts?limit=0", "limit"),
        ("/slas/order-creation/verdicts?cursor=x", "cursor"),
        ("/kpis?by=colour", "by"),
        ("/kpis?from=2026-11-22T09:00:00Z&to=2026-11-22T09:00:00Z", "from"),
        ("/alerts?state=loud", "state"),
        ("/alerts?sla=nothing", "sla"),
        ("/alerts?cursor=x", "cursor"),
        ("/alerts?limit=-1", "limit"),
        ("/traces?min_duration=-1", "min_duration"),
        ("/traces?min_duration=nan", "min_duration"),
        ("/traces?object=x", "object"),
        ("/traces?cursor=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCwiYSJd", "cursor"),
        ("/dead-letters?cursor=x", "cursor"),
        ("/dead-letters?limit=5000", "limit"),
        ("/status?environment=", "environment"),
    ],
)
def test_a_query_that_makes_no_sense_is_a_400(client: TestClient, path: str, names: str) -> None:
    assert names in refused(client.get(f"{API}{path}"), 400)["detail"]


def test_every_wrong_parameter_is_named(client: TestClient) -> None:
    body = refused(client.get(f"{API}/dead-letters?limit=0&colour=red"), 400)
    assert {error["field"] for error in body["errors"]} == {"limit", "colour"}


@pytest.mark.parametrize(
    "path",
    [
        "/processes/nothing",
        "/processes/nothing/map",
        "/processes/nothing/variants",
        "/processes/nothing/conformance",
        "/instances/requisition_to_fulfilment/R-404",
        "/instances/requisition_to_fulfilment/GONE",
        "/instances/nothing/R-1",
        "/instances/requisition_to_fulfilment/R-1?scope=mercy-west",
        "/instances/requisition_to_fulfilment/R-2?environment=test",
        "/slas/nothing",
        "/slas/nothing/attainment",
        "/slas/nothing/verdicts",
        "/alerts/nothing",
        f"/alerts/{0:016x}?environment=test",
        "/traces/nothing",
        "/dead-letters/nothing",
        "/nothing",
    ],
)
def test_what_is_not_there_is_a_404(client: TestClient, path: str) -> None:
    refused(client.get(f"{API}{path}"), 404)


def test_paths_beside_the_api_are_404_too(client: TestClient) -> None:
    refused(client.get("/nothing"), 404)


def test_other_methods_are_a_405(client: TestClient) -> None:
    assert "GET" in client.delete(f"{API}/instances").headers["allow"]
    refused(client.delete(f"{API}/instances"), 405)
    refused(client.get(f"{API}/alerts/x/ack"), 405)


def test_a_body_that_is_no_json_is_a_400(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post(f"{API}/alerts/x/ack", content=b"{", headers=headers)
    refused(answer, 400)


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailable(retry_after_seconds=7), 503), (StoreRefused("no such column"), 500)],
)
def test_a_store_that_does_not_answer(
    client_for: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise error

    client = client_for(raising=False)
    monkeypatch.setattr("suture.store.engine.Store.rows", fail)
    body = refused(client.get(f"{API}/instances"), status)
    assert "column" not in body["detail"]
    refused(client.get("/readyz"), 503)
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_the_description_is_true(client: TestClient) -> None:
    document = client.get(f"{API}/openapi.json").json()
    paths = {path.removeprefix(API) for path in document["paths"]}
    assert paths >= DESIGNED
    for calls in document["paths"].values():
        for call in calls.values():
            assert "422" not in call["responses"]
    assert "Problem" in document["components"]["schemas"]


def test_nothing_is_loaded_from_afar(client: TestClient) -> None:
    for path in ("/docs", "/redoc", f"{API}/docs", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_the_root_leads_to_the_pages(client: TestClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")


def test_with_a_key_the_doors_are_closed(client_for: Any) -> None:
    client = client_for(api_key="sesame")
    refused(client.get(f"{API}/instances"), 401)
    refused(client.get("/metrics"), 401)
    refused(client.post(f"{API}/alerts/x/ack"), 401)
    key = {"authorization": "Bearer sesame"}
    assert client.get(f"{API}/instances", headers=key).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_session_opens_the_pages_only(client_for: Any) -> None:
    client = client_for(api_key="sesame")
    html = {"accept": "text/html"}
    asked = client.get("/ui/alerts?state=any", headers=html)
    assert asked.headers["location"] == "/ui/login?next=%2Fui%2Falerts%3Fstate%3Dany"
    form = client.get(asked.headers["location"])
    assert 'action="/ui/login?next=%2Fui%2Falerts%3Fstate%3Dany"' in form.text
    assert client.post("/ui/login", data={"key": "wrong"}).status_code == 401
    entered = client.post(asked.headers["location"], data={"key": "sesame"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/ui/alerts?state=any")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/ui/alerts", headers=html).status_code == 200
    refused(client.get(f"{API}/instances"), 401)
    client.post("/ui/logout")
    assert client.get("/ui/alerts", headers=html).status_code == 303


def test_a_long_form_is_no_login(client_for: Any) -> None:
    client = client_for(api_key="sesame")
    body = "key=sesame&x=" + "x" * 10_000
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/ui/login", content=body, headers=headers).status_code == 401
