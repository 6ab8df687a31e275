"""Clock offsets from calls: whatever the network did, the true offset is within what is said."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.clocks import Estimate, combine, estimate

SECOND = 1_000_000
_spans = st.integers(0, 5 * SECOND)
_offsets = st.integers(-3600 * SECOND, 3600 * SECOND)


def call(offset: int, there: int, work: int, back: int, *, at: int = 0) -> tuple[int, int]:
    """The bounds of one call at true time `at`: its way there, the server's work, its way back."""
    client = (at, at + there + work + back)
    server = (at + there + offset, at + there + work + offset)
    return server[1] - client[1], server[0] - client[0]


def holds(found: Estimate, offset: int) -> bool:
    return found.lower <= offset <= found.upper


_calls = st.lists(st.tuples(_spans, _spans, _spans, st.integers(0, 10**12)), min_size=1)


@given(_offsets, _calls)
def test_the_true_offset_lies_within_the_bounds_of_consistent_calls(
    offset: int, calls: list[Any]
) -> None:
    bounds = [call(offset, t, w, b, at=at) for t, w, b, at in calls]
    found = estimate(bounds)
    assert found
    assert holds(found, offset)
    assert found.pairs == found.agreeing == len(calls)
    narrowest = min(upper - lower for lower, upper in bounds)
    assert len(calls) >= 10 or found.upper - found.lower <= narrowest


@given(_offsets, st.data())
def test_one_wrong_call_in_ten_does_not_lead_it_astray(offset: int, data: st.DataObject) -> None:
    right = data.draw(st.lists(st.tuples(_spans, _spans, _spans), min_size=9, max_size=60))
    wrong = data.draw(st.lists(st.tuples(_offsets, _spans), max_size=(len(right) + 1) // 10))
    bounds = [call(offset, *one) for one in right]
    bounds += [(lower, lower + width) for lower, width in wrong]
    found = estimate(data.draw(st.permutations(bounds)))
    assert found
    assert holds(found, offset)


@given(_offsets, _calls, st.randoms())
def test_the_order_of_calls_does_not_matter(offset: int, calls: list[Any], dice: Any) -> None:
    bounds = [call(offset, t, w, b) for t, w, b, _ in calls]
    again = dice.sample(bounds, len(bounds))
    assert estimate(bounds) == estimate(again)


def test_an_offset_that_moves_is_less_certain_by_how_far_it_moved() -> None:
    drift = [call(n * 1000, 100, 50, 100) for n in range(100)]
    found = estimate(drift)
    assert found
    assert found.agreeing < 50
    assert holds(found, 6_000)
    assert holds(found, 93_000)
    assert found.upper - found.lower <= 200_000


def test_a_clock_that_was_set_is_not_a_sure_one() -> None:
    before, after = [call(0, 5, 9, 5)] * 7, [call(95 * SECOND, 5, 9, 5)] * 9
    found = estimate(before + after)
    assert found
    assert holds(found, 0)
    assert holds(found, 95 * SECOND)
    assert (found.pairs, found.agreeing) == (16, 9)


def test_calls_that_outlive_their_caller_say_nothing() -> None:
    assert estimate([]) is None
    assert estimate([(5, 4)]) is None
    assert estimate([(5, 4), (-1, 1)]) == Estimate(lower=-1, upper=1, pairs=1, agreeing=1)


def edge(lower: int, upper: int, pairs: int = 10) -> Estimate:
    return Estimate(lower=lower, upper=upper, pairs=pairs, agreeing=pairs)


@given(
    st.lists(_offsets, min_size=2, max_size=7),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), _spans, _spans), max_size=12),
)
def test_along_the_calls_every_offset_lies_within_what_is_said(
    clocks: list[int], more: list[tuple[int, int, int, int]]
) -> None:
    names = [f"s{number}" for number in range(len(clocks))]
    calls = [(a, b, 10, 20) for a, b in pairwise(range(len(clocks)))]
    calls += [(a % len(clocks), b % len(clocks), low, high) for a, b, low, high in more]
    edges = {
        (names[a], names[b]): edge(clocks[b] - clocks[a] - low, clocks[b] - clocks[a] + high)
        for a, b, low, high in calls
        if a != b
    }
    found = combine(edges)
    assert set(found) == set(names)
    (reference,) = {one.reference for one in found.values()}
    assert (found[reference].offset, found[reference].uncertainty) == (0, 0)
    zero = clocks[names.index(reference)]
    for name, clock in zip(names, clocks, strict=True):
        assert abs(clock - zero - found[name].offset) <= found[name].uncertainty


def test_a_skewed_clock_in_the_middle_is_not_the_reference() -> None:
    found = combine({("portal", "mw"): edge(29, 31), ("mw", "erp"): edge(-31, -29)})
    assert {name: one.offset for name, one in found.items()} == {"portal": 0, "mw": 30, "erp": 0}
    assert found["erp"].uncertainty == 2
    assert found["mw"].pairs == 20


def test_of_two_the_caller_is_the_reference() -> None:
    for ahead in (30, -30):
        found = combine({("z-client", "a-server"): edge(ahead - 1, ahead + 1)})
        assert found["a-server"].reference == "z-client"
        assert (found["a-server"].offset, found["a-server"].uncertainty) == (ahead, 1)


def test_parts_that_no_call_connects_have_references_of_their_own() -> None:
    found = combine({("a", "b"): edge(5, 5), ("c", "d"): edge(7, 9)})
    assert {one.reference for one in found.values()} == {"a", "c"}


@pytest.mark.parametrize("liar", [("a", "c"), ("c", "a")])
def test_an_estimate_that_contradicts_better_ones_is_left_out(liar: tuple[str, str]) -> None:
    edges = {("a", "b"): edge(0, 2), ("b", "c"): edge(0, 2), liar: edge(500, 501, pairs=3)}
    found = combine(edges)
    assert {name: one.offset for name, one in found.items()} == {"a": -1, "b": 0, "c": 1}
