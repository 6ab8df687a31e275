"""The alerts in a browser: each can be reached, says when and why, and fits a phone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from table_writer import Holding, Writer, key
from watched_page import PHONE, Watched

from suture.clock import to_micros
from suture.contracts.alert import alert_id
from suture.contracts.attribution import Attribution, Cause, Piece
from suture.store.attribution import AttributedInstance, AttributionTables
from suture.store.engine import Store

pytestmark = pytest.mark.store

CROWD = "crowd"
MANY = 130
STAFFING = "procedure_schedule_to_staffing"
BEGUN = datetime.now(UTC) - timedelta(days=20)
REASON = (
    "waiting for goods_received since 2026-11-20 08:25:44 UTC, was due 2026-11-20 16:25:44 UTC:"
    " the 8 h allowed where priority is urgent are used up, and nobody has said when they will come"
)
SHOWN = re.compile(
    r"Waiting for goods_received since Nov 20, 2026, .*, was due Nov 20, 2026, .*: the 8 h allowed"
    r" where priority is urgent are used up, and nobody has said when they will come"
)
ROWS = ".ag-center-cols-container .ag-row"
NEW_ROWS = """([rows, many, seen]) => {
    const ids = [...document.querySelectorAll(rows)].map(row => row.getAttribute('row-id'));
    return ids.length === many && !ids.some(id => seen.includes(id)) && ids;
}"""
"""The ids of a page's rows once all are there and none of the page before: they come one by one."""


@pytest.fixture(scope="module")
def crowd(hospital_store: Store) -> str:
    """The id of the one critical alert of an environment with many, its clock known."""
    held = Holding()
    write = Writer(held)
    now = datetime.now(UTC)
    for number in range(MANY - 1):
        more = {"environment": CROWD, "severity": "low", "comment": REASON}
        write.alert(f"{number:016x}", now, **more, breached_at=BEGUN + timedelta(hours=number))
    anchor, sla = key("procedure", "P-1", CROWD), "schedule-to-staffing-sync"
    one = alert_id(environment=CROWD, sla=sla, anchor=anchor, clock_started_at=BEGUN)
    more = {"environment": CROWD, "process": STAFFING, "anchor": anchor, "sla": sla}
    more |= {"severity": "critical", "breached_at": BEGUN, "comment": REASON}
    write.alert(one, now - timedelta(minutes=1), **more)
    held.hand_over(hospital_store)
    stopped = BEGUN + timedelta(hours=2)
    Writer(hospital_store).verdict(STAFFING, anchor, sla, "breached", BEGUN, completed_at=stopped)
    _attribute(hospital_store, anchor, stopped)
    return one


def _attribute(store: Store, anchor: str, stopped: datetime) -> None:
    """Two hours of the clock in the ERP, and then days at a partner's that are none of it."""
    ends = (BEGUN, stopped, stopped + timedelta(days=9))
    steps = (("procedure_scheduled", "roster_updated"), ("roster_updated", "staff_assigned"))
    pieces = tuple(
        Piece(
            start=to_micros(ends[number]),
            end=to_micros(ends[number + 1]),
            from_milestone=steps[number][0],
            to_milestone=steps[number][1],
            cause=cause,
            system="erp",
            why="so it is",
        )
        for number, cause in enumerate((Cause.DOWNSTREAM, Cause.EXTERNAL))
    )
    found = AttributedInstance(
        environment=CROWD,
        process=STAFFING,
        anchor=anchor,
        started=to_micros(BEGUN),
        ended=None,
        facets={},
        change=1,
        attribution=Attribution(pieces=pieces),
    )
    AttributionTables(store).write([found], rules={}, version=1)


@pytest.fixture
def watched(tab: Page, site: str, crowd: str) -> Iterator[Watched]:
    """A page that must not do anything wrong."""
    with Watched(tab, site).watching() as found:
        yield found
    assert found.wrong == []


def clipped(part: Locator) -> bool:
    """Whether some of a text cannot be seen."""
    return bool(
        part.evaluate("e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth")
    )


def test_pages_lead_to_every_alert(watched: Watched) -> None:
    page, seen = watched.page, set()
    watched.goto(f"/ui/alerts?environment={CROWD}")
    found = page.locator("#found")
    for first in (1, 51, 101):
        last = min(first + 49, MANY)
        expect(found).to_have_text(f"{first}–{last} of {MANY} alerts")
        asked = [ROWS, last - first + 1, sorted(seen)]
        seen |= set(page.wait_for_function(NEW_ROWS, arg=asked).json_value())
        if last < MANY:
            page.get_by_role("link", name="Next").click()
    assert len(seen) == MANY
    expect(page.locator(".pager .button[aria-disabled=true]")).to_have_text("Next")
    page.get_by_role("link", name="Previous").click()
    expect(found).to_have_text(f"51–100 of {MANY} alerts")


def test_a_row_says_when_why_and_in_which_step(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/alerts?environment={CROWD}")
    row = page.locator(ROWS).first
    expect(row.locator("[col-id=severity]")).to_have_text("Critical")
    expect(row.locator("[col-id=breached]")).to_contain_text("20 d ago")
    expect(row.locator("[col-id=cause]")).to_contain_text("Downstream systems")
    expect(row.locator("[col-id=cause]")).to_contain_text("Procedure scheduled → Roster updated")
    reason = row.locator("[col-id=title] .cell-sub", has_text="Waiting for")
    expect(reason).to_have_text(SHOWN)
    assert not clipped(reason)
    assert not clipped(row.locator("[col-id=title]"))
    assert not clipped(row.locator("[col-id=breached] .cell-two"))
    row.get_by_role("button", name="Details").click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("Most time went to")
    expect(drawer).to_contain_text("Downstream systems (ERP)")
    expect(drawer).to_contain_text("All of 2 h")
    expect(drawer.get_by_text("Breached", exact=True)).to_be_visible()
    expect(drawer.get_by_text("Opened", exact=True)).to_be_visible()


def test_a_narrow_table_keeps_owner_and_cause_under_the_reason(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/alerts?environment={CROWD}")
    row = page.locator(ROWS).first
    expect(row.locator(".cell-more")).to_be_hidden()
    page.set_viewport_size({"width": 1000, "height": 800})
    expect(row.locator(".cell-more")).to_contain_text("Most time: Downstream systems")
    expect(row.locator("[col-id=cause]")).to_have_count(0)


def test_on_a_phone_a_card_is_readable_and_the_badge_stays_on_its_icon(watched: Watched) -> None:
    page = watched.page
    page.set_viewport_size(PHONE)
    watched.goto(f"/ui/alerts?environment={CROWD}")
    card = page.locator(".cell-card").first
    expect(card).to_contain_text("Breached 20 d ago")
    expect(card).to_contain_text("Most time: Downstream systems")
    expect(card).to_contain_text(SHOWN)
    assert not clipped(card)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.locator("#badge")).to_have_text("99+")
    for width in (PHONE["width"], 320):
        page.set_viewport_size({"width": width, "height": PHONE["height"]})
        badge, bell, next_one = (
            page.locator(chosen).bounding_box()
            for chosen in ("#badge", "#nav-alerts .icon", "#nav-traces .icon")
        )
        assert badge
        assert bell
        assert next_one
        assert bell["x"] < badge["x"] < bell["x"] + bell["width"], "it begins on the bell"
        assert badge["x"] + badge["width"] < next_one["x"], "and ends before the next icon"
