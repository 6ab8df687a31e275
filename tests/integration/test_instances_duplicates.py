"""Probable duplicates: what says the same under another id is flagged, and little else is."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from correlator.job import Correlator
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectKey, ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream
from suture.store.reading.instances import InstanceFilter, InstanceReader

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ["asked", "approved", "sent", "received"]
PROCESS = ProcessDefinition.model_validate(
    {
        "process": "buying",
        "title": "Buying",
        "domain": "supply",
        "owner": "desk",
        "anchor": "request",
        "paths": [{"from": "request", "to": "order"}],
        "milestones": [{"name": n} for n in NAMES],
        "starts_with": "asked",
        "completes_with": "received",
        "facets": ["ward"],
        "money": "amount",
    }
)
CATALOG = Catalog(processes={"buying": PROCESS})


def events(
    id_: str, *minutes: float | None, ward: str = "a", amount: str = "7", order: str = ""
) -> list[Milestone]:
    """The milestones of one request at these minutes, in the order of the process."""
    objects = [ObjectRef(type="request", id=id_)]
    if order:
        objects.append(ObjectRef(type="order", id=order))
    attributes = {"ward": ward, "amount": amount} if amount else {"ward": ward}
    return [
        Milestone(
            source="/s",
            id=f"{id_}-{name}",
            milestone=name,
            occurred_at=T0 + timedelta(minutes=minute),
            objects=tuple(objects),
            environment="production",
            attributes=attributes,
        )
        for name, minute in zip(NAMES, minutes, strict=False)
        if minute is not None
    ]


def stitched(store: Store, *requests: list[Milestone]) -> InstanceReader:
    rows = [one for request in requests for one in request]
    segment = segment_number(new_stream(), 1)
    store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=T0))
    finish_segment(store, segment=segment, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0)
    Correlator(store, CATALOG).run(T0)
    return InstanceReader(store, ["buying"])


def flagged(reader: InstanceReader) -> set[str]:
    wanted = InstanceFilter(environment="production", probable_duplicates=True)
    found = {row.anchor.id for row in reader.page(wanted, now=T0, limit=500)}
    assert reader.count(wanted, now=T0) == len(found)
    return found


def twins(reader: InstanceReader, id_: str) -> list[str]:
    anchor = ObjectKey(environment="production", type="request", scope="", id=id_)
    found = reader.one(anchor=anchor, versions=[PROCESS], now=T0)
    assert found is not None
    return [key.id for key in found.probable_duplicates]


def test_the_same_content_under_another_id_is_flagged_and_not_merged(store: Store) -> None:
    reader = stitched(
        store,
        events("R1", 0, 5, 9, 60),
        events("R2", 2, 6),  # the same, and it got less far
        events("far", 11, 16, 20, 71),  # near to R2 and not to R1, but for what R2 lacks
        events("ward", 0, 5, 9, ward="b"),
        events("sum", 0, 5, 9, amount="8"),
        events("late", 0, 40),  # one milestone is far from R1's
        events("none", 0, 5, amount=""),
        events("none2", 0, 5, amount=""),
        events("brief", 0),
    )
    assert twins(reader, "R1") == ["R2"]
    assert twins(reader, "R2") == ["R1", "far"]
    assert twins(reader, "far") == ["R2"]
    assert flagged(reader) == {"R1", "R2", "far"}
    assert reader.count(InstanceFilter(environment="production"), now=T0) == 9


def test_what_shares_an_object_or_comes_in_crowds_is_how_business_is_done(store: Store) -> None:
    reader = stitched(
        store,
        events("S1", 0, 5, order="P1", ward="s"),
        events("S2", 0, 5, order="P1", ward="s"),
        *(events(f"C{n}", 0, 5, ward="crowd") for n in range(7)),
        *(events(f"D{n}", 0, 5, ward="six") for n in range(6)),
    )
    assert twins(reader, "S1") == []
    assert twins(reader, "C0") == []
    assert twins(reader, "D0") == [f"D{n}" for n in range(1, 6)]
    assert flagged(reader) == {f"D{n}" for n in range(6)}


def test_list_and_detail_agree_with_the_rule_read_pair_by_pair(store: Store) -> None:
    rng = random.Random(11)
    plans: dict[str, dict[str, Any]] = {}
    for n in range(60):
        begin = rng.randrange(90)
        minutes = [begin, begin + rng.choice([5, 9, 18])]
        minutes += [minutes[-1] + rng.choice([3, 12])] * rng.randrange(2)
        if rng.random() < 0.2:
            minutes.insert(0, None)
        plans[f"R{n:02}"] = {
            "minutes": minutes[:4],
            "ward": rng.choice("abc"),
            "amount": rng.choice(["1", "2", "0"]),
        }
    reader = stitched(
        store,
        *(
            events(id_, *p["minutes"], ward=p["ward"], amount=p["amount"])
            for id_, p in plans.items()
        ),
    )
    expected: dict[str, set[str]] = {id_: set() for id_ in plans}
    reached = {
        id_: {name: m for name, m in zip(NAMES, p["minutes"], strict=False) if m is not None}
        for id_, p in plans.items()
    }

    def start(id_: str) -> float:
        own = reached[id_]
        return own.get("asked", min(own.values()))

    alike = {
        (a, b)
        for a, b in itertools.permutations(plans, 2)
        if (plans[a]["ward"], plans[a]["amount"]) == (plans[b]["ward"], plans[b]["amount"])
        and plans[a]["amount"] != "0"
    }
    for a in plans:
        beside = [b for b in plans if (a, b) in alike and abs(start(a) - start(b)) <= 10]
        if len(beside) > 5:
            continue
        for b in beside:
            common = reached[a].keys() & reached[b].keys()
            smaller = min(len(reached[a]), len(reached[b]))
            near = all(abs(reached[a][n] - reached[b][n]) <= 10 for n in common)
            if len(common) >= 2 and len(common) == smaller and near:
                expected[a].add(b)
    assert sum(map(bool, expected.values())) > 5
    for id_ in rng.sample(sorted(plans), 10):
        assert set(twins(reader, id_)) == expected[id_], id_
    assert flagged(reader) == {id_ for id_, others in expected.items() if others}
