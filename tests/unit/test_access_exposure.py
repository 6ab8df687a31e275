"""Nothing is open to everybody: what is refused before a door opens, and the commands for keys."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from suture.access.doorkeeper import Doorkeeper
from suture.access.exposure import credentials_of, require_authentication, tls_of
from suture.access.key_file import KeyFile
from suture.app.cli import suture
from suture.app.wiring import Platform, Roles
from suture.clock import ManualClock
from suture.contracts.access import Rates, Scope
from suture.errors import InstallationError, SutureError
from suture.settings import Settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLOCK = ManualClock(NOW)
OUTSIDE = ["0.0.0.0", "::", "10.0.0.1", "suture.example.org", "", "127.1"]


def key(settings: Settings, **options: Any) -> None:
    given: dict[str, Any] = {"name": "k", "scopes": frozenset({Scope.READ}), "now": NOW, "by": "me"}
    KeyFile(settings.access_path).create(**{**given, **options})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_needs_nothing(host: str, tmp_path: Path) -> None:
    require_authentication(Settings(host=host, data=tmp_path), ("ingest", "web"), CLOCK)


@pytest.mark.parametrize("host", OUTSIDE)
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_any_other_address_needs_authentication(
    host: str, empty: str | None, tmp_path: Path
) -> None:
    settings = Settings(host=host, data=tmp_path, api_key=empty)  # type: ignore[arg-type]
    with pytest.raises(InstallationError, match="reachable from outside: create a key"):
        require_authentication(settings, ("ingest",), CLOCK)
    with_key = Settings(host=host, data=tmp_path, api_key="k")  # type: ignore[arg-type]
    require_authentication(with_key, ("ingest", "web"), CLOCK)
    require_authentication(settings, (), CLOCK)


def test_only_a_live_key_counts(tmp_path: Path) -> None:
    settings = Settings(host="0.0.0.0", data=tmp_path)
    key(settings, expires_at=NOW + timedelta(hours=1))
    require_authentication(settings, ("ingest", "web"), CLOCK)
    later = ManualClock(NOW + timedelta(hours=1))
    with pytest.raises(InstallationError, match="reachable from outside"):
        require_authentication(settings, ("web",), later)


def test_certificates_count_for_the_doors_that_demand_them(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    tls: dict[str, Any] = {"tls_cert": file, "tls_key": file, "tls_client_ca": file}
    settings = Settings(host="0.0.0.0", data=tmp_path, **tls, tls_client_doors="ingest")
    require_authentication(settings, ("ingest",), CLOCK)
    with pytest.raises(InstallationError):
        require_authentication(settings, ("ingest", "web"), CLOCK)
    ingest, web = tls_of(settings, "ingest"), tls_of(settings, "web")
    assert ingest is not None
    assert web is not None
    assert (ingest.client_ca, web.client_ca) == (str(file), None)


@pytest.mark.parametrize("roles", [Roles(), Roles(worker=False, web=False)])
def test_the_platform_refuses_before_it_opens_anything(roles: Roles, tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match="reachable from outside"):
        Platform(Settings(host="0.0.0.0", data=tmp_path / "d"), roles, clock=CLOCK)
    assert not (tmp_path / "d").exists()


def test_beyond_loopback_nobody_is_anybody(tmp_path: Path) -> None:
    """Even were the refusal forgotten, or the file of keys removed later."""
    for door in ("ingest", "web"):
        access = Doorkeeper(
            credentials_of(Settings(host="0.0.0.0", data=tmp_path), door),  # type: ignore[arg-type]
            CLOCK,
        )
        assert access.closed


def test_a_file_of_keys_can_be_shared(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "a", access_file=tmp_path / "shared.db")
    key(settings)
    assert credentials_of(settings, "web").key_file == str(tmp_path / "shared.db")
    assert (tmp_path / "shared.db").exists()


# -- commands -------------------------------------------------------------------------------------


class Shell:
    """Runs `suture keys …` on a directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = KeyFile(folder / "access.db")
        self._folder = folder

    def run(self, *words: str) -> Result:
        command = ["keys", *words, "--data", str(self._folder)]
        return CliRunner().invoke(suture, command, catch_exceptions=True)

    def refused(self, *words: str) -> str:
        error = self.run(*words).exception
        assert isinstance(error, SutureError), error
        return error.message


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_key_is_printed_once_and_alone(shell: Shell) -> None:
    made = shell.run("create", "--name", "erp", "--scope", "ingest", "--scope", "read")
    token = made.stdout.strip()
    assert token.startswith("sut_")
    assert "first key" in made.stderr
    assert token not in made.stderr
    (record,) = shell.file.records()
    assert record.scopes == {Scope.INGEST, Scope.READ}
    assert "@" in record.created_by
    listed = shell.run("list")
    assert record.id in listed.stdout
    assert "never used" in listed.stdout
    assert token.rpartition("_")[2] not in listed.output
    assert "first key" not in shell.run("create", "--name", "b", "--scope", "read").stderr


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        (["100requests"], Rates(requests=100)),
        (["0.5 requests/s", "5MiB/s"], Rates(requests=0.5, bytes=5 * 1024 * 1024)),
        (["2kb"], Rates(bytes=2000)),
        ([], Rates()),
    ],
)
def test_rates(shell: Shell, given: list[str], rates: Rates) -> None:
    words = [word for rate in given for word in ("--rate", rate)]
    shell.run("create", "--name", "k", "--scope", "read", *words)
    assert shell.file.records()[0].rates == rates


def test_ends(shell: Shell) -> None:
    for name, text in (("a", "90d"), ("b", "2100-01-01"), ("c", "2100-01-01T12:00:00+02:00")):
        shell.run("create", "--name", name, "--scope", "read", "--expires", text)
    made = {record.name: record for record in shell.file.records()}
    assert made["a"].expires_at == made["a"].created_at + timedelta(days=90)
    assert made["b"].expires_at == datetime(2100, 1, 1, tzinfo=UTC)
    assert made["c"].expires_at == datetime(2100, 1, 1, 10, tzinfo=UTC)


def test_rotating_and_revoking(shell: Shell) -> None:
    first = shell.run("create", "--name", "k", "--scope", "read").stdout.strip()
    second = shell.run("rotate", "k", "--overlap", "2h").stdout.strip()
    assert first.split("_")[1] == second.split("_")[1]
    assert first != second
    third = shell.run("rotate", "k", "--overlap", "0s")
    assert third.exit_code == 0
    assert shell.run("revoke", "k").exit_code == 0
    shown = json.loads(shell.run("list", "--json").stdout)
    assert (shown["state"], shown["scopes"]) == ("revoked", ["read"])
    assert "@" in shown["revoked_by"]


def test_mistakes_are_named(shell: Shell) -> None:
    create = ("create", "--name", "k", "--scope", "read")
    assert "rate: '5 apples'" in shell.refused(*create, "--rate", "5 apples")
    assert shell.refused(*create, "--rate", "0requests").startswith("rate:")
    assert shell.refused(*create, "--expires", "soon").startswith("expires:")
    assert "2100-01-01T08:00:00" in shell.refused(*create, "--expires", "2100-01-01T08:00:00")
    assert shell.refused(*create, "--expires", "2020-01-01") == "expires: this time has passed"
    assert "no key 'nobody'" in shell.refused("revoke", "nobody")
    assert shell.run("create", "--name", "k", "--scope", "root").exit_code == 2
    assert shell.run("create", "--name", "k").exit_code == 2
    assert shell.file.records() == []
