"""No planted secret reaches the disk outside the spool, in any field of any signal or format."""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from planted_secrets import PATTERN, Planter, found_in, otlp_json

from collector.otlp_signals import OTLP_SIGNALS
from suture.store.engine import Store, embedded_url

pytestmark = pytest.mark.store

ROOT = Path(__file__).resolve().parents[2]
Suture = Callable[..., "subprocess.CompletedProcess[str]"]

CONTRACT = """
contract: com.test.ordered
version: 1
owner: erp-platform
system: erp
milestone: purchase_order_created
objects: {requisition: data.requisition}
attributes: {facility: data.facility, nested: data.nested}
reason: data.reason
"""
MAPPING = """
source: /import/planted
case: case
id: id
milestone: step
time: when
objects: {requisition: object}
attributes: [facility]
reason: note
"""
NAMED = "Erika Mustermann"
"""A value that no pattern knows: hidden for its key."""


def _configuration(folder: Path) -> Path:
    shutil.copytree(ROOT / "deploy" / "config" / "healthcare", folder)
    rules = [
        {"rule": "named", "action": "deny", "keys": ["patient.name", "*_patient_name"]},
        {"rule": "people", "action": "hash", "objects": ["patient"]},
        {"rule": "planted", "action": "deny", "values": [PATTERN]},
    ]
    (folder / "redaction.yaml").write_text(yaml.safe_dump({"rules": rules}), encoding="utf-8")
    (folder / "contracts" / "test.yaml").write_text(CONTRACT, encoding="utf-8")
    return folder


class Sender:
    """Sends planted telemetry and events to a running platform."""

    def __init__(self, running: Any, planter: Planter) -> None:
        self.url = running.ready["ingest"]
        self.http = running.http
        self.grpc = running.ready["grpc"]
        self.planter = planter

    def telemetry(self) -> None:
        with grpc.insecure_channel(self.grpc) as channel:
            for kind in OTLP_SIGNALS:
                name = kind.signal.value
                url = self.url + kind.path
                plant = self.planter.fill
                binary = plant(kind.request(), f"{name}protobuf").SerializeToString()
                head = {"content-type": "application/x-protobuf"}
                assert self.http.post(url, content=binary, headers=head).status_code == 200
                text = otlp_json(plant(kind.request(), f"{name}json"))
                assert self.http.post(url, json=text).status_code == 200
                export = channel.unary_unary(f"/{kind.service}/Export")
                export(plant(kind.request(), f"{name}grpc").SerializeToString(), timeout=30)
                broken = self.planter.secret(f"{name}broken", "body").encode()
                assert self.http.post(url, content=broken, headers=head).status_code == 400

    def spans_that_are_refused_as_milestones(self) -> None:
        secret = self.planter.secret
        values = {
            "business.milestone": secret("spanrefused", "milestone"),
            "business.outcome": secret("spanrefused", "outcome"),
            "business.object.requisition": secret("spanrefused", "object"),
            "business.attr.facility": secret("spanrefused", "facet"),
            "business.attr.the_patient_name": NAMED,
        }
        attributes = [{"key": k, "value": {"stringValue": v}} for k, v in values.items()]
        now = str(int(datetime.now(UTC).timestamp() * 1e9))
        span = {
            "traceId": "ab" * 16,
            "spanId": "cd" * 8,
            "name": "x",
            "startTimeUnixNano": now,
            "endTimeUnixNano": now,
            "attributes": attributes,
        }
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        assert self.http.post(f"{self.url}/v1/traces", json=body).status_code == 200

    def events(self, kind: str, *, status: int, **changes: Any) -> None:
        """Native and contract events, in all three modes; `changes` make them refused."""
        for mode in ("structured", "batch", "binary"):
            for made in (self._native, self._by_contract):
                event = made(f"{kind}{mode}") | changes
                assert self._send(event, mode) == status, (kind, mode, event["type"])

    def _send(self, event: dict[str, Any], mode: str) -> int:
        url = f"{self.url}/v1/milestones"
        if mode == "binary":
            data = event.pop("data")
            head = {f"ce-{name}": value for name, value in event.items()}
            return int(self.http.post(url, json=data, headers=head).status_code)
        batch = "-batch" if mode == "batch" else ""
        head = {"content-type": f"application/cloudevents{batch}+json"}
        body = json.dumps([event] if batch else event)
        return int(self.http.post(url, content=body, headers=head).status_code)

    def _context(self, kind: str, type_: str) -> dict[str, Any]:
        secret = self.planter.secret
        named = ("id", "subject", "correlationid", "causationid", "bamtxid", "bampid")
        named += ("dataclassification", "custom", "dataschema")
        return {
            "specversion": "1.0",
            "type": type_,
            "source": "/" + secret(kind, "source"),
            "time": datetime.now(UTC).isoformat(),
            "traceparent": "00-" + secret(kind, "traceparent"),
        } | {name: secret(kind, name) for name in named}

    def _native(self, kind: str) -> dict[str, Any]:
        secret = self.planter.secret
        data = {
            "milestone": secret(kind, "milestone"),
            "objects": [
                {"type": secret(kind, "object type"), "id": secret(kind, "object id")},
                {"type": "patient", "id": NAMED},
            ],
            "attributes": {
                secret(kind, "attribute key"): secret(kind, "attribute value"),
                "nested": {secret(kind, "nested key"): [secret(kind, "nested value")]},
                "the_patient_name": NAMED,
                "patient": {"name": NAMED},
            },
            "reason": secret(kind, "reason"),
            "environment": secret(kind, "environment"),
            "system": secret(kind, "system"),
            "else": secret(kind, "unknown field"),
        }
        return self._context(kind, "suture.milestone") | {"data": data}

    def _by_contract(self, kind: str) -> dict[str, Any]:
        secret = self.planter.secret
        data = {
            "requisition": [secret(kind, "id")],
            "facility": secret(kind, "facility"),
            "nested": {"patient": {"name": NAMED}, "x": secret(kind, "nested")},
            "reason": secret(kind, "reason"),
            "else": secret(kind, "unmapped"),
        }
        context = self._context(kind, "com.test.ordered")
        del context["dataschema"]
        return context | {"data": data, "dataversion": "1"}


def _import(suture: Suture, planter: Planter, tmp_path: Path, common: list[str]) -> None:
    columns = ["id", "case", "step", "object", "facility", "note"]
    good = [planter.secret("import", column) for column in columns]
    bad = [planter.secret("importrefused", column) for column in columns]
    log = tmp_path / "log.csv"
    lines = [",".join([*columns, "when"]), ",".join([*good, "2026-01-02T03:04:05Z"])]
    log.write_text("\n".join([*lines, ",".join([*bad, "never"])]), encoding="utf-8")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    done = suture("import", log, "--map", mapping, *common)
    assert "1 imported" in done.stdout, done.stderr


def _texts(store: Store) -> dict[str, str]:
    """Every row of every table, as text."""
    found = store.rows(
        "SELECT name, create_table_query AS text FROM system.tables"
        " WHERE database = currentDatabase()"
    )
    texts = {}
    for table in found:
        rows = store.rows(f"SELECT formatRow('JSONEachRow', *) AS line FROM `{table['name']}`")
        texts[table["name"]] = table["text"] + "".join(row["line"] for row in rows)
    return texts


def _without_masks(store: Store) -> list[str]:
    """Text columns of telemetry in which nothing was hidden, ids and names of ours aside."""
    found = store.rows(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
        " AND match(table, '^otel_(traces|logs|metrics_\\\\w+)$') AND position(type, 'String') > 0"
    )
    ours = ("TraceId", "SpanId", "SpanKind", "StatusCode", "ServiceName")
    columns = [(c["table"], c["name"]) for c in found if not c["name"].endswith(ours)]
    assert columns
    return [
        f"{table}.{name}"
        for table, name in columns
        if not store.rows(
            f"SELECT count() AS hidden FROM `{table}` WHERE toString(`{name}`) LIKE '%(redacted)%'"
        )[0]["hidden"]
    ]


def test_no_planted_secret_is_found_anywhere(
    launch: Any, suture: Suture, tmp_path: Path, lone_engine_url: str
) -> None:
    config, data = _configuration(tmp_path / "config"), tmp_path / "planted"
    planter = Planter()
    running = launch("serve", f"--config={config}", data=data)
    sender = Sender(running, planter)
    sender.telemetry()
    sender.spans_that_are_refused_as_milestones()
    sender.events("taken", status=202)
    past = len(planter.places)
    sender.events("refusedtime", status=400, time="in the past")
    sender.events("refusedtype", status=400, type=planter.secret("refusedtype", "type"))
    refused = set(list(planter.places)[past:])
    running.wait_settled()
    letters = running.all("/dead-letters")
    assert running.terminate() == 0
    common = [f"--config={config}", f"--data={data}"]
    _import(suture, planter, tmp_path, common)

    with Store(embedded_url(data / "store")) as store:
        texts, unsearched = _texts(store), _without_masks(store)
    # Whole payloads are for those who may see them: without keys, on this machine, for everyone.
    shown = [{k: v for k, v in letter.items() if k != "payload"} for letter in letters]
    assert not found_in(json.dumps(shown).encode())
    assert not unsearched, f"nothing was redacted in {unsearched}, so nothing was planted there"
    for name in ("milestones", "dead_letters"):
        assert "(redacted)" in texts[name], f"nothing arrived in {name}"
    leaks = [
        f"{planter.places[secret]} in table {name}"
        for name, text in texts.items()
        for secret in found_in(text.encode())
    ]
    assert not leaks
    assert [name for name, text in texts.items() if NAMED in text] == []
    for file in (*data.rglob("*"), tmp_path / "platform.log"):
        if file.is_file():
            content = file.read_bytes()
            payloads = file.name.startswith("spool.db")
            left = found_in(content) - (refused if payloads else set())
            left -= {s for s, place in planter.places.items() if payloads and "refused" in place}
            assert not left, [f"{planter.places[secret]} in {file}" for secret in left]
            assert payloads or NAMED.encode() not in content, file
