"""Settings of one installation. This module is the only reader of the environment.

Every field is an environment variable `SUTURE_<FIELD>` in capitals; the command line's options
override them.
"""

import ipaddress
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from suture.contracts.access import Scope

MIB = 1024 * 1024

Door = Literal["ingest", "web"]
"""The ingest ports, HTTP and gRPC, and the web port."""


class Settings(BaseSettings):
    """How this installation runs. Sizes are bytes, times are seconds."""

    model_config = SettingsConfigDict(
        env_prefix="SUTURE_",
        # An empty variable is how container files say "unset".
        env_ignore_empty=True,
        # A message about a wrong value would repeat the secrets beside it.
        hide_input_in_errors=True,
        frozen=True,
        extra="ignore",
    )

    config: Path | None = Field(
        default=None,
        description="Configuration directory; the shipped healthcare example where none is given.",
    )
    data: Path = Field(
        default=Path("data"), description="Directory for the spool and the embedded store."
    )
    store: str = Field(
        default="",
        description=(
            "chdb:///directory (default: inside the data directory) or "
            "http(s)://user:password@host:8123/database."
        ),
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; beyond loopback authentication is required.",
    )
    ingest_port: int = Field(
        default=4318,
        ge=0,
        le=65535,
        description="OTLP/HTTP and /v1/milestones; 0 picks a free port.",
    )
    grpc_port: int = Field(
        default=4317, ge=0, le=65535, description="OTLP/gRPC; 0 picks a free port."
    )
    web_port: int = Field(
        default=8050, ge=0, le=65535, description="Dashboards and /api/v1; 0 picks a free port."
    )
    api_key: SecretStr | None = Field(
        default=None, description="One key for all doors, which may do everything."
    )
    access_file: Path | None = Field(
        default=None, description="The file of API keys; access.db in the data directory if unset."
    )
    redaction_key: SecretStr | None = Field(
        default=None,
        description=(
            "Key of the hashes that stand for redacted values; unset, one is made and kept in"
            " redaction.key in the data directory."
        ),
    )
    session_secret: SecretStr | None = Field(
        default=None,
        description="Signs the sessions of the pages; without it they end with the process.",
    )
    tls_cert: Path | None = Field(
        default=None, description="Certificate chain (PEM) of all doors; with it they speak TLS."
    )
    tls_key: Path | None = Field(default=None, description="Private key (PEM) of the certificate.")
    tls_client_ca: Path | None = Field(
        default=None,
        description="Certificates (PEM) that client certificates must be issued by; demands them.",
    )
    tls_client_doors: str = Field(
        default="all",
        pattern="^(all|ingest|web)$",
        description="Which doors demand client certificates: all, ingest or web.",
    )
    tls_client_scopes: str = Field(
        default="ingest",
        description="What a client certificate without a key may do: scopes, with commas.",
    )
    tls_ca: Path | None = Field(
        default=None, description="Certificates (PEM) to trust where Suture itself is a client."
    )
    tls_client_cert: Path | None = Field(
        default=None, description="Certificate (PEM) to show where Suture itself is a client."
    )
    tls_client_key: Path | None = Field(
        default=None, description="Private key (PEM) of the client's certificate."
    )
    environment: str = Field(
        default="production",
        description="The deployment environment shown where a query names none.",
    )

    max_body_bytes: int = Field(
        default=16 * MIB, gt=0, description="Largest request body; a larger one gets 413."
    )
    max_header_bytes: int = Field(
        default=32 * 1024,
        ge=1024,
        description="Largest head of a request, address and headers; a larger one gets 431.",
    )
    max_decompressed_bytes: int = Field(
        default=64 * MIB,
        gt=0,
        description="Largest body after decompression; a larger one gets 413.",
    )
    spool_max_bytes: int = Field(
        default=4096 * MIB,
        gt=0,
        description="Cap of the spool; at the cap producers are told to wait.",
    )
    segment_max_spans: int = Field(
        default=100_000,
        gt=0,
        description="Spans loaded in one insert; planning costs about 0.1 s each.",
    )
    segment_max_milestones: int = Field(
        default=10_000, gt=0, description="Milestones loaded in one insert."
    )
    correlate_batch_events: int = Field(
        default=50_000, gt=0, description="Milestones stitched in one tick."
    )
    tick_seconds: float = Field(
        default=0.5, gt=0, description="How often new facts are stitched and judged."
    )
    refresh_seconds: float = Field(
        default=5.0, ge=0.5, le=3600, description="How often an open page looks for what is new."
    )
    max_store_memory_bytes: int = Field(
        default=1024 * MIB, gt=0, description="Memory cap of the embedded engine."
    )

    webhook_url: str | None = Field(
        default=None,
        description="Where alerts are posted, signed; none: alerts go to the log only.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Key of the HMAC-SHA256 signature of webhook bodies."
    )
    notify_history: bool = Field(
        default=False, description="Notify of breaches found more than 24 h after they happened."
    )
    notify_max_age_seconds: float = Field(
        default=86_400,
        gt=0,
        description="A breach older than this when found is shown but notifies nobody.",
    )

    telemetry_endpoint: str | None = Field(
        default=None,
        description=(
            "OTLP/HTTP endpoint for the platform's own spans and metrics; 'self' sends "
            "them to its own door."
        ),
    )
    log_format: str = Field(
        default="console",
        pattern="^(console|json)$",
        description="How log lines look: console or json.",
    )
    retention_traces_days: int = Field(
        default=30, gt=0, description="Spans older than this are deleted by the store."
    )
    retention_logs_days: int = Field(
        default=30, gt=0, description="Log records older than this are deleted by the store."
    )
    retention_metrics_days: int = Field(
        default=30, gt=0, description="Points of metrics older than this are deleted by the store."
    )

    @field_validator("api_key", "redaction_key", "session_secret", "webhook_secret", mode="after")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        # A key of nothing, or of blanks, would let everyone in.
        return value if value and value.get_secret_value().strip() else None

    @field_validator("tls_client_scopes", mode="after")
    @classmethod
    def _known_scopes(cls, value: str) -> str:
        scopes_in(value)
        return value

    @model_validator(mode="after")
    def _certificates_in_pairs(self) -> Self:
        for cert, key in (("tls_cert", "tls_key"), ("tls_client_cert", "tls_client_key")):
            if (getattr(self, cert) is None) != (getattr(self, key) is None):
                raise ValueError(f"SUTURE_{cert.upper()} and SUTURE_{key.upper()} go together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("SUTURE_TLS_CLIENT_CA needs SUTURE_TLS_CERT and SUTURE_TLS_KEY")
        return self

    def demands_certificate(self, door: Door) -> bool:
        """Whether a door lets in only who shows a client certificate."""
        return self.tls_client_ca is not None and self.tls_client_doors in ("all", door)

    @property
    def client_scopes(self) -> frozenset[Scope]:
        """What a client certificate without a key may do."""
        return scopes_in(self.tls_client_scopes)

    @property
    def access_path(self) -> Path:
        """The SQLite file of API keys."""
        return self.access_file or self.data / "access.db"

    @property
    def retention_days(self) -> dict[str, int]:
        """How long the tables of each family keep their rows."""
        return {
            "traces": self.retention_traces_days,
            "logs": self.retention_logs_days,
            "metrics": self.retention_metrics_days,
        }

    @property
    def store_url(self) -> str:
        """The store's address; the embedded one lives in the data directory by default."""
        return self.store or f"chdb://{quote(str((self.data / 'store').resolve()))}"

    @property
    def spool_path(self) -> Path:
        """The spool's SQLite file."""
        return self.data / "spool.db"


def scopes_in(text: str) -> frozenset[Scope]:
    """Scopes in a text with commas; raises ValueError that names an unknown one."""
    words = {word.strip() for word in text.split(",")} - {""}
    if unknown := words - set(Scope):
        raise ValueError(f"{', '.join(sorted(unknown))}: scopes are {', '.join(Scope)}")
    return frozenset(Scope(word) for word in words)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
