import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent

from collector.cloudevents import BATCHED, STRUCTURED, check_event, parse_time, read_request
from suture.errors import InvalidInput, MalformedInput, UnsupportedMedia

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/erp",
    "type": "suture.milestone",
    "time": "2026-11-22T09:14:03.120Z",
    "data": {"a": 1},
}


def lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in dict(headers).items()}


def test_structured() -> None:
    (raw,) = read_request(
        {"content-type": f"{STRUCTURED}; charset=utf-8"}, json.dumps(EVENT).encode()
    )
    event = check_event(raw.content)
    assert (event.id, event.source, event.data) == ("1", "/erp", {"a": 1})
    assert event.time == datetime(2026, 11, 22, 9, 14, 3, 120_000, tzinfo=UTC)


def test_a_batch_gives_each_event_and_keeps_what_is_none() -> None:
    raws = read_request({"content-type": BATCHED}, json.dumps([EVENT, 7, {"id": "x"}]).encode())
    assert [raw.content for raw in raws] == [EVENT, 7, {"id": "x"}]
    assert json.loads(raws[0].payload) == EVENT
    assert raws[1].attribute("id") == ""


def test_an_empty_batch_is_no_event() -> None:
    assert read_request({"content-type": BATCHED}, b"[]") == []


def test_binary_values_are_percent_decoded() -> None:
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "%E2%82%AC%20100%25",
        "ce-source": "/erp",
        "ce-type": '"quoted \\"type\\""',
        "ce-facility": "M%C3%BCnchen",
    }
    (raw,) = read_request(headers, b'{"a": 1}')
    event = check_event(raw.content)
    assert event.id == "€ 100%"
    assert event.type == 'quoted "type"'
    assert event.extensions == {"facility": "München"}
    assert event.data == {"a": 1}
    assert raw.content["datacontenttype"] == "application/json"


def test_binary_data_that_is_no_json_is_kept_as_base64() -> None:
    headers = {"content-type": "text/csv", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s",
               "ce-type": "t"}  # fmt: skip
    (raw,) = read_request(headers, b"a;b")
    assert raw.content["data_base64"] == base64.b64encode(b"a;b").decode()


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_what_the_sdk_sends_is_understood(mode: str) -> None:
    attributes = {
        "id": "id €1",
        "source": "/erp/mercy-west",
        "type": "com.example",
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "bamtxid": "tx/1 2",
        "sequence": "17",
    }
    sdk = SdkEvent(attributes=attributes, data={"po": "P-1"})
    message = (to_structured if mode == "structured" else to_binary)(sdk, JSONFormat())
    (raw,) = read_request(lower(message.headers), message.body)
    event = check_event(raw.content)
    assert (event.id, event.source, event.type) == ("id €1", "/erp/mercy-west", "com.example")
    assert event.time == attributes["time"]
    assert event.extensions == {"bamtxid": "tx/1 2", "sequence": "17"}
    assert event.data == {"po": "P-1"}


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/plain", "'text/plain' without ce- headers"),
        ("application/json", "'application/json' without ce- headers"),
        ("", "\\(none\\)"),
        ("application/cloudevents+avro", "avro is not supported"),
        (f"{STRUCTURED}; charset=iso-8859-1", "iso-8859-1"),
    ],
)
def test_content_types_that_are_not_taken(content_type: str, message: str) -> None:
    with pytest.raises(UnsupportedMedia, match=message):
        read_request({"content-type": content_type}, b"{}")


@pytest.mark.parametrize("body", [b"", b" \r\n"])
@pytest.mark.parametrize("content_type", [STRUCTURED, BATCHED])
def test_an_empty_body_is_said_to_be(body: bytes, content_type: str) -> None:
    with pytest.raises(MalformedInput, match=r"^the body is empty$"):
        read_request({"content-type": content_type}, body)


@pytest.mark.parametrize("body", [b"{", b"nul", b'{"a": "\xff"}', b"[" * 100_000])
def test_bodies_that_are_not_json(body: bytes) -> None:
    with pytest.raises(MalformedInput, match="not JSON"):
        read_request({"content-type": STRUCTURED}, body)


def test_a_batch_that_is_no_list() -> None:
    with pytest.raises(MalformedInput, match="list"):
        read_request({"content-type": BATCHED}, json.dumps(EVENT).encode())


def test_a_header_that_is_no_utf8() -> None:
    with pytest.raises(MalformedInput, match="ce-id"):
        read_request({"ce-id": "%FF", "ce-specversion": "1.0"}, b"")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"specversion": None}, "specversion: is required"),
        ({"specversion": "0.3"}, "specversion: is '0.3'"),
        ({"id": None}, "id: is required"),
        ({"id": ""}, "id: has to be text"),
        ({"id": 5}, "id: has to be text"),
        ({"source": None}, "source: is required"),
        ({"source": "a b"}, "source: .* URI reference"),
        ({"source": "//[x"}, "source: .* URI reference"),
        ({"type": None}, "type: is required"),
        ({"time": "yesterday"}, "time: 'yesterday'"),
        ({"time": "2026-02-30T00:00:00Z"}, "time: .* exists"),
        ({"time": "2026-11-22T09:14:03"}, "time: .* with an offset"),
        ({"time": 7}, "time: 7"),
        ({"subject": 5}, "subject: has to be text"),
        ({"dataschema": ""}, "dataschema: has to be text"),
        ({"Upper": "x"}, "Upper: attribute names"),
        ({"with_underscore": "x"}, "with_underscore: attribute names"),
        ({"nested": {}}, "nested: has to be text"),
        ({"ratio": 0.5}, "ratio: has to be text"),
        ({"data_base64": "e30="}, "data: stands beside data_base64"),
        ({"data": None, "data_base64": "%%"}, "data_base64: is not base64"),
        ({"data": None, "data_base64": "e30"}, "data_base64: is not base64"),
        ({"data": None, "data_base64": "ewo="}, "data_base64: the body is not JSON"),
    ],
)
def test_attributes_that_break_the_specification(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_event({**EVENT, **change})


def test_an_event_that_is_no_object() -> None:
    with pytest.raises(InvalidInput, match="JSON object"):
        check_event([1])


def test_extensions_are_kept_as_text_and_null_is_absent() -> None:
    event = check_event({**EVENT, "flag": True, "count": 3, "name": "n", "nothing": None})
    assert event.extensions == {"flag": "true", "count": "3", "name": "n"}


def test_base64_data_is_decoded_where_it_is_json() -> None:
    event = check_event({**EVENT, "data": None, "data_base64": "eyJiIjogMn0="})
    assert event.data == {"b": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T09:14:03Z", datetime(2026, 11, 22, 9, 14, 3, tzinfo=UTC)),
        ("2026-11-22t09:14:03z", datetime(2026, 11, 22, 9, 14, 3, tzinfo=UTC)),
        ("2026-11-22T09:14:03+02:30", datetime(2026, 11, 22, 6, 44, 3, tzinfo=UTC)),
        ("2026-11-22T09:14:03.123456789Z", datetime(2026, 11, 22, 9, 14, 3, 123456, tzinfo=UTC)),
        ("2026-11-22T09:14:03.5Z", datetime(2026, 11, 22, 9, 14, 3, 500_000, tzinfo=UTC)),
        ("2016-12-31T23:59:60.9Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1948-01-26T22:59:00Z", datetime(1948, 1, 26, 22, 59, tzinfo=UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    assert parse_time(text, "time") == expected


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+10:00"])
def test_times_beyond_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_time(text, "time")
