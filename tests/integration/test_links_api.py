"""Links that are refused, and what people decide about them, through the API and the commands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from stitched_web import StitchedWeb

from dashboards.callers import calling
from dashboards.links_acts import say
from dashboards.pages.link import page as link_page
from dashboards.pages.page import View
from dashboards.routes import Place
from dashboards.services import CollectorStatus, Services
from suture.app.cli import suture
from suture.app.commands import links as links_commands
from suture.contracts.access import Caller, Scope
from suture.contracts.links import LinkKey
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.errors import NotPermitted
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.reading.links import LinkReader

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SUPPLY = ProcessDefinition.model_validate(
    {
        "process": "supply",
        "title": "Supply",
        "domain": "supply",
        "owner": "desk",
        "anchor": "order",
        "paths": [{"from": "order", "to": "receipt", "cardinality": "one_to_many"}],
        "milestones": [{"name": "ordered"}, {"name": "received"}],
        "starts_with": "ordered",
        "completes_with": "received",
    }
)
CATALOG = Catalog(processes={"supply": SUPPLY})


class Desk(StitchedWeb):
    """Two orders claim one receipt; decisions are stitched too."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, CATALOG, T0 + timedelta(hours=1))
        rows = [
            Milestone(
                source="/erp",
                id=f"{place}{name[0]}",
                milestone=name,
                occurred_at=T0 + timedelta(minutes=place),
                objects=tuple(ObjectRef(type=t, id=i) for t, i in objects),
            )
            for place, (name, objects) in enumerate(
                [
                    ("ordered", [("order", "A")]),
                    ("ordered", [("order", "B")]),
                    ("elsewhere", [("order", "A"), ("receipt", "G")]),
                    ("elsewhere", [("order", "B"), ("receipt", "G")]),
                    ("received", [("receipt", "G")]),
                ]
            )
        ]
        self.load(rows, T0)
        self.stitch()

    def stitch(self) -> None:
        self.correlator.run(T0)
        self.clock.advance(minutes=1)

    def post(self, path: str, body: Any = None, *, status: int = 200, **query: Any) -> Any:
        answer = self.client.post(f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        self.stitch()
        return answer.json()

    def completed(self) -> set[str]:
        items = self.get("/instances", status="completed")["items"]
        return {item["anchor"]["id"] for item in items}

    def waiting(self, **query: Any) -> dict[tuple[str, str], str]:
        items = self.get("/links/ambiguous", **query)["items"]
        return {(item["from"]["id"], item["to"]["id"]): item["id"] for item in items}

    def run(self, *words: str) -> str:
        result = CliRunner().invoke(
            suture, ["links", *words, "--url", "http://127.0.0.1:1"], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(store)

    @contextmanager
    def running(url: str, settings: Settings) -> Iterator[Desk]:
        yield made

    monkeypatch.setattr(links_commands, "running", running)
    return made


def test_what_is_refused_is_listed_with_its_rivals_and_can_be_decided(desk: Desk) -> None:
    assert desk.completed() == {"A"}
    (item,) = desk.get("/links/ambiguous", process="supply")["items"]
    assert (item["from"]["id"], item["state"], item["path"]["cardinality"]) == (
        "B",
        "refused",
        "one_to_many",
    )
    assert item["affected_anchors_count"] == 2
    own, rival = item["candidates"]
    assert (own["id"], own["accepted"], rival["accepted"]) == (item["id"], False, True)
    assert [e["id"] for e in own["evidence"] + rival["evidence"]] == ["3e", "2e"]

    assert desk.waiting(object="receipt:G") == desk.waiting(object="order:B") == desk.waiting()
    assert desk.waiting(object="order:A") == desk.waiting(object="order:G") == {}
    for anchor in ("A", "B"):
        (bearing,) = desk.get(f"/instances/supply/{anchor}")["ambiguous_links"]
        assert (bearing["id"], bearing["state"]) == (item["id"], "refused")

    accepted = desk.post(f"/links/{item['id']}/accept", {"actor": "ada", "reason": "asked"})
    assert desk.completed() == {"B"}
    assert desk.waiting() == {("A", "G"): rival["id"]}
    detail = desk.get("/instances/supply/B")
    (link,) = detail["links"]
    assert (link["id"], link["evidence_kinds"]) == (item["id"], ["event", "operator"])
    refusal = desk.post(f"/links/{rival['id']}/accept", status=400)
    assert accepted["id"] in refusal["detail"]

    undone = desk.post(f"/links/{item['id']}/undo")
    assert (undone["undoes"], undone["actor"]) == (accepted["id"], "api")
    assert desk.completed() == {"A"}
    desk.post(f"/links/{item['id']}/undo", status=404)

    desk.post(f"/links/{rival['id']}/block")
    assert desk.completed() == {"B"}
    assert desk.waiting() == {}
    assert desk.waiting(state="blocked") == {("A", "G"): rival["id"]}
    log = desk.get("/links/decisions", limit=2)
    assert [one["action"] for one in log["items"]] == ["block", "undo"]
    (first,) = desk.get("/links/decisions", limit=2, cursor=log["next_cursor"])["items"]
    assert (first["actor"], first["reason"], first["undone_by"]) == ("ada", "asked", undone["id"])


def test_an_object_is_split_off_by_the_command_line_and_put_back(desk: Desk) -> None:
    told = desk.run("ambiguous")
    ids = [line.strip() for line in told.splitlines() if line.startswith("    Wy")]
    assert "supply: order B -> receipt G is refused, one_to_many; 2 instances" in told
    desk.run("split", ids[0], "--actor", "ada", "--reason", "used again")
    assert desk.completed() == set()
    assert len(desk.waiting(state="blocked")) == 2
    desk.run("undo", ids[1], "--actor", "ada")
    assert desk.completed() == {"A"}
    desk.run("split", ids[0], "--side", "from", "--actor", "ada")
    assert list(desk.waiting(state="blocked")) == [("B", "G")]
    lines = [json.loads(line) for line in desk.run("decisions", "--json").splitlines()]
    assert [one["action"] for one in lines] == ["split", "undo", "split"]
    assert [len(one["links"]) for one in lines] == [1, 2, 2]
    assert "used again" in desk.run("decisions")


def test_a_path_that_only_an_earlier_version_declares_is_still_decided_about(store: Store) -> None:
    later = SUPPLY.model_copy(
        update={"version": 2, "effective_from": date(2027, 1, 1), "paths": ()}
    )
    links = LinkReader(store, {"supply": [SUPPLY, later]})
    ends = {"from_object": "production|order||A", "to_object": "production|receipt||G"}
    assert links.path_of(LinkKey(process="supply", **ends)) == SUPPLY.paths[0]
    assert links.path_of(LinkKey(process="other", **ends)) is None


@pytest.mark.parametrize("id_", ["nothing", "WyJhIl0", "WyJzdXBwbHkiLCJhIiwiYiJd"])
def test_what_is_no_link_is_not_found(desk: Desk, id_: str) -> None:
    for do in ("accept", "block", "split", "undo"):
        assert desk.client.post(f"/api/v1/links/{id_}/{do}").status_code == 404
    for wrong in ("process=none", "object=order", "state=linked"):
        assert desk.client.get(f"/api/v1/links/ambiguous?{wrong}").status_code == 400


def test_who_may_only_read_sees_pairs_and_decides_about_none(store: Store) -> None:
    desk = Desk(store)
    (item,) = desk.get("/links/ambiguous")["items"]
    services = Services.over(
        store, CATALOG, Settings(), desk.clock,
        collector=CollectorStatus, payload=lambda _: None,
    )  # fmt: skip
    place = Place(page="link", arguments=(item["id"],))
    view = View(services=services, place=place, now=desk.clock.now())
    assert link_page(view).tail
    reader = Caller(id="r", name="reader", scopes=frozenset({Scope.READ}))
    with calling(reader):
        shown = link_page(view)
        with pytest.raises(NotPermitted):
            say(services, "accept", item["id"], None, None)
    assert shown.live
    assert not shown.tail
    assert desk.get("/links/decisions")["items"] == []
