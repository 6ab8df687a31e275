"""Which sources owe a sign of life, and in which order they are shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboards.source_states import SourceKind, SourceState, standings
from suture.contracts.source import SourceTimes
from suture.definitions.landscape import System

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def system(heartbeat: str | None = "15m", **given: Any) -> System:
    return System.model_validate({"role": "application", "heartbeat": heartbeat, **given})


def times(
    source: str, ago: float, *, kind: str = "events", system: str = "", first: float = 999
) -> SourceTimes:
    heard, begun = NOW - ago * MINUTE, NOW - first * MINUTE
    return SourceTimes(
        kind=kind,
        source=source,
        system=system,
        first_heard_at=begun,
        last_heard_at=heard,
        first_seen_at=begun,
        last_seen_at=heard,
    )


def test_a_heartbeat_is_overdue_once_it_has_passed() -> None:
    found = standings([times("/a", 15, system="erp")], {"erp": system()}, now=NOW)
    assert [one.state for one in found] == [SourceState.ON_TIME]
    later = NOW + timedelta(microseconds=1)
    (one,) = standings([times("/a", 15, system="erp")], {"erp": system()}, now=later)
    assert (one.state, one.overdue_since) == (SourceState.OVERDUE, NOW)


def test_any_source_of_a_system_keeps_its_promise() -> None:
    systems = {"erp": system(services=["erp-api"])}
    heard = [times("/erp", 500, system="erp"), times("erp-api", 1, kind="spans")]
    assert {one.state for one in standings(heard, systems, now=NOW)} == {SourceState.ON_TIME}


def test_a_system_never_heard_from_stands_for_itself() -> None:
    systems = {"erp": system(owner="desk"), "loose": system(heartbeat=None)}
    assert standings([], systems, now=NOW)[0].state is SourceState.ON_TIME
    found = standings([times("/x", 1, first=60)], systems, now=NOW)
    assert [(one.kind, one.source) for one in found] == [
        (SourceKind.SYSTEM, "erp"),
        (SourceKind.EVENTS, "/x"),
    ]
    assert found[0].overdue_since == NOW - 45 * MINUTE
    assert found[0].owner == "desk"
    assert found[1].state is SourceState.NOT_DECLARED


def test_a_heartbeat_by_a_calendar_is_not_judged() -> None:
    systems = {"erp": system(heartbeat_calendar="clinic-hours")}
    (one,) = standings([times("/a", 500, system="erp")], systems, now=NOW)
    assert (one.state, one.overdue_since) == (SourceState.NOT_JUDGED, None)
    assert one.heartbeat_calendar == "clinic-hours"


def test_a_source_that_spoke_for_two_systems_is_of_the_last_one() -> None:
    both = [times("/a", 30, system="old", first=90), times("/a", 3, system="new", first=40)]
    (one,) = standings(both, {}, now=NOW)
    assert one.system == "new"
    assert one.first_seen_at == NOW - 90 * MINUTE


_times = st.builds(
    times,
    st.sampled_from(["/a", "/b", "api"]),
    st.integers(0, 60),
    kind=st.sampled_from(["events", "spans"]),
    system=st.sampled_from(["", "erp", "mw"]),
)


@given(st.lists(_times, max_size=8), st.randoms())
def test_the_order_of_what_was_read_does_not_matter(heard: list[SourceTimes], dice: Any) -> None:
    systems = {"erp": system(services=["api"]), "mw": system("30m"), "none": system()}
    found = standings(heard, systems, now=NOW)
    again = standings(dice.sample(heard, len(heard)), systems, now=NOW)
    assert found == again
    overdue = [one.overdue_since for one in found if one.overdue_since]
    assert overdue == sorted(overdue)
    assert all(one.overdue_since for one in found[: len(overdue)])
