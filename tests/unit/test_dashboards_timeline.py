from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.axis import Point, axis
from dashboards.timeline import in_tree_order, segments

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    milestone: str
    occurred_at: datetime


@dataclass(frozen=True)
class Span:
    span_id: str
    parent_span_id: str = ""
    started_nanos: int = 0
    trace_id: str = "t"
    name: str = "work"
    service: str = "erp"
    kind: str = "Server"
    status: str = "Unset"
    took: int = 1_000_000

    @property
    def ended_nanos(self) -> int:
        return self.started_nanos + self.took


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def events(*minutes: float) -> list[Event]:
    return [Event(f"m{index}", at(minute)) for index, minute in enumerate(minutes)]


def test_an_open_instance_ends_with_a_segment_up_to_now() -> None:
    found = segments(events(0, 10, 25), started_at=at(0), ended_at=None, now=at(40))
    assert [(s.from_milestone, s.to_milestone) for s in found] == [
        ("m0", "m1"),
        ("m1", "m2"),
        ("m2", None),
    ]
    assert [s.elapsed_micros / 60e6 for s in found] == [10, 15, 15]
    assert found[-1].ended_at is None


def test_members_outside_the_instances_time_are_not_timed() -> None:
    found = segments(events(-5, 0, 10, 30), started_at=at(0), ended_at=at(10), now=at(99))
    assert [(s.from_milestone, s.to_milestone) for s in found] == [("m1", "m2")]


@given(
    st.lists(st.integers(-500, 500), min_size=1, max_size=12),
    st.booleans(),
    st.integers(0, 500),
)
def test_segments_add_up_to_the_elapsed_time(minutes: list[int], ended: bool, later: int) -> None:
    times = sorted(minutes)
    start = next((m for m in times if m >= 0), times[0])
    end = next((m for m in times if m >= max(start, 60)), None) if ended else None
    now = max(times) + later
    found = segments(
        events(*times),
        started_at=at(start),
        ended_at=at(end) if end is not None else None,
        now=at(now),
    )
    whole = (end if end is not None else now) - start
    assert sum(s.elapsed_micros for s in found) == whole * 60_000_000
    assert all(s.elapsed_micros >= 0 for s in found)


def test_spans_stand_below_their_parents_siblings_by_start() -> None:
    spans = [
        Span("c", "a", 30),
        Span("b", "a", 20),
        Span("a", "", 10),
        Span("d", "b", 90),
        Span("e", "gone", 5),
    ]
    placed = [(one.span.span_id, one.depth) for one in in_tree_order(spans)]
    assert placed == [("e", 0), ("a", 0), ("b", 1), ("d", 2), ("c", 1)]


def test_spans_that_are_each_others_parents_are_still_shown() -> None:
    spans = [Span("a", "b", 10), Span("b", "a", 20), Span("c", "c", 30)]
    assert sorted(one.span.span_id for one in in_tree_order(spans)) == ["a", "b", "c"]


def test_a_very_deep_trace_is_no_problem() -> None:
    spans = [Span(str(i), str(i - 1) if i else "", i) for i in range(5000)]
    assert in_tree_order(spans)[-1].depth == 4999


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99)), max_size=20))
def test_every_span_is_placed_once(raw: list[tuple[int, int, int]]) -> None:
    spans = list({i: Span(str(i), str(p), s) for i, p, s in raw}.values())
    placed = in_tree_order(spans)
    assert sorted(one.span.span_id for one in placed) == sorted(s.span_id for s in spans)


def test_everything_on_the_axis_counts_from_one_base() -> None:
    base = int(START.timestamp() * 1e9)
    spans = [
        Span("a", "", base + 2_500_000, trace_id="late"),
        Span("b", "", base + 1_000_000, trace_id="early", status="Error", service="mw"),
    ]
    drawn = axis(
        "x",
        spans,
        milestones=[Point(at=START, title="Created", tone="info")],
        marks=[Point(at=at(1), title="Due", tone="warn")],
        until=at(2),
    )
    assert drawn["base"] == base // 1_000_000
    assert drawn["range"] == [0, 120_000]
    assert [trace[:4] for trace in drawn["traces"]] == [
        ["early", "work", 1.0, 2.0],
        ["late", "work", 2.5, 3.5],
    ]
    assert drawn["services"] == ["erp", "mw"]
    assert drawn["spans"][0][4:8] == [1, 1.0, 1.0, 1]
    assert drawn["milestones"][0][0] == pytest.approx(0)
    assert drawn["marks"][0][0] == pytest.approx(60_000)


def test_nothing_to_draw_is_an_empty_axis() -> None:
    assert axis("x", [])["range"] == [0, 0]
