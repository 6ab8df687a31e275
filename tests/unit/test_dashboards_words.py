import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from correlator.keys import normalize
from dashboards.figures import data_uri, sparkline
from dashboards.keys import apply_steps
from dashboards.periods import PERIODS, period_of
from dashboards.routes import Place, is_page, to, to_instance, to_trace, with_query
from dashboards.wording import (
    STATES,
    counted,
    humanized,
    moments,
    money,
    percent,
    seconds,
    short,
)
from suture.contracts.objects import ObjectKey
from suture.contracts.verdict import VerdictState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STEPS = ("trim", "upper", "lower", "strip_leading_zeros", "alphanumeric")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "–"),
        (1.0, "100 %"),
        (0.99999, "99.9 %"),
        (0.5, "50 %"),
        (0.9415, "94.2 %"),
        (0.0, "0 %"),
    ],
)
def test_a_share_is_whole_only_when_it_is(ratio: float | None, text: str) -> None:
    assert percent(ratio) == text


def test_names_and_numbers_are_words() -> None:
    assert humanized("goods_received") == "Goods received"
    assert humanized("erp-platform") == "ERP platform"
    assert counted(1, "instance") == "1 instance"
    assert counted(1204, "instance") == "1,204 instances"
    assert seconds(28 * 3600) == "1 d 4 h"
    assert seconds(2_873 * 86_400) == "2,873 d"
    assert seconds(None) == "–"
    assert money(1250.0) == "1,250.00"
    assert short("x" * 99, 10) == "x" * 9 + "…"


def test_a_state_of_a_verdict_has_one_word() -> None:
    words = {state.value: STATES[state].text for state in VerdictState}
    assert words == {
        "pending": "On track",
        "at_risk": "At risk",
        "met": "Met",
        "breached": "Breached",
        "paused": "Paused",
        "cancelled": "Cancelled",
        "unknown": "Unknown",
    }


@pytest.mark.parametrize(
    ("value", "text", "signed"),
    [
        (0.0, "0 s", "0 s"),
        (0.0000042, "4.2 µs", "+4.2 µs"),
        (-0.0005, "\u2212500 µs", "\u2212500 µs"),
        (0.0135, "13.5 ms", "+13.5 ms"),
        (12.345, "12.3 s", "+12.3 s"),
        (-83.0, "\u22121 min 23 s", "\u22121 min 23 s"),
        (86_400, "1 d", "+1 d"),
        (1_000 * 86_400, "1,000 d", "+1,000 d"),
    ],
)
def test_moments_are_as_exact_as_they_are_short(value: float, text: str, signed: str) -> None:
    assert moments(value) == text
    assert moments(value, sign=True) == signed


@given(
    st.text(alphabet=st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=12),
    st.lists(st.sampled_from(STEPS), max_size=4),
)
@example("000", ["strip_leading_zeros"])
@example("  po-0077 ", ["trim", "upper", "strip_leading_zeros"])
def test_a_typed_id_is_normalised_as_the_correlator_does(text: str, steps: list[str]) -> None:
    assert apply_steps(text, steps) == normalize(text, steps)  # type: ignore[arg-type]


def test_a_trend_is_scaled_to_itself_and_keeps_its_gaps() -> None:
    svg = sparkline([94.0, 95.0, None, 96.0, 94.5])
    tree = ElementTree.fromstring(svg)
    lines = [e for e in tree if e.tag.endswith("polyline")]
    assert len(lines) == 2
    heights = [float(y) for e in lines for _, y in re.findall(r"(\S+),(\S+)", e.attrib["points"])]
    assert max(heights) - min(heights) > 30
    assert data_uri(svg).startswith("data:image/svg+xml;base64,")


def test_one_value_far_outside_does_not_flatten_the_rest() -> None:
    tree = ElementTree.fromstring(sparkline([1.0, 2.0] * 10 + [5000.0]))
    points = next(e for e in tree if e.tag.endswith("polyline")).attrib["points"]
    heights = [float(pair.split(",")[1]) for pair in points.split()][:20]
    assert max(heights) - min(heights) > 5


def test_nothing_is_drawn_of_nothing() -> None:
    assert sparkline([]) == ""
    assert sparkline([None, None]) == ""
    assert "polyline" in sparkline([3.0])


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=60),
    st.sets(st.integers(0, 59)),
)
def test_a_trend_is_always_a_drawing(values: list[float | None], shaded: set[int]) -> None:
    svg = sparkline(values, target=0.5, shaded=shaded)
    assert svg == "" or ElementTree.fromstring(svg) is not None
    assert "nan" not in svg


def test_periods_hold_now_and_end_after_it() -> None:
    for period in PERIODS:
        window = period.window(NOW, earliest=NOW - timedelta(days=900))
        assert window.start < NOW < window.end
    assert period_of("nonsense").name == "28d"


@pytest.mark.parametrize(
    ("path", "page", "arguments"),
    [
        ("/ui/", "overview", ()),
        ("/ui", "overview", ()),
        ("/ui/instances", "instances", ()),
        ("/ui/instances/p/R%2F1", "instance", ("p", "R/1")),
        ("/ui/instances/p/R/1", "instance", ("p", "R/1")),
        ("/ui/traces/abc", "trace", ("abc",)),
        ("/ui/processes", "processes", ()),
        ("/ui/processes/a%20b", "process", ("a b",)),
        ("/ui/processes/a/b", "missing", ()),
        ("/ui/alerts/x", "missing", ()),
        ("/ui/nothing", "missing", ()),
    ],
)
def test_paths_are_pages(path: str, page: str, arguments: tuple[str, ...]) -> None:
    place = Place.of(path, "?a=1")
    assert (place.page, place.arguments, dict(place.query)) == (page, arguments, {"a": "1"})
    assert is_page(path.removeprefix("/ui") or "/") == (page != "missing")


@given(st.text(min_size=1), st.text())
@example("/a//b/", "")
def test_a_link_to_an_instance_leads_to_it(id_: str, scope: str) -> None:
    key = ObjectKey(environment="production", type="requisition", scope=scope, id=id_)
    path, _, search = to_instance("p", key).partition("?")
    place = Place.of(path, search)
    assert place.arguments == ("p", id_)
    assert place.query.get("scope", "") == scope


def test_links_carry_filters() -> None:
    assert (
        to("instances", status="open", facet__x="a b") == "/ui/instances?status=open&facet.x=a%20b"
    )
    assert to("overview") == "/ui/"
    assert to_trace("ab", "cd") == "/ui/traces/ab?span=cd"
    place = Place.of("/ui/instances", "?status=open&page=2")
    assert with_query(place, page=None) == "/ui/instances?status=open"
