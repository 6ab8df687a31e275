"""Where a map puts its milestones and lines."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboards.process_map import DETAILS, END, START, Drawing, drawing
from suture.store.reading.views import MapEdge, MapNode, ProcessMap

MAIN, USUAL, ALL = DETAILS


def a_map(sequences: dict[str, int]) -> ProcessMap:
    """The map of sequences, one letter a milestone, with how often each comes."""
    places: dict[str, list[int]] = {}
    cases: dict[str, int] = {}
    edges: dict[tuple[str | None, str | None], list[int]] = {}
    for text, times in sequences.items():
        for place, name in enumerate(text, 1):
            places.setdefault(name, []).extend([place] * times)
        for name in set(text):
            cases[name] = cases.get(name, 0) + times
        seen = set()
        for pair in pairwise([None, *text, None]):
            one = edges.setdefault(pair, [0, 0])
            one[0] += times
            one[1] += times * (pair not in seen)
            seen.add(pair)
    return ProcessMap(
        nodes=tuple(
            MapNode(
                milestone=name,
                count=len(at),
                instances=cases[name],
                attempts=0,
                median_place=sorted(at)[len(at) // 2],
                next=None,
            )
            for name, at in places.items()
        ),
        edges=tuple(
            MapEdge(
                from_milestone=pair[0],
                to_milestone=pair[1],
                count=count,
                instances=instances,
                micros=0,
                took=None,
            )
            for pair, (count, instances) in edges.items()
        ),
        edges_total=len(edges),
        instances=sum(sequences.values()),
    )


def layers(drawn: Drawing) -> dict[str, int]:
    return {spot.milestone: spot.layer for spot in drawn.spots}


def lanes(drawn: Drawing) -> dict[str, float]:
    return {spot.milestone: spot.lane for spot in drawn.spots}


def test_a_straight_process_is_a_straight_line() -> None:
    drawn = drawing(a_map({"abc": 10}), "abc", USUAL)
    assert layers(drawn) == {START: 0, "a": 1, "b": 2, "c": 3, END: 4}
    assert set(lanes(drawn).values()) == {0.0}
    assert all(line.between == () for line in drawn.lines)
    assert (drawn.hidden_milestones, drawn.hidden_lines, drawn.covered) == (0, 0, 1.0)


def test_what_is_frequent_runs_straight_and_a_short_cut_runs_around() -> None:
    drawn = drawing(a_map({"abcd": 90, "ad": 10}), "abcd", USUAL)
    main = {round(lanes(drawn)[name], 1) for name in (START, *"abcd", END)}
    (short_cut,) = [line for line in drawn.lines if (line.origin, line.target) == ("a", "d")]
    assert [layer for layer, _ in short_cut.between] == [2, 3]
    assert len(main) == 1
    assert all(abs(lane - main.copy().pop()) > 0.5 for _, lane in short_cut.between)


def test_a_way_back_takes_the_layers_in_its_own_direction() -> None:
    drawn = drawing(a_map({"abcd": 80, "abcdabcd": 20}), "abcd", ALL)
    (back,) = [line for line in drawn.lines if (line.origin, line.target) == ("d", "a")]
    assert [layer for layer, _ in back.between] == [3, 2]


def test_missing_first_milestones_do_not_turn_the_order_round() -> None:
    """Places in sequences say d comes before c, what follows what says the opposite."""
    drawn = drawing(a_map({"abcd": 40, "d": 60}), "abcd", ALL)
    found = layers(drawn)
    assert found["a"] < found["b"] < found["c"] < found["d"]


def test_detail_hides_what_is_rare_and_says_so() -> None:
    found = a_map({"abc": 970, "axc": 5, "abxc": 5, "acb": 20})
    usual, everything = drawing(found, "abcx", USUAL), drawing(found, "abcx", ALL)
    assert "x" in layers(everything)
    assert "x" not in layers(usual)
    assert (usual.hidden_milestones, everything.hidden_milestones) == (1, 0)
    assert usual.covered is not None
    assert 0.98 < usual.covered < 1.0
    assert everything.hidden_lines == 0


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = drawing(a_map({}), "abc", USUAL)
    assert (drawn.spots, drawn.lines, drawn.covered) == ((), (), None)


@given(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=9), st.integers(1, 50), max_size=12),
    st.sampled_from(DETAILS),
    st.integers(0, 9),
)
def test_any_map_has_a_place_for_everything(
    sequences: dict[str, int], detail: object, seed: int
) -> None:
    found = a_map(sequences)
    drawn = drawing(found, "abcdefgh", detail)  # type: ignore[arg-type]
    spots = layers(drawn)
    if spots:
        assert min(spots.values()) == spots[START] == 0
        assert max(spots.values()) == spots[END] > max(v for k, v in spots.items() if k != END)
    columns: dict[int, list[tuple[float, float]]] = {}
    for spot in drawn.spots:
        columns.setdefault(spot.layer, []).append((spot.lane, 1.0))
    for line in drawn.lines:
        begin, end = spots[line.origin], spots[line.target]
        step = 1 if end > begin else -1
        expected = list(range(begin + step, end, step)) if begin != end else []
        assert [layer for layer, _ in line.between] == expected
        for layer, lane in line.between:
            columns.setdefault(layer, []).append((lane, 0.45))
    for column in columns.values():
        for (one, width), (other, next_width) in pairwise(sorted(column)):
            assert other - one >= (width + next_width) / 2 - 0.01, "nothing overlaps"
        assert min(lane for lane, _ in column) >= 0
    shuffled = list(found.edges)
    random.Random(seed).shuffle(shuffled)
    again = ProcessMap(
        nodes=found.nodes, edges=tuple(shuffled), edges_total=0, instances=found.instances
    )
    assert lanes(drawing(again, "abcdefgh", detail)) == lanes(drawn)  # type: ignore[arg-type]
