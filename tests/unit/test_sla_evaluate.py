"""The clock of a rule, against a simulation that lets time pass minute by minute."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sla_rules.evaluate import LATEST, evaluate, next_looks, version_in_force, why_not
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import InstanceFacts, Verdict, VerdictState
from suture.definitions.sla import SlaDefinition

T0 = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
HORIZON = 40


def minute(number: int) -> datetime:
    return T0 + timedelta(minutes=number)


def rule(**changes: Any) -> SlaDefinition:
    content = {
        "sla": "cycle-time",
        "title": "In time",
        "process": "p",
        "kind": "duration",
        "from": "a",
        "to": "b",
        "within": "8m",
        "at_risk": 0.75,
        **changes,
    }
    return SlaDefinition.model_validate({k: v for k, v in content.items() if v is not None})


def completion(**changes: Any) -> SlaDefinition:
    return rule(**{"kind": "completion", "from": None, "to": None, **changes})


def instance(
    *,
    a: list[int] | None = None,
    b: list[int] | None = None,
    status: InstanceStatus = InstanceStatus.OPEN,
    started: int = 0,
    ended: int | None = None,
    facets: dict[str, str] | None = None,
) -> InstanceFacts:
    times = {"a": a or [], "b": b or []}
    return InstanceFacts(
        environment="production",
        process="p",
        anchor="production|x||1",
        status=status,
        started_at=minute(started),
        ended_at=None if ended is None else minute(ended),
        milestone_times={k: [minute(m) for m in sorted(v)] for k, v in times.items() if v},
        facets=facets or {},
    )


def judged(given_rule: SlaDefinition, facts: InstanceFacts, now: int) -> Verdict:
    verdict = evaluate(given_rule, facts, minute(now))
    assert verdict is not None
    return verdict


def simulate(
    *,
    starts: list[int],
    stops: list[int],
    end: int | None,
    allowed: int,
    share_quarters: int,
    now: int,
) -> tuple[str, int, int | None] | None:
    """(state, start, stop): the oracle lets every minute pass and watches what happens in it."""
    start: int | None = None
    for t in range(HORIZON + 1):
        if start is None and t in starts:
            start = t
        if start is None:
            continue
        ended_before = end is not None and end < t
        if t in stops and not ended_before:
            return ("met" if t - start <= allowed else "breached", start, t)
        if ended_before or end == t:
            return ("breached" if t - start > allowed else "cancelled", start, None)
    if start is None:
        return None
    waited = now - start
    if waited > allowed:
        return ("breached", start, None)
    if waited * 4 >= allowed * share_quarters:
        return ("at_risk", start, None)
    return ("pending", start, None)


minutes = st.lists(st.integers(0, HORIZON), max_size=4)


@given(
    a=minutes,
    b=minutes,
    end=st.none() | st.integers(0, HORIZON),
    allowed=st.integers(1, 12),
    share=st.integers(1, 4),
    now=st.integers(0, HORIZON + 20),
)
@example(a=[5], b=[3, 5], end=None, allowed=8, share=3, now=9)
@example(a=[5], b=[13], end=13, allowed=8, share=3, now=20)
@example(a=[5], b=[], end=13, allowed=8, share=3, now=20)
@example(a=[5], b=[], end=14, allowed=8, share=3, now=20)
@example(a=[5], b=[], end=None, allowed=8, share=3, now=13)
@example(a=[5], b=[], end=None, allowed=8, share=4, now=13)
@example(a=[9], b=[12], end=4, allowed=8, share=3, now=20)
def test_duration_agrees_with_a_simulation(
    a: list[int], b: list[int], end: int | None, allowed: int, share: int, now: int
) -> None:
    status = InstanceStatus.OPEN if end is None else InstanceStatus.ENDED
    verdict = evaluate(
        rule(within=f"{allowed}m", at_risk=share / 4),
        instance(a=a, b=b, status=status, ended=end),
        minute(now),
    )
    expected = simulate(starts=a, stops=b, end=end, allowed=allowed, share_quarters=share, now=now)
    if expected is None:
        assert verdict is None
        return
    assert verdict is not None
    state, start, stop = expected
    assert (verdict.state.value, verdict.started_at) == (state, minute(start))
    assert verdict.completed_at == (None if stop is None else minute(stop))
    assert verdict.deadline_at == minute(start + allowed)
    assert verdict.allowed_micros == allowed * 60_000_000
    until = stop if stop is not None else now if end is None else max(end, start)
    assert verdict.elapsed_micros == max(0, until - start) * 60_000_000


@given(
    started=st.integers(0, HORIZON),
    completed=st.none() | st.integers(0, HORIZON),
    ended=st.booleans(),
    allowed=st.integers(1, 12),
    now=st.integers(0, HORIZON + 20),
)
def test_completion_agrees_with_a_simulation(
    started: int, completed: int | None, ended: bool, allowed: int, now: int
) -> None:
    if completed is not None:
        completed = max(completed, started)
    status = InstanceStatus.OPEN
    if completed is not None:
        status = InstanceStatus.ENDED if ended else InstanceStatus.COMPLETED
    verdict = evaluate(
        completion(within=f"{allowed}m"),
        instance(started=started, ended=completed, status=status),
        minute(now),
    )
    stopped = [completed] if completed is not None and not ended else []
    expected = simulate(
        starts=[started],
        stops=stopped,
        end=completed if ended else None,
        allowed=allowed,
        share_quarters=3,
        now=now,
    )
    assert verdict is not None
    assert expected is not None
    assert (verdict.state.value, verdict.started_at) == (expected[0], minute(started))


@given(a=minutes, b=minutes, end=st.none() | st.integers(0, HORIZON), data=st.data())
def test_as_time_passes_a_verdict_only_gets_worse_at_the_moments_foretold(
    a: list[int], b: list[int], end: int | None, data: st.DataObject
) -> None:
    status = InstanceStatus.OPEN if end is None else InstanceStatus.ENDED
    facts = instance(a=a, b=b, status=status, ended=end)
    first, second = sorted(data.draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    before, after = evaluate(rule(), facts, minute(first)), evaluate(rule(), facts, minute(second))
    assert (before is None) == (after is None)
    if before is None or after is None:
        return
    order = [VerdictState.PENDING, VerdictState.AT_RISK, VerdictState.BREACHED]
    if before.state in order and after.state in order:
        assert order.index(before.state) <= order.index(after.state)
    else:
        assert before.state == after.state
    if before.state != after.state:
        assert any(minute(first) < look <= minute(second) for look in next_looks(before))
    else:
        assert before.reason == after.reason


def test_each_foretold_moment_is_the_first_of_its_state() -> None:
    facts = instance(a=[0])
    verdict = judged(rule(), facts, 0)
    at_risk, breach = next_looks(verdict)
    tick = timedelta(microseconds=1)
    for look, state in ((at_risk, VerdictState.AT_RISK), (breach, VerdictState.BREACHED)):
        earlier, then = evaluate(rule(), facts, look - tick), evaluate(rule(), facts, look)
        assert earlier is not None
        assert then is not None
        assert earlier.state is not state
        assert then.state is state
    assert breach == minute(8) + tick
    assert next_looks(judged(rule(), facts, 60)) == []


def test_only_what_follows_the_start_stops_the_clock() -> None:
    verdict = judged(rule(), instance(a=[10], b=[3, 17]), 30)
    assert (verdict.state, verdict.completed_at) == (VerdictState.MET, minute(17))


def test_a_milestone_that_is_both_ends_is_met_at_once() -> None:
    verdict = judged(rule(to="a"), instance(a=[10, 99]), 200)
    assert (verdict.state, verdict.elapsed_micros) == (VerdictState.MET, 0)


def test_an_instance_that_ended_after_its_stop_keeps_its_verdict() -> None:
    facts = instance(a=[0], b=[5], status=InstanceStatus.ENDED, ended=7)
    assert judged(rule(), facts, 30).state is VerdictState.MET


def test_completion_takes_other_ends_when_told() -> None:
    facts = instance(a=[4], b=[9], started=0, status=InstanceStatus.COMPLETED, ended=20)
    assert judged(completion(**{"from": "a"}), facts, 30).completed_at == minute(20)
    assert judged(completion(to="b"), facts, 30).completed_at == minute(9)
    assert judged(completion(), facts, 30).started_at == minute(0)


def test_a_completion_before_the_clock_started_does_not_stop_it() -> None:
    facts = instance(a=[10], status=InstanceStatus.COMPLETED, ended=5)
    assert judged(completion(**{"from": "a"}), facts, 11).state is VerdictState.PENDING


SEGMENTS = [
    {"when": {"priority": "urgent", "site": "west"}, "within": "2m"},
    {"when": {"priority": "urgent"}, "within": "4m"},
]


@pytest.mark.parametrize(
    ("facets", "allowed"),
    [
        ({"priority": "urgent", "site": "west"}, 2),
        ({"priority": "urgent", "site": "east"}, 4),
        ({"priority": "normal"}, 8),
        ({}, 8),
    ],
)
def test_the_first_matching_segment_sets_the_allowance(
    facets: dict[str, str], allowed: int
) -> None:
    verdict = judged(rule(segments=SEGMENTS), instance(a=[0], facets=facets), 1)
    assert verdict.deadline_at == minute(allowed)


@pytest.mark.parametrize(
    ("day", "applies"), [("2026-02-28", True), ("2026-03-01", True), ("2026-03-02", False)]
)
def test_a_rule_begins_at_midnight(day: str, applies: bool) -> None:
    facts = instance(a=[5000])
    version = rule(effective_from=day)
    assert (evaluate(version, facts, minute(5001)) is not None) == applies
    if not applies:
        assert why_not(version, facts) == (
            "the instance started 2026-03-01 00:00 UTC, before version 1 of the rule took effect"
            " (2026-03-02)"
        )


def test_the_version_in_force_at_the_start_counts() -> None:
    first, second = rule(), rule(version=2, effective_from="2026-03-01")
    third = rule(version=3, effective_from="2026-03-02")
    assert version_in_force([third, first, second], instance(started=0)) is second
    assert version_in_force([third, first, second], instance(started=-1)) is first
    assert version_in_force([third, first, second], instance(started=1440)) is third
    assert version_in_force([third], instance(started=0)) is None


def test_other_processes_are_none_of_its_business() -> None:
    assert evaluate(rule(process="q"), instance(a=[0]), minute(1)) is None


def test_an_allowance_beyond_what_the_store_can_hold_ends_there() -> None:
    verdict = judged(rule(within="999999d"), instance(a=[0]), 1)
    assert verdict.deadline_at == LATEST
    assert verdict.allowed_micros == 999_999 * 86_400_000_000


@pytest.mark.parametrize(
    ("given_rule", "facts", "now", "reason"),
    [
        (rule(), instance(a=[0], b=[5]), 9, "b came 5 min after a, within the 8 min allowed"),
        (
            rule(),
            instance(a=[0], b=[11]),
            20,
            "b came 11 min after a, 3 min over the 8 min allowed",
        ),
        (
            rule(),
            instance(a=[0]),
            1,
            "waiting for b since 2026-03-01 00:00 UTC, due 2026-03-01 00:08 UTC",
        ),
        (
            rule(segments=SEGMENTS),
            instance(a=[0], b=[5], facets={"priority": "urgent", "site": "west"}),
            6,
            (
                "b came 5 min after a, 3 min over the 2 min allowed"
                " where priority is urgent, site is west"
            ),
        ),
        (
            completion(),
            instance(status=InstanceStatus.COMPLETED, ended=9),
            9,
            "completion came 9 min after the start, 1 min over the 8 min allowed",
        ),
        (
            rule(),
            instance(a=[0], status=InstanceStatus.ENDED, ended=3),
            9,
            (
                "the instance ended 2026-03-01 00:03 UTC without b,"
                " before the 8 min allowed were used up"
            ),
        ),
        (
            rule(within="4m", at_risk=0.5),
            instance(a=[0]),
            2,
            (
                "waiting for b since 2026-03-01 00:00 UTC, due 2026-03-01 00:04 UTC:"
                " 50 % of the 4 min allowed are used up"
            ),
        ),
        (
            rule(within="1h", at_risk=0.5),
            instance(a=[0]),
            30,
            (
                "waiting for b since 2026-03-01 00:00 UTC, due 2026-03-01 01:00 UTC:"
                " 50 % of the 1 h allowed is used up"
            ),
        ),
        (
            rule(within="1m"),
            instance(a=[0]),
            2,
            (
                "waiting for b since 2026-03-01 00:00 UTC, was due 2026-03-01 00:01 UTC:"
                " the 1 min allowed is used up"
            ),
        ),
        (
            rule(within="61s"),
            instance(a=[0]),
            2,
            (
                "waiting for b since 2026-03-01 00:00 UTC, was due 2026-03-01 00:01:01 UTC:"
                " the 1 min 1 s allowed are used up"
            ),
        ),
        (
            rule(within="1d"),
            instance(a=[0], status=InstanceStatus.ENDED, ended=3),
            9,
            "the instance ended 2026-03-01 00:03 UTC without b, before the 1 d allowed was used up",
        ),
        (
            rule(),
            instance(a=[0], status=InstanceStatus.ENDED, ended=9),
            9,
            "the instance ended 2026-03-01 00:09 UTC without b, 1 min over the 8 min allowed",
        ),
    ],
)
def test_reasons_are_sentences(
    given_rule: SlaDefinition, facts: InstanceFacts, now: int, reason: str
) -> None:
    assert judged(given_rule, facts, now).reason == reason
