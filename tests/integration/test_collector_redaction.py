"""Redaction of telemetry by the store, held against that of milestones at the door."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.redaction import Redactor
from suture.definitions.redaction import Redacted, Redaction
from suture.errors import StoreRefused
from suture.store import facts
from suture.store.engine import Store
from suture.store.redaction import Landing

pytestmark = pytest.mark.store

KEY = b"a key of the tests"
RULES = {
    "rules": [
        {"rule": "safe", "action": "allow", "keys": ["http.route"]},
        {"rule": "ids", "action": "hash", "objects": ["patient", "order"], "keys": ["*.mrn"]},
        {"rule": "names", "action": "deny", "keys": ["patient.*", "dob"]},
        {"rule": "ssn", "action": "deny", "values": [r"\b\d{3}-\d{2}-\d{4}\b"]},
        {"rule": "mrn", "action": "hash", "values": [r"(?i)\bMRN\d{4,8}\b"]},
    ]
}
STEPS = {"order": ("trim", "upper", "strip_leading_zeros")}
REDACTOR = Redactor(Redaction.model_validate(RULES), KEY, STEPS)  # type: ignore[arg-type]


def keyed(text: str) -> str:
    """The oracle of a hash: Python's own HMAC."""
    return "h-" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()[:32]


def landing(store: Store, redactor: Redactor = REDACTOR) -> Landing:
    return Landing(store=store, rules=redactor.rules, key=redactor.key)


def stored(store: Store, spans: list[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The rows of spans with given attributes, each named by its place."""
    request = ExportTraceServiceRequest()
    found = request.resource_spans.add().scope_spans.add().spans
    for place, attributes in enumerate(spans):
        span = found.add(
            trace_id=bytes([1]) * 16,
            span_id=(place + 1).to_bytes(8, "big"),
            name="plain",
            start_time_unix_nano=time.time_ns(),
        )
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
    where = landing(store)
    segment = facts.new_stream() << 32 | 1
    body = facts.request_body(
        segment, [(1, request.SerializeToString())], pads=where.pads(Redacted.TRACES)
    )
    name = where.table(Redacted.TRACES, "otlp_traces_in")
    facts.insert_spans(store, body, token=str(segment), landing=name)
    sql = "SELECT * FROM otel_traces WHERE WalSegment = {segment:UInt64} ORDER BY SpanId"
    return store.rows(sql, {"segment": segment})


CASES = [
    ("http.route", "/p/123-45-6789", "/p/123-45-6789"),
    ("note", "ssn 123-45-6789 and 987-65-4321.", "ssn (redacted) and (redacted)."),
    ("note", "of mrn12345, MRN9999", f"of {keyed('mrn12345')}, {keyed('MRN9999')}"),
    ("patient.name", "Jo", "(redacted)"),
    ("business.attr.dob", "1970-01-01", "(redacted)"),
    ("visit.mrn", "77", keyed("77")),
    ("visit.mrn", '["7","8"]', f'["{keyed("7")}","{keyed("8")}"]'),
    ("visit.mrn", "", ""),
    ("business.object.patient", "P-1", keyed("P-1")),
    ("business.object.order", " 007x", keyed("7X")),
    ("business.object.order", "7X", keyed("7X")),
    ("business.object.site", "s 123-45-6789", keyed("s 123-45-6789")),
    ("business.event.id", "e-123-45-6789", keyed("e-123-45-6789")),
    ("body", '{"a":{"patient.name":"Jo"}}', "(redacted)"),
    ("patient", '{"name":"Jo"}', "(redacted)"),
    ("other", '{"name":"Jo"}', '{"name":"Jo"}'),
    ("list", '["x","123-45-6789"]', '["x","(redacted)"]'),
    ("list", '["\\n123-45-6789"]', "(redacted)"),
    ("raw", "c3NuIDEyMy00NS02Nzg5", "(redacted)"),
    ("raw", '["c3NuIDEyMy00NS02Nzg5"]', "(redacted)"),
]


def test_store_and_door_redact_alike_and_as_declared(store: Store) -> None:
    rows = stored(store, [{key: value} for key, value, _ in CASES])
    for row, (key, value, expected) in zip(rows, CASES, strict=True):
        assert row["SpanAttributes"] == {key: expected}, (key, value)
        assert REDACTOR.attributes({key: value}) == {key: expected}, (key, value)


TEXT = st.lists(
    st.sampled_from(["MRN1234", "123-45-6789", *' é"\\{[}]x:,\n0']),
    max_size=8,
).map("".join)
NAMES = ["a", "patient.x", "x.mrn", "business.object.order", "http.route", "k 123-45-6789", "dob"]


SPANS = st.lists(st.dictionaries(st.sampled_from(NAMES), TEXT, max_size=4), min_size=30)


@given(SPANS)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_redacted_alike(store: Store, spans: list[dict[str, str]]) -> None:
    for row, given_ in zip(stored(store, spans), spans, strict=True):
        assert row["SpanAttributes"] == REDACTOR.attributes(given_)


def test_rows_without_anything_to_hide_stay_as_they_are(store: Store) -> None:
    (row,) = stored(store, [{"a": "b", "c": json.dumps({"d": [1]})}])
    assert row["SpanAttributes"] == {"a": "b", "c": '{"d": [1]}'}
    assert row["SpanName"] == "plain"


def test_without_rules_the_plain_tables_are_used(store: Store) -> None:
    where = landing(store, Redactor.none())
    assert where.table(Redacted.TRACES, "otlp_traces_in") == "otlp_traces_in"
    assert where.pads(Redacted.TRACES) == b""


def test_other_rules_have_other_tables_and_the_old_ones_go(store: Store) -> None:
    first = landing(store).table(Redacted.TRACES, "otlp_traces_in")
    assert landing(store).table(Redacted.TRACES, "otlp_traces_in") == first
    rules = Redaction.model_validate({"rules": RULES["rules"][:2]})
    second = landing(store, Redactor(rules, KEY)).table(Redacted.TRACES, "otlp_traces_in")
    found = store.rows("SELECT name FROM system.tables WHERE name LIKE 'otlp_%redacted%'")
    names = {row["name"] for row in found}
    assert second in names
    assert first not in names


def test_nothing_is_stored_without_the_key(store: Store) -> None:
    name = landing(store).table(Redacted.TRACES, "otlp_traces_in")
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="x")
    body = facts.request_body(1 << 32, [(1, request.SerializeToString())])
    with pytest.raises(StoreRefused, match="no key to redact with"):
        facts.insert_spans(store, body, token="t", landing=name)
    assert store.rows("SELECT count() AS found FROM otel_traces")[0]["found"] == 0


def test_the_key_is_in_no_definition(store: Store) -> None:
    where = landing(store)
    for signal, plain in (
        (Redacted.TRACES, "otlp_traces_in"),
        (Redacted.LOGS, "otlp_logs_in"),
        (Redacted.METRICS, "otlp_metrics_in"),
    ):
        where.table(signal, plain)
    for row in store.rows("SELECT create_table_query AS text FROM system.tables"):
        assert KEY.decode() not in row["text"]
        assert KEY.hex() not in row["text"].lower()


def test_an_insert_repeated_under_its_token_counts_once(store: Store) -> None:
    where = landing(store)
    name = where.table(Redacted.TRACES, "otlp_traces_in")
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for place, text in enumerate(("of 123-45-6789", "plain")):
        spans.add(
            trace_id=bytes([1]) * 16,
            span_id=bytes([1 + place]) * 8,
            name=text,
            start_time_unix_nano=time.time_ns(),
        )
    pads = where.pads(Redacted.TRACES)
    body = facts.request_body(7 << 32, [(1, request.SerializeToString())], pads=pads)
    for _ in range(2):
        facts.insert_spans(store, body, token="once", landing=name)
    rows = store.rows("SELECT SpanName FROM otel_traces ORDER BY SpanId")
    assert [row["SpanName"] for row in rows] == ["of (redacted)", "plain"]
