"""A lease in the store: of many processes that could work, one does.

ClickHouse has no compare-and-swap, so this is Lamport's bakery (1974) with claims that expire. A
claimant announces that it is choosing, takes a number above all it sees, and holds the lease once
nobody with a smaller number is left and nobody is still choosing. A claim that is not renewed
lapses, and whoever let its own lapse has to take a new number.

A holder measures its time from before it asked for a renewal, by a clock that only goes forward;
others count from when the server took the renewal in, and wait a little longer. So it knows that it
lost the lease before anybody else can have it. What was sent before that and arrives later is the
business of whoever takes over: see `correlation.skip_change`.

It needs a store in which a read sees every insert that was answered before: one server, or a
cluster with `insert_quorum` and `select_sequential_consistency`.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from suture.errors import LeaseLost
from suture.store.engine import Store
from suture.store.queries import load

WORKER = "worker"
SECONDS = 15.0
"""How long a claim lasts that is not renewed."""

_PATIENCE = 1.2
"""Others wait so many times as long before they take a claim for lapsed."""

_CAUTION = 0.8
"""The share of its time after which a holder begins nothing new."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Somebody's latest word."""

    holder: str
    token: int
    choosing: bool = False
    urgent: bool = False
    age_seconds: float = 0.0


class Claims(Protocol):
    """Where claims are written down."""

    def write(self, claim: Claim, *, beat: int, released: bool) -> None:
        """Replace the holder's latest word; `beat` goes up with each."""
        ...

    def read(self) -> Sequence[Claim]:
        """The latest word of everybody who has not released theirs, however old."""
        ...


class StoredClaims:
    """Claims on one lease of a store."""

    def __init__(self, store: Store, name: str = WORKER) -> None:
        """`name` tells leases apart."""
        self._store = store
        self._name = name
        self._sql = load("leases")

    def write(self, claim: Claim, *, beat: int, released: bool) -> None:
        """Replace the holder's latest word; the server says when."""
        row = {
            "name": self._name,
            "holder": claim.holder,
            "token": claim.token,
            "choosing": int(claim.choosing),
            "urgent": int(claim.urgent),
            "released": int(released),
            "beat": beat,
        }
        self._store.insert("worker_leases", [row])

    def read(self) -> list[Claim]:
        """The latest word of everybody who has not released theirs."""
        rows = self._store.rows(self._sql["claims"], {"name": self._name})
        return [
            Claim(
                holder=row["holder"],
                token=row["token"],
                choosing=bool(row["choosing"]),
                urgent=bool(row["urgent"]),
                age_seconds=row["age_seconds"],
            )
            for row in rows
        ]


class Lease:
    """One process's claim. `beat` every few seconds, from one thread; `check` before each write."""

    def __init__(
        self,
        claims: Claims,
        *,
        seconds: float = SECONDS,
        urgent: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        holder: str | None = None,
    ) -> None:
        """Claim nothing yet. Whoever is not `urgent` should release what is `wanted`."""
        self._claims = claims
        self._seconds = seconds
        self._urgent = urgent
        self._monotonic = monotonic
        self.holder = holder or uuid.uuid4().hex
        self.wanted = False
        """Whether somebody urgent waits for it."""
        self._token = 0
        self._beats = 0
        self._claimed_until = 0.0
        self._held_until = 0.0

    @property
    def held(self) -> bool:
        """Whether nobody else can hold it now."""
        return self._monotonic() < self._held_until

    def check(self) -> None:
        """Raise LeaseLost where it is not held for a while yet."""
        if self._monotonic() >= self._held_until - (1 - _CAUTION) * self._seconds:
            raise LeaseLost

    def beat(self) -> bool:
        """Renew the claim, or make one; whether the lease is held.

        A claim that lapsed is not renewed but dropped, and the next call makes a new one: whatever
        was under way has to end in between, or it would go on in a time that is not its own.
        Raises StoreUnavailable when the store does not answer: what was held lapses by itself.
        """
        asked = self._monotonic()
        lapses = self._claimed_until
        if self._token and asked >= lapses:
            self._token, self._held_until = 0, 0.0
            return False
        if not self._token:
            lapses = asked + self._seconds
            self._write(0, choosing=True)
            token = 1 + max(claim.token for claim in self._claims.read())
            self._write(token)
            self._token = token
        else:
            self._write(self._token)
        others = [claim for claim in self._claims.read() if claim.holder != self.holder]
        if self._monotonic() >= lapses:
            # Too slow: somebody may have taken the claim for lapsed before it was renewed.
            self._token, self._held_until = 0, 0.0
            return False
        self._claimed_until = asked + self._seconds
        alive = [c for c in others if c.age_seconds < self._seconds * _PATIENCE]
        self.wanted = not self._urgent and any(claim.urgent for claim in alive)
        behind = any(c.choosing or (c.token, c.holder) < self._rank for c in alive)
        self._held_until = 0.0 if behind else asked + self._seconds
        return not behind

    def release(self) -> None:
        """Give the lease up, so that nobody has to wait until it lapses."""
        self._held_until = 0.0
        if self._token:
            self._token = 0
            self._write(0, released=True)

    @property
    def _rank(self) -> tuple[int, str]:
        return self._token, self.holder

    def _write(self, token: int, *, choosing: bool = False, released: bool = False) -> None:
        self._beats += 1
        claim = Claim(holder=self.holder, token=token, choosing=choosing, urgent=self._urgent)
        self._claims.write(claim, beat=self._beats, released=released)
