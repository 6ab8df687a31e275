"""What becomes of an instance's verdicts: new ones, changed ones, and those that no longer hold.

Pure. A verdict is written again only when somebody who reads it would see a difference; time that
merely went by is none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sla_rules.evaluate import evaluate, version_in_force, why_not
from suture.contracts.verdict import UNDECIDED_STATES, InstanceFacts, Verdict, VerdictState
from suture.definitions.sla import SlaDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One verdict to write, and the one that counted before it (None for the first).

    Where only the instance's facets changed, the verdict itself is the old one with the new facets:
    it is no new decision and has no place in the history.
    """

    verdict: Verdict
    previous: Verdict | None

    @property
    def in_history(self) -> bool:
        """Whether this is a decision, not only a facet that changed."""
        return self.previous is None or visible(self.verdict) != visible(self.previous)

    @property
    def about_breach(self) -> bool:
        """Whether alerting has to look: the verdict is, or was until now, a breach."""
        earlier = self.previous.state if self.previous else None
        return VerdictState.BREACHED in (self.verdict.state, earlier)


def visible(verdict: Verdict) -> tuple[object, ...]:
    """What a reader sees of a verdict, elapsed time and the time of the decision aside."""
    return (
        verdict.state,
        verdict.sla_version,
        verdict.started_at,
        verdict.deadline_at,
        verdict.at_risk_at,
        verdict.completed_at,
        verdict.stopped_at,
        verdict.allowed_micros,
        verdict.reason,
    )


def decide(
    rules: Iterable[SlaDefinition],
    instance: InstanceFacts | None,
    existing: Mapping[str, Verdict],
    now: datetime,
) -> list[Decision]:
    """What to write about one instance as of `now`, by rule name.

    `instance` is None when there is no such instance any more. `existing` holds the verdicts that
    count so far, by rule name; those of rules that are not among `rules` are withdrawn.
    """
    by_name: dict[str, list[SlaDefinition]] = defaultdict(list)
    for rule in rules:
        by_name[rule.sla].append(rule)
    decisions = []
    for name in sorted(by_name.keys() | existing.keys()):
        previous = existing.get(name)
        verdict = _judge(by_name.get(name, ()), instance, previous, now)
        if verdict is not None and verdict is not previous:
            decisions.append(Decision(verdict=verdict, previous=previous))
    return decisions


def _judge(
    versions: Sequence[SlaDefinition],
    instance: InstanceFacts | None,
    previous: Verdict | None,
    now: datetime,
) -> Verdict | None:
    """The verdict that counts from now on: `previous` itself where nothing is to be written."""
    rule = version_in_force(versions, instance) if instance else None
    verdict = evaluate(rule, instance, now) if rule and instance else None
    if verdict is None:
        return _withdraw(versions, rule, instance, previous, now)
    if previous is None or visible(verdict) != visible(previous):
        return verdict
    if dict(verdict.facets) != dict(previous.facets):
        return replace(previous, facets=verdict.facets)
    return previous


def _withdraw(
    versions: Sequence[SlaDefinition],
    rule: SlaDefinition | None,
    instance: InstanceFacts | None,
    previous: Verdict | None,
    now: datetime,
) -> Verdict | None:
    if previous is None or previous.state is VerdictState.CANCELLED:
        return previous
    if instance is None:
        reason = "the instance does not exist any more: its facts lead elsewhere now"
    elif not versions:
        reason = f"the rule {previous.sla} is not declared any more"
    else:
        newest = rule or max(versions, key=lambda version: version.version)
        earlier = rule is None and previous.sla_version < newest.version
        if earlier and previous.state not in UNDECIDED_STATES:
            # An instance keeps the version under which it was judged, also when only a later one,
            # for later instances, is still declared.
            return previous
        reason = why_not(newest, instance)
    return replace(
        previous,
        state=VerdictState.CANCELLED,
        reason=reason,
        completed_at=None,
        stopped_at=now,
        elapsed_micros=previous.elapsed_by(now),
        facets=instance.facets if instance else previous.facets,
        decided_at=now,
    )
