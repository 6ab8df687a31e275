"""The demo's CloudEvents, read back by the CloudEvents SDK."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from suture.app.demo.cloudevents_http import BATCH, batch, binary, structured
from suture.app.demo.signals import EventOut
from suture.app.demo.simulate import Simulation
from suture.app.demo.story import Run

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
KNOWN = {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    simulation = Simulation(run=Run(seed=5, start=START), history=timedelta(days=1))
    found = []
    for case in simulation.cases():
        if case.start > START:
            return found
        found += [
            dict(d.item.event)
            for d in case.deliveries
            if isinstance(d.item, EventOut) and not d.again
        ]
    raise AssertionError("the stream ended")


def _same(read: Any, event: dict[str, Any]) -> bool:
    attributes = dict(read.get_attributes())
    time = attributes.pop("time")
    expected = {k: v for k, v in event.items() if k not in ("data", "time")}
    return (
        attributes == expected
        and time == datetime.fromisoformat(event["time"])
        and read.get_data() == event["data"]
    )


def test_structured_events_are_valid(events: list[dict[str, Any]]) -> None:
    for event in events:
        headers, body = structured(event)
        assert _same(from_structured(HTTPMessage(headers, body), JSONFormat()), event)


def test_binary_events_are_valid(events: list[dict[str, Any]]) -> None:
    for event in events:
        headers, body = binary(event)
        assert _same(from_binary(HTTPMessage(headers, body), JSONFormat()), event)


def test_a_batch_is_an_array_of_structured_events(events: list[dict[str, Any]]) -> None:
    headers, body = batch(events[:50])
    assert headers == {"content-type": BATCH}
    for one, event in zip(json.loads(body), events[:50], strict=True):
        message = HTTPMessage(*structured(one))
        assert _same(from_structured(message, JSONFormat()), event)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_binary_headers_carry_any_text(subject: str) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/x",
        "type": "t",
        "subject": subject,
        "datacontenttype": "application/json",
        "data": {},
    }
    headers, body = binary(event)
    assert headers["ce-subject"].isascii()
    read = from_binary(HTTPMessage(headers, body), JSONFormat())
    assert read.get_subject() == subject


def test_identities_are_unique_and_repeatable(events: list[dict[str, Any]]) -> None:
    identities = [(event["source"], event["id"]) for event in events]
    assert len(set(identities)) == len(identities)


def test_native_events_have_the_agreed_form(events: list[dict[str, Any]]) -> None:
    native = [event for event in events if event["type"] == "suture.milestone"]
    assert 0 < len(native) < len(events)
    for event in native:
        data = event["data"]
        assert set(data) == {"milestone", "objects", "attributes", "outcome", "reason"}
        assert data["outcome"] in ("ok", "failed", "rejected")
        assert (data["outcome"] == "ok") is (data["reason"] == "")
        assert all(set(one) == {"type", "id"} and one["id"] for one in data["objects"])
        assert data["attributes"]["facility"] in ("mercy-west", "mercy-east", "mercy-north")


def test_events_belong_to_a_trace(events: list[dict[str, Any]]) -> None:
    for event in events:
        version, trace, span, flags = event["traceparent"].split("-")
        assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
        assert set(event) - KNOWN <= {"traceparent", "deploymentenvironment", "version"}
