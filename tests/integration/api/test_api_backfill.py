"""A back-fill says nothing of how late a source is: it is told apart, by API and page."""

from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest
from coverage_feed import HOUR, MINUTE, SECOND, Feed
from fastapi.testclient import TestClient

from collector.coverage import Coverage
from dashboards.api import create_api
from dashboards.pages import status
from dashboards.pages.page import View
from dashboards.routes import Place
from dashboards.services import CollectorStatus, Services
from suture.clock import ManualClock
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store

pytestmark = pytest.mark.store

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)

END = [n * HOUR for n in range(2, 12)] + [4 * SECOND] * 90
POURED = 240


@pytest.fixture(scope="module")
def services(kept_store: Store) -> Services:
    """Who sent history, who is live since, and whose events come two hours late at all times."""
    feed = Feed(kept_store)
    poured = [(NOW - 10 * MINUTE + 20 * SECOND, n * HOUR) for n in range(POURED)]
    live = [(NOW - 8 * MINUTE + 12 * SECOND * n, 4 * SECOND) for n in range(30)]
    # The last of it comes in the next minute, between much that is live.
    end = [(NOW - 9 * MINUTE + SECOND, late) for late in END]
    straggler = [(NOW - 5 * MINUTE, 3 * DAY)]
    feed.events(*poured, *end, *live, *straggler, source="/live")
    feed.events(*poured, source="/history")
    feed.events(*[(NOW - n * MINUTE, 2 * HOUR) for n in (3, 2, 1)], source="/queued")
    feed.events((NOW - 30 * MINUTE, SECOND), source="/plain")
    Coverage(kept_store).run(NOW)
    return Services.over(
        kept_store, Catalog(), Settings(), ManualClock(NOW),
        collector=CollectorStatus, payload=lambda _: None,
    )  # fmt: skip


def listed(services: Services) -> dict[str, Any]:
    with TestClient(create_api(services, home="/")) as client:
        answer = client.get("/api/v1/sources")
    assert answer.status_code == 200, answer.text
    return {one["source"]: one for one in answer.json()["items"]}


def test_a_live_source_is_as_late_as_what_it_sends_live(services: Services) -> None:
    found = listed(services)["/live"]
    assert found["lateness"]["p50_seconds"] == pytest.approx(4, rel=0.01)
    assert found["lateness"]["p95_seconds"] == pytest.approx(4, rel=0.01)
    # One that came days late among others that did not is no back-fill, and is not hidden.
    assert found["lateness"]["max_seconds"] == 3 * 86400
    old = found["backfill"]
    assert (old["arrived"], old["arrived_last_15_minutes"]) == (POURED + 100, POURED + 100)
    middle = median([n * HOUR for n in range(POURED)] + END).total_seconds()
    assert old["lateness"]["p50_seconds"] == pytest.approx(middle, rel=0.02)
    assert old["lateness"]["max_seconds"] == (POURED - 1) * 3600
    assert found["rate_per_minute"] == pytest.approx((POURED + 100 + 31) / 15)


def test_what_only_came_late_is_told_apart(services: Services) -> None:
    found = listed(services)
    for name, hours in (("/history", 119.5), ("/queued", 2)):
        assert found[name]["lateness"] is None
        told = found[name]["backfill"]["lateness"]["p50_seconds"]
        assert told == pytest.approx(hours * 3600, rel=0.02)
    assert found["/plain"]["backfill"] is None
    assert found["/plain"]["lateness"]["p50_seconds"] == pytest.approx(1, rel=0.01)


def test_the_page_shows_live_lateness_and_states_the_time(services: Services) -> None:
    view = View(services=services, place=Place(page="status"), now=NOW)
    live = str(status.page(view).live)
    assert status.TIMES in live
    rows = {row["name"]["text"]: row for row in _rows(status.page(view).live)}
    shown = rows["/live"]["late"]
    assert float(shown["text"].removesuffix(" s")) == pytest.approx(4, rel=0.01)
    assert shown["sub"] == f"p95 {shown['text']}"
    # Thirty-one in a quarter of an hour, and ten days in a minute.
    assert rows["/live"]["rate"]["text"] == "2.1"
    assert rows["/live"]["rate"]["sub"] == "340 back-filled"
    assert rows["/history"]["late"]["text"] == rows["/history"]["rate"]["text"] == "–"
    assert rows["/history"]["late"]["sub"].startswith("back-fill 4 d 2")
    assert rows["/queued"]["late"]["sub"].startswith("back-fill ")
    assert "sub" not in rows["/plain"]["rate"]


def _rows(part: Any) -> list[dict[str, Any]]:
    """The rows of the one grid somewhere in a page."""
    if isinstance(part, list | tuple):
        return [row for one in part for row in _rows(one)]
    if getattr(part, "rowData", None):
        return list(part.rowData)
    return _rows(part.children) if getattr(part, "children", None) is not None else []
