"""The SLA stage at work: follow the correlator and the clock, judge, write down.

One tick looks at the instances that the correlator touched since the last one, and at the verdicts
whose deadline or at-risk moment has passed since. Order of writes: the plan, then page by page the
history, the deadlines, what alerting has to look at, the states, and last the cursors. A tick that
was killed anywhere is repeated by the next run with the same `now`, and writes the same rows.

A rule that is new, changed or gone since the last run is held against every instance of its
process, so that a definition is in force as soon as it is read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from sla_rules.decide import Decision, decide
from sla_rules.evaluate import next_looks
from suture.clock import require_utc
from suture.definitions.catalog import Catalog
from suture.definitions.sla import SlaDefinition
from suture.store import judging
from suture.store.engine import Store
from suture.store.judging import Page, Plan, Progress

PAGE = 4_000
"""Instances held in memory at a time."""

BUDGET = 40_000
"""Instances judged in one tick, about: more wait for the next, so that alerts are not held up."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaTickResult:
    """What one tick did. `position` is the last change judged; `caught_up`: none is left."""

    instances: int = 0
    verdicts: int = 0
    position: int = 0
    caught_up: bool = True


class SlaJob:
    """Judges instances. One tick at a time: two at once could each miss what the other wrote."""

    def __init__(
        self, store: Store, catalog: Catalog, *, page: int = PAGE, budget: int = BUDGET
    ) -> None:
        """Judge by the rules of `catalog`, `page` instances at a time, about `budget` per tick."""
        self._store = store
        self._catalog = catalog
        self._page = page
        self._budget = budget
        self._fingerprints = {(r.sla, r.process): _fingerprint(r) for r in catalog.slas.values()}
        self._rules_settled = False
        self._next_look: datetime | None = None
        self._looked_after: int | None = None

    def tick(self, now: datetime) -> SlaTickResult:
        """Judge what changed and what fell due by `now`.

        The stage's time never stands still, so that every decision has a time of its own: a `now`
        that is not after that of the last run counts as a microsecond after it.
        Raises StoreUnavailable when the store does not answer; the next tick goes on from there.
        """
        now = require_utc(now)
        progress = judging.progress(self._store)
        instances = verdicts = 0
        while (plan := progress.unfinished or self._plan(progress, now)) is not None:
            seen, written = self._carry_out(plan, progress)
            instances += seen
            verdicts += written
            progress = judging.progress(self._store)
            if instances >= self._budget:
                break
        if verdicts:
            _log.info("verdicts_written", instances=instances, verdicts=verdicts)
        return SlaTickResult(
            instances=instances,
            verdicts=verdicts,
            position=progress.judged,
            caught_up=progress.judged >= progress.stitched,
        )

    def _plan(self, progress: Progress, now: datetime) -> Plan | None:
        """The next run, or None where nothing changed, nothing is due and no rule differs."""
        upto = progress.judged
        if progress.stitched > progress.judged:
            upto = judging.changes_upto(
                self._store, after=progress.judged, upto=progress.stitched, limit=self._budget
            )
        unchanged = upto == progress.judged
        if unchanged and not self._is_due(progress, now) and not self._rules_to_apply():
            return None
        plan = Plan(
            tick=progress.tick + 1,
            now=max(now, progress.now + timedelta(microseconds=1)),
            after=progress.judged,
            upto=upto,
            due_after=progress.now,
        )
        judging.begin(self._store, plan)
        return plan

    def _is_due(self, progress: Progress, now: datetime) -> bool:
        """Whether a look falls due by `now`: only ticks write deadlines, so one asks once."""
        if self._looked_after != progress.tick:
            self._next_look = judging.next_due(self._store, after=progress.now)
            self._looked_after = progress.tick
        return self._next_look is not None and self._next_look <= now

    def _carry_out(self, plan: Plan, progress: Progress) -> tuple[int, int]:
        """Run a plan to its end; returns how many instances were seen and verdicts written."""
        instances = verdicts = 0
        differing = self._rules_to_apply()
        if differing:
            if progress.judged:
                processes = {process for _, process in differing}
                _log.info("rules_differ", rules=sorted({sla for sla, _ in differing}))
                for page in judging.all_pages(self._store, processes, self._needed, self._page):
                    instances += len(page.anchors)
                    verdicts += self._judge(page, plan)
            judging.write_judged_rules(self._store, differing, tick=plan.tick)
        for page in judging.touched_pages(self._store, plan, self._needed, self._page):
            instances += len(page.anchors)
            verdicts += self._judge(page, plan)
        judging.finish(self._store, plan)
        return instances, verdicts

    def _judge(self, page: Page, plan: Plan) -> int:
        rules = self._catalog.slas_of(page.process)
        decisions = [
            decision
            for anchor in page.anchors
            for decision in decide(
                rules, page.instances.get(anchor), page.verdicts.get(anchor, {}), plan.now
            )
        ]
        self._write(decisions, tick=plan.tick)
        return len(decisions)

    def _write(self, decisions: Sequence[Decision], *, tick: int) -> None:
        """Write a page. The states come last: a repeat compares with them (see `store.judging`)."""
        decided = [d.verdict for d in decisions if d.in_history]
        judging.write_history(self._store, decided)
        judging.write_deadlines(
            self._store, [(look, verdict) for verdict in decided for look in next_looks(verdict)]
        )
        judging.write_changes(
            self._store, [d.verdict for d in decisions if d.about_breach], tick=tick
        )
        judging.write_states(self._store, [d.verdict for d in decisions], tick=tick)

    def _rules_to_apply(self) -> Mapping[tuple[str, str], str]:
        """Rules that differ from those every instance was held against, with their fingerprints.

        Rules that are gone have an empty one.
        """
        if self._rules_settled:
            return {}
        known = judging.judged_rules(self._store)
        self._rules_settled = known == self._fingerprints
        differing = {
            key: self._fingerprints.get(key, "")
            for key in self._fingerprints.keys() | known.keys()
            if self._fingerprints.get(key, "") != known.get(key, "")
        }
        return dict(sorted(differing.items()))

    @property
    def _needed(self) -> dict[str, list[str]]:
        """The milestones that the rules of each process name."""
        needed: dict[str, set[str]] = {}
        for rule in self._catalog.slas.values():
            needed.setdefault(rule.process, set()).update(rule.milestones)
        return {process: sorted(names) for process, names in needed.items()}


def _fingerprint(rule: SlaDefinition) -> str:
    """A hash of all that a verdict depends on; a new title or owner is no reason to judge again."""
    text = rule.model_dump_json(exclude={"title", "target", "window", "severity", "owner"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
