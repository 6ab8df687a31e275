"""What links, instances and refusals should be: the rules as written, over all facts, with loops.

Shares no code with the product. Objects are (environment, type, scope, id) tuples, evidence is
(kind, at, source, id) per (process, from, to).
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

KINDS = ["operator", "event", "trace"]
Pair = tuple[Any, Any]


def spoken(decisions: Sequence[Mapping[str, Any]], process: str) -> dict[Pair, Any]:
    """What counts of the decisions about each pair: the latest that nobody took back, or None."""
    undone = {d["undoes"] for d in decisions if d["action"] == "undo"}
    said: dict[Pair, Any] = {}
    for d in sorted(decisions, key=lambda d: (d["at"], d["id"])):
        if d["action"] != "undo" and d["process"] == process:
            for pair in d["pairs"]:
                said[pair] = said.get(pair) if d["id"] in undone else d
    return said


def candidates(
    events: Sequence[Mapping[str, Any]],
    traced: Mapping[Pair, Collection[tuple[Any, str, str]]],
    decisions: Sequence[Mapping[str, Any]],
    process: Mapping[str, Any],
) -> dict[Pair, Any]:
    """Every candidate with its first-ranked evidence."""
    evidence = defaultdict(list)
    for e in events:
        for x, y in itertools.permutations(e["objects"], 2):
            if (x[1], y[1]) in process["paths"]:
                evidence[x, y].append((1, e["at"], e["source"], e["id"]))
    for pair, found in traced.items():
        if (pair[0][1], pair[1][1]) in process["paths"]:
            evidence[pair] += [(2, *one) for one in found]
    said = spoken(decisions, process["name"])
    for pair, d in said.items():
        if d and d["action"] == "accept":
            evidence[pair].append((0, d["at"], d["actor"], d["id"]))
    blocked = {p for p, d in said.items() if d and d["action"] in ("block", "split")}
    return {pair: min(found) for pair, found in evidence.items() if pair not in blocked}


def traced(
    carriers: Sequence[Mapping[str, Any]],
    spans: Sequence[Mapping[str, Any]],
    process: Mapping[str, Any],
) -> dict[Pair, list[tuple[Any, str, str]]]:
    """What traces say: pairs of which a subtree of spans names exactly one object of each type.

    Carriers and spans name their trace and span; an event's carriers have its key, a span's none.
    """
    found = defaultdict(list)
    for trace in {c["trace"] for c in carriers}:
        own = [c for c in carriers if c["trace"] == trace]
        parents = {s["span"]: s["parent"] for s in spans if s["trace"] == trace}
        above = {}
        for c in own:
            chain, at = [], c["span"]
            while at in parents and at not in chain:
                chain.append(at)
                at = parents[at]
            above[id(c)] = {*chain, None}
        pairs = set()
        for node in [None, *parents]:
            names = {c["object"] for c in own if node in above[id(c)]}
            for x, y in process["paths"]:
                xs, ys = ([o for o in names if o[1] == t] for t in (x, y))
                if len(xs) == len(ys) == 1:
                    pairs.add((xs[0], ys[0]))
        for x, y in pairs:
            events = [{c["event"] for c in own if c["object"] == o} - {""} for o in (x, y)]
            if events[0] & events[1]:
                continue
            first = [min(c["at"] for c in own if c["object"] == o) for o in (x, y)]
            found[x, y].append((max(first), "trace", trace))
    return found


def accepted(found: Mapping[Pair, Any], process: Mapping[str, Any]) -> set[Pair]:
    """Candidates that rank first, alone, wherever a path lets an object have one partner."""
    good = set()
    for (x, y), rank in found.items():
        limit = process["paths"][x[1], y[1]]
        rivals = [r for (a, b), r in found.items() if b == y and a != x and a[1] == x[1]]
        if limit in ("one_to_many", "one_to_one") and any(r <= rank for r in rivals):
            continue
        rivals = [r for (a, b), r in found.items() if a == x and b != y and b[1] == y[1]]
        if limit in ("many_to_one", "one_to_one") and any(r <= rank for r in rivals):
            continue
        good.add((x, y))
    return good


def instances(
    events: Sequence[Mapping[str, Any]], links: set[Pair], process: Mapping[str, Any]
) -> dict[Any, tuple[set[Any], set[str]]]:
    """Per anchor that has members: what it reaches, and the ids of its events."""
    result = {}
    for a in {o for e in events for o in e["objects"] if o[1] == process["anchor"]}:
        reached = {a}
        while more := {y for x, y in links if x in reached} - reached:
            reached |= more
        members = {e["id"] for e in events if _belongs(e, a, reached, links, process)}
        if members:
            result[a] = (reached, members)
    return result


def _belongs(
    e: Mapping[str, Any], a: Any, reached: set[Any], links: set[Pair], process: Mapping[str, Any]
) -> bool:
    if e["milestone"] not in process["milestones"]:
        return False
    anchors = {o for o in e["objects"] if o[1] == process["anchor"]}
    if anchors:
        return a in anchors
    hidden = {
        y
        for x, y in itertools.permutations(e["objects"], 2)
        if (x[1], y[1]) in process["paths"] and (x, y) not in links
    }
    return bool((set(e["objects"]) - hidden) & reached)
