"""Channels: ways to tell somebody. What one raises says whether to try again."""

from datetime import datetime
from typing import Protocol

from suture.contracts.alert import Delivery
from suture.errors import DeliveryDeferred


class Channel(Protocol):
    """One way to deliver a notification."""

    @property
    def name(self) -> str:
        """What deliveries call it."""
        ...

    def send(self, delivery: Delivery, now: datetime) -> None:
        """Deliver, or raise DeliveryRejected (never again) or DeliveryDeferred (again later).

        The same delivery may be sent again after it arrived: its `key` tells the receiver so.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class RetryLater(DeliveryDeferred):
    """The receiver said when to try again."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        """Try again `retry_after_seconds` from now, not before."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
