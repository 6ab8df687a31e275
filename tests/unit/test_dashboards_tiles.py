"""KPI tiles: what they say of what their value leaves out, and what their trend draws."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from dash.development.base_component import Component

from dashboards.components.breakdown import breakdown
from dashboards.components.tiles import tile
from dashboards.figures import sparkline
from dashboards.kpis import ACROSS, DURATIONS
from dashboards.measuring import Figure, Point
from suture.contracts.verdict import Attainment, VerdictState, Window
from suture.store.reading.measures import Completions

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = Window(start=START, end=START + 4 * DAY)


def texts(part: Any) -> list[str]:
    """All text of a component, in its order."""
    if isinstance(part, str):
        return [part]
    if isinstance(part, list | tuple):
        return [text for one in part for text in texts(one)]
    return texts(part.children) if isinstance(part, Component) and hasattr(part, "children") else []


def said(part: Any) -> str:
    return " | ".join(texts(part))


def held(met: int, breached: int) -> Attainment:
    return Attainment(by={}, met=met, breached=breached, pending=0, unknown=0, target=0.95)


def points(*given: tuple[float | None, int, int]) -> list[Point]:
    return [
        Point(start=START + i * DAY, end=START + (i + 1) * DAY, value=v, count=n, running=r)
        for i, (v, n, r) in enumerate(given)
    ]


def drawn(part: Any) -> ElementTree.Element:
    """The drawing of a tile."""
    uri = re.search(r"data:image/svg\+xml;base64,([^\"']+)", str(part.to_plotly_json()))
    assert uri
    return ElementTree.fromstring(base64.b64decode(uri[1]))


def solid(tree: ElementTree.Element) -> list[str]:
    return [
        e.attrib["points"]
        for e in tree
        if e.tag.endswith("polyline") and "stroke-dasharray" not in e.attrib
    ]


def test_a_median_says_how_many_have_no_end() -> None:
    figure = Figure(
        kpi=DURATIONS[0], value=7200, p90=90_000, count=1204, uncompleted=7,
        attainment=held(1200, 11), states={VerdictState.PENDING: 12, VerdictState.AT_RISK: 3},
    )  # fmt: skip
    words = said(tile(figure, WINDOW))
    assert "2 h" in words
    assert "median of 1,204 · p90 1 d 1 h" in words
    assert "not in it: 7 still open or never completed" in words
    assert "12 on track | 3 at risk" in words
    assert "running" not in words


def test_without_a_completed_clock_the_reason_stands_beside_the_dash() -> None:
    figure = Figure(kpi=DURATIONS[0], uncompleted=1, attainment=held(0, 1))
    words = said(tile(figure, WINDOW))
    assert "– | none completed: 1 still open or never completed" in words
    assert "1 breached" in words
    assert "nothing to count" not in words


def test_a_breakdown_shows_attainment_where_nothing_was_completed() -> None:
    figure = Figure(kpi=DURATIONS[0], facet="east", uncompleted=2, attainment=held(1, 2))
    assert said(breakdown([figure], "facility", {})).endswith("east | – | 33.3 %")


def test_a_completion_rate_says_how_many_still_run() -> None:
    figure = Figure(
        kpi=ACROSS, value=1 / 3, count=3, completions=Completions(completed=1, ended=2, running=37),
        trend=points((0.97, 100, 0), (0.96, 100, 0), (1 / 3, 3, 37)),
    )  # fmt: skip
    shown = tile(figure, WINDOW)
    words = said(shown)
    assert "of 3 instances no longer running | 37 still running" in words
    assert "shaded, not in the line: 3 of 40 instances finished" in words
    assert "96 % to 97 %" in words
    assert "33.3 % to" not in words
    (line,) = solid(drawn(shown))
    assert len(line.split()) == 2


def shades(tree: ElementTree.Element) -> list[tuple[float, float]]:
    """From where to where a drawing is shaded."""
    rects = [e.attrib for e in tree if e.tag.endswith("rect")]
    return [(float(r["x"]), float(r["x"]) + float(r["width"])) for r in rects]


def test_where_all_still_run_that_is_the_reason() -> None:
    figure = Figure(
        kpi=ACROSS, completions=Completions(running=4), trend=points((None, 0, 4), (None, 0, 0))
    )
    words = said(tile(figure, WINDOW))
    assert "– | none finished yet: 4 instances still running" in words
    assert "0 of 4 instances finished" in words


def test_a_finished_trend_has_no_shade() -> None:
    figure = Figure(kpi=ACROSS, value=1.0, count=8, trend=points((1.0, 5, 0), (1.0, 3, 0)))
    shown = tile(figure, WINDOW)
    assert "shaded" not in said(shown)
    assert not shades(drawn(shown))


def test_a_few_stragglers_leave_a_stretch_finished() -> None:
    few, many, none = points((0.97, 98, 2), (0.97, 97, 3), (None, 0, 0))
    assert (few.finished, many.finished, none.finished) == (True, False, True)


def test_what_is_not_finished_is_shaded_and_does_not_bend_the_scale() -> None:
    tree = ElementTree.fromstring(sparkline([0.9, 0.95, 0.1, 0.2, 0.93], shaded={2, 3}))
    assert [len(line.split()) for line in solid(tree)] == [2, 2]
    first = [float(pair.split(",")[1]) for pair in solid(tree)[0].split()]
    assert first == [44.0, 4.0]
    # Five points from 4 to 236 are 58 apart: the third and fourth, with half a step on each side.
    assert shades(tree) == [(91.0, 207.0)]
