import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.otlp import MAX_ITEMS, check_request, points_by_kind
from collector.otlp_signals import LOGS, METRICS, TRACES, OtlpSignal
from suture.errors import MalformedInput, TooLarge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NANOS = int(NOW.timestamp()) * 10**9


def request(*spans: Span) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    made.resource_spans.add().scope_spans.add().spans.extend(spans)
    return made


def span(**change: Any) -> Span:
    fields: dict[str, Any] = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "name": "work",
        "start_time_unix_nano": NANOS,
        "end_time_unix_nano": NANOS + 5,
    }
    return Span(**{**fields, **change})


def stored(body: bytes) -> list[Span]:
    checked = check_request(TRACES, body, now=NOW)
    parsed = ExportTraceServiceRequest.FromString(checked.payload)
    spans = [s for r in parsed.resource_spans for ss in r.scope_spans for s in ss.spans]
    assert len(spans) == checked.items
    return spans


def test_a_good_request_passes_unchanged() -> None:
    made = request(span(), span(span_id=b"u" * 8))
    checked = check_request(TRACES, made.SerializeToString(), now=NOW)
    assert (checked.items, checked.rejected, checked.message) == (2, 0, "")
    assert checked.payload == made.SerializeToString()


def test_no_spans_is_a_success() -> None:
    assert check_request(TRACES, b"", now=NOW).items == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trace_id": b""}, "trace id"),
        ({"trace_id": b"t" * 15}, "trace id"),
        ({"trace_id": bytes(16)}, "trace id"),
        ({"span_id": b"s" * 9}, "span id"),
        ({"span_id": bytes(8)}, "span id"),
        ({"start_time_unix_nano": 0, "end_time_unix_nano": 0}, "before 2000"),
        ({"start_time_unix_nano": 10**9}, "before 2000"),
        ({"start_time_unix_nano": NANOS + 86_401 * 10**9}, "in the future"),
        ({"start_time_unix_nano": 2**64 - 1}, "in the future"),
    ],
)
def test_a_bad_span_is_rejected_and_its_neighbours_stay(
    change: dict[str, Any], reason: str
) -> None:
    made = request(span(name="a"), span(**change), span(name="b"))
    checked = check_request(TRACES, made.SerializeToString(), now=NOW)
    assert (checked.items, checked.rejected) == (2, 1)
    assert "1 spans rejected" in checked.message
    assert reason in checked.message
    assert [s.name for s in stored(made.SerializeToString())] == ["a", "b"]


def test_a_span_with_only_an_end_starts_there() -> None:
    (kept,) = stored(request(span(start_time_unix_nano=0)).SerializeToString())
    assert kept.start_time_unix_nano == kept.end_time_unix_nano == NANOS + 5


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        request(span()).SerializeToString()[:-3],
        b"not protobuf at all",
        # A text field that is no UTF-8.
        request(span()).SerializeToString().replace(b"work", b"wo\xff\xfe"),
    ],
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        check_request(TRACES, body, now=NOW)


# Poison: protobuf tolerates these, the store's reader refuses the whole segment for them.

GROUP = b"\xfb\x07\x08\x01\xfc\x07"
"""An unknown field, number 127, of the group wire type."""


def test_unknown_groups_are_dropped() -> None:
    good = request(span()).SerializeToString()
    checked = check_request(TRACES, good + GROUP, now=NOW)
    assert checked.payload == good


def test_booleans_other_than_0_and_1_are_respelled() -> None:
    poisoned = span()
    poisoned.attributes.add(key="flag").value.bool_value = True
    body = request(poisoned).SerializeToString()
    assert body.count(b"\x10\x01") == 1
    checked = check_request(TRACES, body.replace(b"\x10\x01", b"\x10\x02"), now=NOW)
    assert checked.payload == body


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field by hand: what a careless encoder could write."""
    size, length = len(content), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def test_two_members_of_a_union_become_one() -> None:
    both = (
        AnyValue(string_value="x").SerializeToString() + AnyValue(int_value=7).SerializeToString()
    )
    attribute = field(1, b"k") + field(2, both)
    body = field(1, field(2, field(2, span().SerializeToString() + field(9, attribute))))
    expected = span()
    expected.attributes.add(key="k").value.int_value = 7
    assert check_request(TRACES, body, now=NOW).payload == request(expected).SerializeToString()


def nested(depth: int) -> AnyValue:
    value = AnyValue(int_value=1)
    for level in range(depth):
        outer = AnyValue()
        if level % 2:
            outer.array_value.values.add().CopyFrom(value)
        else:
            outer.kvlist_value.values.add(key=f"k{level}").value.CopyFrom(value)
        value = outer
    return value


def test_one_level_of_nesting_stays() -> None:
    deep = span()
    deep.attributes.add(key="k").value.CopyFrom(nested(1))
    (kept,) = stored(request(deep).SerializeToString())
    assert kept == deep


@pytest.mark.parametrize(("depth", "text"), [(2, '[{"k0":1}]'), (3, '{"k2":[{"k0":1}]}')])
def test_deeper_values_become_json_text_wherever_they_stand(depth: int, text: str) -> None:
    deep = span()
    deep.attributes.add(key="k").value.CopyFrom(nested(depth))
    deep.events.add(name="e").attributes.add(key="k").value.CopyFrom(nested(depth))
    deep.links.add(trace_id=b"l" * 16).attributes.add(key="k").value.CopyFrom(nested(depth))
    made = request(deep)
    made.resource_spans[0].resource.attributes.add(key="k").value.CopyFrom(nested(depth))
    payload = check_request(TRACES, made.SerializeToString(), now=NOW).payload
    parsed = ExportTraceServiceRequest.FromString(payload)
    resource = parsed.resource_spans[0]
    (kept,) = resource.scope_spans[0].spans
    for attributes in (
        kept.attributes,
        kept.events[0].attributes,
        kept.links[0].attributes,
        resource.resource.attributes,
    ):
        assert attributes[0].value.string_value == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers(-(2**63), 2**63 - 1),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_no_value_is_lost_whatever_its_depth(value: Any) -> None:
    deep = span()
    fill(deep.attributes.add(key="k").value, value)
    (kept,) = stored(request(deep).SerializeToString())
    found = kept.attributes[0].value
    text_of_deep = found.WhichOneof("value") == "string_value" and not isinstance(value, str)
    assert (json.loads(found.string_value) if text_of_deep else read_back(found)) == value


def fill(target: AnyValue, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            fill(target.array_value.values.add(), item)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            fill(target.kvlist_value.values.add(key=key).value, item)


def read_back(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [read_back(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: read_back(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind)


def test_a_large_request_is_checked_fast_enough_to_bound_an_acknowledgement() -> None:
    body = request(*[span() for _ in range(20_000)]).SerializeToString()
    started = time.perf_counter()
    check_request(TRACES, body, now=NOW)
    assert timedelta(seconds=time.perf_counter() - started) < timedelta(seconds=2)


# -- logs and metrics -----------------------------------------------------------------------------


def logs_request(*times: tuple[int, int]) -> Any:
    made = LOGS.request()
    records = made.resource_logs.add().scope_logs.add().log_records
    for happened, observed in times:
        records.add(time_unix_nano=happened, observed_time_unix_nano=observed)
    return made


DAY = 24 * 3600 * 10**9
OLD = 10**9


@pytest.mark.parametrize(
    ("happened", "observed", "taken"),
    [
        (0, 0, True),
        (NANOS, OLD, True),
        (0, NANOS, True),
        (0, OLD, False),
        (OLD, NANOS, False),
        (NANOS + DAY, 0, True),
        (NANOS + DAY + 1, 0, False),
        (2**64 - 1, NANOS, False),
    ],
)
def test_the_times_of_log_records(happened: int, observed: int, taken: bool) -> None:
    made = logs_request((NANOS, 0), (happened, observed), (NANOS, 0))
    checked = check_request(LOGS, made.SerializeToString(), now=NOW)
    assert (checked.items, checked.rejected) == (2 + taken, 1 - taken)
    assert ("log records rejected" in checked.message) is not taken


KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


@pytest.mark.parametrize("kind", KINDS)
def test_bad_points_are_taken_out_of_any_kind_of_metric(kind: str) -> None:
    made = METRICS.request()
    metrics = made.resource_metrics.add().scope_metrics.add().metrics
    points = getattr(metrics.add(), kind).data_points
    metrics.add(name="without data")
    for nanos in (0, NANOS, OLD, NANOS + 2 * DAY):
        points.add(time_unix_nano=nanos)
    checked = check_request(METRICS, made.SerializeToString(), now=NOW)
    assert (checked.items, checked.rejected) == (2, 2)
    assert checked.message.startswith("2 data points rejected: ")
    assert points_by_kind(checked.payload) == {kind: 2}


def test_points_are_counted_by_kind() -> None:
    made = METRICS.request()
    metrics = made.resource_metrics.add().scope_metrics.add().metrics
    for count, kind in enumerate(KINDS):
        for _ in range(count):
            getattr(metrics.add(), kind).data_points.add()
    found = points_by_kind(made.SerializeToString())
    assert [found[kind] for kind in KINDS] == [0, 1, 2, 3, 4]


def test_a_value_that_is_cut_is_said_though_nothing_is_rejected() -> None:
    made = logs_request((NANOS, 0))
    value = made.resource_logs[0].resource.attributes.add(key="deep").value
    for _ in range(200):
        value = value.array_value.values.add()
    checked = check_request(LOGS, made.SerializeToString(), now=NOW)
    assert (checked.items, checked.rejected) == (1, 0)
    assert checked.message == "attribute values nested more than 16 levels deep were cut (1)"


def test_fields_of_a_newer_otlp_are_dropped_and_deep_values_beside_them_kept() -> None:
    made = logs_request((NANOS, 0))
    made.resource_logs[0].scope_logs[0].log_records[0].body.CopyFrom(nested(2))
    newer = field(15, b"unknown")
    checked = check_request(LOGS, made.SerializeToString() + newer, now=NOW)
    read = LOGS.request.FromString(checked.payload)
    assert read.resource_logs[0].scope_logs[0].log_records[0].body.string_value
    assert b"unknown" not in checked.payload


@pytest.mark.parametrize("count", range(1, 5))
def test_a_deep_value_is_not_overlooked_where_the_rest_grows(count: int) -> None:
    """Packing a list of one makes it longer: the size of the whole proves nothing."""
    bucket = b"\x31" + (5).to_bytes(8, "little")
    point = b"\x19" + NANOS.to_bytes(8, "little") + bucket
    metric = field(9, b"".join(field(1, point) for _ in range(count)))
    resource = METRICS.request().resource_metrics.add().resource
    value = resource.attributes.add(key="deep").value.array_value.values.add()
    value.array_value.SetInParent()
    body = field(1, field(1, resource.SerializeToString()) + field(2, field(2, metric)))
    checked = check_request(METRICS, body, now=NOW)
    (read,) = METRICS.request.FromString(checked.payload).resource_metrics
    assert read.resource.attributes[0].value.string_value == "[[]]"
    points = read.scope_metrics[0].metrics[0].histogram.data_points
    assert [list(p.bucket_counts) for p in points] == [[5]] * count


def test_a_span_that_ends_in_the_far_future_is_rejected() -> None:
    made = request(span(), span(end_time_unix_nano=2**64 - 1))
    checked = check_request(TRACES, made.SerializeToString(), now=NOW)
    assert (checked.items, checked.rejected) == (1, 1)
    assert "future" in checked.message


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (TRACES, [1]), (TRACES, [1, 2]), (TRACES, [1, 2, 2]),
        (LOGS, [1]), (LOGS, [1, 2]), (LOGS, [1, 2, 2]),
        (METRICS, [1]), (METRICS, [1, 2]), (METRICS, [1, 2, 2]),
        *((METRICS, [1, 2, 2, data, 1]) for data in (5, 7, 9, 10, 11)),
    ],
)  # fmt: skip
def test_very_many_empty_items_are_too_many(kind: OtlpSignal, path: list[int]) -> None:
    """Wherever they stand: resources, scopes, items, and points of every kind of metric."""
    few, many = MAX_ITEMS // 20, MAX_ITEMS + 1
    for count in (few, many):
        body = bytes([path[-1] << 3 | 2, 0]) * count
        for number in reversed(path[:-1]):
            body = field(number, body)
        if count == few:
            check_request(kind, body, now=NOW)
            continue
        with pytest.raises(TooLarge):
            check_request(kind, body, now=NOW)
