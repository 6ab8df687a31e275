"""How much a caller may take: a bucket of allowance for each kind, refilled by the second. Pure.

A bucket holds one second's allowance. A request is let in while none is empty, and what it turns
out to take is subtracted afterwards, so that a body larger than a second's worth is taken once and
paid for by waiting. Nothing has to know how large a body will be.
"""

from dataclasses import dataclass

from suture.contracts.access import Rates

_SHORTEST_WAIT_SECONDS = 0.05


@dataclass(slots=True)
class Bucket:
    """An allowance of `rate` a second. Times are seconds of one monotonic clock."""

    rate: float
    level: float
    at: float

    @classmethod
    def full(cls, rate: float, now: float) -> "Bucket":
        """A bucket that nothing was taken from yet."""
        return cls(rate, max(rate, 1.0), now)

    def wait(self, now: float, needs: float) -> float:
        """Refill; the seconds until `needs` is in it, 0 where it is."""
        self.level = min(max(self.rate, 1.0), self.level + (now - self.at) * self.rate)
        self.at = now
        short = needs - self.level
        return max(_SHORTEST_WAIT_SECONDS, short / self.rate) if short > 0 else 0.0

    def take(self, amount: float) -> None:
        """Subtract; the level may fall below nothing."""
        self.level -= amount


class Meter:
    """The buckets of one caller."""

    def __init__(self, rates: Rates, now: float) -> None:
        """Start with full buckets."""
        self.rates = rates
        self._requests = Bucket.full(rates.requests, now) if rates.requests else None
        self._bytes = Bucket.full(rates.bytes, now) if rates.bytes else None

    def admit(self, now: float) -> float:
        """Take one request and return 0, or the seconds until one can be taken."""
        waits = [
            bucket.wait(now, needs)
            for bucket, needs in ((self._requests, 1.0), (self._bytes, 1e-9))
            if bucket is not None
        ]
        longest = max(waits, default=0.0)
        if not longest and self._requests is not None:
            self._requests.take(1.0)
        return longest

    def charge(self, size: int) -> None:
        """Subtract the bytes that a request turned out to have."""
        if self._bytes is not None:
            self._bytes.take(size)
