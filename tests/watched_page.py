"""A page of a browser of which everything that goes wrong is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Locator, Page, Response

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}

_NOWHERE = "/ui/nothing/here"
_FOLLOW = """path => {
    history.pushState({}, "", path);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
}"""
"""What a link within the pages does when it is pressed (`dcc.Link`)."""

_OF_THE_GRID = (
    "AG Grid: invalid gridOptions property 'cellRendererData'",
    "AG Grid: to see all the valid gridOptions properties",
)
"""Said where a press and an answer of the server meet: the grid's wrapper for Dash then hands a
property of its own on to the grid, which ignores it."""


class Watched:
    """`page`, looking at the installation at `site`; `wrong` is to be empty in the end."""

    def __init__(self, page: Page, site: str) -> None:
        self.page, self.site = page, site
        self.wrong: list[str] = []
        self._hears = {
            "console": self._said,
            "pageerror": self._failed,
            "request": self._asked,
            "response": self._answered,
        }

    def load(self, path: str) -> Response:
        """Load a page with all its scripts, as a new visitor does, and wait for its content."""
        response = self.page.goto(f"{self.site}{path}")
        assert response is not None
        self.page.wait_for_selector("#live > *")
        return response

    def goto(self, path: str) -> None:
        """Go to a page as a link within the pages does, and wait for its content.

        That costs the browser half of what loading does. On the way it is shown a page with nothing
        on it, so that nothing of the page before is taken for the new one's.
        """
        if not self._is_there():
            self.load(path)
            return
        nothing = self._leave()
        self.page.evaluate(_FOLLOW, path)
        nothing.wait_for(state="detached")
        self.page.wait_for_selector("#live > *")

    def _is_there(self) -> bool:
        return self.page.url.startswith(f"{self.site}/ui/")

    def _leave(self) -> Locator:
        self.page.evaluate(_FOLLOW, _NOWHERE)
        nothing = self.page.get_by_text("There is no such page")
        nothing.wait_for()
        return nothing

    @contextmanager
    def watching(self) -> Iterator["Watched"]:
        """Note what goes wrong until the end of the context, and leave the page then."""
        if not self._is_there():
            # A page of another server, which may have gone, still asks it for news.
            self.page.goto("about:blank")
        for name, hear in self._hears.items():
            self.page.on(name, hear)  # type: ignore[call-overload]
        try:
            yield self
            self._leave()
        except BaseException:
            # Whatever is left of the page, the next one is not to be built on it.
            self.page.goto("about:blank")
            raise
        finally:
            for name, hear in self._hears.items():
                self.page.remove_listener(name, hear)

    def _said(self, message: Any) -> None:
        known = message.type == "warning" and message.text.startswith(_OF_THE_GRID)
        if message.type in ("error", "warning") and not known:
            self.wrong.append(f"{message.type}: {message.text}")

    def _failed(self, error: Any) -> None:
        self.wrong.append(f"error: {error}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site, "data:", "blob:")):
            self.wrong.append(f"asked afar: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")
