"""The pages in a browser: they load, stay with us, tell the truth, and fit a phone."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from watched_page import PHONE, Watched

pytestmark = pytest.mark.store

SUPPLY = "requisition_to_fulfilment"
PAGES = (
    "/ui/",
    "/ui/?period=7d&by=facility",
    f"/ui/instances?process={SUPPLY}",
    f"/ui/instances/{SUPPLY}/R-10504",
    "/ui/processes",
    f"/ui/processes/{SUPPLY}?by=facet.facility&detail=all",
    "/ui/alerts",
    "/ui/traces?period=all",
    "/ui/links",
    "/ui/dead-letters",
    "/ui/status",
)


@pytest.fixture
def watched(tab: Page, site: str) -> Iterator[Watched]:
    """A page that must not do anything wrong."""
    with Watched(tab, site).watching() as found:
        yield found
    assert found.wrong == []


def count_of(text: str | None) -> int:
    """The number of instances in '1–50 of 1,204 instances'."""
    found = re.search(r"of ([\d,]+)", text or "")
    return int(found[1].replace(",", "")) if found else 0


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_talks_to_nobody_else_and_fits_a_phone(watched: Watched, path: str) -> None:
    response = watched.page.request.get(f"{watched.site}{path}")
    policy = response.headers["content-security-policy"]
    assert response.status == 200
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src 'self' ('sha256-[^']+' ?)+;", policy)
    if path == "/ui/":
        watched.load(path)
        watched.page.wait_for_load_state("networkidle")
    else:
        watched.goto(path)
    expect(watched.page.locator("h1").first).to_be_visible()
    expect(watched.page.locator('[data-title*="Share" i], [aria-label*="share" i]')).to_have_count(
        0
    )
    assert "Suture" in watched.page.title()
    watched.page.set_viewport_size(PHONE)
    watched.page.wait_for_timeout(300)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    navigation = watched.page.locator("#nav")
    box = navigation.bounding_box()
    assert box is not None
    assert box["y"] > PHONE["height"] - 120


def test_what_is_no_page_says_so(watched: Watched) -> None:
    response = watched.load("/ui/nothing/here")
    assert response.status == 404
    expect(watched.page.get_by_text("There is no such page")).to_be_visible()
    watched.wrong = [line for line in watched.wrong if "404" not in line]


def test_a_tile_equals_its_drill_down(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/")
    for index in range(4):
        tile = page.locator(f"#process-{SUPPLY} .count").nth(index)
        shown = int(tile.locator(".count-value").inner_text().replace(",", ""))
        tile.click()
        page.wait_for_url("**/ui/instances?**")
        if shown == 0:
            expect(page.get_by_text("No instance matches")).to_be_visible()
        else:
            expect(page.locator("#found")).to_be_visible()
            assert count_of(page.locator("#found").text_content()) == shown
        page.go_back()


def test_a_kpi_equals_its_drill_down(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/")
    for name in ("met", "breached", "on track"):
        link = page.locator('[data-kpi="requisition_cycle_time"] .tile-foot a', has_text=name)
        shown = int(link.inner_text().split()[0].replace(",", ""))
        link.click()
        page.wait_for_url("**/ui/instances?**")
        expect(page.locator("#found")).to_be_visible()
        assert count_of(page.locator("#found").text_content()) == shown
        page.go_back()


def test_filters_stand_in_the_address_and_survive_a_reload(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/instances")
    page.get_by_label("Status").first.click()
    page.get_by_role("option", name="Stalled").click()
    page.wait_for_url("**status=stalled**")
    expect(page.locator(".ag-center-cols-container .pill").first).to_have_text("Stalled")
    shown = page.locator("#found").text_content()
    page.reload()
    expect(page.locator("#found")).to_have_text(shown or "")
    expect(page.get_by_label("Status").first).to_have_value("Stalled")
    page.get_by_label("Object").fill("requisition:r-10504")
    page.get_by_label("Object").press("Enter")
    page.wait_for_url("**object=requisition**")
    expect(page.get_by_text("No instance matches")).to_be_visible()
    page.go_back()
    expect(page.locator("#found")).to_have_text(shown or "")


def test_an_instance_is_reached_from_the_list(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/instances?process={SUPPLY}")
    link = page.locator(".ag-center-cols-container a").first
    name = link.inner_text()
    link.click()
    expect(page.locator("h1", has_text=name)).to_be_visible()


def test_milestones_and_spans_share_one_axis(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/instances/{SUPPLY}/R-10504")
    expect(page.locator(".tl-miles circle").first).to_be_visible()
    expect(page.locator(".tl-mini circle")).to_have_count(6)
    traces = page.locator(".tl-row.trace")
    expect(traces).to_have_count(6)
    expect(page.locator(".tl-row.span")).to_have_count(0)
    traces.nth(4).click()
    expect(page.locator(".tl-row.span").first).to_be_visible()
    assert "trace=" in page.url
    expect(page.locator(".tl-range strong")).to_contain_text("ms")
    bars = page.locator(".tl-row.span .tl-fill")
    widths = [box["width"] for box in (b.bounding_box() for b in bars.all()) if box]
    assert max(widths) > 100, "spans of milliseconds are seen inside hours"
    page.locator(".tl-row.span").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("http.response.status_code")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator(".tl-row.span").first).to_be_visible()
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator(".tl-row.span")).to_have_count(0)
    assert "trace=" not in page.url


def test_a_stretch_of_time_is_picked_by_dragging(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/instances/{SUPPLY}/R-10504")
    expect(page.locator(".tl-axis text").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.locator(".tl-axis").scroll_into_view_if_needed()
    box = page.locator(".tl-axis").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("zoom="))
    page.keyboard.press("0")


def test_a_process_is_a_map_with_variants_under_filters_in_the_address(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/")
    page.locator(f"#process-{SUPPLY}").get_by_role("link", name="Process map").click()
    nodes, lines = page.locator(".pm-node.milestone"), page.locator(".pm-line")
    expect(nodes).to_have_count(8)
    expect(page.locator(".pm-label").first).not_to_be_empty()
    boxes = [box for box in (node.bounding_box() for node in nodes.all()) if box]
    lefts = sorted(box["x"] for box in boxes)
    assert all(b - a > 50 for a, b in pairwise(lefts)), "the plain course runs to the right"
    everything = int(page.locator(".facts a").first.inner_text().replace(",", ""))

    nodes.filter(has_text="Requisition approved").hover()
    expect(page.locator(".pm-tip")).to_contain_text("Failed or rejected")
    assert 0 < page.locator(".pm-line.on").count() < lines.count()

    page.get_by_role("link", name="Everything").click()
    page.wait_for_url("**detail=all**")
    expect(page.locator(".switch .here")).to_have_text("Everything")
    page.get_by_label("Status").first.click()
    page.get_by_role("option", name="Completed").click()
    page.wait_for_url("**status=completed**")
    expect(page.locator(".facts a").first).not_to_have_text(f"{everything:,}")
    completed = int(page.locator(".facts a").first.inner_text().replace(",", ""))
    assert completed < everything
    shares = page.locator(".variant-share strong").all_inner_texts()
    assert sum(int(text.replace(",", "")) for text in shares) == completed
    page.locator(".facts a").first.click()
    expect(page.locator("#found")).to_be_visible()
    assert count_of(page.locator("#found").text_content()) == completed

    page.set_viewport_size(PHONE)
    watched.goto(f"/ui/processes/{SUPPLY}")
    expect(page.locator(".pm.down .pm-node.milestone")).to_have_count(8)


def test_a_trace_is_a_waterfall(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/traces?period=all&service=erp-worker")
    page.locator(".ag-center-cols-container a").first.click()
    page.wait_for_url("**/ui/traces/*")
    expect(page.locator(".tl-row.span").first).to_be_visible()
    expect(page.get_by_text("Belongs to")).to_be_visible()


def test_an_alert_is_acknowledged_from_its_row(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/alerts?state=firing")
    rows = page.locator(".ag-center-cols-container .ag-row")
    expect(rows.first).to_be_visible()
    before = rows.count()
    badge = int(page.locator(".badge-count").inner_text())
    rows.first.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledged", exact=True).first).to_be_visible()
    expect(rows).to_have_count(before - 1)
    expect(page.locator(".badge-count")).to_have_text(str(badge - 1))


def test_an_alert_is_triaged_in_the_drawer(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/alerts?severity=medium")
    page.get_by_role("button", name="Details").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Your name").fill("dana")
    drawer.get_by_label("Remark or name").fill("kim")
    drawer.get_by_role("button", name="Assign").click()
    log = drawer.locator(".log")
    expect(log).to_contain_text("dana assigned it to kim")
    expect(drawer.get_by_label("Remark or name")).to_have_value("")
    drawer.get_by_label("Remark or name").fill("the supplier was called")
    drawer.get_by_role("button", name="Comment").click()
    expect(log).to_contain_text("the supplier was called")
    expect(drawer.get_by_label("Remark or name")).to_have_value("")
    drawer.get_by_role("button", name="Comment").click()
    expect(page.get_by_text("comment: is empty")).to_be_visible()
    drawer.get_by_role("button", name="Resolve").click()
    expect(log).to_contain_text("dana resolved it")


def test_a_dead_letter_shows_what_was_sent(watched: Watched) -> None:
    page = watched.page
    watched.goto("/ui/dead-letters")
    page.locator(".ag-row", has_text="poNumber").get_by_role("button", name="View").click()
    expect(page.locator("pre.payload")).to_contain_text('"specversion": "1.0"')


def test_dead_letters_are_replayed_and_discarded_one_or_all(
    watched: Watched, hospital_store: Any
) -> None:
    page = watched.page
    row = hospital_store.rows("SELECT * FROM dead_letters LIMIT 1")[0]
    for id_ in ("one", "two", "three", "stubborn"):
        new = {"id": id_, "event_id": id_, "source": "/acts", "owner": "", "reason": f"is {id_}"}
        hospital_store.insert("dead_letters", [{**row, **new}])
    watched.goto("/ui/dead-letters?source=/acts")
    found = page.locator("#found")
    expect(found).to_have_text("4 dead letters")

    page.locator(".ag-row", has_text="is one").get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Replayed", exact=True).first).to_be_visible()
    expect(found).to_have_text("3 dead letters")
    page.locator(".ag-row", has_text="is stubborn").get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Refused again: still wrong")).to_be_visible()

    page.locator(".ag-row", has_text="is two").get_by_role("button", name="View").click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("Nobody is named for it")).to_be_visible()
    drawer.get_by_label("Remark").fill("a test")
    drawer.get_by_role("button", name="Discard").click()
    expect(drawer.locator(".log")).to_contain_text("discarded it")
    expect(drawer.locator(".log")).to_contain_text("a test")
    page.keyboard.press("Escape")
    expect(found).to_have_text("2 dead letters")

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Discard all").click()
    expect(page.get_by_text("1 letter discarded, 1 refused again")).to_be_visible()
    watched.goto("/ui/dead-letters?source=/acts&state=any")
    expect(page.get_by_text("Discarded").first).to_be_visible()
    hospital_store.execute("DELETE FROM dead_letters WHERE source = '/acts'")


def test_what_is_pressed_while_the_page_is_drawn_anew_is_answered(
    watched: Watched, hospital_store: Any
) -> None:
    page = watched.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "row-pressed.data" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    watched.goto("/ui/dead-letters")
    row = hospital_store.rows("SELECT * FROM dead_letters LIMIT 1")[0]
    page.route(re.compile("_dash-update"), hold)
    page.locator(".ag-row", has_text="poNumber").get_by_role("button", name="View").click()
    hospital_store.insert("dead_letters", [{**row, "id": "e" * 32, "reason": "came meanwhile"}])
    expect(page.get_by_text("came meanwhile").first).to_be_visible()
    (answer,) = held
    answer.continue_()
    expect(page.get_by_role("dialog").locator("pre.payload")).to_be_visible()
    page.unroute_all()
    hospital_store.execute("DELETE FROM dead_letters WHERE reason = 'came meanwhile'")


def test_the_colour_scheme_follows_the_system_and_is_remembered(watched: Watched) -> None:
    page = watched.page
    page.emulate_media(color_scheme="dark")
    watched.goto("/ui/")
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    page.get_by_label("Colour scheme").click()
    page.get_by_role("menuitem", name="Dark").click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    page.wait_for_selector("#live > *")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.evaluate("localStorage.clear()")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_tables_become_cards_on_a_phone(watched: Watched) -> None:
    page = watched.page
    page.set_viewport_size(PHONE)
    watched.goto("/ui/alerts?state=firing")
    cards = page.locator(".cell-card")
    expect(cards.first).to_be_visible()
    expect(cards.first.get_by_role("button", name="Acknowledge")).to_be_visible()
    expect(page.locator(".filters")).to_be_hidden()
    page.get_by_role("button", name=re.compile("Filters")).click()
    expect(page.get_by_label("Severity").first).to_be_visible()


def test_how_long_rows_are_kept_is_said(watched: Watched) -> None:
    watched.goto("/ui/status")
    expect(watched.page.locator("#kept")).to_contain_text("spans for 30 days")


def test_numbers_come_by_themselves(watched: Watched, hospital_store: Any) -> None:
    page = watched.page
    watched.goto("/ui/dead-letters")
    expect(page.locator("#found")).to_have_text("4 dead letters")
    pressed = page.locator("#nav-dead-letters")
    pressed.click()
    row = hospital_store.rows("SELECT * FROM dead_letters LIMIT 1")[0]
    hospital_store.insert("dead_letters", [{**row, "id": "f" * 32, "reason": "came later"}])
    expect(page.locator("#found")).to_have_text("5 dead letters")
    expect(page.get_by_text("came later").first).to_be_visible()
    expect(pressed).to_be_focused()


def test_tables_are_saved_as_files(watched: Watched) -> None:
    page = watched.page
    watched.goto(f"/ui/instances?process={SUPPLY}&status=open")
    shown = count_of(page.locator("#found").text_content())
    with page.expect_download() as saved:
        page.get_by_text("CSV").click()
    lines = saved.value.path().read_text(encoding="utf-8-sig").strip().splitlines()
    assert lines[0].startswith("process,anchor_type,anchor_id")
    assert len(lines) - 1 == shown
    assert saved.value.suggested_filename.startswith("suture-instances-")
