"""What late instances have in common that others have not, with a guard against small numbers.

A feature (a facet's value, a system that time went to, an error type) counts if at least five late
instances have it, if those that have it are late more often than all are, and if chance alone would
hardly bring so many late ones together: the hypergeometric tail (Fisher's exact test, one-sided) is
held against one in a hundred, divided by the number of features looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from suture.store.reading.attribution import AttributionFilter, AttributionReader, Feature

LEAST_LATE = 5
CHANCE = 0.01
SHOWN = 20
_NEGLIGIBLE = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A feature with its support among the late, its lift, and how likely it is by chance."""

    feature: Feature
    support: float
    late_ratio: float
    lift: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonToLate:
    """All instances, how many of them are late, and what those share."""

    instances: int
    late: int
    items: Sequence[Shared]


def shared_by_late(reader: AttributionReader, wanted: AttributionFilter) -> CommonToLate:
    """What the late ones of some instances share, the largest lift first."""
    everything, features = reader.features(wanted, least=LEAST_LATE)
    items = telling(everything, features)
    return CommonToLate(instances=everything.instances, late=everything.late, items=items)


def telling(everything: Feature, features: Sequence[Feature]) -> list[Shared]:
    """The features that tell late instances from others; `everything` counts all of them."""
    if not everything.late or everything.late == everything.instances:
        return []
    overall = everything.late / everything.instances
    found = []
    for feature in features:
        ratio = feature.late / feature.instances
        if feature.late < LEAST_LATE or ratio <= overall:
            continue
        chance = tail(
            feature.late, drawn=feature.instances, marked=everything.late, of=everything.instances
        )
        if chance <= CHANCE / len(features):
            found.append(
                Shared(
                    feature=feature,
                    support=feature.late / everything.late,
                    late_ratio=ratio,
                    lift=ratio / overall,
                    chance=chance,
                )
            )
    found.sort(key=lambda one: (-one.lift, -one.support, one.feature.name, one.feature.value))
    return found[:SHOWN]


def tail(least: int, *, drawn: int, marked: int, of: int) -> float:
    """The chance that of `drawn` things, taken from `of`, at least `least` are marked ones."""
    ways = _log_choose(of, drawn)
    total = last = 0.0
    for k in range(max(least, drawn - (of - marked)), min(drawn, marked) + 1):
        term = exp(_log_choose(marked, k) + _log_choose(of - marked, drawn - k) - ways)
        total += term
        if term < last and term < total * _NEGLIGIBLE:
            break  # beyond the likeliest count they only get smaller
        last = term
    return min(1.0, total)


def _log_choose(n: int, k: int) -> float:
    if k in (0, n):
        return 0.0
    if n == k + 1 or k == 1:
        return log(n)
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
