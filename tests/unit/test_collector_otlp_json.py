import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_generator import Maker, as_json

from collector.otlp_json import read_json
from collector.otlp_signals import METRICS, OTLP_SIGNALS, OtlpSignal
from suture.errors import MalformedInput

# The example of the OTLP specification, with every kind of value added.
REQUEST: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeSpans": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0", "attributes": []},
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "attributes": [
                                {"key": "s", "value": {"stringValue": "x"}},
                                {"key": "i", "value": {"intValue": "-9223372036854775808"}},
                                {"key": "n", "value": {"intValue": 7}},
                                {"key": "d", "value": {"doubleValue": 1.5}},
                                {"key": "nan", "value": {"doubleValue": "NaN"}},
                                {"key": "b", "value": {"boolValue": False}},
                                {"key": "y", "value": {"bytesValue": "AAE="}},
                                {
                                    "key": "a",
                                    "value": {"arrayValue": {"values": [{"intValue": 1}]}},
                                },
                                {"key": "e", "value": {"arrayValue": {}}},
                                {
                                    "key": "m",
                                    "value": {
                                        "kvlistValue": {
                                            "values": [{"key": "k", "value": {"boolValue": True}}]
                                        }
                                    },
                                },
                                {"key": "none", "value": {}},
                            ],
                            "events": [
                                {"timeUnixNano": "5", "name": "e", "attributes": [{"key": "q"}]}
                            ],
                            "links": [{"traceId": "00" * 15 + "01", "spanId": "00" * 7 + "02"}],
                            "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
                            "futureField": {"ignored": [1]},
                        }
                    ],
                }
            ],
        }
    ]
}


def span_of(content: Any) -> Any:
    request = read_json(ExportTraceServiceRequest, json.dumps(content).encode())
    return request.resource_spans[0].scope_spans[0].spans[0]


def test_the_specification_s_example() -> None:
    request = read_json(ExportTraceServiceRequest, json.dumps(REQUEST).encode())
    resource_spans = request.resource_spans[0]
    assert resource_spans.resource.attributes[0].value.string_value == "my.service"
    assert resource_spans.scope_spans[0].scope.name == "my.library"
    span = resource_spans.scope_spans[0].spans[0]
    assert span.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert span.span_id.hex() == "eee19b7ec3c1b174"
    assert span.parent_span_id.hex() == "eee19b7ec3c1b173"
    assert span.start_time_unix_nano == 1544712660000000000
    assert span.end_time_unix_nano == 1544712661000000000
    assert (span.kind, span.status.code, span.status.message) == (2, 2, "no")
    values = {a.key: a.value for a in span.attributes}
    assert values["s"].string_value == "x"
    assert values["i"].int_value == -(2**63)
    assert values["n"].int_value == 7
    assert values["d"].double_value == 1.5
    assert values["nan"].double_value != values["nan"].double_value
    assert values["b"].WhichOneof("value") == "bool_value"
    assert values["y"].bytes_value == b"\0\1"
    assert values["a"].array_value.values[0].int_value == 1
    assert values["e"].WhichOneof("value") == "array_value"
    assert values["m"].kvlist_value.values[0].value.bool_value is True
    assert values["none"].WhichOneof("value") is None
    assert span.events[0].time_unix_nano == 5
    assert span.links[0].trace_id.hex().endswith("01")


def test_snake_case_names_are_taken_too() -> None:
    content = {
        "resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "ab" * 16, "name": "x"}]}]}]
    }
    span = span_of(content)
    assert span.trace_id == b"\xab" * 16


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT"])
def test_enumerations_are_numbers_or_names(kind: Any) -> None:
    assert span_of({"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": kind}]}]}]}).kind == 3


def test_an_id_that_is_no_hex_becomes_an_invalid_id() -> None:
    content = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz", "spanId": 5}]}]}]}
    span = span_of(content)
    assert (span.trace_id, span.span_id) == (b"", b"")


def one(span: Any) -> Any:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def attribute(value: Any) -> Any:
    return one({"attributes": [{"key": "k", "value": value}]})


def test_an_empty_body_is_said_to_be() -> None:
    with pytest.raises(MalformedInput, match="the body is empty"):
        read_json(ExportTraceServiceRequest, b"")


SPAN = r"resourceSpans\[0\].scopeSpans\[0\].spans\[0\]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "the body: is not an object"),
        ({"resourceSpans": {}}, None),
        ({"resourceSpans": 5}, "resourceSpans: is not a list"),
        ({"resourceSpans": [5]}, r"resourceSpans\[0\]: is not an object"),
        (one([]), f"{SPAN}: is not an object"),
        (one({"name": 5}), f"{SPAN}.name: is not text"),
        (one({"startTimeUnixNano": "x"}), f"{SPAN}.startTimeUnixNano: is not an integer"),
        (one({"startTimeUnixNano": -1}), f"{SPAN}.startTimeUnixNano: does not fit"),
        (one({"startTimeUnixNano": 2**64}), f"{SPAN}.startTimeUnixNano: does not fit"),
        (one({"startTimeUnixNano": True}), f"{SPAN}.startTimeUnixNano: is not an integer"),
        (one({"kind": "SERVER"}), f"{SPAN}.kind: 'SERVER' is not one of SPAN_KIND_"),
        (one({"kind": 2**40}), f"{SPAN}.kind: does not fit"),
        (attribute({"intValue": "1.5"}), r"attributes\[0\].value.intValue: is not an integer"),
        (attribute({"intValue": 2**63}), "intValue: does not fit 64 bits"),
        (attribute({"stringValue": 1}), "stringValue: is not text"),
        (attribute({"boolValue": "true"}), "boolValue: is not true or false"),
        (attribute({"doubleValue": "x"}), "doubleValue: is not a number"),
        (attribute({"bytesValue": "%"}), "bytesValue: is not base64"),
        (attribute({"arrayValue": []}), "arrayValue: is not an object"),
    ],
)
def test_mistakes_are_named_by_their_place(content: Any, message: str | None) -> None:
    body = json.dumps(content).encode()
    if message is None:
        assert not read_json(ExportTraceServiceRequest, body).resource_spans
        return
    with pytest.raises(MalformedInput, match=message):
        read_json(ExportTraceServiceRequest, body)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": "\xff"}', b"[" * 50_000, b'"\xed\xa0\x80"'])
def test_bodies_that_are_not_json(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        read_json(ExportTraceServiceRequest, body)


def test_a_lone_surrogate_is_malformed() -> None:
    with pytest.raises(MalformedInput):
        read_json(
            ExportTraceServiceRequest,
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
        )


@pytest.mark.parametrize("depth", [60, 400, 5_000])
def test_deep_nesting_is_read_or_refused_but_never_crashes(depth: int) -> None:
    value: str = '{"intValue":1}'
    text = '{"arrayValue":{"values":[' * depth + value + "]}}" * depth
    body = json.dumps(attribute("X")).replace('"X"', text).encode()
    try:
        read_json(ExportTraceServiceRequest, body)
    except MalformedInput:
        assert depth > 60


@given(st.binary(max_size=60))
def test_any_bytes_give_a_request_or_a_clear_refusal(body: bytes) -> None:
    with suppress(MalformedInput):
        assert isinstance(read_json(ExportTraceServiceRequest, body), ExportTraceServiceRequest)


@given(st.binary(max_size=30))
def test_bytes_survive(content: bytes) -> None:
    span = span_of(attribute({"bytesValue": base64.b64encode(content).decode()}))
    assert span.attributes[0].value.bytes_value == content


@pytest.mark.parametrize("kind", OTLP_SIGNALS, ids=lambda kind: kind.signal.value)
@given(seed=st.integers(0, 2**32))
def test_every_field_of_every_signal_is_read_as_protobuf_writes_it(
    kind: OtlpSignal, seed: int
) -> None:
    made = getattr(Maker(seed, nanos=1_800_000_000_000_000_000), kind.signal.value)(1)
    assert read_json(kind.request, as_json(made)).SerializeToString(
        deterministic=True
    ) == made.SerializeToString(deterministic=True)


def test_the_camel_case_name_goes_before_the_other() -> None:
    assert span_of(one({"trace_state": "b", "traceState": "a"})).trace_state == "a"
    assert span_of(one({"traceState": None, "trace_state": "b"})).trace_state == "b"


def test_numbers_of_points_may_be_text() -> None:
    point = {"asInt": "-5", "timeUnixNano": "7", "attributes": None}
    data = {"gauge": {"dataPoints": [point, {"asDouble": "NaN"}, {"asDouble": 2}]}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [data]}]}]}).encode()
    metric = read_json(METRICS.request, body).resource_metrics[0].scope_metrics[0].metrics[0]
    first, second, third = metric.gauge.data_points
    assert (first.as_int, first.time_unix_nano) == (-5, 7)
    assert second.as_double != second.as_double
    assert third.WhichOneof("value") == "as_double"


@pytest.mark.parametrize("count", ["5.5", [], True, -1, 2**64])
def test_a_count_that_is_none_is_named_by_its_place(count: Any) -> None:
    data = {"histogram": {"dataPoints": [{"bucketCounts": ["1", count]}]}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [data]}]}]}).encode()
    with pytest.raises(MalformedInput, match=r"histogram\.dataPoints\[0\]\.bucketCounts\[1\]: "):
        read_json(METRICS.request, body)
