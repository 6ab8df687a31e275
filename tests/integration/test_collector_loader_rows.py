"""What the loader makes of spool records: rows, milestones, dead letters."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from loader_rig import CATALOG, NANOS, NOW, Rig, milestone, object_key, set_attribute, span

from collector.loader import Loader
from collector.refusals import make_refusal
from collector.spool import Spool
from suture.contracts.milestone import Outcome
from suture.contracts.objects import ObjectRef

pytestmark = pytest.mark.store


def test_a_span_becomes_a_row_with_the_exporter_s_columns(any_rig: Rig) -> None:
    made = span(
        7, text='q"uo', empty="", zero=0, no=False, yes=True, ratio=0.1, raw=b"\0\1", none=None,
        many=["a", 1, False, 1.5, None], map={"k": "v", "n": -7}, big=2**53 + 1,
    )  # fmt: skip
    made.parent_span_id = bytes(7) + b"\x09"
    made.trace_state = "a=b"
    made.status.code = 2
    made.status.message = "no"
    event = made.events.add(name="happened", time_unix_nano=NANOS + 5)
    set_attribute(event.attributes.add(), "why", "because")
    link = made.links.add(trace_id=b"l" * 16, span_id=b"m" * 8, trace_state="x=y")
    set_attribute(link.attributes.add(), "n", 1)
    any_rig.put_spans(made, environment="staging")
    any_rig.loader.run_once()
    row = any_rig.one("SELECT *, toUnixTimestamp64Nano(Timestamp) AS nanos FROM otel_traces")
    assert row["nanos"] == NANOS
    assert row["TraceId"] == f"{7:032x}"
    assert (row["SpanId"], row["ParentSpanId"]) == (f"{7:016x}", f"{9:016x}")
    assert (row["TraceState"], row["SpanName"], row["SpanKind"]) == ("a=b", "work 7", "Server")
    assert row["ServiceName"] == "api"
    assert row["ResourceAttributes"] == {
        "service.name": "api",
        "deployment.environment.name": "staging",
    }
    assert (row["ScopeName"], row["ScopeVersion"]) == ("lib", "1")
    assert row["SpanAttributes"] == {
        "text": 'q"uo',
        "empty": "",
        "zero": "0",
        "no": "false",
        "yes": "true",
        "ratio": "0.1",
        "raw": base64.b64encode(b"\0\1").decode(),
        "none": "",
        "many": '["a",1,false,1.5,null]',
        "map": '{"k":"v","n":-7}',
        "big": str(2**53 + 1),
    }
    assert row["Duration"] == 2_000_000_123
    assert (row["StatusCode"], row["StatusMessage"]) == ("Error", "no")
    assert row["Events.Name"] == ["happened"]
    assert row["Events.Attributes"] == [{"why": "because"}]
    assert row["Links.TraceId"] == [(b"l" * 16).hex()]
    assert row["Links.SpanId"] == [(b"m" * 8).hex()]
    assert row["Links.TraceState"] == ["x=y"]
    assert row["Links.Attributes"] == [{"n": "1"}]
    assert row["ReceivedAt"] == NOW
    times = any_rig.one("SELECT * FROM otel_traces_trace_id_ts")
    assert times["TraceId"] == row["TraceId"]
    assert times["Start"] <= times["End"]


def test_a_span_that_ends_before_it_starts_lasts_no_time(rig: Rig) -> None:
    made = span()
    made.end_time_unix_nano = NANOS - 1
    made.kind = 77  # type: ignore[assignment]
    rig.put_spans(made)
    rig.loader.run_once()
    row = rig.one("SELECT Duration, SpanKind FROM otel_traces")
    assert row == {"Duration": 0, "SpanKind": "77"}


def test_milestones_become_rows(any_rig: Rig) -> None:
    given = milestone(
        1,
        occurred_at=datetime(1948, 1, 26, 22, 59, 0, 123, tzinfo=UTC),
        objects=(ObjectRef(type="order", id="P-1"), ObjectRef(type="requisition", id="R-1")),
        environment="staging",
        system="erp",
        attributes={"facility": "west"},
        outcome=Outcome.REJECTED,
        reason="too dear",
        sequence=4,
        trace_id="t",
        span_id="s",
        extensions={"bampid": "b"},
        contract="c",
        contract_version="2",
    )
    any_rig.put_milestones(given)
    any_rig.loader.run_once()
    row = any_rig.one("SELECT * FROM milestones")
    event_key, content_hash = row.pop("event_key"), row.pop("content_hash")
    segment = row.pop("segment")
    assert len(event_key) == len(content_hash) == 32
    assert row == {
        "environment": "staging",
        "source": "/erp",
        "id": "e1",
        "milestone": "approved",
        "system": "erp",
        "occurred_at": given.occurred_at,
        "recorded_at": NOW,
        "sequence": 4,
        "object_types": ["order", "requisition"],
        "object_ids": ["P-1", "R-1"],
        "attributes": {"facility": "west"},
        "outcome": "rejected",
        "reason": "too dear",
        "trace_id": "t",
        "span_id": "s",
        "extensions": {"bampid": "b"},
        "contract": "c",
        "contract_version": "2",
    }
    finished = any_rig.one("SELECT segment, signal, rows FROM segments FINAL")
    assert finished == {"segment": segment, "signal": "milestones", "rows": 1}


def test_dead_letters_become_rows(any_rig: Rig) -> None:
    refusal = make_refusal(
        b'{"a": 1}', reason="no", received_at=NOW, door="milestones", content_type="x",
        environment="e", source="/s", event_id="i", type_="t", owner="o",
    )  # fmt: skip
    spool = Spool(any_rig.path)
    spool.append([], [refusal, refusal])
    spool.close()
    any_rig.loader.run_once()
    rows = any_rig.rows("SELECT * FROM dead_letters")
    assert len(rows) == 2
    segment = rows[0].pop("segment")
    assert segment == any_rig.one("SELECT segment FROM segments FINAL")["segment"]
    assert rows[0] == {
        "id": refusal.letter.id,
        "received_at": NOW,
        "action": "refused",
        "actor": "",
        "comment": "",
        "environment": "e",
        "door": "milestones",
        "source": "/s",
        "event_id": "i",
        "type": "t",
        "reason": "no",
        "owner": "o",
        "payload_sha256": refusal.letter.payload_sha256,
        "payload_bytes": 8,
        "preview": '{"a": 1}',
    }


def test_spans_become_milestones_objects_and_dead_letters(any_rig: Rig) -> None:
    marked = span(1, business__milestone="sent", business__object__order=["P-1", "P-2"],
                  business__attr__facility="west")  # fmt: skip
    event = marked.events.add(name="plain")
    event = marked.events.add(name="marked", time_unix_nano=NANOS + 1_500_000_999)
    set_attribute(event.attributes.add(), "business.milestone", "checked")
    silent = span(2, business__object__order="P-3")
    broken = span(3, business__milestone="sent")
    any_rig.put_spans(marked, silent, broken, span(4), environment="staging")
    posting = span(5, doc="G-1")
    posting.name = "POST"
    any_rig.put_spans(posting, span(6), service="mainframe")
    any_rig.loader.run_once()
    rows = any_rig.rows("SELECT * FROM milestones ORDER BY trace_id, milestone")
    shown = [(r["source"], r["id"], r["milestone"], r["system"], r["object_ids"]) for r in rows]
    assert shown == [
        ("otel:api", f"{1:032x}:{1:016x}:1", "checked", "erp", ["P-1", "P-2"]),
        ("otel:api", f"{1:032x}:{1:016x}", "sent", "erp", ["P-1", "P-2"]),
        ("otel:mainframe", f"{5:032x}:{5:016x}", "posted", "old", ["G-1"]),
    ]
    assert [r["environment"] for r in rows] == ["staging", "staging", "production"]
    assert rows[0]["occurred_at"] == NOW + timedelta(microseconds=1_500_000)
    assert rows[1]["occurred_at"] == NOW + timedelta(microseconds=2_000_000)
    assert rows[2]["contract"] == "legacy"
    objects = any_rig.rows("SELECT object, span_id FROM trace_objects FINAL ORDER BY object")
    assert objects == [
        {"object": "staging/order//P-3", "span_id": f"{2:016x}"},
        {"object": "staging/order/west/P-1", "span_id": f"{1:016x}"},
        {"object": "staging/order/west/P-2", "span_id": f"{1:016x}"},
    ]
    letter = any_rig.one("SELECT * FROM dead_letters")
    assert "a milestone needs at least one object" in letter["reason"]
    counts = any_rig.rows(
        "SELECT signal, sum(rows) AS n FROM segments FINAL GROUP BY signal ORDER BY signal"
    )
    assert counts == [{"signal": "dead_letters", "n": 1}, {"signal": "traces", "n": 3}]


def test_segments_take_their_limits_from_the_loader(rig: Rig) -> None:
    for n in range(5):
        rig.put_milestones(milestone(2 * n), milestone(2 * n + 1))
    small = Loader(rig.store, rig.path, CATALOG, rig.clock, object_key, max_milestones=4)
    assert [loaded.items for loaded in small.run_once()] == [4, 4, 2]
