"""The pages, made when they are first asked for.

To import and build them takes a second. Until somebody looks, doors and API need none of it: they
answer that much sooner after a start, and a process that nobody looks at keeps the memory.
"""

import asyncio
import threading
from collections.abc import Callable

from dashboards.asgi import App, Receive, Scope, Send

NOTHING_LOADED = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of answers that are no page."""

Pages = tuple[App, Callable[[], str]]
"""The application, and what gives its content security policy."""


class LatePages:
    """An application in place of one that `make` gives, once; others are answered meanwhile."""

    def __init__(self, make: Callable[[], Pages]) -> None:
        """`make` runs in a thread, at the first request."""
        self._make = make
        self._making = threading.Lock()
        self._pages: Pages | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        app, _ = self._pages if self._pages is not None else await asyncio.to_thread(self._made)
        await app(scope, receive, send)

    def policy(self) -> str:
        """The content security policy of the pages; before them nothing is shown."""
        return self._pages[1]() if self._pages else NOTHING_LOADED

    def _made(self) -> Pages:
        with self._making:
            if self._pages is None:
                self._pages = self._make()
            return self._pages
