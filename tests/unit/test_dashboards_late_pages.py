"""Pages that are made when they are first asked for."""

import asyncio
import subprocess
import sys

from dashboards.asgi import Receive, Scope, Send
from dashboards.late_pages import NOTHING_LOADED, LatePages, Pages


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": scope["type"]})


def test_they_are_made_once_for_all_who_ask_at_the_same_time() -> None:
    made: list[int] = []
    answered: list[object] = []

    def make() -> Pages:
        made.append(1)
        return _answer, lambda: "default-src 'self'"

    async def send(message: object) -> None:
        answered.append(message)

    async def ask(pages: LatePages) -> None:
        async def receive() -> Scope:
            return {}

        await asyncio.gather(*(pages({"type": f"http {n}"}, receive, send) for n in range(5)))

    pages = LatePages(make)
    assert (made, pages.policy()) == ([], NOTHING_LOADED)
    asyncio.run(ask(pages))
    assert sorted(map(str, answered)) == [f"{{'type': 'http {n}'}}" for n in range(5)]
    assert (made, pages.policy()) == ([1], "default-src 'self'")


def test_what_failed_is_made_again_for_the_next_who_asks() -> None:
    attempts: list[int] = []

    def make() -> Pages:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no more files")
        return _answer, str

    async def ask(pages: LatePages) -> list[object]:
        async def receive() -> Scope:
            return {}

        async def send(_: object) -> None:
            return None

        return await asyncio.gather(pages({"type": "http"}, receive, send), return_exceptions=True)

    pages = LatePages(make)
    first, second = asyncio.run(ask(pages)), asyncio.run(ask(pages))
    assert [type(one) for one in first] == [OSError]
    assert second == [None]


def test_starting_the_platform_imports_no_page() -> None:
    code = "import sys, suture.app.wiring; sys.exit('dash' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
