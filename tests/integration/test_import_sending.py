"""Sending a file through a door: what arrives, and what is done about each answer."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import stamina
from answering_platform import Answer, Answering, Platform, accepted, problem
from event_log_generator import case_log, write_csv, write_xes

from collector.files import sending
from collector.files.importer import import_file
from collector.files.mapping import LogMapping
from collector.files.sending import Door, SendResult, send_file
from collector.milestones import MilestoneReader
from suture.clock import ManualClock
from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.errors import (
    AccessDenied,
    DefinitionError,
    InputError,
    InstallationError,
    Unavailable,
)
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAPPING: Mapping[str, Any] = {
    "source": "/import/generated",
    "environment": "staging",
    "objects": {"item": "case:concept:name"},
    "attributes": ["department", "comment", "amount"],
    "system": "erp",
}


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Retries without pauses, at most three attempts."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "log.xes"
    write_xes(case_log(1, cases=20, huge=False), path)
    return path


def send(
    url: str,
    path: Path,
    mapping: Mapping[str, Any] = MAPPING,
    *,
    on_taken: Callable[[int], None] | None = None,
    **options: Any,
) -> SendResult:
    clock = ManualClock(NOW)
    with closing(Door(url, **{"api_key": None, "clock": clock, **options})) as door:
        return send_file(
            door,
            path,
            LogMapping.model_validate(dict(mapping)),
            catalog=Catalog(),
            clock=clock,
            on_taken=on_taken,
        )


@pytest.mark.store
def test_what_is_sent_is_what_a_direct_import_stores(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    events = case_log(2, cases=60)
    write_xes(events, path)
    door = Platform()
    with door.open() as url:
        result = send(url, path)
    assert (result.read, result.accepted, result.bad) == (len(events), len(events), 0)
    milestones = _as_the_collector_reads_them(door)
    segment = segment_number(new_stream(), 1)
    table = milestone_table(milestones, segment=segment, recorded_at=NOW)
    store.insert_arrow("milestones", table)
    finish_segment(
        store, segment=segment, signal=Signal.MILESTONES, rows=len(milestones), finished_at=NOW
    )
    mapping = LogMapping.model_validate(dict(MAPPING))
    direct = import_file(store, path, mapping, catalog=Catalog(), clock=ManualClock(NOW))
    assert (direct.imported, direct.conflicting) == (0, 0)
    assert direct.already_known == len(events)
    assert {(m.environment, m.system) for m in milestones} == {("staging", "erp")}


def _as_the_collector_reads_them(door: Platform) -> list[Milestone]:
    reader = MilestoneReader(Catalog())
    read: list[Milestone] = []
    for _, headers, events in door.requests:
        names = {name.lower(): value for name, value in headers.items()}
        reading = reader.read(names, json.dumps(events).encode(), now=NOW)
        assert not reading.rejected
        read += reading.accepted
    return read


def test_batches_are_bounded_and_carry_the_key(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "EVENTS_PER_REQUEST", 50)
    door = Platform()
    with door.open() as url:
        result = send(f"{url}/", log_file, api_key="secret")
    paths = {path for path, _, _ in door.requests}
    headers = [{n.lower(): v for n, v in h.items()} for _, h, _ in door.requests]
    assert paths == {"/v1/milestones"}
    assert {h["content-type"] for h in headers} == {"application/cloudevents-batch+json"}
    assert {h["authorization"] for h in headers} == {"Bearer secret"}
    assert max(len(events) for _, _, events in door.requests) == 50
    assert len({event["id"] for event in door.events}) == result.accepted


def test_refused_events_are_bad_and_the_others_are_in(log_file: Path) -> None:
    def refuses_two(events: list[dict[str, Any]]) -> Answer:
        rejected = [{"index": n, "id": events[n]["id"], "reason": "no"} for n in (0, 3)]
        return 207, {}, {"accepted": len(events) - 2, "rejected": rejected}

    with (door := Platform(refuses_two)).open() as url:
        result = send(url, log_file)
    assert (result.bad, result.accepted) == (2, result.read - 2)
    assert str(result.problems[0]) == f"event {door.events[0]['id']}: no"
    assert not result.complete


def test_a_wholly_refused_batch_is_bad_not_an_error(log_file: Path) -> None:
    def refuses_all(events: list[dict[str, Any]]) -> Answer:
        rejected = [{"index": n, "id": e["id"], "reason": "no"} for n, e in enumerate(events)]
        return 400, {}, {"accepted": 0, "rejected": rejected}

    with Platform(refuses_all).open() as url:
        result = send(url, log_file)
    assert (result.accepted, result.bad) == (0, result.read)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_platform_is_tried_again(log_file: Path, status: int) -> None:
    busy = problem(status, "later", **{"retry-after": "0"})
    door = Platform(busy, busy, accepted)
    with door.open() as url:
        result = send(url, log_file)
    assert len(door.requests) == 3
    assert result.accepted == result.read == len(door.requests[2][2])


@pytest.mark.usefixtures("no_waiting")
def test_one_that_stays_busy_is_said_to_be(log_file: Path) -> None:
    busy = problem(503, "the spool is full")
    with Platform(busy, busy, busy).open() as url, pytest.raises(Unavailable) as caught:
        send(url, log_file)
    assert caught.value.message == f"{url}/v1/milestones answers 503: the spool is full"


def test_a_door_that_was_never_reached_is_not_waited_for(log_file: Path) -> None:
    said: list[str] = []
    with Platform().open() as url:
        pass
    with stamina.set_testing(True, attempts=1), pytest.raises(Unavailable) as caught:
        send(url, log_file, on_wait=said.append)
    assert caught.value.message == f"{url}/v1/milestones does not answer (connection refused)"
    assert said == []


@pytest.mark.usefixtures("no_waiting")
def test_a_platform_that_restarts_in_the_middle_is_waited_for_and_that_is_said_once() -> None:
    platform, said = Platform(), list[str]()
    with ExitStack() as stack:

        def begin_again(why: str) -> None:
            said.append(why)
            stack.enter_context(platform.open(port))

        with platform.open() as url:
            port = int(url.rpartition(":")[2])
            door = stack.enter_context(
                closing(Door(url, api_key=None, clock=ManualClock(NOW), on_wait=begin_again))
            )
            assert door.send([{"id": "1"}]) == []
        assert door.send([{"id": "2"}]) == []
    assert platform.events == [{"id": "1"}, {"id": "2"}]
    why = f"{url}/v1/milestones does not answer (connection refused)"
    assert said == [f"{why}; trying again for up to 5 min, Ctrl-C to stop"]


@pytest.mark.usefixtures("no_waiting")
def test_why_a_batch_waits_is_said_once_and_what_was_taken_each_time(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "EVENTS_PER_REQUEST", 50)
    busy = problem(503, "the spool is full", **{"retry-after": "0"})
    said, taken = list[str](), list[int]()
    with Platform(accepted, busy, busy, accepted, busy).open() as url:
        result = send(url, log_file, on_wait=said.append, on_taken=taken.append)
    why = f"{url}/v1/milestones answers 503: the spool is full"
    assert said == [f"{why}; trying again for up to 5 min, Ctrl-C to stop"]
    assert len(taken) > 2
    assert sum(taken) == result.accepted == result.read


def test_the_pause_is_the_one_asked_for(log_file: Path) -> None:
    later = format_datetime(NOW + timedelta(seconds=0.0), usegmt=True)
    door = Platform(
        problem(429, "", **{"Retry-After": "0"}),
        problem(503, "", **{"Retry-After": later}),
        accepted,
    )
    with door.open() as url:
        assert send(url, log_file).complete
    assert sending._retry_after_seconds("7", now=NOW) == 7
    in_a_minute = format_datetime(NOW + timedelta(minutes=1), usegmt=True)
    assert sending._retry_after_seconds(in_a_minute, now=NOW) == 60
    assert sending._retry_after_seconds("soon", now=NOW) == 1


def test_a_batch_that_is_too_large_is_sent_in_parts(log_file: Path) -> None:
    def at_most_sixty(events: list[dict[str, Any]]) -> Answer:
        if len(events) > 60:
            return problem(413, "too large")(events)
        return accepted(events)

    door = Platform(*[at_most_sixty] * 50)
    with door.open() as url:
        result = send(url, log_file)
    assert result.complete
    assert result.accepted == result.read > 60


def test_an_event_that_is_too_large_alone_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write_csv(case_log(3, cases=2), path)
    door = Platform(
        *[lambda events: (413 if len(json.dumps(events)) > 10**6 else 202, {}, {})] * 50
    )
    fields = {"case": "case", "milestone": "activity", "time": "when", "objects": {"item": "case"}}
    mapping = {**MAPPING, **fields}
    with door.open() as url:
        result = send(url, path, mapping)
    assert (result.bad, result.accepted) == (1, result.read - 1)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (problem(401, "send a key"), AccessDenied, "answers 401: send a key"),
        (problem(403, "not this one"), AccessDenied, "answers 403: not this one"),
        (problem(400, "the body is not JSON"), InputError, "answers 400: the body is not JSON"),
        (problem(404, ""), InputError, "answers 404: no"),
        (lambda events: (500, {}, b"<html>"), InputError, "answers 500: Internal Server Error"),
    ],
)
def test_an_answer_that_ends_it_is_told(
    answer: Answering, error: type[Exception], message: str, log_file: Path
) -> None:
    with Platform(answer).open() as url, pytest.raises(error, match=message):
        send(url, log_file)


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused(url: str, log_file: Path) -> None:
    with pytest.raises(InstallationError, match="is not an address"):
        send(url, log_file)


def test_nothing_is_sent_with_a_mapping_that_does_not_fit(log_file: Path) -> None:
    mapping = {**MAPPING, "reason": "plant"}
    door = Platform()
    with door.open() as url, pytest.raises(DefinitionError, match="has no column 'plant'"):
        send(url, log_file, mapping)
    assert door.requests == []
