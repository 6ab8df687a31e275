"""Scoped anchors, and facets that only an earlier version declares, as API and CSV tell them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from table_writer import Writer, key

from dashboards import exports
from dashboards.api import create_api
from dashboards.pages.page import View
from dashboards.routes import Place
from dashboards.services import CollectorStatus, Services
from suture.app.commands.explain import told
from suture.clock import ManualClock
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.settings import Settings
from suture.store.engine import Store

pytestmark = pytest.mark.store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EARLIER = ProcessDefinition.model_validate(
    {
        "process": "implants",
        "title": "Implants",
        "domain": "supply",
        "owner": "desk",
        "anchor": "request",
        "objects": {"request": {"normalize": ["upper"], "scope": "site"}},
        "milestones": [{"name": "asked"}, {"name": "used"}],
        "starts_with": "asked",
        "completes_with": "used",
        "facets": ["team"],
    }
)
NEWEST = EARLIER.model_copy(
    update={"version": 2, "effective_from": date(2027, 1, 1), "facets": ("site",)}
)
CATALOG = Catalog(processes={"implants": NEWEST}, earlier={"implants": (EARLIER,)})


@pytest.fixture
def services(store: Store) -> Services:
    write, at = Writer(store), NOW - timedelta(hours=3)
    for scope in ("east", "west"):
        anchor = key("request", "I-1", scope=scope)
        write.instance("implants", anchor, at, facets={"team": f"team {scope}"})
        write.member("implants", anchor, "asked", at)
    return Services.over(
        store, CATALOG, Settings(), ManualClock(NOW),
        collector=CollectorStatus, payload=lambda _: None,
    )  # fmt: skip


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_api(services, home="/")) as client:
        yield client


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_scoped_anchor_is_found_in_its_scope_and_its_scopes_are_named(client: TestClient) -> None:
    found = get(client, "/instances/implants/i-1?scope=west")
    assert found["anchor"] == {"type": "request", "id": "I-1", "scope": "west"}
    assert found["facets"] == {"team": "team west"}
    assert str(next(iter(told(found)))).startswith("request I-1 (west)  implants")
    others = "; there is one in the scope 'east', 'west'."
    missing = "There is no instance of implants for request"
    for path, said in (
        ("i-1", f"'i-1' without a scope{others}"),
        ("i-1?scope=north", f"'i-1' in the scope 'north'{others}"),
        ("i-2", "'i-2' without a scope."),
    ):
        problem = get(client, f"/instances/implants/{path}", 404)
        assert problem["detail"] == f"{missing} {said}"


def test_a_facet_of_an_earlier_version_can_be_asked_for_everywhere(
    services: Services, client: TestClient
) -> None:
    for by in ("facet.team", "facet.site"):
        get(client, f"/attribution?process=implants&by={by}")
        get(client, f"/attribution?by={by}")
    get(client, "/attribution?by=facet.colour", 400)
    (row,) = get(client, "/instances?facet.team=team%20east")["items"]
    assert row["anchor"]["scope"] == "east"
    view = View(services=services, place=Place(page="instances"), now=NOW)
    table = exports.instances(view)
    shown = [dict(zip(table.head, one, strict=True)) for one in table.rows]
    assert [(one["scope"], one["team"], one["site"]) for one in shown] == [
        ("west", "team west", ""), ("east", "team east", ""),
    ]  # fmt: skip
