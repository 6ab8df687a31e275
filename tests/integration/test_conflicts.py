"""Events sent again with another content: what counts, and where a person is told of the rest."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stitched_web import StitchedWeb

from correlator.rebuild import rebuild
from dashboards.pages.instance import page as instance_page
from dashboards.pages.page import View
from dashboards.routes import Place
from dashboards.services import CollectorStatus, Services
from suture.app.commands.explain import told
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.settings import Settings
from suture.store.engine import Store

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SUPPLY = ProcessDefinition.model_validate(
    {
        "process": "supply",
        "title": "Supply",
        "domain": "supply",
        "owner": "desk",
        "anchor": "request",
        "paths": [{"from": "request", "to": "order"}],
        "objects": {"order": {"normalize": ["upper"]}},
        "milestones": [{"name": "asked"}, {"name": "ordered"}, {"name": "received"}],
        "starts_with": "asked",
        "completes_with": "received",
    }
)
CATALOG = Catalog(processes={"supply": SUPPLY})


class Desk(StitchedWeb):
    """Takes events an hour after each other."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, CATALOG, T0 + timedelta(days=1))

    def send(self, *events: Mapping[str, Any]) -> datetime:
        """Load a segment and stitch it; returns when it was recorded."""
        at = self.clock.now()
        self.load([_milestone(**event) for event in events], at)
        self.correlator.run(at)
        self.clock.advance(hours=1)
        return at

    def conflicts(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/conflicts", **query)["items"]
        return found


def _milestone(
    id: str,
    milestone: str = "asked",
    minute: float = 0,
    objects: Sequence[str] = ("request:R-1",),
    source: str = "/erp",
    **more: Any,
) -> Milestone:
    return Milestone(
        source=source,
        id=id,
        milestone=milestone,
        occurred_at=T0 + timedelta(minutes=minute),
        objects=tuple(ObjectRef(type=t, id=i) for t, i in (o.split(":") for o in objects)),
        **more,
    )


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_an_event_sent_again_with_another_content_is_told(desk: Desk) -> None:
    """It is acknowledged and changes nothing; list and instance say why."""
    order = ("request:R-1", "order:po-7")
    first = desk.send(
        {"id": "a"}, {"id": "b", "milestone": "ordered", "minute": 5, "objects": order}
    )
    before = desk.get("/instances/supply/R-1")
    assert before["conflicts"] == []
    assert desk.conflicts() == []
    again = desk.send(
        {
            "id": "b",
            "milestone": "received",
            "minute": 9,
            "objects": order,
            "attributes": {"amount": "12"},
            "trace_id": "a" * 32,
        }
    )
    after = desk.get("/instances/supply/R-1")
    assert after["milestones"] == before["milestones"]
    (conflict,) = after["conflicts"]
    assert conflict == {
        "source": "/erp",
        "id": "b",
        "recorded_at": _text(again),
        "counts": {
            "milestone": "ordered",
            "occurred_at": "2026-03-01T00:05:00Z",
            "recorded_at": _text(first),
            "outcome": "ok",
            "reason": "",
            "trace_id": None,
        },
        "others": [
            {
                "milestone": "received",
                "occurred_at": "2026-03-01T00:09:00Z",
                "recorded_at": _text(again),
                "outcome": "ok",
                "reason": "",
                "trace_id": "a" * 32,
                "differs": ["occurred_at", "milestone", "attributes.amount"],
                "why": "It happened later by its own time, and the earlier one counts.",
            }
        ],
    }
    said = "    /erp b: received at 2026-03-01T00:09:00Z, recorded 2026-03-02T01:00:00Z"
    assert said in [str(line) for line in told(after)]
    assert "this one does not count" not in str([str(line) for line in told(before)])
    assert desk.conflicts() == [
        {
            **conflict,
            "environment": "production",
            "instances": [{"process": "supply", "anchor": {"type": "request", "id": "R-1"}}],
        }
    ]


def test_the_smaller_content_counts_whichever_came_first(desk: Desk) -> None:
    desk.send({"id": "a"}, {"id": "b", "milestone": "ordered", "minute": 5})
    desk.send({"id": "b", "milestone": "ordered", "minute": 3})
    desk.send({"id": "b", "milestone": "ordered", "minute": 4})
    desk.send({"id": "b", "milestone": "ordered", "minute": 4})
    (conflict,) = desk.conflicts()
    assert conflict["counts"]["occurred_at"] == "2026-03-01T00:03:00Z"
    others = [(other["occurred_at"], other["recorded_at"]) for other in conflict["others"]]
    assert others == [
        ("2026-03-01T00:04:00Z", "2026-03-02T02:00:00Z"),
        ("2026-03-01T00:05:00Z", "2026-03-02T00:00:00Z"),
    ]
    assert conflict["recorded_at"] == "2026-03-02T02:00:00Z"
    members = desk.get("/instances/supply/R-1")["milestones"]
    assert [m["occurred_at"] for m in members][1:] == ["2026-03-01T00:03:00Z"]


def test_of_equal_times_the_hash_decides_and_is_named(desk: Desk) -> None:
    desk.send({"id": "a", "attributes": {"amount": "1", "ward": "x"}})
    desk.send({"id": "a", "attributes": {"amount": "2", "ward": "x"}, "reason": "corrected"})
    (conflict,) = desk.conflicts()
    assert conflict["others"][0]["differs"] == ["reason", "attributes.amount"]
    assert "smaller hash" in conflict["others"][0]["why"]
    reasons = {conflict["counts"]["reason"], conflict["others"][0]["reason"]}
    assert reasons == {"", "corrected"}


def test_the_same_content_again_is_no_conflict(desk: Desk) -> None:
    for _ in range(3):
        desk.send({"id": "a", "attributes": {"x": "1"}}, {"id": "a", "attributes": {"x": "1"}})
    assert desk.conflicts() == []


def test_an_event_of_no_instance_is_listed_too(desk: Desk) -> None:
    desk.send({"id": "a", "milestone": "elsewhere", "objects": ("thing:T",)})
    desk.send({"id": "a", "milestone": "elsewhere", "objects": ("thing:U",)})
    (conflict,) = desk.conflicts()
    assert conflict["instances"] == []
    assert conflict["others"][0]["differs"] == ["objects"]


def test_conflicts_are_listed_latest_first_under_filters_and_in_pages(desk: Desk) -> None:
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        source = "/erp" if name < "d" else "/portal"
        desk.send({"id": name, "source": source}, {"id": name, "source": source, "minute": 1})
    other = {"id": "t", "environment": "test"}
    desk.send(other, {**other, "minute": 1})
    desk.send({"id": "c", "minute": 2})

    def ids(**query: Any) -> list[str]:
        return [item["id"] for item in desk.conflicts(**query)]

    assert ids() == ["c", "e", "d", "b", "a"]
    assert ids(source="/portal") == ["e", "d"]
    assert ids(source="/erp", id="a") == ["a"]
    assert ids(environment="test") == ["t"]
    assert ids(**{"from": "2026-03-02T03:00:00Z", "to": "2026-03-02T05:00:00Z"}) == ["e", "d"]
    seen, cursor = [], None
    while True:
        page = desk.get("/conflicts", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids()
    for wrong in ({"limit": 0}, {"cursor": "x"}, {"from": "soon"}, {"process": "supply"}):
        desk.get("/conflicts", answered=400, **wrong)


def test_a_rebuild_finds_the_same_conflicts(desk: Desk) -> None:
    desk.send({"id": "a"}, {"id": "b", "milestone": "ordered", "minute": 5})
    desk.send({"id": "b", "milestone": "ordered", "minute": 3})
    desk.send({"id": "a", "attributes": {"ward": "x"}})
    found = desk.conflicts()
    assert len(found) == 2
    rebuild(desk.store, CATALOG, now=desk.clock.now())
    assert desk.conflicts() == found


def test_the_page_of_an_instance_tells_only_where_there_are_any(desk: Desk) -> None:
    desk.send({"id": "a"}, {"id": "z", "objects": ("request:R-2",)})
    desk.send({"id": "a", "minute": 7, "attributes": {"ward": "x"}})
    services = Services.over(
        desk.store,
        CATALOG,
        Settings(),
        desk.clock,
        collector=CollectorStatus,
        payload=lambda _: None,
    )

    def shown(id_: str) -> str:
        place = Place(page="instance", arguments=("supply", id_))
        view = View(services=services, place=place, now=desk.clock.now())
        return str(instance_page(view).live)

    assert "Sent again with another content" in shown("R-1")
    assert "It happened later by its own time" in shown("R-1")
    assert "Sent again with another content" not in shown("R-2")


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
