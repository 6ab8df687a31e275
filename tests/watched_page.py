"""A page of a browser of which everything that goes wrong is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, Response

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


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

    def goto(self, path: str) -> Response:
        """Load a page and wait until it has its content."""
        response = self.page.goto(f"{self.site}{path}")
        assert response is not None
        self.page.wait_for_selector("#live > *")
        return response

    @contextmanager
    def watching(self) -> Iterator["Watched"]:
        """Note what goes wrong until the end of the context, and leave the page then.

        It goes to one that runs nothing: what its end interrupts is nothing that goes wrong. That
        one is of the same site, since for another the browser would start another process.
        """
        for name, hear in self._hears.items():
            self.page.on(name, hear)  # type: ignore[call-overload]
        try:
            yield self
        finally:
            for name, hear in self._hears.items():
                self.page.remove_listener(name, hear)
            self.page.goto(f"{self.site}/healthz")

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _failed(self, error: Any) -> None:
        self.wrong.append(f"error: {error}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site, "data:", "blob:")):
            self.wrong.append(f"asked afar: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")
