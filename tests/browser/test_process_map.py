"""Labels of the process map stand clear of its lines, and its tables fit a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from scripted_page import scripted
from watched_page import PHONE, Watched

pytestmark = pytest.mark.store

SUPPLY = "requisition_to_fulfilment"
SCRIPTS = ("30-suture.js", "64-process-map-labels.js")
_STRUCK = """() => {
    const boxes = [...document.querySelectorAll(".pm-label:not(.crowded)")].map(label => {
        const box = label.querySelector("text").getBBox();
        const [right, bottom] = [box.x + box.width - 1, box.y + box.height - 2];
        return [box.x + 1, box.y + 2, right, bottom, label.textContent];
    });
    const struck = [];
    document.querySelectorAll(".pm-stroke").forEach(line => {
        for (let at = 0; at <= line.getTotalLength(); at += 2) {
            const p = line.getPointAtLength(at);
            boxes.forEach(b => {
                if (p.x > b[0] && p.x < b[2] && p.y > b[1] && p.y < b[3]) struck.push(b[4]);
            });
        }
    });
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
        if (a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]) struck.push(a[4] + b[4]);
    }));
    return {count: boxes.length, struck: struck};
}"""
_ORDER = """() => {
    const last = [...document.querySelectorAll(".pm-line")].pop();
    return [...document.querySelectorAll(".pm-label")].every(label =>
        last.compareDocumentPosition(label) & Node.DOCUMENT_POSITION_FOLLOWING);
}"""
_PLACE = """([ways, boxes]) => suture.mapLabels.place(
    ways.map(d => ({points: suture.mapLabels.way(d), thick: 2, width: 40})), boxes,
    {width: 400, height: 200, label: 13, down: false})"""


@pytest.fixture
def watched(tab: Page, site: str) -> Iterator[Watched]:
    """A page that must not do anything wrong."""
    with Watched(tab, site).watching() as found:
        yield found
    assert found.wrong == []


@pytest.mark.parametrize("detail", ["usual", "all"])
def test_no_line_runs_through_a_label(watched: Watched, detail: str) -> None:
    page = watched.page
    watched.goto(f"/ui/processes/{SUPPLY}?detail={detail}")
    page.wait_for_selector(".pm-label")
    found = page.evaluate(_STRUCK)
    assert found["count"] >= 7
    assert found["struck"] == []
    assert page.evaluate(_ORDER), "labels are drawn above all lines"
    ground = "getComputedStyle(document.querySelector('.pm-label rect')).fill"
    surface = "getComputedStyle(document.querySelector('.card')).backgroundColor"
    assert page.evaluate(ground) == page.evaluate(surface)


def test_a_label_gives_way_along_its_line(browser: Browser) -> None:
    across, down = "M0 100 L400 100", "M200 0 L200 200"
    with scripted(browser, SCRIPTS) as page:
        alone, crossed = (page.evaluate(_PLACE, [ways, []]) for ways in ([across], [across, down]))
        assert (alone[0]["x"], alone[0]["free"]) == (200, True)
        assert abs(crossed[0]["x"] - 200) > 20, "beside the line that crosses"
        assert 80 < crossed[0]["y"] < 100, "still above its own"
        boxed = page.evaluate(_PLACE, [[across], [[0, 0, 400, 99]]])
        assert boxed[0]["y"] > 100, "below it where there is no room above"
        nowhere = page.evaluate(_PLACE, [[across], [[0, 0, 400, 200]]])
        assert nowhere[0]["free"] is False


def test_tables_of_a_process_fit_a_phone(watched: Watched) -> None:
    page = watched.page
    page.set_viewport_size(PHONE)
    watched.goto(f"/ui/processes/{SUPPLY}?by=facet.facility")
    tables = page.locator(".stacks")
    assert tables.count() == 2
    for table in tables.all():
        for heading in table.locator("th").all():
            box = heading.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]
            assert heading.evaluate("one => one.scrollWidth <= one.clientWidth")
        assert table.evaluate(
            "one => one.parentElement.scrollWidth <= one.parentElement.clientWidth"
        )
