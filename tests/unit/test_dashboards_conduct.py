"""How an instance went about its process, against a naive reading of the same rules."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboards.conduct import conduct
from suture.definitions.process import ProcessDefinition

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NAMES = ["asked", "imported", "approved", "queried", "sent", "received", "billed", "withdrawn"]
PROCESS = ProcessDefinition.model_validate(
    {
        "process": "buying",
        "title": "Buying",
        "domain": "supply",
        "owner": "desk",
        "anchor": "order",
        "milestones": [{"name": n, "optional": n == "queried"} for n in NAMES],
        "starts_with": ["asked", "imported"],
        "completes_with": "received",
        "ends_with": ["withdrawn"],
    }
)


@dataclass(frozen=True)
class Event:
    milestone: str
    minute: int = 0
    outcome: str = "ok"
    reason: str = ""
    trace_id: str = ""

    @property
    def occurred_at(self) -> datetime:
        return START + timedelta(minutes=self.minute)


def run(*names: str) -> list[Event]:
    return [Event(name, minute) for minute, name in enumerate(names)]


def told(members: list[Event], *kinds: str) -> Any:
    return conduct(members, kinds, PROCESS)


def test_what_was_passed_over_is_named_in_declared_order() -> None:
    assert told(run("asked", "received")).skipped == ("approved", "sent")
    assert told(run("imported", "approved", "sent")).skipped == ()
    assert told(run("sent")).skipped == ("asked", "imported", "approved")
    assert told(run("asked", "withdrawn")).skipped == ()
    assert told(run("queried")).skipped == ()
    assert told(run("asked", "billed")).skipped == ()
    assert told([*run("asked"), Event("sent", 1, "failed")]).skipped == ()


def test_another_order_names_what_came_too_late_and_after_what() -> None:
    found = told(run("asked", "sent", "received", "approved")).out_of_order
    assert [(one.milestone, one.after) for one in found] == [("approved", "sent")]
    assert told(run("imported", "asked", "approved")).out_of_order == ()
    assert told(run("asked", "approved", "queried", "withdrawn", "sent")).out_of_order == ()
    assert told([Event("approved", 5), Event("asked", 5)]).out_of_order == ()


def test_coming_again_is_a_repeat_and_rework_only_after_going_back() -> None:
    partial = told(run("asked", "received", "received", "received")).repeats
    assert [(r.milestone, r.count, r.rework) for r in partial] == [("received", 3, 0)]
    back = told(run("asked", "approved", "sent", "approved", "sent", "approved")).repeats
    assert [(r.milestone, r.count, r.rework) for r in back] == [
        ("approved", 3, 2),
        ("sent", 2, 0),
    ]


def test_completions_that_are_awaited_are_no_repeats() -> None:
    awaiting = {"milestone": "received", "occurrence": "last", "expect": 3}
    process = ProcessDefinition.model_validate(
        PROCESS.model_dump(by_alias=True) | {"completes_with": awaiting}
    )
    parts = run("asked", "approved", "sent", "received", "received", "received")
    assert conduct(parts, (), process).repeats == ()
    (again,) = told(parts).repeats
    assert (again.milestone, again.count) == ("received", 3)


def test_attempts_keep_their_reasons_and_say_whether_it_worked_out() -> None:
    members = [
        Event("approved", 1, "rejected", "over budget"),
        Event("approved", 2, "rejected", "over budget"),
        Event("approved", 3, "failed", "timeout"),
        Event("approved", 4),
        Event("sent", 5, "failed"),
    ]
    found = told(members).attempts
    assert [(a.milestone, a.outcome, a.reason, a.count, a.reached_after) for a in found] == [
        ("approved", "rejected", "over budget", 2, True),
        ("approved", "failed", "timeout", 1, True),
        ("sent", "failed", "", 1, False),
    ]
    assert found[0].last_at == START + timedelta(minutes=2)


def test_evidence_counts_milestones_traces_and_links() -> None:
    members = [Event("asked", trace_id="t"), Event("sent", 1)]
    known = told(members, "event", "trace", "operator", "event").evidence
    assert (known.expected, known.reached, known.events, known.traced) == (3, 2, 2, 1)
    assert (known.links, known.firm) == (4, 3)
    assert known.ratio is not None
    assert abs(known.ratio - (2 / 3 + 1 / 2 + 3 / 4) / 3) < 1e-9
    assert told([]).evidence.ratio is None


events = st.builds(
    Event,
    st.sampled_from(NAMES),
    st.integers(0, 8),
    st.sampled_from(["ok", "ok", "ok", "failed", "rejected"]),
    st.sampled_from(["", "why"]),
    st.sampled_from(["", "t"]),
)


@given(st.lists(events, max_size=14))
def test_it_agrees_with_the_rules_read_one_by_one(unsorted: list[Event]) -> None:
    members = sorted(unsorted, key=lambda e: e.minute)
    found = told(members)
    passed = ["asked", "imported", "approved", "sent", "received"]
    ok = [e for e in members if e.outcome == "ok"]
    names = {e.milestone for e in ok}

    def first(name: str) -> int:
        return min(e.minute for e in ok if e.milestone == name)

    skipped = []
    for i, name in enumerate(passed):
        later = any(other in names for other in passed[i + 1 :])
        alternative = name in passed[:2] and names & set(passed[:2])
        if later and name not in names and not alternative:
            skipped.append(name)
    assert list(found.skipped) == skipped

    moved = set()
    for i, a in enumerate(passed):
        for b in passed[i + 1 :]:
            if {a, b} <= names and {a, b} != {"asked", "imported"} and first(b) < first(a):
                moved.add(a)
    assert {one.milestone for one in found.out_of_order} == moved
    for one in found.out_of_order:
        assert first(one.after) < first(one.milestone)

    for one in found.repeats:
        places = [i for i, e in enumerate(ok) if e.milestone == one.milestone]
        assert one.count == len(places) > 1
        rework = 0
        if one.milestone in passed:
            here = passed.index(one.milestone)
            for a, b in pairwise(places):
                between = {e.milestone for e in ok[a + 1 : b]}
                rework += bool(between & set(passed[here + 1 :]))
        assert one.rework == rework
    assert sum(one.count - 1 for one in found.repeats) == len(ok) - len(names)
    assert sum(one.count for one in found.attempts) == len(members) - len(ok)
