"""One time zone on every page, the reader's, said once; and words that are the same everywhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from scripted_page import scripted
from watched_page import DESKTOP, Watched

from suture.definitions.catalog import load_catalog
from suture.store.engine import Store

pytestmark = pytest.mark.store

SUPPLY = "requisition_to_fulfilment"
HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
PAGES = (
    "/ui/",
    "/ui/instances",
    f"/ui/instances/{SUPPLY}/R-10504",
    f"/ui/processes/{SUPPLY}",
    "/ui/alerts",
    "/ui/traces?period=all",
    "/ui/links",
    "/ui/dead-letters",
    "/ui/status",
)
INSTANT_IN_UTC = re.compile(r"\d:\d\d UTC|\d{4}-\d\d-\d\dT\d\d:\d\d")
INSTANT = re.compile(r"[A-Z][a-z]{2} \d{1,2}, 20\d\d, \d{1,2}:\d\d [AP]M")
_SHOWN = """instant => new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"})
    .format(new Date(instant)).replace(/\\u202f/g, " ")"""


@pytest.fixture(scope="module")
def new_york(browser: Browser) -> Iterator[Page]:
    """The one tab of a browser in New York."""
    context = browser.new_context(
        timezone_id="America/New_York",
        locale="en-US",
        viewport=DESKTOP,  # type: ignore[arg-type]
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def watched(new_york: Page, site: str) -> Iterator[Watched]:
    """A page that must not do anything wrong."""
    with Watched(new_york, site).watching() as found:
        yield found
    assert found.wrong == []


def told(place: Locator) -> str:
    """The text of a place, with plain spaces."""
    return place.inner_text().replace("\u202f", " ")


def test_every_page_shows_one_zone_and_says_which(watched: Watched) -> None:
    for path in PAGES:
        watched.goto(path)
        expect(watched.page.locator("#zone")).to_have_text(
            "Times are in this browser’s zone, America/New York."
        )
        expect(watched.page.locator("#zone")).to_be_visible()
        assert not INSTANT_IN_UTC.search(told(watched.page.locator("#page"))), path


def test_a_verdict_tells_its_reason_as_the_page_tells_the_rest(
    watched: Watched, hospital_store: Store
) -> None:
    page = watched.page
    row = hospital_store.rows(
        "SELECT anchor, reason FROM verdicts WHERE process = {process:String}"
        " AND reason LIKE 'waiting for goods_received since%' ORDER BY anchor LIMIT 1",
        {"process": SUPPLY},
    )[0]
    watched.goto(f"/ui/instances/{SUPPLY}/{row['anchor'].split('|')[3]}")
    verdict = page.locator(".verdict", has_text="Waiting for Goods received in full since ").first
    expect(verdict).to_be_visible()
    since, due = re.findall(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC", row["reason"])
    for date, time in (since, due):
        assert page.evaluate(_SHOWN, f"{date}T{time}Z") in told(verdict)
    assert len(INSTANT.findall(told(verdict))) >= 2
    assert "goods_received" not in told(page.locator("#page"))


def test_an_alert_tells_its_reason_so_too(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/alerts?state=any")
    row = page.locator(".ag-center-cols-container .ag-row", has_text="waiting for ").first
    assert INSTANT.search(told(row))
    row.get_by_role("button", name="Details").click()
    drawer = page.get_by_role("dialog")
    expect(drawer.locator(".log")).to_contain_text("opened it")
    names = {m.name for p in load_catalog(HEALTHCARE).processes.values() for m in p.milestones}
    assert INSTANT.search(told(drawer.locator("p").first))
    assert not INSTANT_IN_UTC.search(told(drawer))
    assert not [name for name in names if "_" in name and name in told(drawer)]
    page.keyboard.press("Escape")


def test_a_state_has_one_word(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/instances?process={SUPPLY}&sla_state=met")
    expect(page.get_by_label("SLA").first).to_have_value("Met")
    expect(page.locator(".ag-center-cols-container .pill", has_text="Met").first).to_be_visible()
    page.get_by_label("SLA").first.click()
    words = ["On track", "At risk", "Met", "Breached", "Paused", "Cancelled", "Unknown"]
    expect(page.get_by_role("option")).to_have_text(words)
    page.keyboard.press("Escape")


def test_the_link_to_a_page_is_called_as_the_page_is(watched: Watched) -> None:
    watched.goto("/ui/instances")
    link = watched.page.locator("#pulse")
    expect(link).to_have_text(re.compile(r"^Status(: |$)"))
    link.click()
    expect(watched.page.locator("h1")).to_have_text("Status")


def test_days_have_separators_where_counts_have_them(browser: Browser) -> None:
    with scripted(browser, ["30-suture.js"]) as page:
        day = 86_400
        for seconds, text in (
            (2_873 * day, "2,873 d"),
            (1_204 * day + 7_200, "1,204 d 2 h"),
            (-1_000 * day, "−1,000 d"),
            (999 * day, "999 d"),
        ):
            assert page.evaluate("seconds => suture.duration(seconds)", seconds) == text


def test_a_sentence_keeps_what_is_no_instant(browser: Browser) -> None:
    with scripted(browser, ["30-suture.js"], zone="America/New_York") as page:
        for sentence, text in (
            ("due 2026-11-29 13:28 UTC, they say", "due Nov 29, 2026, 8:28 AM, they say"),
            ("since 2026-07-01 00:00:09 UTC", "since Jun 30, 2026, 8:00 PM"),
            ("at 2026-13-45 25:61 UTC", "at 2026-13-45 25:61 UTC"),
            ("", ""),
        ):
            found = page.evaluate("text => suture.told(text)", sentence)
            assert found.replace("\u202f", " ") == text
