"""Channels: ways to tell somebody. What one raises says whether to try again."""

from datetime import datetime
from typing import Protocol

from suture.contracts.alert import Delivery


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
