"""Puts rows into the tables that the pipeline fills, so that what reads them is tested alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from suture.store.engine import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def key(type_: str, id_: str, environment: str = "production", scope: str = "") -> str:
    return f"{environment}|{type_}|{scope}|{id_}"


class Holding:
    """Takes rows in place of a store, and hands them over at once: to insert each takes longer."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        self._rows.setdefault(table, []).extend(rows)

    def hand_over(self, store: Store) -> None:
        for table, rows in self._rows.items():
            store.insert(table, rows)
        self._rows.clear()


class Writer:
    """Puts rows into the tables that the pipeline fills."""

    def __init__(self, store: Store | Holding) -> None:
        self.store = store

    def instance(self, process: str, anchor: str, started: datetime, **given: Any) -> None:
        environment, type_, scope, id_ = anchor.split("|", 3)
        row = {
            "environment": environment,
            "process": process,
            "process_version": 1,
            "anchor": anchor,
            "anchor_type": type_,
            "anchor_scope": scope,
            "anchor_id": id_,
            "status": "open",
            "started_at": started,
            "start_inferred": False,
            "last_at": started,
            "ended_at": None,
            "stall_at": started + timedelta(days=7),
            "last_milestone": "requisition_created",
            "facets": {},
            "facet_history": "{}",
            "money": None,
            "objects": [anchor],
            "trace_ids": [],
            "members_count": 1,
            "milestone_times": {},
            "attempt_times": {},
            "removed": 0,
            "change": 1,
        }
        self.store.insert("instances", [row | given])
        for object_ in (row | given)["objects"]:
            self.reach(process, object_, anchor)

    def reach(self, process: str, object_: str, anchor: str) -> None:
        row = {"process": process, "object": object_, "anchor": anchor, "removed": 0, "version": 1}
        self.store.insert("reaches", [row])

    def member(self, process: str, anchor: str, milestone: str, at: datetime, **given: Any) -> None:
        row = {
            "process": process,
            "anchor": anchor,
            "event_key": f"{anchor}{milestone}{at.isoformat()}{given.get('id', '')}",
            "milestone": milestone,
            "system": "erp",
            "source": "/erp",
            "id": f"{milestone}-{at:%H%M%S}",
            "occurred_at": at,
            "recorded_at": at + timedelta(seconds=2),
            "sequence": 0,
            "outcome": "ok",
            "reason": "",
            "trace_id": "",
            "objects": [anchor],
            "removed": 0,
            "version": 1,
        }
        self.store.insert("members", [row | given])

    def link(self, process: str, from_: str, to: str, at: datetime, **given: Any) -> None:
        row = {
            "process": process,
            "from_object": from_,
            "to_object": to,
            "kind": "event",
            "event_key": f"{from_}{to}{at.isoformat()}",
            "source": "/erp",
            "id": f"link-{at:%H%M%S}",
            "occurred_at": at,
            "removed": 0,
            "version": 1,
        }
        self.store.insert("links", [row | given])

    def verdict(
        self, process: str, anchor: str, sla: str, state: str, started: datetime, **given: Any
    ) -> None:
        row = {
            "environment": anchor.split("|")[0],
            "process": process,
            "sla": sla,
            "sla_version": 1,
            "anchor": anchor,
            "state": state,
            "reason": f"{sla} is {state}",
            "started_at": started,
            "deadline_at": started + timedelta(hours=8),
            "at_risk_at": started + timedelta(hours=6),
            "completed_at": None,
            "stopped_at": given.get("completed_at"),
            "elapsed_micros": 0,
            "allowed_micros": 8 * 3600 * 1_000_000,
            "facets": {},
            "decided_at": NOW,
        } | given
        self.store.insert("verdicts", [row])
        self.store.insert("verdict_states", [row | {"tick": 1}])

    def span(self, trace: str, span: str, name: str, at: datetime, **given: Any) -> None:
        row = {
            "Timestamp": at,
            "TraceId": trace,
            "SpanId": span,
            "ParentSpanId": "",
            "SpanName": name,
            "SpanKind": "Server",
            "ServiceName": "erp-api",
            "ResourceAttributes": {"service.name": "erp-api"},
            "SpanAttributes": {"http.request.method": "POST"},
            "Duration": 5_000_000,
            "StatusCode": "Unset",
            "StatusMessage": "",
        }
        self.store.insert("otel_traces", [row | given])

    def trace_object(self, trace: str, object_: str, at: datetime) -> None:
        environment, type_, _, id_ = object_.split("|", 3)
        row = {
            "segment": 1,
            "environment": environment,
            "object_type": type_,
            "object_id": id_,
            "object": object_,
            "trace_id": trace,
            "span_id": "1" * 16,
            "occurred_at": at,
        }
        self.store.insert("trace_objects", [row])

    def dead_letter(self, id_: str, at: datetime, **given: Any) -> None:
        row = {
            "segment": 1,
            "id": id_,
            "received_at": at,
            "environment": "production",
            "door": "milestones",
            "source": "/portal",
            "event_id": "e-1",
            "type": "suture.milestone",
            "reason": "time is in the far future",
            "owner": "supply-integration",
            "payload_sha256": "0" * 64,
            "payload_bytes": 12,
            "preview": "{}",
        }
        self.store.insert("dead_letters", [row | given])

    def alert(self, id_: str, at: datetime, **given: Any) -> None:
        row = {
            "alert_id": id_,
            "at": at,
            "action": "opened",
            "actor": "suture",
            "environment": "production",
            "process": "requisition_to_fulfilment",
            "sla": "requisition-cycle-time",
            "anchor": key("requisition", "R-1"),
            "severity": "high",
            "owner": "supply-integration",
            "title": "R-1 is late",
            "comment": "It should have come by noon.",
            "breached_at": at,
            "notify": True,
        }
        self.store.insert("alert_events", [row | given])
