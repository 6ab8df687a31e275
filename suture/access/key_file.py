"""The file of keys: a small SQLite file of its own, readable by its owner only.

It holds no secret, only hashes. Every operation opens it, works in one transaction and closes it;
a change is on disk when the call returns. It keeps no write-ahead log: it is changed seldom and
read once a second, and so it is one file that can be copied, and that a process may be given to
read only. As with the spool, nothing may open it otherwise than through SQLite while it is in use.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from suture.access.tokens import Digest, Token, new_token
from suture.clock import from_micros, to_micros
from suture.contracts.access import KeyRecord, Rates, Scope
from suture.errors import InvalidInput, NotFound, Unavailable
from suture.store import queries

LOCK_SECONDS = 10.0
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSecret:
    """One hashed secret of a key; a replaced one expires."""

    number: int
    digest: Digest
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """A key with its secrets, the latest first."""

    record: KeyRecord
    secrets: tuple[KnownSecret, ...]


class KeyFile:
    """The keys of an installation. Raises Unavailable where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        """Remember where it is; it is made when the first key is."""
        self.path = path

    def create(
        self,
        *,
        name: str,
        scopes: frozenset[Scope],
        now: datetime,
        by: str,
        expires_at: datetime | None = None,
        rates: Rates = Rates(),  # noqa: B008 - frozen
    ) -> Token:
        """Make a key; this is the only time that its secret is known.

        Raises InvalidInput for an empty or long name, a name that a live key has, no scope, an
        expiry that has passed, or a rate that is not above 0.
        """
        name = name.strip()
        _check(name, scopes, now=now, expires_at=expires_at, rates=rates)
        token = new_token()
        with self._changing() as connection:
            if any(r.name == name and r.state(now) == "live" for r in _records(connection)):
                raise InvalidInput(f"name: a live key is called {name!r} already")
            sql = queries.load("access")
            new = {
                "id": token.id,
                "name": name,
                "scopes": " ".join(sorted(scopes)),
                "requests_per_second": rates.requests,
                "bytes_per_second": rates.bytes,
                "created_at": to_micros(now),
                "created_by": by,
                "expires_at": to_micros(expires_at) if expires_at else None,
            }
            connection.execute(sql["add_key"], new)
            connection.execute(sql["add_secret"], _secret(token, now=now, by=by))
        return token

    def rotate(self, key: str, *, now: datetime, by: str, overlap_until: datetime) -> Token:
        """Give a key a new secret; the present one stays good until `overlap_until`.

        `key` is an id or a name. Raises NotFound, or InvalidInput for a key that is not live.
        """
        with self._changing() as connection:
            record = _find(_records(connection), key, now=now)
            if record.state(now) != "live":
                raise InvalidInput(f"key {record.id} is {record.state(now)}; create another")
            token = new_token(record.id)
            sql = queries.load("access")
            until = {"key_id": record.id, "expires_at": to_micros(max(now, overlap_until))}
            connection.execute(sql["expire_secrets"], until)
            connection.execute(sql["add_secret"], _secret(token, now=now, by=by))
        return token

    def revoke(self, key: str, *, now: datetime, by: str) -> KeyRecord:
        """End a key, named by id or name, for good; again, it changes nothing. Raises NotFound."""
        with self._changing() as connection:
            record = _find(_records(connection), key, now=now)
            change = {"id": record.id, "revoked_at": to_micros(now), "revoked_by": by}
            connection.execute(queries.load("access")["revoke_key"], change)
            return _find(_records(connection), record.id, now=now)

    def records(self) -> list[KeyRecord]:
        """All keys, in the order they were made; none where there is no file."""
        with self._reading() as connection:
            return _records(connection) if connection else []

    def known(self) -> dict[str, KnownKey]:
        """All keys with their hashed secrets, by id; none where there is no file."""
        with self._reading() as connection:
            if connection is None:
                return {}
            found: dict[str, list[KnownSecret]] = {}
            for id_, number, salt, digest, expires in connection.execute(
                queries.load("access")["secrets"]
            ):
                secret = KnownSecret(
                    number=number, digest=Digest(salt, digest), expires_at=_time(expires)
                )
                found.setdefault(id_, []).append(secret)
            return {
                record.id: KnownKey(record=record, secrets=tuple(found.get(record.id, ())))
                for record in _records(connection)
            }

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys were last used."""
        with self._changing() as connection:
            connection.executemany(
                queries.load("access")["note_use"],
                [{"key_id": id_, "last_used_at": to_micros(at)} for id_, at in uses.items()],
            )

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, in a file that is made where there is none."""
        with _mapped_errors(self.path):
            _create_private(self.path)
            with closing(self._open(f"{self.path.resolve().as_uri()}?mode=rw")) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                for table in ("create_keys", "create_secrets", "create_uses"):
                    connection.execute(queries.load("access")[table])
                # A failure closes the connection, which rolls back.
                yield connection
                connection.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that changes nothing, at one moment of the file; None without a file."""
        with _mapped_errors(self.path):
            if not self.path.exists() or not self.path.stat().st_size:
                yield None
                return
            # Where a writer was killed, reading begins with undoing what it left half-way.
            mode = "rw" if os.access(self.path, os.W_OK) else "ro"
            with closing(self._open(f"{self.path.resolve().as_uri()}?mode={mode}")) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                yield connection

    def _open(self, uri: str) -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None)


def _check(
    name: str,
    scopes: frozenset[Scope],
    *,
    now: datetime,
    expires_at: datetime | None,
    rates: Rates,
) -> None:
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"name: give 1 to {LONGEST_NAME} printable characters")
    if not scopes:
        raise InvalidInput(f"scope: name at least one of {', '.join(Scope)}")
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("expires: this time has passed")
    if any(rate is not None and not rate > 0 for rate in (rates.requests, rates.bytes)):
        raise InvalidInput("rate: must be above 0")


def _secret(token: Token, *, now: datetime, by: str) -> dict[str, Any]:
    digest = Digest.of(token.secret)
    return {
        "key_id": token.id,
        "salt": digest.salt,
        "digest": digest.digest,
        "created_at": to_micros(now),
        "created_by": by,
    }


def _records(connection: sqlite3.Connection) -> list[KeyRecord]:
    rows = connection.execute(queries.load("access")["keys"]).fetchall()
    return [
        KeyRecord(
            id=id_,
            name=name,
            scopes=frozenset(Scope(scope) for scope in scopes.split()),
            rates=Rates(requests=requests, bytes=size),
            created_at=from_micros(created_at),
            created_by=created_by,
            expires_at=_time(expires_at),
            revoked_at=_time(revoked_at),
            revoked_by=revoked_by,
            last_used_at=_time(last_used_at),
            rotated_at=_time(rotated_at),
            overlap_until=_time(overlap_until),
        )
        for (
            id_, name, scopes, requests, size, created_at, created_by, expires_at, revoked_at,
            revoked_by, last_used_at, rotated_at, overlap_until,
        ) in rows
    ]  # fmt: skip


def _find(records: list[KeyRecord], key: str, *, now: datetime) -> KeyRecord:
    """By id, or by the name of a live key, else of the latest of that name."""
    by_id = [record for record in records if record.id == key]
    named = [record for record in records if record.name == key]
    live = [record for record in named if record.state(now) == "live"]
    for found in (by_id, live, named):
        if found:
            return found[-1]
    raise NotFound(f"there is no key {key!r}")


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


@contextmanager
def _mapped_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into Unavailable."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"the keys in {path} cannot be used: {error}") from error


def _create_private(path: Path) -> None:
    """Make an empty file that only its owner can read, unless there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
