"""Where the milestones of a process map stand, and which lines between them are drawn.

Pure. A layered drawing after Sugiyama, Tagawa and Toda (1981): milestones are ordered by their
median place in the sequences, a line that spans several layers runs through a place of its own in
each, and lanes are found by moving everything towards its neighbours, weighed by how often they
follow each other, so that what is frequent runs straight. Layers count from 0 in the direction of
the process, lanes across it; the browser decides which of the two is horizontal.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from suture.store.reading.views import MapEdge, MapNode, ProcessMap

START, END = "", " "
"""Where instances begin and end; no milestone has such a name."""

_SWEEPS = 30
_STRONG = 0.05
"""A line makes a layer with this share of its target's events, or as the target's most frequent."""
_NODE_WIDTH, _LINE_WIDTH = 1.0, 0.45


class Detail(NamedTuple):
    """What is drawn: the share of all instances that it has at least, and how many at most."""

    name: str
    title: str
    milestones: float
    lines: float
    most_milestones: int
    most_lines: int


DETAILS = (
    Detail("main", "Main paths", 0.20, 0.10, 9, 14),
    Detail("usual", "Usual", 0.04, 0.02, 16, 36),
    Detail("all", "Everything", 0.0, 0.0, 10_000, 100_000),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where a milestone stands; START and END are spots too."""

    milestone: str
    layer: int
    lane: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """An edge with the lanes that it takes in the layers between its ends, in its own direction."""

    edge: MapEdge
    origin: str
    target: str
    between: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A map with a place for everything; `covered` is the share of all steps that is drawn."""

    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]
    hidden_milestones: int
    hidden_lines: int
    covered: float | None


def drawing(found: ProcessMap, declared: Sequence[str], detail: Detail) -> Drawing:
    """Choose what is drawn and find its places. `declared` decides between equal places."""
    nodes, edges = _chosen(found, detail)
    rank = {name: index for index, name in enumerate(declared)}
    ordered = sorted(nodes, key=lambda n: (n.median_place, rank.get(n.milestone, len(rank))))
    counts = {node.milestone: node.count for node in nodes}
    names = [START, *_in_order([n.milestone for n in ordered], edges), END] if nodes else []
    layers = _layers(names, edges, counts)
    lanes, between = _lanes(names, layers, edges, found.instances)
    drawn = sum(edge.count for edge in edges)
    whole = sum(edge.count for edge in found.edges)
    return Drawing(
        spots=tuple(Spot(milestone=n, layer=layers[n], lane=lanes[n]) for n in names),
        lines=tuple(
            Line(edge=edge, origin=ends[0], target=ends[1], between=between.get(ends, ()))
            for edge in edges
            for ends in [_ends(edge)]
        ),
        hidden_milestones=len(found.nodes) - len(nodes),
        hidden_lines=len(found.edges) - len(edges),
        covered=drawn / whole if whole else None,
    )


def _ends(edge: MapEdge) -> tuple[str, str]:
    return edge.from_milestone or START, edge.to_milestone or END


def _chosen(found: ProcessMap, detail: Detail) -> tuple[list[MapNode], list[MapEdge]]:
    """What is frequent enough; the most frequent way in and out of a milestone is always drawn."""
    frequent = sorted(found.nodes, key=lambda n: (-n.instances, n.milestone))
    nodes = [
        n
        for n in frequent[: detail.most_milestones]
        if n.instances >= detail.milestones * found.instances
    ]
    shown = {node.milestone for node in nodes} | {START, END}
    inside = [e for e in found.edges if set(_ends(e)) <= shown]
    best: set[tuple[str, str]] = set()
    ways_in: set[str] = set()
    ways_out: set[str] = set()
    for edge in sorted(inside, key=lambda e: (-e.count, _ends(e))):
        origin, target = ends = _ends(edge)
        if origin == target:
            continue
        if target not in ways_in or origin not in ways_out:
            best.add(ends)
        ways_in.add(target)
        ways_out.add(origin)
    ranked = sorted(inside, key=lambda e: (-e.instances, -e.count, _ends(e)))
    best |= {
        _ends(e)
        for e in ranked[: detail.most_lines]
        if e.instances >= detail.lines * found.instances
    }
    return nodes, [e for e in inside if _ends(e) in best]


def _in_order(names: Sequence[str], edges: Iterable[MapEdge]) -> list[str]:
    """Milestones so that as many steps as possible lead on, those given first where it is open.

    Edges are taken from the most frequent on, those that would close a circle left out. One against
    the given order weighs half; it is not left out for that, since places in sequences say little
    where earlier milestones are often missing.
    """
    number = {name: index for index, name in enumerate(names)}

    def weight(edge: MapEdge) -> float:
        origin, target = (number.get(end, 0) for end in _ends(edge))
        return edge.count * (1.0 if origin < target else 0.5)

    beyond = [0] * len(names)
    before: list[set[int]] = [set() for _ in names]
    for edge in sorted(edges, key=lambda e: (-weight(e), _ends(e))):
        origin, target = number.get(edge.from_milestone or ""), number.get(edge.to_milestone or "")
        if origin is None or target is None or origin == target or beyond[target] >> origin & 1:
            continue
        before[target].add(origin)
        reached = beyond[target] | 1 << target
        for one in range(len(names)):
            if one == origin or beyond[one] >> origin & 1:
                beyond[one] |= reached
    found: list[int] = []
    waiting = list(range(len(names)))
    while waiting:
        ready = next(one for one in waiting if before[one] <= set(found))
        waiting.remove(ready)
        found.append(ready)
    return [names[one] for one in found]


def _layers(
    names: Sequence[str], edges: Iterable[MapEdge], counts: Mapping[str, int]
) -> dict[str, int]:
    """Each milestone behind the latest one that leads on to it often, START first, END last."""
    order = {name: index for index, name in enumerate(names)}
    into: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for edge in edges:
        origin, target = _ends(edge)
        if order[origin] < order[target] and target != END:
            into[target].append((edge.count, origin))
    layers: dict[str, int] = {}
    for name in names:
        ways = into.get(name, [])
        most = max((count for count, _ in ways), default=0)
        strong = min(most, _STRONG * counts.get(name, 0))
        before = [layers[origin] for count, origin in ways if count >= strong]
        layers[name] = max(before, default=-1 if name == START else 0) + 1
    if names:
        layers[END] = 1 + max(layer for name, layer in layers.items() if name != END)
    return layers


class _Item:
    """Something that takes a place in a layer: a milestone, or a line on its way through it."""

    __slots__ = ("lane", "neighbours", "weight", "width")

    def __init__(self, *, width: float, weight: float) -> None:
        self.width, self.weight, self.lane = width, weight, 0.0
        self.neighbours: list[tuple[_Item, float]] = []


def _lanes(
    names: Sequence[str], layers: Mapping[str, int], edges: Sequence[MapEdge], instances: int
) -> tuple[dict[str, float], dict[tuple[str, str], tuple[tuple[int, float], ...]]]:
    """The lane of each milestone, and of each line in the layers between its ends."""
    columns: dict[int, list[_Item]] = defaultdict(list)
    spots: dict[str, _Item] = {}
    through: dict[tuple[str, str], list[tuple[int, _Item]]] = {}
    for name in names:
        spots[name] = _Item(width=_NODE_WIDTH, weight=1.0)
        columns[layers[name]].append(spots[name])
    for edge in sorted(edges, key=lambda e: (-e.count, _ends(e))):
        origin, target = ends = _ends(edge)
        begin, end = layers[origin], layers[target]
        step = 1 if end > begin else -1
        pull = (edge.count / max(instances, 1)) ** 2 + 1e-6
        chain = [spots[origin]]
        for layer in range(begin + step, end, step) if begin != end else ():
            item = _Item(width=_LINE_WIDTH, weight=pull)
            columns[layer].append(item)
            through.setdefault(ends, []).append((layer, item))
            chain.append(item)
        chain.append(spots[target])
        for one, following in pairwise(chain):
            one.neighbours.append((following, pull))
            following.neighbours.append((one, pull))
    _settle(columns)
    lowest = min((item.lane for column in columns.values() for item in column), default=0.0)
    return (
        {name: round(item.lane - lowest, 3) for name, item in spots.items()},
        {
            ends: tuple((layer, round(item.lane - lowest, 3)) for layer, item in chain)
            for ends, chain in through.items()
        },
    )


def _settle(columns: Mapping[int, list[_Item]]) -> None:
    """Give everything a lane: what comes first in the middle, then towards the neighbours."""
    for column in columns.values():
        for index, item in enumerate(column):
            item.lane = (index + 1) // 2 * (1.0 if index % 2 else -1.0)
        column.sort(key=lambda item: item.lane)
    for sweep in range(_SWEEPS):
        for layer in sorted(columns, reverse=sweep % 2 == 1):
            column = columns[layer]
            wishes = {id(item): _wish(item) for item in column}
            column.sort(key=lambda item: wishes[id(item)])
            _place(column, [wishes[id(item)] for item in column])


def _wish(item: _Item) -> float:
    pull = sum(weight for other, weight in item.neighbours if other is not item)
    if not pull:
        return item.lane
    return sum(o.lane * weight for o, weight in item.neighbours if o is not item) / pull


def _place(column: Sequence[_Item], wishes: Sequence[float]) -> None:
    """The lanes nearest to the wishes (weighted least squares) that keep order and distance."""
    offsets, at = [], 0.0
    for index, item in enumerate(column):
        if index:
            at += (column[index - 1].width + item.width) / 2
        offsets.append(at)
    blocks: list[tuple[float, float, int]] = []
    for item, wish, offset in zip(column, wishes, offsets, strict=True):
        weight = sum(pull for _, pull in item.neighbours) + 1e-9
        mean, size = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, length = blocks.pop()
            mean = (before * heavy + mean * weight) / (heavy + weight)
            weight, size = weight + heavy, size + length
        blocks.append((mean, weight, size))
    lanes = [mean for mean, _, size in blocks for _ in range(size)]
    for item, lane, offset in zip(column, lanes, offsets, strict=True):
        item.lane = lane + offset
