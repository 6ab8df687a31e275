"""A batch comes to what its events come to one by one, plain or odd."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.cloudevents import BATCHED, STRUCTURED
from collector.milestones import MilestoneReader
from collector.native_batches import read_native_batch
from suture.definitions.catalog import Catalog

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
READER = MilestoneReader(Catalog())
TIMES = (
    "2026-03-01T11:00:00Z", "2026-03-01T11:00:00.1234567+02:00", "1899-01-01T00:00:00Z",
    "2026-03-01T13:00:00Z", "2026-03-01T11:00:60Z", "2026-03-01", 5, None,
)  # fmt: skip
OBJECTS = (
    {"type": "order", "id": "1"}, {"type": "order", "id": 1}, {"type": "order", "id": 1.0},
    {"type": "a:b", "id": "1"}, {"type": "order", "id": " "}, {"type": "", "id": "1"}, "order:1",
    {"type": "order", "id": "1", "more": [1]}, {"type": "order", "id": "\U0001f600" * 1024},
    {"type": "order", "id": "1" * 1025}, {"type": "t" * 257, "id": "1"},
)  # fmt: skip
VALUES = ("west", 5, 5.0, 1e300, True, None, [1, {"b": 1}], {"a": None}, 2**70)


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value nine times of ten, so that whole batches are plain."""
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(others) if not n else st.just(usual))


DATA = st.fixed_dictionaries(
    {
        "milestone": mostly("sent", "m" * 256, "m" * 257, " ", 5, None),
        "objects": mostly([OBJECTS[0]], [], None)
        | st.lists(mostly(OBJECTS[0], *OBJECTS), min_size=1, max_size=3),
    },
    optional={
        "attributes": st.dictionaries(st.sampled_from("ab"), mostly("x", *VALUES), max_size=2),
        "environment": mostly("test", "", None, 5),
        "system": mostly("erp", "", None),
        "outcome": mostly("failed", "ok", "lost", None),
        "reason": mostly("over budget", None, 5),
        "sequence": mostly(3, 3.0, -(2**63), 2**63, "3", True, None),
        "unknown": st.just({"deep": [1]}),
    },
)
EVENTS = st.fixed_dictionaries(
    {
        "specversion": mostly("1.0", "0.3", 1.0),
        "id": mostly("e-1", " ", 7, "e" * 2049),
        "source": mostly("/erp/west", "a b", "//[", "", "/" + "s" * 2048),
        "type": mostly("suture.milestone", "of.nobody"),
        "time": mostly(TIMES[0], *TIMES),
        "data": mostly({}, "text", None) | DATA | DATA | DATA,
    },
    optional={
        "traceparent": mostly("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "odd"),
        "bad_name": st.just("x"),
        "subject": mostly("s", ""),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(DATA.map(lambda data: event(data)), EVENTS), max_size=4))
def test_a_batch_is_what_its_events_are(events: list[dict[str, Any]]) -> None:
    found = READER.read({"content-type": BATCHED}, json.dumps(events).encode(), now=NOW)
    alone = [
        READER.read({"content-type": STRUCTURED}, json.dumps(one).encode(), now=NOW)
        for one in events
    ]
    assert list(found.accepted) == [milestone for one in alone for milestone in one.accepted]
    assert [(r.id, r.reason) for r in found.rejected] == [
        (r.id, r.reason) for one in alone for r in one.rejected
    ]
    assert [r.index for r in found.rejected] == [n for n, one in enumerate(alone) if one.rejected]


def event(data: dict[str, Any]) -> dict[str, Any]:
    head = {"specversion": "1.0", "id": "e", "source": "/erp", "type": "suture.milestone"}
    return {**head, "time": TIMES[0], "data": data}


def test_plain_batches_take_the_short_way() -> None:
    plain = event({"milestone": "sent", "objects": [OBJECTS[0]], "attributes": {"amount": 5}})
    body = json.dumps([plain, plain]).encode()
    found = read_native_batch(body, {"sent": "erp"}, latest=NOW, earliest=NOW.replace(year=1900))
    assert found is not None
    assert [(m.system, m.attributes) for m in found] == [("erp", {"amount": "5"})] * 2
