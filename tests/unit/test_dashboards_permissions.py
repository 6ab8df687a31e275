"""Who may call what at the web port: the whole matrix of calls and keys."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dash import Dash
from fastapi import FastAPI

from dashboards import callers, shell
from dashboards.api import create_api
from dashboards.guard import Guard
from dashboards.login import add_login
from dashboards.pages import PAGES
from dashboards.permissions import CALLS, need_of
from dashboards.routes import is_page
from dashboards.services import Services
from dashboards.sessions import COOKIE, Session, Signer
from suture.access.doorkeeper import Credentials, Doorkeeper
from suture.access.key_file import KeyFile
from suture.clock import ManualClock
from suture.contracts.access import ALL_SCOPES, Rates, Scope
from suture.settings import Settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSED = 299
"""What the application behind the guard answers."""

HOLDERS = [*Scope, "all", "installation", "none", "wrong", "revoked", "expired", "replaced"]


# -- what there is --------------------------------------------------------------------------------


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of everything that an application answers."""
    for route in cast(list[Any], app.routes):
        found = [route] if hasattr(route, "path") else route.effective_route_contexts()
        for one in found:
            methods = getattr(one, "methods", None)
            if methods is None:
                mounted = type(one).__name__ == "Mount"
                yield ("GET", f"{one.path}/x") if mounted else ("WEBSOCKET", one.path)
            for method in methods or ():
                yield method, one.path


@cache
def every_route() -> frozenset[tuple[str, str]]:
    """Of the API and of the pages, as they are put together in production."""
    services = cast(Services, SimpleNamespace(store=None, catalog=None, settings=Settings()))
    pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    clock = ManualClock(NOW)
    access = Doorkeeper(Credentials(key_file="/nonexistent"), clock)
    add_login(pages, prefix="/ui/", access=access, signer=Signer("", None), clock=clock)
    shell._add_exports(pages, services)
    dash: Dash = shell.create_dash(pages, services, closed=True)
    assert dash.server is pages
    return frozenset({*routes_of(create_api(services, home="/ui/")), *routes_of(pages)})


def filled(path: str) -> str:
    """A path in place of a pattern."""
    return re.sub(r"\{(\w+)(:path)?\}", lambda m: "a/b" if m[2] else "a", path)


def test_every_route_has_an_entry() -> None:
    assert len(every_route()) > 30
    # By its own pattern: the one for pages would let in whatever is added below them.
    entries = {(method, path) for method, path, _ in CALLS}
    asked = {(m.replace("HEAD", "GET"), p.replace("assets/x", "assets/{file:path}"))
             for m, p in every_route()}  # fmt: skip
    missing = asked - entries
    assert missing == set(), "say in dashboards/permissions.py what each needs"


def test_reading_is_read_acting_is_operate_and_keys_are_admin() -> None:
    for method, path in every_route():
        need = need_of(method, filled(path)).scope
        if path.startswith("/api/v1/keys"):
            assert need == Scope.ADMIN, path
        elif path.startswith("/api/v1/"):
            assert need == (Scope.READ if method in ("GET", "HEAD") else Scope.OPERATE), path
        elif path in ("/", "/healthz", "/readyz", "/ui/login", "/ui/logout"):
            assert need is None, path
        else:
            assert need == Scope.READ, path


def test_every_page_has_an_entry() -> None:
    addresses = {
        "overview": "/",
        "instance": "/instances/p/id",
        "process": "/processes/p",
        "trace": "/traces/t",
        "link": "/links/l",
    }
    for name in set(PAGES) - {"missing"}:
        address = addresses.get(name, f"/{name}")
        assert is_page(address), f"no address is known for the page {name}"
        assert need_of("GET", f"/ui{address}").scope == Scope.READ


def test_what_is_not_in_the_table_is_not_known() -> None:
    assert not need_of("GET", "/api/v1/forgotten").known
    assert need_of("DELETE", "/api/v1/alerts").allowed == ("GET",)
    assert need_of("HEAD", "/api/v1/alerts").scope == Scope.READ


# -- the matrix -----------------------------------------------------------------------------------


class House:
    """A guard with one key for each holder, before an application that answers everything."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.file = KeyFile(folder / "access.db")
        self.signer = Signer("secret", "s3cret")
        self.seen: list[Any] = []
        self.keys: dict[str, str] = {"none": "", "installation": "s3cret"}
        for scope in Scope:
            self.keys[scope] = self.make(scope, frozenset({scope}))
        self.keys["all"] = self.make("all", ALL_SCOPES)
        self.keys["wrong"] = self.keys["all"][:-1] + "!"
        self.keys["revoked"] = self.make("revoked", ALL_SCOPES)
        self.file.revoke("revoked", now=NOW, by="test")
        self.keys["expired"] = self.make("expired", ALL_SCOPES, hours=1)
        self.keys["replaced"] = self.make("replaced", ALL_SCOPES)
        until = NOW + timedelta(hours=1)
        self.file.rotate("replaced", now=NOW, by="test", overlap_until=until)
        self.clock.advance(hours=2)
        credentials = Credentials(key_file=str(self.file.path), api_key="s3cret")
        self.access = Doorkeeper(credentials, self.clock)
        self.guard = Guard(
            self._application,
            access=self.access,
            signer=self.signer,
            host="127.0.0.1",
            clock=self.clock,
            pages="/ui/",
            policy=lambda: "default-src 'self'",
        )

    def make(
        self,
        name: str,
        scopes: frozenset[Scope],
        *,
        hours: int | None = None,
        rates: Rates = Rates(),  # noqa: B008
    ) -> str:
        expires = NOW + timedelta(hours=hours) if hours else None
        token = self.file.create(
            name=name, scopes=scopes, now=NOW, by="test", expires_at=expires, rates=rates
        )
        return str(token)

    def ask(
        self, method: str, path: str, *, key: str = "", cookie: str = "", body: bytes = b""
    ) -> tuple[int, dict[str, str]]:
        """Status and headers; a refused websocket has its close code as status."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        headers = [(b"host", b"127.0.0.1")]
        headers += [(b"authorization", f"Bearer {key}".encode())] if key else []
        headers += [(b"cookie", f"{COOKIE}={cookie}".encode())] if cookie else []
        scope = {
            "type": "websocket" if method == "WEBSOCKET" else "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": headers,
        }
        asyncio.run(self.guard(scope, receive, send))
        if sent[0]["type"] == "websocket.close":
            return sent[0]["code"], {}
        return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.seen.append(await asyncio.to_thread(callers.present))
        await send({"type": "http.response.start", "status": PASSED, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def expected(holder: str, need: Scope | None) -> int:
    if need is None or holder in ("all", "installation"):
        return PASSED
    if holder in ("none", "wrong", "revoked", "expired", "replaced"):
        return 401
    return PASSED if holder == need else 403


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_whole_matrix(house: House, holder: str) -> None:
    wrong = []
    for method, path in sorted(every_route() | {(m, p) for m, p, _ in CALLS}):
        should = expected(holder, need_of(method, filled(path)).scope)
        if method == "WEBSOCKET":
            should = PASSED if should == PASSED else 4403
        found, headers = house.ask(method, filled(path), key=house.keys[holder])
        if found != should:
            wrong.append((method, path, found, should))
        if found in (401, 403):
            assert headers["www-authenticate"].startswith("Bearer")
    assert wrong == []


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_is_not_known_is_closed(house: House, holder: str) -> None:
    known = {"all": PASSED, "installation": PASSED, Scope.ADMIN: PASSED}
    nobody = ("none", "wrong", "revoked", "expired", "replaced")
    for method, path, otherwise in (
        ("GET", "/api/v1/forgotten", 404),
        ("POST", "/api/v1/forgotten", 404),
        ("DELETE", "/api/v1/alerts", 405),
        ("PUT", "/api/v1/alerts/1/ack", 405),
    ):
        should = 401 if holder in nobody else known.get(holder, otherwise)
        assert house.ask(method, path, key=house.keys[holder])[0] == should


def test_the_application_learns_who_asks(house: House) -> None:
    house.seen.clear()
    house.ask("GET", "/api/v1/alerts", key=house.keys[Scope.READ])
    house.ask("GET", "/healthz", key="whatever")
    assert [caller.name for caller in house.seen] == ["read", "anybody"]


# -- sessions -------------------------------------------------------------------------------------


def session(house: House, holder: str) -> str:
    found = house.access.session_of(house.keys[holder])
    assert found is not None
    return house.signer.issue(Session(key_id=found[0].id, secret_number=found[1]), NOW)


def test_a_session_opens_the_pages_and_nothing_else(house: House) -> None:
    cookie = session(house, Scope.READ)
    assert house.ask("GET", "/ui/alerts", cookie=cookie)[0] == PASSED
    assert house.ask("POST", "/ui/_dash-update-component", cookie=cookie)[0] == PASSED
    assert house.ask("GET", "/api/v1/alerts", cookie=cookie)[0] == 401
    house.seen.clear()
    house.ask("GET", "/ui/", cookie=cookie)
    assert house.seen[0].scopes == {Scope.READ}
    assert house.ask("GET", "/ui/alerts", cookie=session(house, Scope.OPERATE))[0] == 403


def test_a_session_ends_with_its_key(tmp_path: Path) -> None:
    own = House(tmp_path)
    cookie = session(own, Scope.READ)
    assert own.ask("GET", "/ui/", cookie=cookie)[0] == PASSED
    own.file.revoke(Scope.READ.value, now=NOW, by="test")
    own.access.refresh()
    assert own.ask("GET", "/ui/", cookie=cookie)[0] == 401


# -- rates ----------------------------------------------------------------------------------------


def test_over_its_rate_a_key_is_told_when_to_come_back(tmp_path: Path) -> None:
    own = House(tmp_path)
    read = frozenset({Scope.READ})
    requests = own.make("few", read, rates=Rates(requests=2))
    volume = own.make("small", read, rates=Rates(bytes=10))
    own.access.refresh()
    assert [own.ask("GET", "/metrics", key=requests)[0] for _ in range(3)] == [PASSED, PASSED, 429]
    assert own.ask("GET", "/metrics", key=requests)[1]["retry-after"] == "1"
    assert own.ask("GET", "/metrics", key=volume, body=b"x" * 35)[0] == PASSED
    status, headers = own.ask("GET", "/metrics", key=volume)
    assert (status, headers["retry-after"]) == (429, "3")
    assert own.ask("GET", "/metrics", key=own.keys[Scope.READ])[0] == PASSED
