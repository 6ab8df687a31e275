"""OCEL 2.0 JSON: objects by relationship, structure checked, bad events alone refused."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from event_log_generator import write_ocel
from event_log_oracle import read_ocel

from collector.files.logfile import LogFile
from collector.files.mapping import LogMapping
from collector.files.ocel import OcelReader
from collector.files.ocel_json import JsonOcel
from collector.files.rows import RawEvents, ReadReport
from collector.files.times import TimeReader
from suture.errors import DefinitionError, InvalidInput, MalformedInput

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def small_log() -> dict[str, Any]:
    """Two orders, an invoice, and two events."""
    return {
        "objectTypes": [{"name": "Order", "attributes": []}, {"name": "Invoice"}],
        "eventTypes": [{"name": "Place", "attributes": [{"name": "clerk"}]}, {"name": "Bill"}],
        "objects": [
            {"id": "O1", "type": "Order", "relationships": [{"objectId": "I1", "qualifier": ""}]},
            {"id": "O2", "type": "Order"},
            {"id": "I1", "type": "Invoice", "relationships": None},
        ],
        "events": [
            {
                "id": "e1",
                "type": "Place",
                "time": "2022-01-01T10:00:00+02:00",
                "attributes": [{"name": "clerk", "value": "Mike"}, {"name": "n", "value": 1.50}],
                "relationships": [{"objectId": "O1"}, {"objectId": "O2"}],
            },
            {
                "id": "e2",
                "type": "Bill",
                "time": "2022-01-01T09:30:00Z",
                "relationships": [{"objectId": "O1"}, {"objectId": "I1"}],
            },
        ],
    }


def read(
    path: Path, *, scopes: dict[str, str] | None = None, **fields: Any
) -> tuple[list[RawEvents], ReadReport]:
    report = ReadReport()
    mapping = LogMapping.model_validate({"source": "/x", **fields})
    times = TimeReader(mapping.time, now=NOW)
    log = JsonOcel(LogFile(path))
    reader = OcelReader(log, mapping, times=times, report=report, scopes=scopes)
    return [chunk for chunk in reader.events() if chunk.positions], report


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_generated_log_reads_as_the_oracle_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    write_ocel(path, seed=1, requisitions=200)
    (chunk,), report = read(path)
    expected = read_ocel(path)
    assert (chunk.ids, chunk.names) == ([e.id for e in expected], [e.name for e in expected])
    assert chunk.objects == [e.objects for e in expected]
    assert chunk.attributes == {"clerk": [e.attributes["clerk"] for e in expected]}
    assert report.bad == 0


def test_types_are_renamed_and_values_become_text(tmp_path: Path) -> None:
    path = written(tmp_path / "log.json", small_log())
    (chunk,), _ = read(path, objects={"purchase_order": "Order"})
    assert chunk.objects == [
        (("purchase_order", "O1"), ("purchase_order", "O2")),
        (("purchase_order", "O1"), ("Invoice", "I1")),
    ]
    assert chunk.attributes == {"clerk": ["Mike", None], "n": ["1.5", None]}
    (chosen,), _ = read(path, attributes={"by": "clerk"}, reason="clerk")
    assert (chosen.attributes, chosen.reasons) == ({"by": ["Mike", None]}, ["Mike", None])


def test_relations_become_events_of_the_first_time_either_is_named(tmp_path: Path) -> None:
    log = small_log()
    log["objects"][1]["relationships"] = [{"objectId": "I9", "qualifier": ""}]
    log["objects"].append(
        {"id": "O3", "type": "Order", "relationships": [{"objectId": "O4", "qualifier": ""}]}
    )
    log["objects"].append({"id": "O4", "type": "Order"})
    chunks, report = read(written(tmp_path / "log.json", log), relations="related")
    assert len(chunks) == 2
    assert (chunks[1].ids, chunks[1].names) == (["relationship|O1|I1"], ["related"])
    # 10:00+02:00 is before 09:30Z, whatever the text looks like.
    assert chunks[1].times == ["2022-01-01T10:00:00+02:00"]
    assert chunks[1].objects == [(("Order", "O1"), ("Invoice", "I1"))]
    assert [str(problem) for problem in report.problems] == [
        "relationship O2 to I9: there is no object I9",
        "relationship O3 to O4: no event names either object, so it has no time",
    ]


def test_relations_say_what_scopes_their_objects(tmp_path: Path) -> None:
    log = small_log()
    log["objects"][1]["relationships"] = [{"objectId": "I1", "qualifier": ""}]
    log["events"][1]["relationships"] = [{"objectId": "I1"}]
    path = written(tmp_path / "log.json", log)
    order, invoice = {"Order": "clerk"}, {"Invoice": "clerk"}
    chunks, _ = read(path, relations="related", scopes=order)
    assert chunks[1].attributes == {"clerk": ["Mike", "Mike"]}
    chunks, _ = read(path, relations="related", scopes=invoice)
    assert chunks[1].attributes == {"clerk": [None, None]}
    chunks, _ = read(path, relations="related", scopes={"Order": "by"}, attributes={"by": "clerk"})
    assert chunks[1].attributes == {"by": ["Mike", "Mike"]}
    chunks, report = read(path, relations="related", scopes=order | invoice)
    assert len(chunks) == 1
    assert str(report.problems[0]) == (
        "relationship O1 to I1: no event can name both, since their scopes differ"
    )


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.json.gz"
    path.write_bytes(gzip.compress(json.dumps(small_log()).encode()))
    assert len(read(path)[0][0].positions) == 2


BAD_EVENTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no time": (lambda e: e.pop("time"), "events[0]: Object missing required field `time`"),
    "no id": (lambda e: e.pop("id"), "events[0]: Object missing required field `id`"),
    "a number as id": (
        lambda e: e.update(id=7),
        "events[0]: Expected `str`, got `int` - at `$.id`",
    ),
    "unknown type": (lambda e: e.update(type="X"), "events[0] (e1): there is no event type 'X'"),
    "unknown object": (
        lambda e: e["relationships"].append({"objectId": "O9"}),
        "events[0] (e1): there is no object O9",
    ),
    "bad relationship": (
        lambda e: e.update(relationships=[{"id": "O1"}]),
        "events[0]: Object missing required field `objectId` - at `$.relationships[0]`",
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_event_loses_no_other(
    spoil: Callable[[dict[str, Any]], Any], expected: str, tmp_path: Path
) -> None:
    log = small_log()
    spoil(log["events"][0])
    (chunk,), report = read(written(tmp_path / "log.json", log))
    assert chunk.ids == ["e2"]
    assert [str(problem) for problem in report.problems] == [expected]
    assert (report.bad, report.read) == (1, 1)


BAD_LOGS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no events": (lambda log: log.pop("events"), "not OCEL 2.0: it has no events"),
    "OCEL 1.0": (
        lambda log: (log.clear(), log.update({"ocel:events": {}})),
        "has no objectTypes, eventTypes, objects, events; this is OCEL 1.0",
    ),
    "events is no list": (lambda log: log.update(events={}), "events: Expected `array`, got"),
    "an object without type": (
        lambda log: log["objects"][1].pop("type"),
        "objects[1]: Object missing required field `type`",
    ),
    "an object of unknown type": (
        lambda log: log["objects"][1].update(type="X"),
        "objects[1] (O2): there is no object type 'X'",
    ),
    "an object twice": (
        lambda log: log["objects"][1].update(id="O1"),
        "objects[1]: 'O1' stands twice",
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), BAD_LOGS.values(), ids=BAD_LOGS)
def test_a_wrong_structure_is_refused(
    spoil: Callable[[dict[str, Any]], Any], expected: str, tmp_path: Path
) -> None:
    log = small_log()
    spoil(log)
    path = written(tmp_path / "log.json", log)
    with pytest.raises(InvalidInput) as caught:
        read(path)
    assert expected in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize("content", ["", "{", json.dumps(small_log())[:-1], "<log/>"])
def test_what_is_no_json_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(content)
    with pytest.raises(MalformedInput, match="not JSON"):
        read(path)


def test_a_json_list_is_no_ocel(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"not OCEL 2\.0"):
        read(written(tmp_path / "log.json", []))


def test_a_mapping_that_names_what_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "log.json", small_log())
    with pytest.raises(DefinitionError) as caught:
        read(path, objects={"order": "order"}, attributes=["colour"], outcome="result")
    fields = {problem.field: problem.message for problem in caught.value.problems}
    assert fields == {
        "objects.order": f"{path} has no object type 'order'; it has Invoice, Order",
        "attributes.colour": f"{path} has no event attribute 'colour'; it has clerk",
        "outcome": f"{path} has no event attribute 'result'; it has clerk",
    }
