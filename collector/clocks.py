"""How far the clocks of services are apart, from calls between them. Pure.

A call is a client span of one service and the server span below it of another. Whatever the clocks
say, the server began and ended within the call, so the offset of the server's clock (how far it is
ahead of the client's) lies between `server end - client end` and `server start - client start`.
These are the bounds of NTP's on-wire protocol (Mills, RFC 5905, section 8), read off spans.

Bounds of one pair of services are combined as Marzullo and Owicki do (Maintaining the Time in a
Distributed System, 1983; the selection of RFC 5905, section 11.2.1): where up to f of n pairs may
be wrong, the offset lies in the hull of what at least n - f of them allow. One in ten may be wrong,
say because a server went on after its caller had given up. Where more contradict each other, the
offset itself moved: bounds are widened by the smallest amount with which nine in ten agree, and
that amount is part of the uncertainty, so that a clock that was set is not taken for a sure one.

Along the call graph estimates are bounds on differences; the tightest ones they imply are shortest
paths (Dechter, Meiri and Pearl, Temporal Constraint Networks, 1991). They are given relative to a
reference of each connected part: the service whose clock is in the middle.

All times are integer microseconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

WRONG_SHARE = 10
"""One pair in so many may be wrong without making the estimate less certain."""

Bounds = tuple[int, int]
Edge = tuple[str, str]
_Weights = dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Where the offset of a server's clock from its client's lies; microseconds.

    `agreeing` of the `pairs` allow some offset in common; the rest contradict it.
    """

    lower: int
    upper: int
    pairs: int
    agreeing: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceOffset:
    """How far a service's clock is ahead of `reference`'s: `offset` ± `uncertainty`, microseconds.

    `pairs` is how many calls to or from the service were looked at.
    """

    reference: str
    offset: int
    uncertainty: int
    pairs: int


def estimate(bounds: Sequence[Bounds]) -> Estimate | None:
    """The offset from the bounds (lower, upper) of calls; None without any that can hold.

    The true offset lies within as long as it did not move and at most every tenth pair is wrong.
    """
    sound = [pair for pair in bounds if pair[0] <= pair[1]]
    if not sound:
        return None
    needed = len(sound) - len(sound) // WRONG_SHARE
    agreeing = _most_agreeing(sound)
    widened = 0 if agreeing >= needed else _least_widening(sound, needed)
    lower, upper = _hull([(a - widened, b + widened) for a, b in sound], needed)
    if widened:
        # The offset moved by about as much as bounds had to give way, each being as wide as it is.
        moved = widened + min(b - a for a, b in sound)
        lower, upper = lower - moved, upper + moved
    return Estimate(lower=lower, upper=upper, pairs=len(sound), agreeing=agreeing)


def combine(edges: Mapping[Edge, Estimate]) -> dict[str, ServiceOffset]:
    """The offset of every service from the reference of its part of the call graph.

    Keys are (client, server). An edge that contradicts those with more agreeing pairs is left out.
    """
    ranked = sorted(edges.items(), key=lambda item: (-item[1].agreeing, item[0]))
    forward: _Weights = {name: {} for edge in edges for name in edge}
    backward: _Weights = {name: {} for name in forward}
    for (client, server), one in ranked:
        if client != server and _fits(forward, client, server, one):
            _constrain(forward, backward, client, server, one)
    found: dict[str, ServiceOffset] = {}
    for part in _parts(forward):
        reference = _reference(part, forward, backward, edges)
        ahead, behind = _distances(forward, reference), _distances(backward, reference)
        for name in part:
            upper, lower = ahead[name], -behind[name]
            middle = (lower + upper) // 2
            found[name] = ServiceOffset(
                reference=reference,
                offset=middle,
                uncertainty=max(upper - middle, middle - lower),
                pairs=sum(one.pairs for edge, one in edges.items() if name in edge),
            )
    return found


# -- one pair of services -------------------------------------------------------------------------


def _steps(bounds: Sequence[Bounds]) -> list[tuple[int, int]]:
    """Where bounds begin (+1) and end (-1), in order; at one place beginnings go first."""
    ends = [(lower, 1) for lower, _ in bounds] + [(upper, -1) for _, upper in bounds]
    return sorted(ends, key=lambda end: (end[0], -end[1]))


def _most_agreeing(bounds: Sequence[Bounds]) -> int:
    """How many bounds hold together at the place where most do."""
    most = now = 0
    for _, step in _steps(bounds):
        now += step
        most = max(most, now)
    return most


def _hull(bounds: Sequence[Bounds], needed: int) -> Bounds:
    """The first and the last place where at least `needed` bounds hold; there must be one."""
    now, places = 0, []
    for place, step in _steps(bounds):
        reached = now + step >= needed > now
        left = now >= needed > now + step
        now += step
        if reached or left:
            places.append(place)
    return places[0], places[-1]


def _least_widening(bounds: Sequence[Bounds], needed: int) -> int:
    """By how much all bounds have to be widened until `needed` of them hold together."""
    low, high = 0, max(upper for _, upper in bounds) - min(lower for lower, _ in bounds)
    while low < high:
        middle = (low + high) // 2
        if _most_agreeing([(a - middle, b + middle) for a, b in bounds]) >= needed:
            high = middle
        else:
            low = middle + 1
    return low


# -- along the call graph -------------------------------------------------------------------------


def _constrain(
    forward: _Weights, backward: _Weights, client: str, server: str, one: Estimate
) -> None:
    """Note that the server is at most `upper` and at least `lower` ahead of the client."""
    for weights, near, far in ((forward, client, server), (backward, server, client)):
        weights[near][far] = min(one.upper, weights[near].get(far, one.upper))
        weights[far][near] = min(-one.lower, weights[far].get(near, -one.lower))


def _fits(forward: _Weights, client: str, server: str, one: Estimate) -> bool:
    """Whether an estimate can hold together with those noted so far."""
    most = _distances(forward, client).get(server)
    least = _distances(forward, server).get(client)
    return (most is None or one.lower <= most) and (least is None or one.upper >= -least)


def _distances(weights: _Weights, start: str) -> dict[str, int]:
    """Shortest paths from `start` (Bellman and Ford, queued); what is not reached is missing.

    Weights may be negative, but what is noted fits together, so no cycle is.
    """
    best = {start: 0}
    waiting = [start]
    while waiting:
        following: dict[str, None] = {}
        for near in waiting:
            for far, weight in weights[near].items():
                reached = best[near] + weight
                if far not in best or reached < best[far]:
                    best[far] = reached
                    following[far] = None
        waiting = list(following)
    return best


def _parts(forward: _Weights) -> list[list[str]]:
    """The services that calls connect, by name, part by part."""
    parts: list[list[str]] = []
    seen: set[str] = set()
    for name in sorted(forward):
        if name not in seen:
            part = sorted(_distances(forward, name))
            seen.update(part)
            parts.append(part)
    return parts


def _reference(
    part: Sequence[str], forward: _Weights, backward: _Weights, edges: Collection[Edge]
) -> str:
    """The service in the middle; of two, the one that fewer call, then the first by name."""
    ahead, behind = _distances(forward, part[0]), _distances(backward, part[0])
    ranked = sorted(part, key=lambda name: (ahead[name] - behind[name], name))
    middle = ranked[(len(part) - 1) // 2 : len(part) // 2 + 1]
    called = {name: sum(server == name for _, server in edges) for name in middle}
    return min(middle, key=lambda name: (called[name], name))
