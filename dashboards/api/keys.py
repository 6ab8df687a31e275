"""Administering API keys. The first one is made on the command line: it takes an administrator."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from dashboards import callers
from dashboards.api.parameters import Paging, Time, page_of
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.services import Services
from suture.access.key_file import LONGEST_NAME, KeyFile
from suture.clock import to_micros
from suture.contracts.access import ANYBODY, KeyRecord, Rates, Scope
from suture.errors import NotPermitted

LONGEST_OVERLAP_SECONDS = 90 * 86400
LARGEST_RATE = 1e12


class KeyShape(Shape):
    """A key without its secret. `state` is live, expired or revoked."""

    id: str
    name: str
    state: str
    scopes: list[Scope]
    requests_per_second: float | None
    bytes_per_second: float | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str
    rotated_at: datetime | None
    overlap_until: datetime | None = Field(
        description="When the secret that was replaced last ends, or ended."
    )
    last_used_at: datetime | None = Field(description="Lags by up to half a minute.")


class KeyList(Shape):
    """A page of keys in the order they were made."""

    items: list[KeyShape]
    next_cursor: str | None


class SecretShape(Shape):
    """A key as its holder sends it. It is shown this once."""

    id: str
    key: str


class NewKey(BaseModel):
    """What a key is for, and what it may do."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    scopes: list[Scope] = Field(min_length=1)
    expires_at: Time | None = None
    requests_per_second: float | None = Field(default=None, gt=0, le=LARGEST_RATE)
    bytes_per_second: float | None = Field(default=None, gt=0, le=LARGEST_RATE)


class Rotation(BaseModel):
    """How long the present secret stays good."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: float = Field(default=86400, ge=0, le=LONGEST_OVERLAP_SECONDS)


def router(services: Services) -> APIRouter:
    """The calls about keys."""
    api = APIRouter(tags=["keys"])

    @api.get("/keys", responses=documented(400, 401, 403))
    def keys(query: Annotated[Paging, Query()]) -> KeyList:
        """A page of keys, the ended ones too."""
        _administrator()
        items, cursor = page_of(
            sorted(_file(services).records(), key=_position),
            query,
            shape=lambda record: _shape(record, services),
            position=_position,
            types=(int, str),
        )
        return KeyList(items=items, next_cursor=cursor)

    @api.post("/keys", responses=documented(400, 401, 403))
    def create(key: NewKey) -> SecretShape:
        """Make a key."""
        token = _file(services).create(
            name=key.name,
            scopes=frozenset(key.scopes),
            now=services.now(),
            by=_administrator(),
            expires_at=key.expires_at,
            rates=Rates(requests=key.requests_per_second, bytes=key.bytes_per_second),
        )
        return SecretShape(id=token.id, key=str(token))

    @api.post("/keys/{key}/rotate", responses=documented(400, 401, 403, 404))
    def rotate(key: str, rotation: Rotation | None = None) -> SecretShape:
        """Give a key a new secret; the present one stays good for a while."""
        now, given = services.now(), rotation or Rotation()
        until = now + timedelta(seconds=given.overlap_seconds)
        token = _file(services).rotate(key, now=now, by=_administrator(), overlap_until=until)
        return SecretShape(id=token.id, key=str(token))

    @api.post("/keys/{key}/revoke", responses=documented(401, 403, 404))
    def revoke(key: str) -> KeyShape:
        """End a key for good."""
        record = _file(services).revoke(key, now=services.now(), by=_administrator())
        return _shape(record, services)

    return api


def _position(record: KeyRecord) -> tuple[int, str]:
    return to_micros(record.created_at), record.id


def _file(services: Services) -> KeyFile:
    return KeyFile(services.settings.access_path)


def _administrator() -> str:
    """Who administers, for the record; raises NotPermitted where nobody had to say who they are."""
    callers.require(Scope.ADMIN)
    caller = callers.present()
    if caller is ANYBODY:
        raise NotPermitted(
            "no key is needed here yet: make the first one with 'suture keys create'"
        )
    return f"key {caller.name}"


def _shape(record: KeyRecord, services: Services) -> KeyShape:
    given: dict[str, Any] = {
        name: getattr(record, name)
        for name in (
            "id", "name", "created_at", "created_by", "expires_at", "revoked_at", "revoked_by",
            "rotated_at", "overlap_until", "last_used_at",
        )
    }  # fmt: skip
    return KeyShape(
        **given,
        state=record.state(services.now()),
        scopes=sorted(record.scopes),
        requests_per_second=record.rates.requests,
        bytes_per_second=record.rates.bytes,
    )
