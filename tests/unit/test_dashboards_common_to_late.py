"""What late instances share: small numbers prove nothing, and the odds are exact."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.common_to_late import tail, telling
from suture.store.reading.attribution import Feature


def feature(name: str, late: int, instances: int) -> Feature:
    return Feature(kind="facet", name=name, value="x", instances=instances, late=late)


@given(st.integers(1, 60), st.data())
def test_the_odds_are_those_of_drawing_without_putting_back(of: int, data: st.DataObject) -> None:
    drawn, marked = data.draw(st.integers(0, of)), data.draw(st.integers(0, of))
    least = data.draw(st.integers(0, of))
    ways = sum(
        comb(marked, k) * comb(of - marked, drawn - k)
        for k in range(least, min(drawn, marked) + 1)
        if drawn - k <= of - marked
    )
    found = tail(least, drawn=drawn, marked=marked, of=of)
    assert found == pytest.approx(ways / comb(of, drawn), rel=1e-6, abs=1e-12)


def test_only_what_is_late_more_often_than_chance_would_have_it_counts() -> None:
    everything = feature("all", 100, 1_000)
    found = telling(
        everything,
        [
            feature("telling", 40, 80),
            feature("too-few", 4, 4),
            feature("like-all", 50, 500),
            feature("might-be-chance", 8, 50),
            feature("less-often", 5, 400),
        ],
    )
    assert [one.feature.name for one in found] == ["telling"]
    assert (found[0].support, found[0].late_ratio, found[0].lift) == (0.4, 0.5, 5.0)
    assert found[0].chance < 1e-20


@pytest.mark.parametrize("late", [0, 50])
def test_where_none_or_all_are_late_nothing_tells_them_apart(late: int) -> None:
    assert telling(feature("all", late, 50), [feature("any", late, 50)]) == []
