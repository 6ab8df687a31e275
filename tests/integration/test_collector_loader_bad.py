"""Records that the store refuses, and the threads that load the others."""

import json
from random import Random
from typing import Any

import pytest
from loader_rig import (
    NANOS,
    NOW,
    Killed,
    Rig,
    assert_exactly_once,
    die_at,
    fill,
    milestone,
    span,
    trace_request,
)

from collector.otlp import check_request
from collector.otlp_signals import TRACES
from collector.spool import Spool
from suture.contracts.trace import Signal
from suture.errors import MalformedInput, StoreRefused, StoreUnavailable
from suture.store import facts

pytestmark = pytest.mark.store


def test_a_record_the_store_refuses_is_found_and_kept_as_a_dead_letter(any_rig: Rig) -> None:
    for n in range(1, 8):
        any_rig.put_spans(span(n))
        if n in (2, 5):
            any_rig.put(Signal.TRACES, b"\xff\xff not protobuf \xff", 3)
    any_rig.loader.run_once()
    assert any_rig.one("SELECT count() AS n FROM otel_traces") == {"n": 7}
    letters = any_rig.rows("SELECT door, type, payload_bytes FROM dead_letters")
    assert letters == [{"door": "loader", "type": "traces", "payload_bytes": 17}] * 2
    assert any_rig.pending() == 0


def test_a_segment_of_nothing_but_bad_records_ends(rig: Rig) -> None:
    rig.put(Signal.TRACES, b"\xff\xff\xff", 3)
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": 0}
    assert rig.one("SELECT count() AS n FROM segments FINAL WHERE signal = 'traces'") == {"n": 1}
    assert rig.pending() == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_while_bad_records_are_set_aside(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    rig.put_spans(span(1))
    rig.put(Signal.TRACES, b"\xff\xff\xff", 3)
    rig.put_spans(span(2))
    die_at(monkeypatch, (Spool, "refuse"), after=after)
    with pytest.raises(Killed):
        rig.loader.run_once()
    rig.again().run_once()
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": 2}
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": 1}


def test_milestones_that_cannot_be_read_back_are_dead_letters(rig: Rig) -> None:
    rig.put_milestones(milestone(1))
    rig.put(Signal.MILESTONES, b"\xc1 no msgpack", 2)
    rig.put_milestones(milestone(2))
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n FROM milestones") == {"n": 2}
    assert rig.one("SELECT type, door FROM dead_letters") == {
        "type": "milestones",
        "door": "loader",
    }


def test_a_damaged_record_is_a_dead_letter(rig: Rig) -> None:
    rig.put_spans(span(1))
    rig.put_spans(span(2))
    spool = Spool(rig.path)
    spool._db.execute("UPDATE records SET checksum = checksum + 1 WHERE id = 1")
    spool.close()
    rig.loader.run_once()
    assert rig.one("SELECT SpanId FROM otel_traces") == {"SpanId": f"{2:016x}"}
    assert "checksum" in rig.one("SELECT reason FROM dead_letters")["reason"]


def test_a_store_that_refuses_for_reasons_of_its_own_makes_no_dead_letters(any_rig: Rig) -> None:
    any_rig.put_spans(span(1))
    any_rig.store.execute("RENAME TABLE otlp_traces_in TO hidden")
    with pytest.raises(StoreRefused):
        any_rig.loader.run_once()
    any_rig.store.execute("RENAME TABLE hidden TO otlp_traces_in")
    any_rig.again().run_once()
    assert any_rig.one("SELECT count() AS n FROM otel_traces") == {"n": 1}
    assert any_rig.one("SELECT count() AS n FROM dead_letters") == {"n": 0}


def mutated(body: bytes, random: Random) -> bytes:
    """A request as a careless or hostile encoder could write it."""
    changed = bytearray(body)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(changed))
        kind = random.randrange(5)
        if kind == 0:
            changed[place] = random.randrange(256)
        elif kind == 1:
            del changed[place : place + random.randint(1, 6)]
        elif kind == 2:
            changed[place:place] = random.randbytes(random.randint(1, 6))
        elif kind == 3:
            changed += UNKNOWN_GROUP
        else:
            changed = changed[: max(1, place)]
        if not changed:
            return b""
    return bytes(changed)


UNKNOWN_GROUP = b"\xfb\x07\x08\x01\xfc\x07"


def test_what_the_door_takes_the_store_takes(rig: Rig) -> None:
    random = Random(7)
    plain = span(
        1, text="t", flag=True, number=-3, ratio=0.5, raw=b"\0", many=["a", 1, True], map={"k": 1}
    )
    plain.events.add(name="e", time_unix_nano=NANOS).attributes.add(key="k").value.bool_value = True
    body = trace_request(plain, span(2), span(3)).SerializeToString()
    taken = 0
    for _ in range(1500):
        try:
            checked = check_request(TRACES, mutated(body, random), now=NOW)
        except MalformedInput:
            continue
        if checked.items:
            rig.put(Signal.TRACES, checked.payload, checked.items)
            taken += checked.items
    assert taken > 300
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": 0}
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": taken}


# -- threads --------------------------------------------------------------------------------------


def test_threads_load_what_arrives_and_stop_when_told(rig: Rig) -> None:
    rig.loader.start()
    fill(rig)
    assert rig.loader.drain(timeout_seconds=30)
    assert_exactly_once(rig)
    rig.loader.stop()


def test_stopping_without_draining_leaves_the_rest_in_the_spool(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(facts, "insert_spans", never)
        patched.setattr(facts, "insert_milestones", never)
        rig.loader.start()
        fill(rig)
        rig.loader.stop(drain=False)
    assert rig.pending() == 3
    rig.again().run_once()
    assert_exactly_once(rig)


def test_spans_older_than_the_retention_are_kept_from_their_arrival(rig: Rig) -> None:
    old = span(1, business__milestone="sent", business__object__order="P-1")
    old.start_time_unix_nano = NANOS - 400 * 86_400 * 10**9
    old.end_time_unix_nano = old.start_time_unix_nano + 1
    rig.put_spans(old)
    rig.loader.run_once()
    rig.store.execute("OPTIMIZE TABLE otel_traces FINAL")
    rig.store.execute("OPTIMIZE TABLE otel_traces_trace_id_ts FINAL")
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": 1}
    assert rig.one("SELECT count() AS n FROM otel_traces_trace_id_ts") == {"n": 1}
    assert rig.one("SELECT count() AS n FROM milestones") == {"n": 1}


def test_many_days_in_one_segment_load(any_rig: Rig) -> None:
    days = []
    for n in range(150):
        made = span(n + 1)
        made.start_time_unix_nano = NANOS - n * 86_400 * 10**9
        made.end_time_unix_nano = made.start_time_unix_nano
        days.append(made)
    any_rig.put_spans(*days)
    any_rig.loader.run_once()
    assert any_rig.one("SELECT uniq(toDate(Timestamp)) AS n FROM otel_traces")["n"] == 150


def test_a_preview_is_json_when_the_payload_is(rig: Rig) -> None:
    rig.put_spans(span(3, business__milestone="x"))
    rig.loader.run_once()
    letter = rig.one("SELECT preview FROM dead_letters")
    assert json.loads(letter["preview"])["milestone"] == "x"
