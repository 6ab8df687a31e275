"""What is shown of a refused event, where rules hide something."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cloudevents import STRUCTURED
from collector.milestones import MilestoneReader
from collector.redaction import Redactor
from collector.refusals import DeadLetter
from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.redaction import Redaction

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEALTHCARE = Path(__file__).parents[2] / "deploy" / "config" / "healthcare"
RULES: tuple[dict[str, Any], ...] = (
    {"rule": "names", "action": "deny", "keys": ["time", "outcome", "patient.*"]},
    {"rule": "ssn", "action": "deny", "values": [r"\b\d{3}-\d{2}-\d{4}\b"]},
)
REDACTOR = Redactor(Redaction.model_validate({"rules": list(RULES)}), b"key")


def refused(event: dict[str, Any]) -> DeadLetter:
    """The letter that a bad native event becomes."""
    whole = {
        "specversion": "1.0", "id": "1", "source": "/erp", "type": "suture.milestone",
        "time": "2026-11-22T10:00:00Z",
    } | event  # fmt: skip
    reader = MilestoneReader(Catalog(), REDACTOR)
    reading = reader.read({"content-type": STRUCTURED}, json.dumps(whole).encode(), now=NOW)
    return reading.refusals[0].letter


@given(
    secret=st.text(st.characters(categories=["L", "P", "S", "N"]), min_size=8, max_size=3000),
    padding=st.sampled_from([0, 200_000]),
)
def test_a_reason_holds_no_part_of_what_rules_hide_however_long(secret: str, padding: int) -> None:
    secret = "secret" + secret
    letter = refused({"time": secret, "data": {"note": "x" * padding}})
    assert letter.reason.startswith("time: ")
    assert "secret" not in letter.reason + letter.preview


@pytest.mark.parametrize("size", [10_000, 200_000])
def test_a_large_event_is_not_searched_and_not_shown(size: int) -> None:
    letter = refused({"data": {"milestone": "m", "objects": [], "note": "x" * size}})
    assert letter.payload_bytes > size
    assert letter.preview.startswith('{"specversion"' if size < 64 * 1024 else "(not shown: ")
    assert letter.reason == "data.objects: has to be a list of at least one {type, id}"


def test_however_large_it_is_it_is_refused_at_once() -> None:
    """Searching it by the shipped rules took half a second of the processor for each MiB."""
    catalog = load_catalog(HEALTHCARE)
    reader = MilestoneReader(catalog, Redactor.of(catalog, b"key"))
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/erp",
        "type": "t",
        "data": "[" * 3_000_000,
    }
    body = json.dumps(event).encode()
    began = time.process_time()
    reading = reader.read({"content-type": STRUCTURED}, body, now=NOW)
    assert len(reading.refusals) == 1
    assert time.process_time() - began < 1
