"""Who may do what: scopes, and a caller who was let in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a key may be used for. None implies another: a key has exactly those it was given."""

    INGEST = "ingest"
    """Send telemetry and milestones."""

    READ = "read"
    """Read: every GET of the API, the pages, the metrics."""

    OPERATE = "operate"
    """Act: on alerts, silences, dead letters, links."""

    ADMIN = "admin"
    """Administer keys."""


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a key may take at most, per second and per process; None for no limit."""

    requests: float | None = None
    bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who was let in. `id` is that of the key, or says by what else it was."""

    id: str
    name: str
    scopes: frozenset[Scope]
    rates: Rates = Rates()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key as its holder's administrator sees it; its secret is not known to anybody else.

    `created_by` says who made it, as far as that is known. `last_used_at` lags by up to half a
    minute. `overlap_until` is when the secret that was replaced last ends, or ended.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    rates: Rates
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str
    last_used_at: datetime | None
    rotated_at: datetime | None
    overlap_until: datetime | None

    def state(self, now: datetime) -> str:
        """`live`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"


INSTALLATION = "installation"
"""The id of the caller who holds the one key of the settings."""

ANYBODY = Caller(id="anybody", name="anybody", scopes=ALL_SCOPES)
"""Who calls where no authentication is configured: only this machine can."""
