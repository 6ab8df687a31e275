"""The pages in a real browser, over a hospital that is written straight into the tables."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hospital import fill
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from watched_page import DESKTOP
from web_server import Server

from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.clock import SystemClock
from suture.contracts.dead_letter import ActResult, LetterState
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.reading.dead_letters import DeadLetter

# A page may take its time on a busy machine; what counts is that it gets there.
expect.set_options(timeout=30_000)

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
"""Debian's builds; the one without windows takes a sixth less of the processor for the tests."""
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium where there is one, and one that talks to nobody by itself.

    It lives for one file, since Playwright keeps an event loop running in this thread, and other
    tests of this process need theirs.
    """
    with sync_playwright() as playwright:
        own = next((one for one in CHROMIUMS if one.exists()), None)
        browser = playwright.chromium.launch(executable_path=own, args=list(_QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody who keeps what was loaded once from page to page, as people do."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def kept_tab(visitor: BrowserContext) -> Page:
    """The one tab of the visitor: each new one costs a process and all scripts anew."""
    return visitor.new_page()


@pytest.fixture
def tab(kept_tab: Page) -> Page:
    """The tab, as large as a desktop and in no colour scheme of its own."""
    kept_tab.set_viewport_size(DESKTOP)
    kept_tab.emulate_media(color_scheme="null")
    return kept_tab


@pytest.fixture(scope="module")
def hospital_store(kept_store: Store) -> Store:
    """The store behind the pages."""
    fill(kept_store, load_catalog(HEALTHCARE), datetime.now(UTC))
    return kept_store


class Desk:
    """Replays and discards in the table alone; letters with "stubborn" in the id are refused."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replay(self, letters: Sequence[DeadLetter], **who: str) -> list[ActResult]:
        return [self._act(letter, LetterState.REPLAYED, who) for letter in letters]

    def discard(self, letters: Sequence[DeadLetter], **who: str) -> list[ActResult]:
        return [self._act(letter, LetterState.DISCARDED, who) for letter in letters]

    def _act(self, letter: DeadLetter, state: LetterState, who: Mapping[str, str]) -> ActResult:
        stubborn = "stubborn" in letter.id
        fields = ("id", "environment", "door", "source", "type", "payload_bytes")
        row = {name: getattr(letter, name) for name in fields} | {
            "received_at": datetime.now(UTC),
            "action": "refused" if stubborn else state.value,
            "reason": "still wrong" if stubborn else letter.reason,
            **who,
        }
        self._store.insert("dead_letters", [row])
        if stubborn:
            return ActResult(id=letter.id, state=LetterState.OPEN, done=True, reason="still wrong")
        return ActResult(id=letter.id, state=state, done=True)


@pytest.fixture(scope="module")
def site(hospital_store: Store) -> Iterator[str]:
    """The address of a running installation."""
    payload = b'{"specversion": "1.0", "id": "e-0", "data": {}}'
    web = create_web(
        hospital_store,
        load_catalog(HEALTHCARE),
        Settings(),
        SystemClock(),
        status_source=lambda: CollectorStatus(spool_max_bytes=2**32),
        payload_reader={f"{0:032x}": payload}.get,
        letter_desk=Desk(hospital_store),
    )
    with Server(web) as server:
        yield server.url
