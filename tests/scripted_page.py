"""An empty page with some of our scripts, for what they do by themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page
from watched_page import DESKTOP

ASSETS = Path(__file__).resolve().parents[1] / "dashboards" / "assets"


@contextmanager
def scripted(browser: Browser, scripts: Sequence[str], *, zone: str = "UTC") -> Iterator[Page]:
    """An empty page with these scripts, in an American browser of this zone."""
    context = browser.new_context(timezone_id=zone, locale="en-US", viewport=DESKTOP)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.set_content('<div id="axis"></div>')
        for name in scripts:
            page.add_script_tag(path=ASSETS / name)
        yield page
    finally:
        context.close()
