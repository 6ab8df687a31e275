"""Settings: where they come from, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from suture.contracts.access import Scope
from suture.settings import Settings, is_loopback
from suture.store.address import StoreAddress


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SUTURE_{name.upper()}", raising=False)


def test_the_defaults_bind_to_this_machine_and_need_nothing() -> None:
    settings = Settings()
    assert is_loopback(settings.host)
    assert settings.api_key is None
    assert (settings.grpc_port, settings.ingest_port, settings.web_port) == (4317, 4318, 8050)
    assert settings.spool_path == Path("data/spool.db")


def test_every_field_is_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUTURE_WEB_PORT", "9000")
    monkeypatch.setenv("SUTURE_API_KEY", "k")
    monkeypatch.setenv("SUTURE_NOTIFY_HISTORY", "true")
    settings = Settings()
    assert settings.web_port == 9000
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "k"
    assert settings.notify_history is True
    assert Settings(web_port=9001).web_port == 9001


def test_every_field_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        unit = {"bytes", "seconds", "days", "port", "spans", "milestones", "events"}
        if field.annotation in (int, float):
            assert name.rsplit("_", 1)[-1] in unit, f"{name} does not name its unit"


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"SUTURE_{name.upper()}", "")
    assert Settings().model_dump() == Settings.model_construct().model_dump()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_what_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "suture.example.org", "", "127.1"])
def test_what_is_reachable_from_outside(host: str) -> None:
    assert not is_loopback(host)


def test_certificates_come_with_their_keys(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    for alone in ("tls_cert", "tls_key", "tls_client_cert", "tls_client_key"):
        with pytest.raises(ValidationError, match="go together"):
            Settings(**{alone: file})  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="SUTURE_TLS_CLIENT_CA needs SUTURE_TLS_CERT"):
        Settings(tls_client_ca=file)


def test_which_doors_demand_certificates(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    both: dict[str, Any] = {"tls_cert": file, "tls_key": file}
    assert not Settings(**both).demands_certificate("web")
    every = Settings(**both, tls_client_ca=file)
    assert (every.demands_certificate("ingest"), every.demands_certificate("web")) == (True, True)
    some = Settings(**both, tls_client_ca=file, tls_client_doors="ingest")
    assert (some.demands_certificate("ingest"), some.demands_certificate("web")) == (True, False)


def test_the_scopes_of_certificates() -> None:
    assert Settings().client_scopes == {Scope.INGEST}
    assert Settings(tls_client_scopes=" read, operate ").client_scopes == {
        Scope.READ,
        Scope.OPERATE,
    }
    assert Settings(tls_client_scopes=",").client_scopes == frozenset()
    with pytest.raises(ValidationError, match="root: scopes are ingest, read, operate, admin"):
        Settings(tls_client_scopes="read,root")


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_an_empty_secret_is_none(empty: str) -> None:
    settings = Settings(api_key=empty, webhook_secret=empty)  # type: ignore[arg-type]
    assert (settings.api_key, settings.webhook_secret) == (None, None)


def test_no_message_and_no_text_shows_a_secret() -> None:
    secrets: dict[str, Any] = {"api_key": "hush-1", "webhook_secret": "hush-2"}
    assert "hush" not in f"{Settings(**secrets)} {Settings(**secrets)!r}"
    for wrong in ({"web_port": 99_999}, {"tls_cert": "x"}, {"log_format": "xml"}):
        with pytest.raises(ValidationError) as caught:
            Settings(**(secrets | wrong))
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"web_port": -1},
        {"web_port": 65_536},
        {"web_port": "x"},
        {"max_body_bytes": 0},
        {"tick_seconds": 0},
        {"retention_traces_days": 0},
        {"retention_logs_days": 0},
        {"retention_metrics_days": -1},
        {"log_format": "xml"},
    ],
)
def test_values_out_of_bounds(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Settings(**wrong)


@pytest.mark.parametrize("name", ["data", "my data", "100%", "a#b", "é"])
def test_the_embedded_store_lies_in_the_data_directory(tmp_path: Path, name: str) -> None:
    settings = Settings(data=tmp_path / name)
    assert StoreAddress.parse(settings.store_url).path == (tmp_path / name / "store").resolve()


def test_another_store() -> None:
    url = "http://me:secret@db:8123/suture"
    assert Settings(store=url).store_url == url
