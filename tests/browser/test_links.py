"""The pages about links, in a browser, over events that contradict each other and are stitched."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect
from watched_page import PHONE, Watched
from web_server import Server

from correlator.job import Correlator
from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.clock import SystemClock
from suture.contracts.links import LinkKey
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream

pytestmark = pytest.mark.store

SUPPLY = "requisition_to_fulfilment"
CATALOG = load_catalog(Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare")
_MADE = (
    ("requisition_created", "/portal", ("requisition:R-70001",)),
    ("requisition_created", "/portal", ("requisition:R-70002",)),
    ("purchase_order_created", "/erp/mercy-west", ("requisition:R-70001", "purchase_order:PO-501")),
    ("purchase_order_created", "/erp/mercy-west", ("requisition:R-70002", "purchase_order:PO-502")),
    ("receipt_registered", "/erp/mercy-west", ("purchase_order:PO-501", "goods_receipt:GR-9")),
    ("receipt_registered", "/erp/mercy-east", ("purchase_order:PO-502", "goods_receipt:GR-9")),
    ("receipt_registered", "/erp/mercy-east", ("purchase_order:PO-502", "goods_receipt:GR-9")),
    ("goods_received", "/erp/mercy-west", ("goods_receipt:GR-9",)),
    ("goods_shipped", "/suppliers", ("purchase_order:PO-501", "shipment:SH-4471")),
    ("goods_shipped", "/suppliers", ("purchase_order:PO-502", "shipment:SH-4471")),
)


class Rig:
    """A web port over a store of its own, and time to stitch."""

    def __init__(self, store: Store) -> None:
        self.store = store
        began = datetime.now(UTC) - timedelta(days=2)
        rows = [
            Milestone(
                source=source,
                id=f"{name}-{place}",
                milestone=name,
                occurred_at=began + timedelta(hours=3 * place),
                attributes={"facility": "mercy-west"},
                objects=tuple(ObjectRef(type=t, id=i) for t, i in (o.split(":") for o in about)),
            )
            for place, (name, source, about) in enumerate(_MADE)
        ]
        # What one of them said is sent again, and says something else.
        changed = {
            "occurred_at": began + timedelta(hours=1),
            "attributes": {"facility": "mercy-east"},
        }
        rows.append(msgspec.structs.replace(rows[0], **changed))
        segment = segment_number(new_stream(), 1)
        store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=began))
        count = len(rows)
        finish_segment(
            store, segment=segment, signal=Signal.MILESTONES, rows=count, finished_at=began
        )
        self.stitch()
        web = create_web(
            store,
            CATALOG,
            Settings(refresh_seconds=2),
            SystemClock(),
            status_source=CollectorStatus,
            payload_reader=lambda _: None,
        )
        self.server = Server(web)

    def stitch(self) -> None:
        Correlator(self.store, CATALOG).run(datetime.now(UTC))


@pytest.fixture
def rig(store: Store) -> Iterator[Rig]:
    """Two orders that claim one receipt and one shipment."""
    made = Rig(store)
    with made.server:
        yield made


@pytest.fixture(scope="module")
def kept_rig(kept_store: Store) -> Iterator[Rig]:
    """The same, for tests that only look."""
    made = Rig(kept_store)
    with made.server:
        yield made


@pytest.fixture
def watched(tab: Page, rig: Rig) -> Iterator[Watched]:
    """A page that must not do anything wrong, over links of its own."""
    with Watched(tab, rig.server.url).watching() as found:
        yield found
    assert found.wrong == []


@pytest.fixture
def looking(tab: Page, kept_rig: Rig) -> Iterator[Watched]:
    """A page that must not do anything wrong, where nothing is to be changed."""
    with Watched(tab, kept_rig.server.url).watching() as found:
        yield found
    assert found.wrong == []


def key(order: str, other: str) -> LinkKey:
    return LinkKey(
        process=SUPPLY,
        from_object=f"production|purchase_order||{order}",
        to_object=f"production|{other.replace(':', '||')}",
    )


def test_pairs_are_listed_under_the_filters_of_the_address(looking: Watched) -> None:
    page = looking.page
    looking.goto("/ui/links")
    expect(page.locator("#found")).to_have_text("2 pairs")
    expect(page.get_by_text("Purchase order PO-502 → Goods receipt GR-9")).to_be_visible()
    expect(page.get_by_text("Goods receipt belongs to one purchase order only")).to_be_visible()
    looking.goto(f"/ui/links?object=shipment:SH-4471&process={SUPPLY}")
    expect(page.locator("#found")).to_have_text("1 pair")
    looking.goto("/ui/links?state=blocked")
    expect(page.get_by_text("No pair matches")).to_be_visible()
    looking.goto("/ui/links?state=sideways")
    expect(page.locator(".notice")).to_contain_text("sideways")
    with page.expect_download() as saved:
        looking.goto("/ui/links")
        page.locator(".head").get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text("utf-8-sig"))))
    assert [(row["to_id"], row["state"], row["cardinality"]) for row in rows] == [
        ("GR-9", "refused", "one_to_many"),
        ("SH-4471", "refused", "one_to_many"),
    ]
    assert rows[0]["linked_instead"] == "Purchase order PO-501 → Goods receipt GR-9"
    assert (rows[0]["evidence_kind"], rows[0]["evidence"]) == ("event", "2")


def test_a_pair_shows_its_rivals_and_is_decided_and_undone(watched: Watched, rig: Rig) -> None:
    page = watched.page
    refused = key("PO-502", "goods_receipt:GR-9")
    watched.goto("/ui/links")
    page.get_by_text("Purchase order PO-502 → Goods receipt GR-9").click()
    page.wait_for_url(f"**/ui/links/{refused.id}")
    own, rival = page.locator(".rival").nth(0), page.locator(".rival").nth(1)
    expect(own).to_contain_text("Refused")
    expect(own.locator(".evidence-log > li")).to_have_count(2)
    expect(rival).to_contain_text("Linked")
    expect(rival).to_contain_text("receipt_registered-4")
    expect(page.get_by_role("link", name="Requisition R-70001")).to_be_visible()
    expect(page.get_by_role("link", name="Requisition R-70002")).to_be_visible()

    page.get_by_label("Reason").fill("the east dock signed for it")
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Link them").click()
    expect(page.get_by_text("takes effect within seconds")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("")
    rig.stitch()
    expect(page.locator(".pill.large")).to_have_text("Linked")
    expect(page.locator(".rival").nth(1)).to_contain_text("Refused")
    log = page.locator(".log li", has_text="ada linked them")
    expect(log).to_contain_text("the east dock signed for it")
    assert _completed(rig) == {"R-70002"}

    page.get_by_role("button", name=re.compile("^Undo")).click()
    expect(page.get_by_text("Undone", exact=True)).to_be_visible()
    rig.stitch()
    expect(page.locator(".pill.large")).to_have_text("Refused")
    expect(page.get_by_text("ada took back that ada linked them")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Undo"))).to_have_count(0)
    assert _completed(rig) == {"R-70001"}

    page.get_by_role("button", name="Split off goods receipt").click()
    expect(page.get_by_text("Split off", exact=True)).to_be_visible()
    rig.stitch()
    expect(page.locator(".pill.large")).to_have_text("Blocked")
    assert _completed(rig) == set()
    watched.goto("/ui/links?state=any")
    expect(page.locator("#found")).to_have_text("3 pairs")
    expect(page.locator(".log li").first).to_contain_text("ada split them off")


def _completed(rig: Rig) -> set[str]:
    rows = rig.store.rows(
        "SELECT anchor_id FROM instances FINAL WHERE removed = 0 AND status = 'completed'"
        " AND process = {process:String}",
        {"process": SUPPLY},
    )
    return {row["anchor_id"] for row in rows}


def test_an_instance_tells_of_pairs_that_bear_on_it(looking: Watched) -> None:
    page = looking.page
    for anchor in ("R-70001", "R-70002"):
        looking.goto(f"/ui/instances/{SUPPLY}/{anchor}")
        expect(page.get_by_text("Named together, and not linked")).to_be_visible()
        expect(page.locator(".unlinked li")).to_have_count(2)
    page.locator(".unlinked a").first.click()
    expect(page.get_by_role("heading", name="Goods receipt GR-9")).to_be_visible()


def test_an_instance_tells_of_events_that_were_sent_again(looking: Watched) -> None:
    page = looking.page
    looking.goto(f"/ui/instances/{SUPPLY}/R-70001")
    section = page.locator("section.card", has_text="Sent again with another content")
    expect(section).to_contain_text("/portal requisition_created-0")
    expect(section).to_contain_text("Set aside: Requisition created")
    expect(section).to_contain_text("Differs in time, facility.")
    expect(section).to_contain_text("the earlier one counts")
    looking.goto(f"/ui/instances/{SUPPLY}/R-70002")
    expect(page.get_by_text("Named together, and not linked")).to_be_visible()
    expect(page.get_by_text("Sent again with another content")).to_have_count(0)


def test_a_refused_decision_is_said(watched: Watched) -> None:
    """Two rivals cannot both be accepted; the desk says which decision stands in the way."""
    page = watched.page
    watched.goto(f"/ui/links/{key('PO-501', 'goods_receipt:GR-9').id}")
    page.get_by_role("button", name="Link them").click()
    expect(page.get_by_text("operator linked them")).to_be_visible()
    watched.goto(f"/ui/links/{key('PO-502', 'goods_receipt:GR-9').id}")
    page.get_by_role("button", name="Link them").click()
    expect(page.get_by_text("operator accepted another link of the same object")).to_be_visible()


@pytest.mark.parametrize(
    "path",
    ["links", "links/{pair}", f"instances/{SUPPLY}/R-70001", f"instances/{SUPPLY}/R-70002"],
)
def test_they_fit_a_phone(looking: Watched, path: str) -> None:
    page = looking.page
    page.set_viewport_size(PHONE)
    looking.goto("/ui/" + path.format(pair=key("PO-502", "goods_receipt:GR-9").id))
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tops = page.locator("#nav a").evaluate_all("a => a.map(e => e.getBoundingClientRect().top)")
    assert tops
    assert all(top > PHONE["height"] - 120 for top in tops)


def test_what_is_no_pair_says_so(looking: Watched) -> None:
    page = looking.page
    looking.goto("/ui/links/WyJhIl0")
    expect(page.get_by_text("No such pair")).to_be_visible()
    looking.goto(f"/ui/links/{key('PO-1', 'shipment:S-1').id}")
    expect(page.get_by_text("Nothing names these two objects together")).to_be_visible()
