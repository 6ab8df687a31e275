"""The clock of a rule: one rule, one instance, one instant, one verdict.

Pure. The clock starts at the first reached `from` and stops at the first reached `to` at or after
it; an earlier `to` is ignored. In time is at or before the deadline, which is the first instant at
which the allowance is used up. What follows from facts (a stop, an end) follows whatever `now` is;
what follows from waiting depends on `now` alone, so a verdict never turns better as time passes.

A rule whose `from` and `to` are one milestone stops where it starts: it is met at once.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import InstanceFacts, Verdict, VerdictState
from suture.definitions.sla import SlaDefinition
from suture.definitions.values import format_duration

LATEST = datetime(2299, 12, 31, tzinfo=UTC)
"""The last instant the store can hold; an allowance that reaches beyond it ends here."""

_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ONE = re.compile(r"1 \w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What the facts say of one clock: it stopped at `stop`, or was cut off at `end`, or runs."""

    start: datetime
    deadline: datetime
    at_risk: datetime
    allowed: timedelta
    condition: str
    stop: datetime | None
    end: datetime | None


def evaluate(rule: SlaDefinition, instance: InstanceFacts, now: datetime) -> Verdict | None:
    """The verdict of `rule` about `instance` as of `now`, or None where the rule says nothing.

    None means: another process, an instance that started before the rule took effect, or a clock
    that has not started. `why_not` puts it in words.
    """
    if not _in_force(rule, instance):
        return None
    start = _clock_start(rule, instance)
    if start is None:
        return None
    reading = _read(rule, instance, start)
    state = _state(reading, now)
    stopped = reading.stop if reading.stop is not None else reading.end
    return Verdict(
        environment=instance.environment,
        process=instance.process,
        anchor=instance.anchor,
        sla=rule.sla,
        sla_version=rule.version,
        state=state,
        reason=_reason(rule, reading, state),
        started_at=start,
        deadline_at=reading.deadline,
        at_risk_at=reading.at_risk,
        completed_at=reading.stop,
        stopped_at=stopped,
        elapsed_micros=max(0, ((stopped or now) - start) // _MICROSECOND),
        allowed_micros=reading.allowed // _MICROSECOND,
        facets=instance.facets,
        decided_at=now,
    )


def next_looks(verdict: Verdict) -> list[datetime]:
    """The instants after `decided_at` at which time alone changes the verdict, ascending.

    In time includes the deadline itself, so a breach is one microsecond later.
    """
    if verdict.state not in (VerdictState.PENDING, VerdictState.AT_RISK):
        return []
    looks = []
    if verdict.at_risk_at is not None:
        looks.append(verdict.at_risk_at)
    if verdict.deadline_at is not None:
        looks.append(verdict.deadline_at + _MICROSECOND)
    return sorted(look for look in set(looks) if look > verdict.decided_at)


def why_not(rule: SlaDefinition, instance: InstanceFacts) -> str:
    """Why `evaluate` gives no verdict, as a sentence."""
    if instance.process != rule.process:
        return f"the rule is about {rule.process} now"
    if not _in_force(rule, instance):
        return (
            f"the instance started {_moment(instance.started_at)}, before version {rule.version} of"
            f" the rule took effect ({rule.effective_from})"
        )
    return f"{rule.from_milestone} is not reached any more, so the clock has not started"


def version_in_force(
    versions: Iterable[SlaDefinition], instance: InstanceFacts
) -> SlaDefinition | None:
    """Of the versions of one rule the one in force when the instance started, if any."""
    live = (version for version in versions if _in_force(version, instance))
    return max(live, key=lambda rule: (rule.effective_at or _ALWAYS, rule.version), default=None)


def _in_force(rule: SlaDefinition, instance: InstanceFacts) -> bool:
    effective = rule.effective_at
    return instance.process == rule.process and (
        effective is None or instance.started_at >= effective
    )


def _clock_start(rule: SlaDefinition, instance: InstanceFacts) -> datetime | None:
    if rule.from_milestone is None:
        return instance.started_at
    return _first_at_or_after(instance.milestone_times, rule.from_milestone, None)


def _clock_stop(rule: SlaDefinition, instance: InstanceFacts, start: datetime) -> datetime | None:
    if rule.to_milestone is not None:
        return _first_at_or_after(instance.milestone_times, rule.to_milestone, start)
    if instance.status is InstanceStatus.COMPLETED and instance.ended_at is not None:
        return instance.ended_at if instance.ended_at >= start else None
    return None


def _first_at_or_after(
    times: Mapping[str, Sequence[datetime]], milestone: str, bound: datetime | None
) -> datetime | None:
    reached = times.get(milestone, ())
    index = 0 if bound is None else bisect_left(reached, bound)
    return reached[index] if index < len(reached) else None


def _read(rule: SlaDefinition, instance: InstanceFacts, start: datetime) -> _Reading:
    segment = rule.segment_of(instance.facets)
    allowed = segment.within if segment else rule.within
    condition = ""
    if segment:
        condition = " where " + ", ".join(f"{k} is {v}" for k, v in sorted(segment.when.items()))
    stop = _clock_stop(rule, instance, start)
    end = instance.ended_at if instance.status is InstanceStatus.ENDED else None
    if end is not None and stop is not None:
        # Whichever came first closed the clock; at the same instant what was awaited did come.
        stop, end = (stop, None) if stop <= end else (None, end)
    micros = allowed // _MICROSECOND
    return _Reading(
        start=start,
        deadline=_plus(start, allowed),
        at_risk=_plus(start, timedelta(microseconds=round(micros * rule.at_risk))),
        allowed=allowed,
        condition=condition,
        stop=stop,
        end=end,
    )


def _plus(start: datetime, span: timedelta) -> datetime:
    return start + span if span < LATEST - start else LATEST


def _state(reading: _Reading, now: datetime) -> VerdictState:
    if reading.stop is not None:
        return VerdictState.MET if reading.stop <= reading.deadline else VerdictState.BREACHED
    if reading.end is not None:
        late = reading.end > reading.deadline
        return VerdictState.BREACHED if late else VerdictState.CANCELLED
    if now > reading.deadline:
        return VerdictState.BREACHED
    return VerdictState.AT_RISK if now >= reading.at_risk else VerdictState.PENDING


def _reason(rule: SlaDefinition, reading: _Reading, state: VerdictState) -> str:
    """A sentence that stays true as time passes: what came when, or what is awaited until when."""
    awaited = rule.to_milestone or "completion"
    origin = rule.from_milestone or "the start"
    allowed = f"{format_duration(reading.allowed)} allowed{reading.condition}"
    if reading.stop is not None:
        took = format_duration(reading.stop - reading.start)
        came = f"{awaited} came {took} after {origin}"
        if state is VerdictState.MET:
            return f"{came}, within the {allowed}"
        return f"{came}, {format_duration(reading.stop - reading.deadline)} over the {allowed}"
    if reading.end is not None:
        ended = f"the instance ended {_moment(reading.end)} without {awaited}"
        if state is VerdictState.CANCELLED:
            return f"{ended}, before the {allowed} {_verb(reading, 'was', 'were')} used up"
        over = format_duration(reading.end - reading.deadline)
        return f"{ended}, {over} over the {allowed}"
    used = f"{_verb(reading, 'is', 'are')} used up"
    waiting = f"waiting for {awaited} since {_moment(reading.start)}"
    if state is VerdictState.BREACHED:
        return f"{waiting}, was due {_moment(reading.deadline)}: the {allowed} {used}"
    if state is VerdictState.AT_RISK:
        share = f"{rule.at_risk * 100:.3g} % of the {allowed} {used}"
        return f"{waiting}, due {_moment(reading.deadline)}: {share}"
    return f"{waiting}, due {_moment(reading.deadline)}"


def _verb(reading: _Reading, one: str, many: str) -> str:
    """The form that goes with the allowance: 1 min is used up, 8 min are, 1 h 30 min are."""
    return one if _ONE.fullmatch(format_duration(reading.allowed)) else many


def _moment(instant: datetime) -> str:
    """An instant for a sentence, to the second where there are seconds."""
    utc = instant.astimezone(UTC)
    return utc.strftime("%Y-%m-%d %H:%M:%S UTC" if utc.second else "%Y-%m-%d %H:%M UTC")
