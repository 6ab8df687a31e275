"""What tests of judging and alerting stand on: a correlator's rows, a catalogue, a dying store."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.definitions.sla import SlaDefinition
from suture.store.engine import Store

PROCESS = "requisition_to_fulfilment"
T0 = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def rule(**changes: Any) -> SlaDefinition:
    content = {
        "sla": "cycle-time",
        "title": "Requisitions are fulfilled within two days",
        "process": PROCESS,
        "kind": "duration",
        "from": "requisition_created",
        "to": "goods_received",
        "within": "2d",
        "at_risk": "75%",
        "segments": [{"when": {"priority": "urgent"}, "within": "4h"}],
        **changes,
    }
    return SlaDefinition.model_validate(content)


def catalog(*rules: SlaDefinition) -> Catalog:
    process = ProcessDefinition.model_validate(
        {
            "process": PROCESS,
            "title": "Requisition to fulfilment",
            "domain": "supply",
            "owner": "supply-integration",
            "anchor": "requisition",
            "milestones": [{"name": "requisition_created"}, {"name": "goods_received"}],
            "starts_with": "requisition_created",
            "completes_with": "goods_received",
            "facets": ["facility", "priority"],
        }
    )
    return Catalog(processes={PROCESS: process}, slas={r.sla: r for r in rules or (rule(),)})


class Correlator:
    """Writes what the correlator writes: instances, what it touched, then how far it came."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.change = 0

    def writes(self, *instances: Mapping[str, Any]) -> None:
        self.change += 1
        rows = [
            {
                "environment": i.get("environment", "production"),
                "process": i.get("process", PROCESS),
                "process_version": 1,
                "anchor": i["anchor"],
                "anchor_type": "requisition",
                "anchor_scope": "",
                "anchor_id": i["anchor"].split("|")[-1],
                "status": i.get("status", "open"),
                "started_at": i["started_at"],
                "start_inferred": False,
                "last_at": i["started_at"],
                "ended_at": i.get("ended_at"),
                "stall_at": i["started_at"] + timedelta(days=7),
                "last_milestone": "requisition_created",
                "facets": i.get("facets", {}),
                "facet_history": "",
                "money": None,
                "objects": [],
                "trace_ids": [],
                "members_count": 1,
                "milestone_times": i.get("times", {}),
                "attempt_times": {},
                "removed": i.get("removed", 0),
                "change": self.change,
            }
            for i in instances
        ]
        self.store.insert("instances", rows)
        self.store.insert(
            "instance_changes",
            [{k: row[k] for k in ("change", "environment", "process", "anchor")} for row in rows],
        )
        self.done()

    def done(self) -> None:
        self.store.insert(
            "cursors",
            [
                {
                    "stage": "correlator-change",
                    "stream": 0,
                    "position": self.change,
                    "updated_at": T0,
                }
            ],
        )


def key(id_: str, environment: str = "production") -> str:
    return f"{environment}|requisition||{id_}"


def requisition(
    id_: str, created: datetime = T0, received: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """An instance with its two milestones; completed when `received` is given."""
    environment = more.get("environment", "production")
    times = {"requisition_created": [created]}
    if received:
        times["goods_received"] = [received]
        more = {"status": "completed", "ended_at": received, **more}
    return {"anchor": key(id_, environment), "started_at": created, "times": times, **more}


class Killed(Exception):
    """Stands for the process dying."""


class DyingStore:
    """A store whose process dies just before its n-th write from now."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store = store
        self.left = writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("insert", "insert_arrow", "insert_frame", "insert_bytes", "execute"):
            return method

        def write(*arguments: Any, **named: Any) -> Any:
            if name == "insert" and not arguments[1]:
                return None
            self.left -= 1
            if self.left < 0:
                raise Killed
            return method(*arguments, **named)

        return write
