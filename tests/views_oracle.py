"""Process views computed the plain way, one case after the other, to hold the product against.

Imports no product code. A case is a list of (milestone, time, reached) in its order; times are
numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Case = Sequence[tuple[str, float, bool]]
Edge = tuple[str | None, str | None]


def percentile(values: Iterable[float], share: float) -> float:
    """Interpolated between neighbours (Hyndman and Fan's type 7, the default of numpy and R)."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def median_and_p95(values: Collection[float]) -> tuple[float, float] | None:
    """Both, or None of nothing."""
    return (percentile(values, 0.5), percentile(values, 0.95)) if values else None


@dataclass
class Follows:
    """How one milestone follows another."""

    count: int = 0
    cases: set[int] = field(default_factory=set)
    times: list[float] = field(default_factory=list)


def directly_follows(cases: Iterable[Case]) -> dict[Edge, Follows]:
    """Every pair of neighbours; None is before the first and behind the last."""
    found: dict[Edge, Follows] = defaultdict(Follows)
    for number, case in enumerate(cases):
        names = [None, *(name for name, _, _ in case), None]
        for pair in pairwise(names):
            found[pair].count += 1
            found[pair].cases.add(number)
        for (one, since, _), (other, until, _) in pairwise(case):
            found[one, other].times.append(until - since)
    return dict(found)


def milestones(cases: Iterable[Case]) -> dict[str, dict[str, Any]]:
    """Every milestone: how many, in how many cases, attempts, places, times to what follows."""
    found: dict[str, dict[str, Any]] = {}
    for number, case in enumerate(cases):
        for place, (name, at, reached) in enumerate(case, 1):
            one = found.setdefault(
                name, {"count": 0, "cases": set(), "attempts": 0, "places": [], "next": []}
            )
            one["count"] += 1
            one["cases"].add(number)
            one["attempts"] += not reached
            one["places"].append(place)
            if place < len(case):
                one["next"].append(case[place][1] - at)
    return found


def variants(cases: Iterable[Case]) -> dict[tuple[str, ...], list[Case]]:
    """The cases of each sequence of names."""
    found: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    for case in cases:
        found[tuple(name for name, _, _ in case)].append(case)
    return dict(found)


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, by the textbook's table."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


def fits(
    case: Case, expected: Sequence[str], starts: Collection[str], awaited: str | None = None
) -> Mapping[str, Any]:
    """What is wrong with one case. `awaited` is a milestone that may come several times."""
    reached = [name for name, _, ok in case if ok]
    plain = []
    for name in reached:
        if name in expected and not (name == awaited and name in plain):
            plain.append(name)
    furthest = max((expected.index(name) for name in plain), default=-1)
    begun = any(name in starts for name in reached)
    model = [
        name
        for name in expected[: furthest + 1]
        if name in reached or not (begun and name in starts)
    ]
    late = set()
    for place, name in enumerate(plain):
        first = name not in plain[:place]
        if first and any(expected.index(n) > expected.index(name) for n in plain[:place]):
            late.add(name)
    kept = longest_common(plain, model)
    cost = (len(plain) - kept) + (len(model) - kept)
    worst = len(plain) + len(model)
    counts = Counter(reached)
    return {
        "skipped": set(model) - set(plain),
        "out_of_order": late,
        "repeated": len(plain) > len(set(plain)),
        "start_inferred": not begun,
        "attempted": any(not ok for _, _, ok in case),
        "fitness": 1 - cost / worst if worst else None,
        "repeats": {name: count - 1 for name, count in counts.items() if count > 1},
        "reached": set(reached),
    }
