from datetime import UTC, datetime

import pytest

from dashboards.reasons import named, parts

TITLES = {
    "roster_updated": "Roster updated",
    "roster_updated_again": "Roster updated again",
    "approved": "Requisition approved",
    "due": "Falls due",
    "Record Invoice": "Invoice recorded",
}


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "waiting for roster_updated since 2026-11-29 13:27:15 UTC, due 2026-11-29 13:28:15 UTC",
            "Waiting for Roster updated since 2026-11-29 13:27:15 UTC, due 2026-11-29 13:28:15 UTC",
        ),
        (
            "roster_updated_again came 5 min after roster_updated, within the 8 min allowed",
            "Roster updated again came 5 min after Roster updated, within the 8 min allowed",
        ),
        (
            "approved came 9 min after the start, 1 min over the 8 min allowed where x is approved",
            (
                "Requisition approved came 9 min after the start,"
                " 1 min over the 8 min allowed where x is approved"
            ),
        ),
        (
            (
                "the instance ended 2026-03-01 00:03 UTC without Record Invoice,"
                " before the 8 min allowed were used up"
            ),
            (
                "The instance ended 2026-03-01 00:03 UTC without Invoice recorded,"
                " before the 8 min allowed were used up"
            ),
        ),
        (
            "approved is not reached any more, so the clock has not started",
            "Requisition approved is not reached any more, so the clock has not started",
        ),
        ("waiting for completion since noon", "Waiting for completion since noon"),
    ],
)
def test_a_reason_tells_milestones_by_their_titles(reason: str, told: str) -> None:
    assert named(reason, TITLES) == told
    assert named(reason, {}) == reason[0].upper() + reason[1:]


def test_a_reason_is_cut_at_its_instants() -> None:
    reason = "waiting for b since 2026-11-29 13:27:15 UTC, was due 2026-11-29 13:28 UTC: it is late"
    assert parts(reason) == [
        "waiting for b since ",
        datetime(2026, 11, 29, 13, 27, 15, tzinfo=UTC),
        ", was due ",
        datetime(2026, 11, 29, 13, 28, tzinfo=UTC),
        ": it is late",
    ]
    assert parts("") == []
    assert parts("2026-13-45 25:61 UTC is none") == ["2026-13-45 25:61 UTC", " is none"]
