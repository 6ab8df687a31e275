"""What the OCEL 2.0 standard demands of a file, written down from its specification (version 2.0).

Section 8 for JSON, section 6 for SQLite; ocel-standard.org. Imports no product code.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, FormatChecker


def _listed(**fields: dict[str, Any]) -> dict[str, Any]:
    """A list of objects that have all these fields; those in capitals may be missing."""
    properties = {name.lower() if name.isupper() else name: s for name, s in fields.items()}
    required = [name for name in fields if not name.isupper()]
    item = {"type": "object", "properties": properties, "required": required}
    return {"type": "array", "items": item}


TEXT: dict[str, Any] = {"type": "string"}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
TYPES = _listed(name=TEXT, attributes=_listed(name=TEXT, type=TEXT))
RELATIONS = _listed(objectId=TEXT, qualifier=TEXT)
JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["eventTypes", "objectTypes", "events", "objects"],
    "properties": {
        "eventTypes": TYPES,
        "objectTypes": TYPES,
        "events": _listed(
            id=TEXT,
            type=TEXT,
            time=TIME,
            ATTRIBUTES=_listed(name=TEXT, value=TEXT),
            RELATIONSHIPS=RELATIONS,
        ),
        "objects": _listed(
            id=TEXT,
            type=TEXT,
            RELATIONSHIPS=RELATIONS,
            ATTRIBUTES=_listed(name=TEXT, value=TEXT, time=TIME),
        ),
    },
}
ATTRIBUTE_TYPES = {"string", "time", "integer", "float", "boolean"}
TABLES = {
    "event": ["ocel_id", "ocel_type"],
    "object": ["ocel_id", "ocel_type"],
    "event_object": ["ocel_event_id", "ocel_object_id", "ocel_qualifier"],
    "object_object": ["ocel_source_id", "ocel_target_id", "ocel_qualifier"],
    "event_map_type": ["ocel_type", "ocel_type_map"],
    "object_map_type": ["ocel_type", "ocel_type_map"],
}


def check_json(log: dict[str, Any]) -> None:
    """The schema, and what it cannot say: ids are unique, what is named exists and is declared."""
    validator = Draft7Validator(JSON_SCHEMA, format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(log)] == []
    objects = [item["id"] for item in log["objects"]]
    events = [event["id"] for event in log["events"]]
    assert len(set(objects)) == len(objects)
    assert len(set(events)) == len(events)
    known = set(objects)
    for kind, types in (("objects", "objectTypes"), ("events", "eventTypes")):
        names = [type_["name"] for type_ in log[types]]
        assert len(set(names)) == len(names)
        declared = {t["name"]: {a["name"]: a["type"] for a in t["attributes"]} for t in log[types]}
        assert {type_ for some in declared.values() for type_ in some.values()} <= ATTRIBUTE_TYPES
        for item in log[kind]:
            assert {a["name"] for a in item.get("attributes", [])} <= set(declared[item["type"]])
            related = [(r["objectId"], r["qualifier"]) for r in item.get("relationships", [])]
            assert {id_ for id_, _ in related} <= known
            assert len(set(related)) == len(related)


def read_sqlite(path: Path) -> dict[str, Any]:
    """A file's tables checked, and put into the form that JSON has."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = {
            n for (n,) in database.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        }
        for table, columns in TABLES.items():
            assert _columns(database, table) == columns
        kinds = {"event": ("events", "eventTypes"), "object": ("objects", "objectTypes")}
        log: dict[str, Any] = {}
        expected = set(TABLES)
        for kind, (items, types) in kinds.items():
            names = dict(database.execute(f"SELECT ocel_type, ocel_type_map FROM {kind}_map_type"))
            expected |= {f"{kind}_{name}" for name in names.values()}
            log[types], log[items] = [], []
            for type_, name in names.items():
                described, found = _items(database, kind, type_, f"{kind}_{name}")
                log[types].append(described)
                log[items] += found
        assert tables == expected
        return log


def _items(
    database: sqlite3.Connection, kind: str, type_: str, table: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    fixed = {"ocel_id", "ocel_time", *(["ocel_changed_field"] if kind == "object" else [])}
    columns = _columns(database, table)
    assert fixed <= set(columns)
    own = [name for name in columns if name not in fixed]
    described = {"name": type_, "attributes": [{"name": n, "type": "string"} for n in own]}
    ids = {
        i for (i,) in database.execute(f"SELECT ocel_id FROM {kind} WHERE ocel_type = ?", [type_])
    }
    found: dict[str, dict[str, Any]] = {}
    for row in database.execute(f'SELECT * FROM "{table}" ORDER BY ocel_time, rowid'):
        time = row["ocel_time"].replace(" ", "T") + "Z"
        item = found.setdefault(row["ocel_id"], {"id": row["ocel_id"], "type": type_})
        some = item.setdefault("attributes", [])
        given = [{"name": n, "value": row[n]} for n in own if row[n] is not None]
        if kind == "event":
            item["time"] = time
        else:
            given = [one | {"time": time} for one in given]
            changed = row["ocel_changed_field"]
            assert [one["name"] for one in given] == [changed] if changed else time[:4] == "1970"
        some += given
    assert set(found) == ids
    relation = "event_object" if kind == "event" else "object_object"
    source, target = TABLES[relation][:2]
    for item in found.values():
        sql = f"SELECT {target}, ocel_qualifier FROM {relation} WHERE {source} = ?"
        item["relationships"] = [
            {"objectId": id_, "qualifier": qualifier}
            for id_, qualifier in database.execute(sql, [item["id"]])
        ]
    return described, list(found.values())


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]


def write_sqlite(log: dict[str, Any], path: Path, *, keys: bool = True) -> Path:
    """A log in JSON's form as SQLite; without `keys` as tools write it that make none."""
    with closing(sqlite3.connect(path)) as database:
        for table, columns in TABLES.items():
            primary = columns[:1] if table.endswith(("type", "event")) else columns
            primary = ["ocel_id"] if table == "object" else primary
            key = f", PRIMARY KEY ({', '.join(primary)})" if keys else ""
            database.execute(
                f"CREATE TABLE {table} ({', '.join(f'{c} TEXT' for c in columns)}{key})"
            )
        for kind, items, types in (
            ("object", "objects", "objectTypes"),
            ("event", "events", "eventTypes"),
        ):
            for described in log[types]:
                _write_type(database, kind, described, log[items])
            for item in log[items]:
                database.execute(f"INSERT INTO {kind} VALUES (?, ?)", [item["id"], item["type"]])
                for one in item.get("relationships") or []:
                    row = [item["id"], one["objectId"], one.get("qualifier", "")]
                    relation = "event_object" if kind == "event" else "object_object"
                    database.execute(f"INSERT INTO {relation} VALUES (?, ?, ?)", row)
        database.commit()
    return path


def _write_type(
    database: sqlite3.Connection, kind: str, described: dict[str, Any], items: list[dict[str, Any]]
) -> None:
    table = kind + "_" + "".join(c for c in described["name"] if c.isalnum())
    map_row = [described["name"], table.partition("_")[2]]
    database.execute(f"INSERT INTO {kind}_map_type VALUES (?, ?)", map_row)
    own = [a["name"] for a in described.get("attributes") or []]
    columns = ["ocel_id", "ocel_time", *(["ocel_changed_field"] if kind == "object" else []), *own]
    quoted = ", ".join(f'"{name}"' for name in columns)
    database.execute(f'CREATE TABLE "{table}" ({quoted})')
    for item in items:
        if item["type"] != described["name"]:
            continue
        values = {a["name"]: a["value"] for a in item.get("attributes") or []}
        time = str(item.get("time", "1970-01-01T00:00:00Z"))
        row = {
            "ocel_id": item["id"],
            "ocel_time": time.replace("T", " ").removesuffix("Z"),
        } | values
        marks = ", ".join("?" for _ in columns)
        database.execute(f'INSERT INTO "{table}" VALUES ({marks})', [row.get(c) for c in columns])


def load_json(path: Path) -> dict[str, Any]:
    """A JSON log, checked."""
    log: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    check_json(log)
    return log
