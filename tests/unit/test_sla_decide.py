"""What becomes of earlier verdicts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sla_rules.decide import Decision, decide
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import InstanceFacts, Verdict, VerdictState
from suture.definitions.sla import SlaDefinition

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rule(**changes: Any) -> SlaDefinition:
    content = {
        "sla": "x",
        "title": "In time",
        "process": "p",
        "kind": "duration",
        "from": "a",
        "to": "b",
        "within": "4h",
        **changes,
    }
    return SlaDefinition.model_validate(content)


def instance(times: Mapping[str, float], **changes: Any) -> InstanceFacts:
    content: dict[str, Any] = {
        "environment": "production",
        "process": "p",
        "anchor": "production|x||1",
        "status": InstanceStatus.OPEN,
        "started_at": T0,
        "milestone_times": {name: [T0 + hours * HOUR] for name, hours in times.items()},
        **changes,
    }
    return InstanceFacts(**content)


class Life:
    """Decides again and again, as a store would keep the outcome."""

    def __init__(self, *rules: SlaDefinition) -> None:
        self.rules = rules
        self.states: dict[str, Verdict] = {}

    def at(self, hours: float, facts: InstanceFacts | None) -> list[Decision]:
        decisions = decide(self.rules, facts, self.states, T0 + hours * HOUR)
        self.states |= {d.verdict.sla: d.verdict for d in decisions}
        assert decide(self.rules, facts, self.states, T0 + hours * HOUR) == []
        return decisions


def test_time_alone_writes_nothing_until_the_state_changes() -> None:
    life, facts = Life(rule()), instance({"a": 0})
    written = {hours: [d.verdict.state.value for d in life.at(hours, facts)] for hours in range(8)}
    assert {hours: states for hours, states in written.items() if states} == {
        0: ["pending"],
        3: ["at_risk"],
        5: ["breached"],
    }


def test_a_changed_facet_is_no_new_decision() -> None:
    life = Life(rule())
    life.at(0, instance({"a": 0}))
    (decision,) = life.at(1, instance({"a": 0}, facets={"site": "west"}))
    assert not decision.in_history
    assert decision.verdict.decided_at == T0
    assert decision.verdict.facets == {"site": "west"}


def test_alerting_hears_of_breaches_coming_and_going() -> None:
    life = Life(rule())
    heard = [
        [d.about_breach for d in life.at(hours, facts)]
        for hours, facts in (
            (0, instance({"a": 0})),
            (5, instance({"a": 0})),
            (6, instance({"a": 0, "b": 2})),
            (7, instance({"a": 0, "b": 3})),
        )
    ]
    assert heard == [[False], [True], [True], [False]]


def test_a_rule_that_is_gone_is_cancelled_once() -> None:
    life = Life(rule(), rule(sla="y"))
    life.at(0, instance({"a": 0}))
    life.rules = (rule(),)
    (decision,) = life.at(1, instance({"a": 0}))
    assert (decision.verdict.sla, decision.verdict.reason) == (
        "y",
        "the rule y is not declared any more",
    )
    assert life.at(2, instance({"a": 0})) == []


def test_a_vanished_instance_cancels_everything() -> None:
    life = Life(rule(), rule(sla="y", within="1h"))
    life.at(2, instance({"a": 0}))
    decisions = life.at(3, None)
    assert [d.verdict.state for d in decisions] == [VerdictState.CANCELLED] * 2
    assert all(d.verdict.elapsed_micros == 3 * 3_600_000_000 for d in decisions)
    assert decide(life.rules, None, {}, T0) == []


def test_a_settled_verdict_outlives_its_version() -> None:
    life = Life(rule())
    life.at(5, instance({"a": 0, "b": 1}))
    life.rules = (rule(version=2, effective_from="2026-03-02", within="1m"),)
    assert life.at(6, instance({"a": 0, "b": 1})) == []
    life.rules = (rule(version=2, effective_from="2026-03-01", within="1m"),)
    (decision,) = life.at(7, instance({"a": 0, "b": 1}))
    assert (decision.verdict.state, decision.verdict.sla_version) == (VerdictState.BREACHED, 2)


def test_a_rule_that_begins_later_than_it_did_lets_go() -> None:
    life = Life(rule())
    life.at(5, instance({"a": 0, "b": 1}))
    life.rules = (rule(effective_from="2026-03-02"),)
    (decision,) = life.at(6, instance({"a": 0, "b": 1}))
    assert decision.verdict.state is VerdictState.CANCELLED
    assert "before version 1 of the rule took effect" in decision.verdict.reason


hours = st.integers(0, 12)
facts = st.none() | st.builds(
    lambda a, b, site: instance(
        {name: at for name, at in (("a", a), ("b", b)) if at is not None}, facets={"site": site}
    ),
    st.none() | hours,
    st.none() | hours,
    st.sampled_from(["west", "east"]),
)


@given(st.lists(facts, min_size=1, max_size=8), facts)
def test_what_counts_in_the_end_does_not_depend_on_the_way(
    way: list[InstanceFacts | None], end: InstanceFacts | None
) -> None:
    rules = (rule(), rule(sla="y", segments=[{"when": {"site": "west"}, "within": "1h"}]))
    long, short = Life(*rules), Life(*rules)
    for number, step in enumerate(way):
        long.at(number, step)
    long.at(20, end)
    short.at(20, end)

    def counted(life: Life) -> dict[str, tuple[Any, ...]]:
        return {
            name: (v.state, v.started_at, v.deadline_at, v.completed_at, v.reason, v.facets)
            for name, v in life.states.items()
            if v.state is not VerdictState.CANCELLED
        }

    assert counted(long) == counted(short)
