"""Keys at the real API and pages: who may do what, signing in, and administering keys."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from table_writer import NOW

from dashboards import callbacks, callers
from suture.access.key_file import KeyFile
from suture.contracts.access import Caller, Rates, Scope
from suture.errors import NotFound, NotPermitted

pytestmark = pytest.mark.store

API = "/api/v1"


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "access.db")


@pytest.fixture
def keys(file: KeyFile) -> dict[str, str]:
    """A key for each scope."""
    return {
        scope.value: str(
            file.create(name=scope.value, scopes=frozenset({scope}), now=NOW, by="test")
        )
        for scope in Scope
    }


@pytest.fixture
def client(client_for: Any, keys: dict[str, str], file: KeyFile) -> TestClient:
    made: TestClient = client_for(access_file=file.path)
    return made


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_each_scope_does_its_own(client: TestClient, keys: dict[str, str]) -> None:
    calls = [
        ("GET", f"{API}/status", "read", 200),
        ("POST", f"{API}/alerts/nothing/ack", "operate", 404),
        ("GET", f"{API}/keys", "admin", 200),
    ]
    for method, path, needs, status in calls:
        assert client.request(method, path).status_code == 401
        for scope, key in keys.items():
            answer = client.request(method, path, headers=bearer(key))
            assert answer.status_code == (status if scope == needs else 403), (path, scope)
            if scope != needs:
                assert answer.headers["content-type"] == "application/problem+json"
                assert needs in answer.json()["detail"]


def test_keys_come_in_pages(client: TestClient, keys: dict[str, str]) -> None:
    admin, cursor, names = bearer(keys["admin"]), "", []
    for _ in keys:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{API}/keys", params=query, headers=admin).json()
        names += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (sorted(names), cursor) == (sorted(keys), None)
    answer = client.get(f"{API}/keys", params={"cursor": "nonsense"}, headers=admin)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


def test_keys_are_administered(client: TestClient, keys: dict[str, str], file: KeyFile) -> None:
    admin = bearer(keys["admin"])
    wanted = {
        "name": "erp",
        "scopes": ["ingest"],
        "requests_per_second": 50,
        "expires_at": "2030-01-01T00:00:00Z",
    }
    made = client.post(f"{API}/keys", json=wanted, headers=admin).json()
    assert made["key"].startswith(f"sut_{made['id']}_")
    record = next(one for one in file.records() if one.id == made["id"])
    assert (record.created_by, record.rates) == ("key admin", Rates(requests=50))
    listed = client.get(f"{API}/keys", headers=admin)
    assert made["key"].rpartition("_")[2] not in listed.text
    shown = next(one for one in listed.json()["items"] if one["id"] == made["id"])
    assert (shown["name"], shown["state"], shown["scopes"]) == ("erp", "live", ["ingest"])
    assert (shown["expires_at"], shown["last_used_at"]) == ("2030-01-01T00:00:00Z", None)
    again = client.post(
        f"{API}/keys/erp/rotate", json={"overlap_seconds": 60}, headers=admin
    ).json()
    assert (again["id"], again["key"] != made["key"]) == (made["id"], True)
    record = next(one for one in file.records() if one.id == made["id"])
    assert record.overlap_until == NOW + timedelta(seconds=60)
    ended = client.post(f"{API}/keys/{made['id']}/revoke", headers=admin).json()
    assert (ended["state"], ended["revoked_by"]) == ("revoked", "key admin")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "read"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires"),
        ({"requests_per_second": 0}, "requests_per_second"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_key_is_named(
    client: TestClient, keys: dict[str, str], change: dict[str, Any], named: str
) -> None:
    wanted = {"name": "new", "scopes": ["read"], **change}
    answer = client.post(f"{API}/keys", json=wanted, headers=bearer(keys["admin"]))
    assert answer.status_code == 400
    assert named in answer.json()["detail"]


def test_what_is_not_there(client: TestClient, keys: dict[str, str]) -> None:
    for act in ("rotate", "revoke"):
        answer = client.post(f"{API}/keys/nobody/{act}", headers=bearer(keys["admin"]))
        assert answer.status_code == 404


def test_where_no_key_is_needed_none_is_made_by_anybody(client_for: Any, tmp_path: Path) -> None:
    """Or any program of this machine could lock everybody else out."""
    open_: TestClient = client_for(access_file=tmp_path / "none.db")
    assert open_.get(f"{API}/status").status_code == 200
    answer = open_.post(f"{API}/keys", json={"name": "mine", "scopes": ["admin"]})
    assert answer.status_code == 403
    assert "suture keys create" in answer.json()["detail"]
    assert not (tmp_path / "none.db").exists()


def sign_in(client: TestClient, key: str) -> Any:
    form = {"content-type": "application/x-www-form-urlencoded"}
    return client.post("/ui/login", content=f"key={quote(key)}", headers=form)


def test_signing_in_with_a_key(client: TestClient, keys: dict[str, str]) -> None:
    page = {"accept": "text/html"}
    assert client.get("/ui/alerts", headers=page).headers["location"].startswith("/ui/login")
    assert "This is not a valid key" in sign_in(client, "wrong").text
    assert "has not the scope read" in sign_in(client, keys["ingest"]).text
    assert sign_in(client, keys["read"]).status_code == 303
    assert client.get("/ui/alerts", headers=page).status_code == 200
    assert client.get("/ui/_dash-layout").status_code == 200
    assert client.get(f"{API}/status").status_code == 401


def test_pages_act_only_for_who_may_operate(client: TestClient) -> None:
    services: Any = None

    def act(scope: Scope) -> None:
        caller = Caller(id="x", name="x", scopes=frozenset({scope}))

        async def pressed() -> None:
            await asyncio.to_thread(callbacks._do, services, "ack", "nothing", "me", "")

        with callers.calling(caller):
            asyncio.run(pressed())

    with pytest.raises(NotPermitted, match="has not the scope 'operate'"):
        act(Scope.READ)
    with pytest.raises((NotFound, AttributeError)):
        act(Scope.OPERATE)


def test_a_page_cannot_act_with_a_key_that_only_reads(
    client: TestClient, keys: dict[str, str]
) -> None:
    """Through the pages' own path for everything, as a browser would."""
    sign_in(client, keys["read"])
    dependencies = client.get("/ui/_dash-dependencies").json()
    act = next(one for one in dependencies if '"act"' in str(one["inputs"]))
    pressed = {"type": "act", "do": "ack", "id": "nothing"}
    outputs = [
        dict(zip(("id", "property"), each.split("@")[0].rsplit(".", 1), strict=True))
        for each in act["output"].strip(".").split("...")
    ]
    values = {"act-text": "", "act-name": "me", "beat": 1}
    body = {
        "output": act["output"],
        "outputs": outputs,
        "inputs": [[{"id": pressed, "property": "n_clicks", "value": 1}]],
        "changedPropIds": ['{"do":"ack","id":"nothing","type":"act"}.n_clicks'],
        "state": [
            {"id": one["id"], "property": one["property"], "value": values[one["id"]]}
            for one in act["state"]
        ],
    }
    answer = client.post("/ui/_dash-update-component", json=body)
    assert "has not the scope" in answer.text, answer.text
