from datetime import UTC, datetime
from typing import Any

import pytest

from collector.log_milestones import LogReader
from suture.clock import to_micros
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.definitions.catalog import Catalog
from suture.definitions.landscape import System

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CATALOG = Catalog(
    systems={"erp": System.model_validate({"role": "system_of_record", "services": ["api"]})}
)


def row(**change: Any) -> dict[str, Any]:
    attributes = {"business.milestone": "approved", "business.object.order": "P-1"}
    return {
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "event_name": "",
        "service": "api",
        "occurred": to_micros(NOW) - 1_000_000,
        "severity": 9,
        "body": "what happened",
        "received": to_micros(NOW),
        "environment": "",
        "content_hash": "ff" * 16,
        **change,
        "attributes": {**attributes, **change.get("attributes", {})},
    }


def one(**change: Any) -> Milestone:
    found = LogReader(CATALOG).read([row(**change)])
    assert not found.refusals
    (milestone,) = found.milestones
    assert found.received == [NOW]
    return milestone


def test_a_milestone_on_a_record_happened_at_its_time() -> None:
    milestone = one()
    assert (milestone.source, milestone.id) == ("otel:api", f"log:{'ff' * 16}")
    assert milestone.objects == (ObjectRef(type="order", id="P-1"),)
    assert (milestone.system, milestone.environment) == ("erp", "production")
    assert (NOW - milestone.occurred_at).total_seconds() == 1
    assert (milestone.trace_id, milestone.span_id) == ("ab" * 16, "cd" * 8)


@pytest.mark.parametrize(
    ("attributes", "severity", "outcome", "reason"),
    [
        ({}, 0, Outcome.OK, ""),
        ({}, 16, Outcome.OK, ""),
        ({}, 17, Outcome.FAILED, "what happened"),
        ({}, 24, Outcome.FAILED, "what happened"),
        ({"business.outcome": "ok"}, 17, Outcome.OK, "what happened"),
        ({"business.outcome": "rejected", "business.reason": "no"}, 17, Outcome.REJECTED, "no"),
    ],
)
def test_outcomes(attributes: dict[str, str], severity: int, outcome: Outcome, reason: str) -> None:
    milestone = one(attributes=attributes, severity=severity)
    assert (milestone.outcome, milestone.reason) == (outcome, reason)


def test_a_declared_identity_counts_instead() -> None:
    declared = {"business.event.source": "/erp", "business.event.id": "e1"}
    milestone = one(attributes=declared)
    assert (milestone.source, milestone.id) == ("/erp", "e1")


def test_facets_and_environment() -> None:
    milestone = one(attributes={"business.attr.facility": "west"}, environment="staging")
    assert (milestone.attributes, milestone.environment) == ({"facility": "west"}, "staging")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attributes": {"business.milestone": " "}}, "business.milestone: is empty"),
        ({"attributes": {"business.object.order": ""}}, "at least one object"),
        ({"attributes": {"business.outcome": "maybe"}}, "'maybe' is none of"),
        ({"occurred": to_micros(NOW) + 601_000_000}, "more than 10 minutes in the future"),
    ],
)
def test_a_bad_milestone_is_a_dead_letter(change: dict[str, Any], reason: str) -> None:
    found = LogReader(CATALOG).read([row(**change), row()])
    (refusal,) = found.refusals
    assert reason in refusal.letter.reason
    assert (refusal.letter.door, refusal.letter.source) == ("logs", "otel:api")
    assert len(found.milestones) == 1


def test_what_cannot_matter_is_told_from_the_bytes() -> None:
    reader = LogReader(CATALOG)
    assert reader.may_matter(b"..business.milestone..")
    assert not reader.may_matter(b"..business.object.order..")
