"""Settings of one installation. This module is the only reader of the environment.

Every field is an environment variable `SUTURE_<FIELD>` in capitals; the command line's options
override them.
"""

import ipaddress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


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
        description="Address to listen on; beyond loopback an API key is required.",
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
        default=None, description="One key for all doors; needed to listen beyond loopback."
    )
    environment: str = Field(
        default="production",
        description="The deployment environment shown where a query names none.",
    )

    max_body_bytes: int = Field(
        default=16 * MIB, gt=0, description="Largest request body; a larger one gets 413."
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
        default=20_000, gt=0, description="Milestones loaded in one insert."
    )
    correlate_batch_events: int = Field(
        default=50_000, gt=0, description="Milestones stitched in one tick."
    )
    tick_seconds: float = Field(
        default=0.5, gt=0, description="How often new facts are stitched and judged."
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

    @field_validator("api_key", "webhook_secret", mode="after")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        # A key of nothing, or of blanks, would let everyone in.
        return value if value and value.get_secret_value().strip() else None

    @model_validator(mode="after")
    def _closed_beyond_loopback(self) -> Self:
        if self.api_key is None and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} is reachable from outside:"
                " set SUTURE_API_KEY, or listen on 127.0.0.1"
            )
        return self

    @property
    def store_url(self) -> str:
        """The store's address; the embedded one lives in the data directory by default."""
        return self.store or f"chdb://{quote(str((self.data / 'store').resolve()))}"

    @property
    def spool_path(self) -> Path:
        """The spool's SQLite file."""
        return self.data / "spool.db"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
