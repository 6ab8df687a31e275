"""The list of alerts where there are more than fit: page, file and API have the same ones."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dash import dcc
from fastapi.testclient import TestClient
from table_writer import Holding, Writer, key

from dashboards import exports
from dashboards.api import create_api
from dashboards.app import create_web
from dashboards.pages import alerts as alerts_page
from dashboards.pages.page import View
from dashboards.routes import Place
from dashboards.services import CollectorStatus, Services
from suture.clock import ManualClock, rfc3339
from suture.contracts.alert import AlertState, Severity
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.alerts import AlertFilter, alert_total, urgent_alerts
from suture.store.engine import Store
from suture.testing import wipe

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
SUPPLY, STAFFING = "requisition_to_fulfilment", "procedure_schedule_to_staffing"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MANY = 1_203
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def crowded(kept_store: Store) -> Store:
    """Many alerts of little weight, opened after three that matter; some acknowledged, resolved."""
    wipe(kept_store)
    held = Holding()
    write = Writer(held)
    for number in range(MANY):
        more = {"anchor": key("requisition", f"R-{number}"), "severity": "low"}
        write.alert(f"{number:016x}", NOW - HOUR + number * timedelta(seconds=1), **more)
    for number, severity in enumerate(("high", "critical", "high")):
        at = NOW - timedelta(days=9 - number)
        more = {"anchor": key("procedure", f"P-{number}"), "process": STAFFING}
        more |= {"owner": "staffing-operations", "sla": "schedule-to-staffing-sync"}
        write.alert(f"{'a' * 15}{number}", at, **more, severity=severity)
    taken = {"action": "acknowledged", "actor": "dana"}
    write.alert(f"{'a' * 15}2", NOW - 2 * HOUR, **taken, severity="high", process=STAFFING)
    write.alert(f"{0:016x}", NOW, action="resolved", actor="dana", severity="low")
    held.hand_over(kept_store)
    return kept_store


@pytest.fixture(scope="module")
def services(crowded: Store) -> Services:
    return Services.over(
        crowded,
        load_catalog(HEALTHCARE),
        Settings(),
        ManualClock(NOW),
        collector=CollectorStatus,
        payload=lambda _: None,
    )


@pytest.fixture(scope="module")
def api(services: Services) -> Iterator[TestClient]:
    with TestClient(create_api(services, home="/")) as client:
        yield client


def view(services: Services, **query: str) -> View:
    return View(services=services, place=Place(page="alerts", query=query), now=NOW)


def shown(services: Services, **query: str) -> tuple[list[Mapping[str, Any]], str]:
    """Rows of the page, and what it says of their number."""
    table, pager = alerts_page.page(view(services, **query)).live
    return table.rowData, pager.children[0].children


def filed(services: Services, **query: str) -> list[dict[str, str]]:
    content = b"".join(exports.csv_lines(exports.alerts(view(services, **query))))
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def listed(api: TestClient, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = api.get("/api/v1/alerts", params={**query, **more, "limit": "1000"})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if (cursor := answer.json()["next_cursor"]) is None:
            return items


def test_what_matters_most_comes_first_however_many_came_later(services: Services) -> None:
    rows, said = shown(services)
    ids = [row["id"] for row in rows]
    assert said == f"1–50 of {MANY + 2:,} alerts"
    assert len(ids) == alerts_page.PAGE_SIZE == 50
    # The most severe of those that nobody looks after, then the longest breached.
    assert ids[:3] == [f"{'a' * 15}1", f"{'a' * 15}0", f"{1:016x}"]


def test_filters_look_at_all_alerts_not_at_the_latest(services: Services) -> None:
    for query in (
        {"severity": "high", "state": "firing"},
        {"severity": "high", "state": "acknowledged"},
        {"process": STAFFING, "state": "firing", "severity": "critical"},
    ):
        rows, said = shown(services, **query)
        assert (len(rows), said) == (1, "1–1 of 1 alert")
    assert shown(services, owner="staffing-operations")[1] == "1–3 of 3 alerts"
    assert shown(services, severity="low", state="any")[1] == f"1–50 of {MANY:,} alerts"


def test_every_alert_is_on_one_page(services: Services) -> None:
    pages = -(-(MANY + 2) // alerts_page.PAGE_SIZE)
    seen = [row["id"] for n in range(pages) for row in shown(services, page=str(n + 1))[0]]
    assert len(seen) == len(set(seen)) == MANY + 2
    assert seen[-1] == f"{'a' * 15}2", "who is looked after comes last"
    beyond = shown(services, page="999")
    assert beyond[1] == f"1,201–{MANY + 2:,} of {MANY + 2:,} alerts"
    assert [row["id"] for row in beyond[0]] == seen[1200:]


def test_the_links_on_lead_through_the_pages(services: Services) -> None:
    _, pager = alerts_page.page(view(services, severity="low", page="2")).live
    links = pager.children[1].children
    assert all(isinstance(link, dcc.Link) for link in links)
    assert [link.href for link in links] == [
        "/ui/alerts?severity=low",
        "/ui/alerts?severity=low&page=3",
    ]


def test_columns_sort_only_where_all_rows_are_there(services: Services) -> None:
    for query, sortable in (({}, False), ({"process": STAFFING}, True)):
        table, _ = alerts_page.page(view(services, **query)).live
        columns = [c for c in table.columnDefs if c["field"] not in ("card", "actions")]
        assert {column["sortable"] for column in columns} == {sortable}


def test_a_row_says_when_it_was_breached(services: Services) -> None:
    rows, _ = shown(services, severity="critical")
    assert rows[0]["breached"] == rfc3339(NOW - timedelta(days=8))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "any"},
        {"state": "resolved"},
        {"severity": "high"},
        {"process": STAFFING, "state": "firing"},
        {"owner": "supply-integration"},
        {"severity": "medium"},
    ],
)
def test_page_file_and_api_agree(
    services: Services, api: TestClient, query: dict[str, str]
) -> None:
    wanted = {name: value for name, value in query.items() if value != "any"}
    rows = listed(api, **wanted)
    if "state" not in query:
        rows = [row for row in rows if row["state"] != "resolved"]
    in_file = filed(services, **query)
    assert [row["id"] for row in in_file] == [row["id"] for row in rows]
    if not rows:
        (nothing,) = alerts_page.page(view(services, **query)).live
        assert "No alert matches" in str(nothing)
        return
    assert shown(services, **query)[1].endswith(f" of {len(rows):,} alert{'s'[: len(rows) - 1]}")


def test_nothing_open_is_only_said_where_nothing_is_open(services: Services) -> None:
    said = {
        text
        for query in (
            {"severity": "medium"},
            {"owner": "erp-platform"},
            {"process": "purchase_to_pay"},
        )
        for text in ("Nothing needs you now", "No alert matches")
        if text in str(alerts_page.page(view(services, **query)).live)
    }
    assert said == {"No alert matches"}
    calm = str(alerts_page.page(view(services, environment="quiet")).live)
    assert "Nothing needs you now" in calm


@pytest.mark.parametrize(
    "query",
    [
        {"severity": "loud"},
        {"process": "none"},
        {"owner": "nobody"},
        {"sla": "none"},
        {"process": ""},
        {"owner": ""},
    ],
)
def test_a_value_that_nobody_declares_is_refused(api: TestClient, query: dict[str, str]) -> None:
    answer = api.get("/api/v1/alerts", params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["detail"]


def test_the_page_says_what_it_does_not_know(services: Services) -> None:
    for query in ({"severity": "loud"}, {"process": "none"}, {"owner": "nobody"}):
        (said,) = alerts_page.page(view(services, **query)).live
        assert f"{next(iter(query))}:" in str(said)


def test_filters_narrow_together(crowded: Store) -> None:
    wanted = AlertFilter(
        environment="production",
        states=[AlertState.FIRING],
        severity=Severity.HIGH,
        owner="staffing-operations",
    )
    assert alert_total(crowded, wanted) == 1
    assert [a.id for a in urgent_alerts(crowded, wanted, limit=5)] == [f"{'a' * 15}0"]
    assert urgent_alerts(crowded, wanted, limit=5, offset=1) == []


def test_a_file_that_is_not_all_says_so_in_its_name(
    crowded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = create_web(
        crowded,
        load_catalog(HEALTHCARE),
        Settings(),
        ManualClock(NOW),
        status_source=CollectorStatus,
        payload_reader=lambda _: None,
    )
    with TestClient(web, base_url="http://localhost") as client:
        whole = client.get("/ui/export/alerts.csv?state=any")
        monkeypatch.setattr(exports, "MOST_ROWS", 1_000)
        part = client.get("/ui/export/alerts.csv?state=any")
    assert len(whole.text.splitlines()) == MANY + 3 + 1
    assert 'filename="suture-alerts-20261120-1200.csv"' in whole.headers["content-disposition"]
    assert len(part.text.splitlines()) == 1_001
    assert f"suture-alerts-first-1000-of-{MANY + 3}-" in part.headers["content-disposition"]
