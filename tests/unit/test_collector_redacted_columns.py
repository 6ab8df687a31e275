"""Redaction of milestones by columns, held against that of one by one."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.files.tables import SCHEMA
from collector.redacted_columns import redacted_table
from collector.redaction import Redactor
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.definitions.redaction import Redaction

AT = datetime(2024, 3, 1, tzinfo=UTC)
STEPS = {"order": ("trim", "upper", "strip_leading_zeros")}
RULES: tuple[dict[str, Any], ...] = (
    {"rule": "safe", "action": "allow", "keys": ["route"]},
    {"rule": "ids", "action": "hash", "objects": ["patient", "order"], "keys": ["*.mrn"]},
    {"rule": "names", "action": "deny", "keys": ["patient.*", "dob"]},
    {"rule": "reasons", "action": "deny", "fields": ["reason"]},
    {"rule": "ssn", "action": "deny", "values": [r"\b\d{3}-\d{2}-\d{4}\b"]},
    {"rule": "mrn", "action": "hash", "values": [r"(?i)\bMRN\d{4,8}\b"]},
)
TEXTS = st.sampled_from(
    [
        "", "plain", "R-1", " r-1", "0012", "12", "of 123-45-6789", "mrn12345", "é 123-45-6789\n",
        '["MRN12345", "x"]', '{"dob": "1948"}', '{"of": "plain"}', "[not json", "TVJOMTIzNDUx",
        "bm90aGluZyBoZXJl", "h-" + "0" * 32,
    ]
)  # fmt: skip
KEYS = st.sampled_from(["route", "dob", "patient.name", "note", "ward.mrn", "about 123-45-6789"])
EXTENSIONS = st.sampled_from(["bamtxid", "traceparent", "correlationid"])
TYPES = st.sampled_from(["order", "patient", "invoice", "of mrn12345"])
MILESTONES = st.lists(
    st.builds(
        Milestone,
        source=TEXTS,
        id=TEXTS,
        milestone=TEXTS,
        occurred_at=st.just(AT),
        objects=st.lists(st.builds(ObjectRef, type=TYPES, id=TEXTS), max_size=3, unique=True).map(
            tuple
        ),
        environment=TEXTS,
        system=TEXTS,
        reason=TEXTS,
        attributes=st.dictionaries(KEYS, TEXTS, max_size=4),
        extensions=st.dictionaries(EXTENSIONS, TEXTS, max_size=3),
    ),
    min_size=1,
    max_size=8,
)


def table_of(milestones: list[Milestone]) -> pa.Table:
    fixed = {"occurred_at": AT, "sequence": 0}
    rows = [
        {
            **{name: fixed.get(name, getattr(one, name, "")) for name in SCHEMA.names},
            "object_types": [ref.type for ref in one.objects],
            "object_ids": [ref.id for ref in one.objects],
            "attributes": list(one.attributes.items()),
            "extensions": list(one.extensions.items()),
        }
        for one in milestones
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@settings(max_examples=200, deadline=None)
@given(MILESTONES, st.lists(st.sampled_from(RULES), unique_by=lambda r: r["rule"]), st.booleans())
def test_a_column_is_redacted_as_its_events_are(
    milestones: list[Milestone], rules: list[dict[str, Any]], drops: bool
) -> None:
    unlisted = {"milestones": "drop"} if drops else {}
    given_rules = {"rules": rules, "unlisted": unlisted}
    redactor = Redactor(Redaction.model_validate(given_rules), b"key", STEPS)  # type: ignore[arg-type]
    before = table_of(milestones)
    found = redacted_table(before, redactor)
    assert (
        found.to_pylist() == table_of([redactor.milestone(one) for one in milestones]).to_pylist()
    )
    # A part of a longer table is read as that part.
    assert redacted_table(before.slice(1), redactor).equals(found.slice(1))
