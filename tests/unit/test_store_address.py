"""The store's address, as people write it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.errors import InstallationError
from suture.store.address import StoreAddress, embedded_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("chdb:///data/store", {"path": Path("/data/store"), "database": "suture"}),
        (
            "chdb:///data/my%20store?database=other",
            {"path": Path("/data/my store"), "database": "other"},
        ),
        ("chdb:///data/my store", {"path": Path("/data/my store")}),
        ("chdb:///data/100%25", {"path": Path("/data/100%")}),
        (
            "http://db",
            {"host": "db", "port": 8123, "secure": False, "database": "suture", "user": "default"},
        ),
        ("https://db", {"host": "db", "port": 8443, "secure": True}),
        ("https://db:443/reports", {"port": 443, "database": "reports"}),
        ("http://me:p%40ss%2Fw%3F%23@db:9/x", {"user": "me", "password": "p@ss/w?#", "port": 9}),
        ("http://me@db/", {"user": "me", "password": "", "database": "suture"}),
        ("http://[::1]:8123/x", {"host": "::1", "port": 8123, "database": "x"}),
        ("http://127.0.0.1:8123/default", {"database": "default"}),
    ],
)
def test_an_address_is_read(url: str, expected: dict[str, object]) -> None:
    address = StoreAddress.parse(url)
    assert {name: getattr(address, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "must be chdb:///"),
        ("/data/store", "must be chdb:///"),
        ("clickhouse://db", "must be chdb:///"),
        ("http:///x", "must be chdb:///"),
        ("http://db:port/x", "must be chdb:///"),
        ("http://db:99999/x", "must be chdb:///"),
        ("http://[::1/x", "must be chdb:///"),
        ("chdb://data/store", "three slashes"),
        ("chdb:store", "three slashes"),
        ("chdb:///", "three slashes"),
        ("chdb:///data/what%3F", r"cannot open a path with '\?'"),
        ("chdb:///data/store?database=default", "belongs to the engine"),
        ("chdb:///data/store?database=system", "belongs to the engine"),
        ("chdb:///data/store?database=", "not a database's name"),
        ("chdb:///data/store?memory=1", "unknown option 'memory'"),
        ("http://db/a/b", "not a database's name"),
        ("http://db/a`b", "not a database's name"),
        ("http://db/x?secure=1", "takes no options"),
        ("http://db/x#y", "takes no options"),
    ],
)
def test_a_wrong_address_is_explained(url: str, said: str) -> None:
    with pytest.raises(InstallationError, match=said):
        StoreAddress.parse(url)


@pytest.mark.parametrize(
    "url", ["http://me:sec/ret@db:8123/x", "http://me:secret@db:port/x", "http://me:secret@db/a/b"]
)
def test_no_message_shows_a_password(url: str) -> None:
    with pytest.raises(InstallationError) as caught:
        StoreAddress.parse(url)
    assert "sec" not in caught.value.message


def test_an_address_shows_no_password() -> None:
    address = StoreAddress.parse("https://me:secret@db/x")
    assert "secret" not in f"{address} {address!r}"
    assert str(address) == "https://db:8443/x"


@given(
    user=st.text(min_size=1, max_size=20),
    password=st.text(max_size=20),
    host=st.sampled_from(["db", "10.0.0.1", "::1"]),
    secure=st.booleans(),
)
def test_another_database_keeps_everything_else(
    user: str, password: str, host: str, secure: bool
) -> None:
    address = StoreAddress(
        database="a", host=host, port=8123, secure=secure, user=user, password=password
    )
    again = StoreAddress.parse(address.with_database("b"))
    assert (again.user, again.password, again.host) == (user, password, host)
    assert (again.secure, again.port, again.database) == (secure, 8123, "b")


@given(st.text(st.characters(exclude_characters="/?\0", exclude_categories=["Cs"]), min_size=1))
def test_any_directory_survives_its_address(name: str) -> None:
    path = Path("/data") / name
    address = StoreAddress.parse(embedded_url(path, database="b"))
    assert (address.path, address.database) == (path, "b")
    assert StoreAddress.parse(address.with_database("c")).path == path
