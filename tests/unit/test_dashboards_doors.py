"""The layers in front of the applications: sessions, the guard, documents, compressed files."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import sessions
from dashboards.asgi import Compressed, Documents
from dashboards.guard import Guard
from dashboards.sessions import Session, Signer
from suture.access.doorkeeper import Credentials, Doorkeeper
from suture.clock import ManualClock
from suture.contracts.access import INSTALLATION

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "a-long-key"
SIGNER = Signer("secret", KEY)
WHO = Session(key_id=INSTALLATION, secret_number=0)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    body = f"{scope['method']} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(app: Any, path: str, *, method: str = "GET", kind: str = "http", **headers: str) -> Any:
    """(status, headers, body) of one request; a refused websocket has its close code as status."""
    path, _, query = path.partition("?")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    given_headers = {"host": "127.0.0.1:8050", **headers}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given_headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    if sent[0]["type"] == "websocket.close":
        return sent[0]["code"], {}, b""
    body = b"".join(m.get("body", b"") for m in sent[1:])
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, body


def guard(api_key: str | None = None) -> Guard:
    clock = ManualClock(NOW)
    credentials = Credentials(key_file=Path("/nonexistent/access.db"), api_key=api_key)
    return Guard(
        hello,
        access=Doorkeeper(credentials, clock),
        signer=SIGNER,
        host="127.0.0.1",
        clock=clock,
        pages="/ui/",
        policy=lambda: "default-src 'self'",
    )


def test_a_session_holds_until_it_expires() -> None:
    cookie = SIGNER.issue(WHO, NOW)
    assert SIGNER.read(cookie, NOW) == WHO
    assert SIGNER.read(cookie, NOW + sessions.LIFETIME - timedelta(seconds=1)) == WHO
    assert SIGNER.read(cookie, NOW + sessions.LIFETIME) is None
    assert Signer("secret", "another key").read(cookie, NOW) is None
    assert Signer("another secret", KEY).read(cookie, NOW) is None


@given(st.text(max_size=80))
def test_no_text_is_a_session(text: str) -> None:
    assert SIGNER.read(text, NOW) is None


def test_a_later_expiry_or_another_key_needs_a_new_signature() -> None:
    key_id, number, expires, signature = SIGNER.issue(WHO, NOW).split(".")
    assert SIGNER.read(f"{key_id}.{number}.{int(expires) + 1}.{signature}", NOW) is None
    assert SIGNER.read(f"other.{number}.{expires}.{signature}", NOW) is None
    assert SIGNER.read(f"{key_id}.1.{expires}.{signature}", NOW) is None


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/ui/", "//evil.example", "/ui/\\evil", "/other", "/ui/\nx", ""],
)
def test_a_session_leads_nowhere_else(target: str) -> None:
    assert sessions.local_path(target, below="/ui/") == "/ui/"
    assert sessions.local_path("/ui/alerts?state=any", below="/ui/") == "/ui/alerts?state=any"


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost", "[::1]:8050"])
def test_without_a_key_this_machine_is_answered(host: str) -> None:
    assert ask(guard(), "/api/v1/alerts", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "192.168.1.5:8050", "", "localhost.evil.example"]
)
def test_without_a_key_no_other_name_is_answered(host: str) -> None:
    status, headers, _ = ask(guard(), "/api/v1/alerts", host=host)
    assert status == 403
    assert headers["content-type"] == "application/problem+json"


def test_another_sites_page_cannot_write() -> None:
    evil, own = "https://evil.example", "http://127.0.0.1:8050"
    assert ask(guard(), "/api/v1/alerts/1/ack", method="POST", origin=evil)[0] == 403
    assert ask(guard(), "/api/v1/alerts/1/ack", method="POST", origin=own)[0] == 200
    assert ask(guard(), "/ui/_dash-ws-callback", kind="websocket", origin=evil)[0] == 4403


def test_with_a_key_every_call_needs_it() -> None:
    locked = guard(KEY)
    status, headers, _ = ask(locked, "/api/v1/alerts")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert ask(locked, "/api/v1/alerts", authorization="Bearer wrong")[0] == 401
    assert ask(locked, "/api/v1/alerts", authorization=f"Bearer {KEY}")[0] == 200
    assert ask(locked, "/api/v1/alerts", authorization=f"Basic {KEY}")[0] == 401
    assert ask(locked, "/metrics")[0] == 401
    assert ask(locked, "/healthz")[0] == 200
    assert ask(locked, "/readyz", host="anything.example")[0] == 200


def test_with_a_key_pages_need_a_session() -> None:
    locked, cookie = guard(KEY), f"{sessions.COOKIE}={SIGNER.issue(WHO, NOW)}"
    status, headers, _ = ask(locked, "/ui/alerts", accept="text/html")
    assert (status, headers["location"]) == (303, "/ui/login?next=%2Fui%2Falerts")
    assert ask(locked, "/ui/_dash-update-component", method="POST")[0] == 401
    assert ask(locked, "/ui/assets/x.js")[0] == 401
    assert ask(locked, "/ui/_dash-ws-callback", kind="websocket")[0] == 4403
    assert ask(locked, "/ui/login")[0] == 200
    assert ask(locked, "/ui/alerts", cookie=f"other=1; {cookie}")[0] == 200
    assert ask(locked, "/api/v1/alerts", cookie=cookie)[0] == 401


def test_every_answer_carries_the_headers() -> None:
    for path in ("/api/v1/alerts", "/ui/", "/healthz"):
        _, headers, _ = ask(guard(), path)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "unsafe-eval" not in headers["content-security-policy"]
    assert ask(guard(), "/ui/")[1]["content-security-policy"] == "default-src 'self'"


def test_files_of_the_pages_may_be_kept_and_nothing_else() -> None:
    kept = {
        "/ui/assets/x.js?m=17.5": "private, max-age=31536000, immutable",
        "/ui/_dash-component-suites/grid/async.js": "private, no-cache",
        "/ui/_dash-layout?m=17.5": "no-store",
        "/ui/alerts?m=17.5": "no-store",
        "/assets/x.js?m=17.5": "no-store",
    }
    for path, policy in kept.items():
        assert ask(guard(), path)[1]["cache-control"] == policy, path


def documents() -> Documents:
    return Documents(hello, "/ui/", is_page=lambda path: path == "/alerts", own=("_dash-",))


def test_pages_get_the_document_and_others_with_a_404() -> None:
    assert ask(documents(), "/ui/alerts")[0::2] == (200, b"GET /ui/")
    assert ask(documents(), "/ui/nothing")[0::2] == (404, b"GET /ui/")
    assert ask(documents(), "/ui/alerts", method="HEAD")[0::2] == (200, b"")
    assert ask(documents(), "/ui/_dash-layout")[2] == b"GET /ui/_dash-layout"


def test_files_are_compressed_once() -> None:
    asked: list[str] = []

    async def files(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        missing = scope["path"].endswith("missing")
        status = 404 if missing else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"etag", b"1")]})
        await send({"type": "http.response.body", "body": b"x" * 5000, "more_body": True})
        await send({"type": "http.response.body", "body": b"y"})

    app = Compressed(files, ("/ui/assets/",))
    for _ in range(3):
        status, headers, body = ask(app, "/ui/assets/a.js", accept_encoding="gzip, br")
        assert (status, headers["content-encoding"], headers["etag"]) == (200, "gzip", "1")
        assert gzip.decompress(body) == b"x" * 5000 + b"y"
    assert asked == ["/ui/assets/a.js"]
    assert ask(app, "/ui/assets/a.js")[2] == b"x" * 5000 + b"y"
    assert ask(app, "/ui/assets/missing", accept_encoding="gzip")[0] == 404
