"""Milestones on log records: from rows of loaded records to milestones and dead letters. Pure.

A milestone on a log record happened at the record's time. Without `business.outcome`, a record of
the severity ERROR or above is a failed attempt, and its body says why.

Without an identity of its own, a milestone's source is `otel:<service>` and its id is `log:` and a
hash of the record: its time (unless it came without one), trace and span id, severity, event name,
body and attributes. So a record that is sent again counts once; and two records of a service that
agree in all of this are one event. Whoever logs such things has to give them `business.event.id`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.telemetry_milestones import (
    Carrier,
    Claim,
    Collected,
    TelemetryFindings,
    facets_of,
    objects_of,
)
from suture.clock import from_micros
from suture.contracts.objects import DEFAULT_ENVIRONMENT
from suture.contracts.trace import MILESTONE_ATTRIBUTE, OUTCOME_ATTRIBUTE, REASON_ATTRIBUTE
from suture.definitions.catalog import Catalog

DOOR = "logs"
ERROR_SEVERITY = 17
"""The lowest severity number of OpenTelemetry that means an error."""


class LogReader:
    """Reads milestones off log records."""

    def __init__(self, catalog: Catalog) -> None:
        """Take from `catalog` which system a service belongs to."""
        self._systems = catalog.service_systems

    def may_matter(self, payload: bytes) -> bool:
        """Whether a serialized logs request may hold anything for `read`; errs towards yes."""
        return MILESTONE_ATTRIBUTE.encode() in payload

    def read(self, rows: Sequence[Mapping[str, Any]]) -> TelemetryFindings:
        """What the rows of `facts.business_logs` say. A bad milestone is a dead letter."""
        collected = Collected(self._systems)
        for row in rows:
            collected.add_claim(_carrier(row), _claim(row))
        return collected.findings()


def _carrier(row: Mapping[str, Any]) -> Carrier:
    return Carrier(
        door=DOOR,
        service=row["service"],
        name=row["event_name"],
        identity=f"log:{row['content_hash']}",
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        environment=row["environment"] or DEFAULT_ENVIRONMENT,
        received_at=from_micros(row["received"]),
    )


def _claim(row: Mapping[str, Any]) -> Claim:
    attributes: Mapping[str, str] = row["attributes"]
    failed = row["severity"] >= ERROR_SEVERITY
    return Claim(
        name=attributes[MILESTONE_ATTRIBUTE],
        attributes=attributes,
        objects=objects_of(attributes),
        facets=facets_of(attributes),
        occurred_micros=row["occurred"],
        outcome=attributes.get(OUTCOME_ATTRIBUTE) or ("failed" if failed else "ok"),
        reason=attributes.get(REASON_ATTRIBUTE) or (row["body"] if failed else ""),
    )
