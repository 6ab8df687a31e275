"""Refused input, from the door over the desk and the commands back into the tables."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.dead_letters import LetterDesk, PayloadReader
from collector.live_contracts import LiveContracts
from collector.loader import Loader
from collector.milestones import MilestoneReader
from collector.refusals import LOADER_DOOR, make_refusal
from collector.spool import Entry, Spool
from suture.clock import ManualClock
from suture.contracts.dead_letter import LetterState
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal
from suture.definitions.catalog import load_catalog
from suture.store.engine import Store
from suture.store.reading.dead_letters import NOBODY, DeadLetter, DeadLetterFilter, DeadLetterReader

pytestmark = pytest.mark.store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TYPE = "com.lab.result.posted"
CONTRACT = f"""
contract: {TYPE}
version: 1
owner: lab
system: lab
milestone: result_posted
objects: {{result: data.number}}
"""
PRODUCTION = DeadLetterFilter(environment="production")


def event(id_: str, **change: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/lab",
        "type": TYPE,
        "time": "2026-11-20T10:00:00Z",
        "data": {"number": f"N-{id_}"},
        **change,
    }


class Rig:
    """A door, a spool, a loader and a desk over one store and one configuration directory."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.config = folder / "config"
        (self.config / "contracts").mkdir(parents=True)
        self.spool_path = folder / "spool.db"
        self.clock = ManualClock(NOW)
        self.contracts = LiveContracts(self.config, load_catalog(self.config))
        self.store = store
        self.reader = DeadLetterReader(store)
        self.desk = LetterDesk(self.spool_path, self.contracts.reader, self.clock)

    def load(self) -> None:
        catalog = load_catalog(self.config)
        Loader(self.store, self.spool_path, catalog, self.clock, lambda *_: "").run_once()

    def refuse(self, *events: dict[str, Any]) -> list[DeadLetter]:
        """Send events that have to be refused."""
        body = json.dumps(events).encode()
        headers = {"content-type": "application/cloudevents-batch+json"}
        reading = MilestoneReader(load_catalog(self.config)).read(
            headers, body, now=self.clock.now()
        )
        assert not reading.accepted
        self.append(refusals=reading.refusals)
        return self.letters()

    def append(self, entries: Any = (), refusals: Any = ()) -> None:
        spool = Spool(self.spool_path)
        spool.append(entries, refusals)
        spool.close()
        self.load()

    def letters(self, **wanted: Any) -> list[DeadLetter]:
        return self.reader.page(DeadLetterFilter(environment="production", **wanted), limit=100)

    def milestones(self) -> list[dict[str, Any]]:
        return self.store.rows(
            "SELECT source, id, milestone, recorded_at, contract FROM milestones ORDER BY id"
        )

    def write_contract(self, text: str = CONTRACT) -> None:
        (self.config / "contracts" / "lab.yaml").write_text(text)


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Rig:
    return Rig(tmp_path, store)


def test_an_unknown_type_is_grouped_and_replayed_once_it_has_a_contract(rig: Rig) -> None:
    rig.refuse(event("1"), event("2"), event("3", source="/lab/b"))
    (group,) = rig.reader.groups(PRODUCTION, by="type")
    assert (group.value, group.letters, group.open, group.seen) == (TYPE, 3, 3, 3)
    assert list(group.sources) == ["/lab", "/lab/b"]

    rig.clock.advance(hours=5)
    rig.write_contract()
    results = rig.desk.replay(rig.letters(), actor="ada", comment="contract written")
    assert all(one.done and one.state is LetterState.REPLAYED for one in results)
    rig.load()

    assert [row["id"] for row in rig.milestones()] == ["1", "2", "3"]
    # Known since it was first received, whoever replayed it when.
    assert {row["recorded_at"] for row in rig.milestones()} == {NOW}
    for letter in rig.letters():
        assert (letter.state, letter.acted_by, letter.count) == (LetterState.REPLAYED, "ada", 1)
        assert letter.acted_at == NOW + timedelta(hours=5)
        assert letter.first_seen_at == letter.last_seen_at == NOW
        log = rig.reader.log(letter.id)
        assert [(e.action, e.actor, e.comment) for e in log] == [
            ("replayed", "ada", "contract written"),
            ("refused", "", ""),
        ]


def test_a_letter_is_replayed_once_whoever_tries_at_the_same_time(rig: Rig) -> None:
    letters = rig.refuse(*(event(str(n)) for n in range(20)))
    rig.write_contract()
    with ThreadPoolExecutor(4) as pool:
        tried = list(pool.map(lambda n: rig.desk.replay(letters, actor=f"p{n}"), range(4)))
    rig.load()
    assert sum(one.done for results in tried for one in results) == 20
    assert len(rig.milestones()) == 20
    assert not any(one.done for one in rig.desk.replay(letters, actor="late"))


def test_refused_again_it_stays_with_its_new_reason_and_counts_up(rig: Rig) -> None:
    (letter,) = rig.refuse(event("1", data={"other": 1}))
    assert "no event contract" in letter.reason
    rig.write_contract()
    rig.clock.advance(minutes=1)
    (result,) = rig.desk.replay([letter], actor="ada")
    assert (result.done, result.state) == (True, LetterState.OPEN)
    rig.load()
    (again,) = rig.letters()
    assert again.id == letter.id
    assert again.reason == result.reason
    assert "objects: none of data.number gives an object" in again.reason
    assert (again.count, again.owner, again.acted_by) == (2, "lab", "ada")
    assert (again.first_seen_at, again.last_seen_at) == (NOW, NOW + timedelta(minutes=1))
    assert not rig.milestones()


def test_what_was_discarded_is_open_again_when_it_comes_again_and_may_be_replayed(
    rig: Rig,
) -> None:
    (letter,) = rig.refuse(event("1"))
    (done,) = rig.desk.discard([letter], actor="ada", comment="a test")
    assert (done.done, done.state) == (True, LetterState.DISCARDED)
    assert not rig.desk.discard([letter], actor="bob")[0].done
    rig.load()
    assert rig.letters(state=LetterState.OPEN) == []
    assert [one.id for one in rig.letters(state=LetterState.DISCARDED)] == [letter.id]
    rig.clock.advance(minutes=1)
    (again,) = rig.refuse(event("1"))
    assert (again.state, again.count) == (LetterState.OPEN, 2)
    assert rig.desk.discard([again], actor="ada")[0].done
    rig.write_contract()
    assert rig.desk.replay([again], actor="ada")[0].state is LetterState.REPLAYED
    rig.load()
    assert [row["id"] for row in rig.milestones()] == ["1"]


def test_a_record_the_store_refused_is_put_back_as_it_was(rig: Rig) -> None:
    milestone = Milestone(
        source="/erp",
        id="7",
        milestone="m",
        occurred_at=NOW,
        objects=(ObjectRef(type="t", id="1"),),
    )
    refusal = make_refusal(
        msgspec.msgpack.encode([milestone]),
        reason="no",
        received_at=NOW + timedelta(minutes=3),
        came_at=NOW,
        door=LOADER_DOOR,
        content_type="application/octet-stream",
        environment="",
        source="/erp",
        type_=Signal.MILESTONES.value,
        items=1,
    )
    damaged = make_refusal(
        b"?", reason="torn", received_at=NOW, door=LOADER_DOOR, content_type="x", environment=""
    )
    rig.append(refusals=[refusal, damaged])
    results = {one.id: one for one in rig.desk.replay(rig.letters(), actor="ada")}
    assert results[refusal.letter.id].state is LetterState.REPLAYED
    assert not results[damaged.letter.id].done
    rig.load()
    assert [(row["id"], row["recorded_at"]) for row in rig.milestones()] == [("7", NOW)]


def test_a_poisonous_record_comes_back_as_the_same_letter(rig: Rig) -> None:
    rig.append([Entry(signal=Signal.MILESTONES, received_at=NOW, items=1, payload=b"\xc1")])
    rig.load()
    (letter,) = rig.letters()
    assert (letter.door, letter.type, letter.state) == (LOADER_DOOR, "milestones", LetterState.OPEN)
    rig.clock.advance(minutes=1)
    assert rig.desk.replay([letter], actor="ada")[0].state is LetterState.REPLAYED
    rig.clock.advance(minutes=1)
    rig.load()
    (again,) = rig.letters()
    assert (again.id, again.count, again.state) == (letter.id, 2, LetterState.OPEN)
    assert rig.desk.replay([again], actor="ada")[0].done


def test_without_its_payload_nothing_can_be_replayed_and_it_can_be_discarded(rig: Rig) -> None:
    (letter,) = rig.refuse(event("1"))
    spool = Spool(rig.spool_path)
    spool.expire_payloads(NOW + timedelta(days=60))
    spool.close()
    assert PayloadReader(rig.spool_path).get(letter.id) is None
    (result,) = rig.desk.replay([letter], actor="ada")
    assert not result.done
    assert "not kept" in result.reason
    assert rig.desk.discard([letter], actor="ada")[0].done


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"owner": NOBODY}, ["1", "2"]),
        ({"owner": "lab"}, []),
        ({"reason": "NO EVENT"}, ["1", "2"]),
        ({"type": TYPE}, ["1", "2"]),
        ({"source": "/lab/b"}, ["2"]),
        ({"door": "milestones"}, ["1", "2"]),
        ({"door": "loader"}, []),
        ({"state": LetterState.OPEN}, ["1", "2"]),
        ({"state": LetterState.REPLAYED}, []),
        ({"seen_from": NOW + timedelta(minutes=1)}, ["2"]),
        ({"seen_to": NOW + timedelta(minutes=1)}, ["1"]),
    ],
)
def test_filters(rig: Rig, wanted: dict[str, Any], found: list[str]) -> None:
    rig.refuse(event("1"))
    rig.clock.advance(minutes=1)
    rig.refuse(event("2", source="/lab/b"))
    assert sorted(letter.event_id for letter in rig.letters(**wanted)) == found


def test_a_wrong_change_of_contracts_leaves_the_old_ones_in_force(rig: Rig) -> None:
    rig.write_contract()
    before = rig.contracts.reader()
    rig.write_contract("contract: [")
    assert rig.contracts.reader() is before
    rig.write_contract(CONTRACT + "reason: data.why\n")
    assert rig.contracts.reader() is not before
