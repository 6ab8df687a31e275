"""An exported log: it is what the standard demands, and read again it says the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocel_standard import check_json, load_json, read_sqlite

from collector.files.mapping import LogMapping
from collector.files.reading import EventLog
from suture.app.ocel.as_json import write_json
from suture.app.ocel.as_sqlite import MOST_ATTRIBUTES, event_columns, write_sqlite
from suture.app.ocel.names import column_names, table_names
from suture.app.ocel.reimport import mapping_of
from suture.app.ocel.staging import Staging
from suture.contracts.objects import ObjectKey
from suture.definitions.process import ProcessDefinition
from suture.errors import InvalidInput
from suture.store.reading.exporting import (
    ExportChunk,
    ExportedEvent,
    ExportedInstance,
    ExportedLink,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = 3_600_000_000
PROCESS = ProcessDefinition.model_validate(
    {
        "process": "supply",
        "title": "Supply",
        "domain": "supply",
        "owner": "desk",
        "anchor": "requisition",
        "paths": [{"from": "requisition", "to": "order"}],
        "milestones": [{"name": "object"}, {"name": "a b"}, {"name": "ab"}, {"name": "map type"}],
        "starts_with": "object",
        "completes_with": "ab",
    }
)


def key(type_: str, id_: str, scope: str = "") -> str:
    return ObjectKey(environment="production", type=type_, scope=scope, id=id_).encode()


def event(id_: str, milestone: str, at: int, *objects: str, **given: Any) -> ExportedEvent:
    fields: dict[str, Any] = {
        "key": f"{given.get('source', '/erp')}|{id_}",
        "id": id_,
        "milestone": milestone,
        "at": at,
        "objects": objects,
        "sequence": 0,
        "source": "/erp",
        "system": "",
        "outcome": "ok",
        "reason": "",
        "trace_id": "",
        "attributes": {},
    }
    return ExportedEvent(**fields | given)


def instance(anchor: str, *objects: str, **given: Any) -> ExportedInstance:
    fields: dict[str, Any] = {
        "anchor": anchor,
        "status": "open",
        "started": HOUR,
        "ended": None,
        "money": None,
        "facets": {},
        "facet_history": {},
        "objects": (anchor, *objects),
    }
    return ExportedInstance(**fields | given)


@contextmanager
def staged(*chunks: ExportChunk) -> Iterator[tuple[Staging, Path, dict[str, dict[str, Any]]]]:
    """The log staged, a folder, and the mappings to read it again, by suffix."""
    with TemporaryDirectory() as name, Staging(Path(name) / "staging", PROCESS) as log:
        for chunk in chunks:
            log.add(chunk)
        totals = log.finish()
        about = {"process": "supply", "environment": "production"}
        yield (
            log,
            Path(name),
            {
                ".json": mapping_of(log, totals, **about),
                ".sqlite": mapping_of(log, totals, **about, columns=event_columns(log)),
            },
        )


def written(log: Staging, folder: Path) -> tuple[Path, Path]:
    """Both files of a log."""
    with (folder / "log.json").open("w", encoding="utf-8") as out:
        write_json(log, out, lambda: None)
    write_sqlite(log, folder / "log.sqlite", lambda: None)
    return folder / "log.json", folder / "log.sqlite"


def read_again(path: Path, mappings: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    log = EventLog(path, LogMapping.model_validate(mappings[path.suffix]), now=NOW)
    tables = list(log.tables())
    assert log.report.bad == 0, log.report.problems
    return pa.concat_tables(tables).to_pylist() if tables else []


SHARED = ExportChunk(
    instances=[
        instance(
            key("requisition", "1"),
            key("order", "1"),
            key("order", "2", "west"),
            key("order", "2", "east"),
            status="completed",
            ended=3 * HOUR,
            money=1250.5,
            facets={"ward": "C"},
            facet_history={"ward": [("A", HOUR), ("B", 2 * HOUR)]},
        )
    ],
    events=[
        event("7", "object", HOUR, key("requisition", "1"), key("order", "1"), system="erp"),
        event("7", "a b", 2 * HOUR + 1, key("order", "2", "west"), source="/mw"),
        event(
            "8", "ab", 3 * HOUR, key("order", "2", "east"),
            outcome="rejected", reason="too much", sequence=3, trace_id="t1",
            attributes={
                "Amount": "1", "amount": "2", 'a "b"': "", "ocel_time": "x", "{{table}}": "y"
            },
        ),
    ],
    links=[
        ExportedLink(from_object=key("requisition", "1"), to_object=key("order", "1")),
        ExportedLink(from_object=key("order", "1"), to_object=key("order", "2", "west")),
        ExportedLink(from_object=key("order", "1"), to_object=key("order", "9")),
    ],
)  # fmt: skip


def test_what_a_log_says() -> None:
    with staged(SHARED, SHARED) as (log, folder, mappings):
        one, other = written(log, folder)
        content = load_json(one)
        relational = read_sqlite(other)
    events = {e["id"]: e for e in content["events"]}
    assert list(events) == ["/erp#7", "/mw#7", "8"]
    assert events["/erp#7"]["relationships"] == [
        {"objectId": "requisition:1", "qualifier": "requisition"},
        {"objectId": "order:1", "qualifier": "order"},
    ]
    assert {e["time"] for e in events.values()} == {
        "1970-01-01T01:00:00Z", "1970-01-01T02:00:00.000001Z", "1970-01-01T03:00:00Z",
    }  # fmt: skip
    assert {a["name"]: a["value"] for a in events["8"]["attributes"]} == {
        "Amount": "1",
        "amount": "2",
        'a "b"': "",
        "ocel_time": "x",
        "{{table}}": "y",
        "suture.source": "/erp",
        "suture.outcome": "rejected",
        "suture.reason": "too much",
        "suture.sequence": "3",
        "suture.trace_id": "t1",
    }
    objects = {o["id"]: o for o in content["objects"]}
    assert set(objects) == {"requisition:1", "order:1", "order@west:2", "order@east:2"}
    anchor = objects["requisition:1"]
    assert anchor["relationships"] == [{"objectId": "order:1", "qualifier": "leads to order"}]
    assert [(a["name"], a["time"], a["value"]) for a in anchor["attributes"]] == [
        ("suture.status", "1970-01-01T00:00:00Z", "completed"),
        ("suture.started_at", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"),
        ("suture.ended_at", "1970-01-01T00:00:00Z", "1970-01-01T03:00:00Z"),
        ("suture.money", "1970-01-01T00:00:00Z", "1250.5"),
        ("ward", "1970-01-01T00:00:00Z", "A"),
        ("ward", "1970-01-01T01:00:00Z", "B"),
        ("ward", "1970-01-01T02:00:00Z", "C"),
    ]
    types = {t["name"]: t["attributes"] for t in content["objectTypes"]}
    assert types["order"] == []
    assert {"name": "suture.ended_at", "type": "time"} in types["requisition"]
    assert [t["name"] for t in content["eventTypes"]] == ["object", "a b", "ab", "map type"]
    assert _comparable(relational) == _comparable(content)
    for mapping in mappings.values():
        assert mapping["outcome"] == "suture.outcome"
        assert mapping["relations"] == "suture.relation"
        assert mapping["system"] == {"object": "erp"}
    assert mappings[".json"]["attributes"]["amount"] == "amount"
    assert mappings[".sqlite"]["attributes"]["amount"] == "amount_2"


def _comparable(log: dict[str, Any]) -> dict[str, Any]:
    """What both forms can say: tables rename columns that differ in case alone or are taken."""
    return {
        kind: {
            item["id"]: (
                item["type"],
                item.get("time", ""),
                sorted((a["value"], a.get("time", "")) for a in item.get("attributes", [])),
                sorted((r["objectId"], r["qualifier"]) for r in item["relationships"]),
            )
            for item in log[kind]
        }
        for kind in ("objects", "events")
    }


_ids = st.sampled_from(
    ["1", "2", "order:1", "order@w:1", "requisition:order:1", "/a#1", "ü:%", "#"]
)
_objects = st.builds(
    key, st.sampled_from(["requisition", "order", "a@b"]), _ids, st.sampled_from(["", "w"])
)
_events = st.builds(
    event,
    _ids,
    st.sampled_from(["object", "a b", "ab", "map type", "elsewhere"]),
    st.sampled_from([0, HOUR, HOUR + 1]),
    st.just(key("requisition", "1")),
    source=st.sampled_from(["/a", "/b", "/a#1", "c d"]),
    sequence=st.sampled_from([0, 0, 1]),
    outcome=st.sampled_from(["ok", "ok", "failed", "rejected"]),
    reason=st.sampled_from(["", "no\nreason"]),
    attributes=st.dictionaries(
        st.sampled_from(["Amount", "amount", "ocel_id", "x.y", '"', "'"]),
        st.sampled_from(["", "1", "ß\n"]),
        max_size=3,
    ),
)


@given(
    st.lists(_events, max_size=12, unique_by=lambda e: e.key),
    st.lists(st.lists(_objects, max_size=4, unique=True), min_size=12, max_size=12),
    st.data(),
)
@settings(max_examples=25)
def test_read_again_it_says_the_same(
    events: list[ExportedEvent], named: list[list[str]], data: st.DataObject
) -> None:
    events = [
        event(
            e.id, e.milestone, e.at, *dict.fromkeys([*e.objects, *objects]),
            source=e.source, sequence=e.sequence, outcome=e.outcome, reason=e.reason,
            attributes=e.attributes,
        )
        for e, objects in zip(events, named, strict=False)
    ]  # fmt: skip
    chunk = ExportChunk(instances=[instance(key("requisition", "1"))], events=events, links=[])
    again = data.draw(st.permutations(events))
    halves = [again[: len(again) // 2], again]
    chunks = [ExportChunk(instances=chunk.instances, events=some, links=[]) for some in halves]
    order = {name: index for index, name in enumerate(PROCESS.milestone_names, 1)}
    expected = sorted(
        events,
        key=lambda e: (
            e.at,
            e.sequence,
            order.get(e.milestone, 0),
            e.source.encode(),
            e.id.encode(),
        ),
    )
    with staged(*chunks) as (log, folder, mappings):
        for path in written(log, folder):
            rows = read_again(path, mappings)
            found = sorted(
                rows,
                key=lambda r: (
                    r["occurred_at"], r["sequence"], order.get(r["milestone"], 0), r["id"].encode(),
                ),
            )  # fmt: skip
            assert [_said(row) for row in found] == [_wanted(e) for e in expected]
        check_json(json.loads((folder / "log.json").read_text(encoding="utf-8")))
        read_sqlite(folder / "log.sqlite")


def _said(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["milestone"],
        round(row["occurred_at"].timestamp() * 1e6),
        sorted(zip(row["object_types"], row["object_ids"], strict=True)),
        row["outcome"],
        row["reason"],
        dict(row["attributes"]),
    )


def _wanted(one: ExportedEvent) -> tuple[Any, ...]:
    keys = [ObjectKey.decode(text) for text in one.objects]
    return (
        one.milestone,
        one.at,
        sorted({(k.type, k.id) for k in keys}),
        one.outcome,
        one.reason,
        dict(one.attributes),
    )


def test_tables_and_columns_keep_apart_what_sqlite_cannot() -> None:
    types = ["Create Order", "createorder", "Ünï", "!", "object", "map_type", "object_2"]
    assert table_names(types, ["object", "map_type"]) == {
        "Create Order": "CreateOrder",
        "createorder": "createorder_2",
        "Ünï": "n",
        "!": "type",
        "object": "object_2",
        "map_type": "map_type_2",
        "object_2": "object_2_2",
    }
    assert column_names(["Amount", "amount", "OCEL_ID"], ["ocel_id"]) == {
        "Amount": "Amount",
        "amount": "amount_2",
        "OCEL_ID": "OCEL_ID_2",
    }


def test_an_empty_log_and_one_that_tables_cannot_hold() -> None:
    with staged() as (log, folder, mappings):
        one, other = written(log, folder)
        assert load_json(one)["events"] == []
        read_sqlite(other)
        assert read_again(one, mappings) == read_again(other, mappings) == []
    wide = event("1", "ab", 0, key("requisition", "1"))
    attributes = {f"a{number}": "1" for number in range(MOST_ATTRIBUTES)}
    wide = event("1", "ab", 0, *wide.objects, attributes=attributes)
    chunk = ExportChunk(instances=[], events=[wide], links=[])
    with (
        staged(chunk) as (log, folder, _),
        pytest.raises(InvalidInput, match=r"table event_ab_2 needs 1,901 columns .*: export JSON"),
    ):
        write_sqlite(log, folder / "log.sqlite", lambda: None)
