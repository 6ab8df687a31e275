"""Who may come in: decides about each request from what is in memory.

A thread reads the file of keys every second and writes down, every half minute, which keys were
used. A request therefore costs one look-up and one HMAC, and never waits for a disk. When the file
cannot be read for a while nobody is let in by a key of it: a revocation must not be missed.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from suture.access import tokens
from suture.access.key_file import KeyFile, KnownKey
from suture.access.rates import Meter
from suture.clock import Clock
from suture.contracts.access import (
    ALL_SCOPES,
    ANYBODY,
    INSTALLATION,
    Caller,
    Scope,
)
from suture.errors import AccessDenied, NotPermitted, RateLimited, Unavailable

READ_SECONDS = 1.0
"""How long a revocation may go unnoticed."""

NOTE_SECONDS = 30.0
"""How often it is written down which keys were used."""

STALE_SECONDS = 15.0
"""After so long without a look at the file, its keys open nothing."""

_OWN = Caller(id="suture", name="suture itself", scopes=frozenset({Scope.INGEST}))

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What opens the doors of one process.

    `api_key` is the settings' one key, which may do everything. `own_key` is known to the
    platform's own processes only. `certificate_scopes` are for those who show a client certificate
    and no key, where the doors demand one; the TLS layer has checked it. `always_closed`: no
    request without authentication, whatever is configured.
    """

    key_file: str
    api_key: str | None = field(default=None, repr=False)
    own_key: str | None = field(default=None, repr=False)
    certificate_scopes: frozenset[Scope] = frozenset()
    always_closed: bool = False


class Doorkeeper:
    """Lets callers in, or says why not. One per process; its methods may be called by one thread.

    Without `start` the file is read once, at the beginning.
    """

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        """Read the keys; raises Unavailable where their file cannot be read."""
        self._credentials = credentials
        self._clock = clock
        self._file = KeyFile(Path(credentials.key_file))
        self._keys: Mapping[str, KnownKey] = self._file.known()
        self._read_at = time.monotonic()
        self._meters: dict[str, Meter] = {}
        self._used: dict[str, datetime] = {}
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Follow the file from now on, until `close`."""
        self._thread = threading.Thread(target=self._follow, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following, and write down what was used. May be called twice."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._note()

    @property
    def closed(self) -> bool:
        """Whether callers have to say who they are.

        They do as soon as there is a key, and still do when the last one is revoked.
        """
        known = self._credentials
        return bool(known.always_closed or known.api_key or known.certificate_scopes or self._keys)

    def admit(self, authorization: str, needs: Scope | None = None) -> Caller:
        """Let in who shows this Authorization header and may do what is needed.

        Raises AccessDenied, NotPermitted where the scope is missing, RateLimited, or Unavailable.
        """
        caller = self.identify(authorization)
        if needs is not None and needs not in caller.scopes:
            raise NotPermitted(f"the key {caller.name!r} has not the scope {needs.value!r}")
        meter = self._meter(caller)
        if meter is not None and (wait := meter.admit(time.monotonic())):
            raise RateLimited(f"the key {caller.name!r} is over its rate", retry_after_seconds=wait)
        return caller

    def charge(self, caller: Caller, size: int) -> None:
        """Account for bytes that a caller sent."""
        meter = self._meter(caller)
        if meter is not None:
            meter.charge(size)

    def identify(self, authorization: str) -> Caller:
        """Who shows this Authorization header; raises AccessDenied or Unavailable."""
        if not self.closed:
            return ANYBODY
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if not authorization and self._credentials.certificate_scopes:
            return Caller(
                id="certificate",
                name="client certificate",
                scopes=self._credentials.certificate_scopes,
            )
        if scheme.lower() != "bearer" or not given:
            raise AccessDenied
        return self._by_key(given)

    def session_of(self, given: str) -> tuple[Caller, int] | None:
        """Caller and secret number for a key typed at the sign-in; None for a wrong one."""
        try:
            caller = self._by_key(given)
        except AccessDenied:
            return None
        token = tokens.parse(given)
        if caller.id == INSTALLATION or token is None:
            return caller, 0
        known = self._keys[caller.id]
        return caller, next(s.number for s in known.secrets if s.digest.fits(token.secret))

    def holder(self, key_id: str, secret_number: int) -> Caller | None:
        """The caller of a session begun with that secret; None where it is not good any more."""
        if key_id == INSTALLATION:
            return _installation() if self._credentials.api_key else None
        self._require_fresh()
        known, now = self._keys.get(key_id), self._clock.now()
        if known is None or known.record.state(now) != "live":
            return None
        secret = next((s for s in known.secrets if s.number == secret_number), None)
        if secret is None or (secret.expires_at is not None and secret.expires_at <= now):
            return None
        self._used[key_id] = now
        return _caller(known)

    def refresh(self) -> None:
        """Read the file now; raises Unavailable."""
        self._keys = self._file.known()
        self._read_at = time.monotonic()

    def _by_key(self, given: str) -> Caller:
        known = self._credentials
        # Both are compared whatever the first says, so that time says nothing.
        is_installation = known.api_key is not None and tokens.same(given, known.api_key)
        is_own = known.own_key is not None and tokens.same(given, known.own_key)
        if is_installation:
            return _installation()
        if is_own:
            return _OWN
        token = tokens.parse(given)
        if token is None:
            raise AccessDenied
        self._require_fresh()
        found = self._keys.get(token.id)
        if found is None:
            tokens.fits_nothing(token.secret)
            raise AccessDenied
        return self._by_token(found, token)

    def _by_token(self, found: KnownKey, token: tokens.Token) -> Caller:
        fitting = [secret for secret in found.secrets if secret.digest.fits(token.secret)]
        if not fitting:
            raise AccessDenied
        # Only who knows the secret learns what became of the key.
        now = self._clock.now()
        if (state := found.record.state(now)) != "live":
            raise AccessDenied(f"the key {found.record.name!r} is {state}")
        expires_at = fitting[0].expires_at
        if expires_at is not None and expires_at <= now:
            raise AccessDenied(f"this secret of the key {found.record.name!r} was replaced")
        self._used[found.record.id] = now
        return _caller(found)

    def _require_fresh(self) -> None:
        if self._thread is not None and time.monotonic() - self._read_at > STALE_SECONDS:
            raise Unavailable("the keys cannot be read at the moment", retry_after_seconds=5)

    def _meter(self, caller: Caller) -> Meter | None:
        if caller.rates.requests is None and caller.rates.bytes is None:
            return None
        meter = self._meters.get(caller.id)
        if meter is None or meter.rates != caller.rates:
            meter = self._meters[caller.id] = Meter(caller.rates, time.monotonic())
        return meter

    def _follow(self) -> None:
        noted_at = time.monotonic()
        while not self._ending.wait(READ_SECONDS):
            try:
                self.refresh()
            except Unavailable as error:
                _log.warning("keys not read", reason=error.message)
            if time.monotonic() - noted_at >= NOTE_SECONDS:
                noted_at = time.monotonic()
                self._note()

    def _note(self) -> None:
        noted, self._used = self._used, {}
        # A copy: a request that began before may still write into it.
        uses = dict(noted)
        if not uses:
            return
        try:
            self._file.note_uses(uses)
        except Unavailable as error:
            # The file may be given to this process to read only. What is lost is a remark.
            _log.info("last use of keys not written down", reason=error.message)


def _installation() -> Caller:
    return Caller(id=INSTALLATION, name="SUTURE_API_KEY", scopes=ALL_SCOPES)


def _caller(known: KnownKey) -> Caller:
    record = known.record
    return Caller(id=record.id, name=record.name, scopes=record.scopes, rates=record.rates)
