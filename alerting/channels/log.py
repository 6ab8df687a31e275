"""The log as a channel: always there, so that no alert goes unsaid where nothing else is set up."""

import json
from datetime import datetime

import structlog

from suture.contracts.alert import Delivery, NoticeKind

_log = structlog.get_logger("suture.alerts")


class LogChannel:
    """Writes notifications to the log: `alert_firing` as a warning, `alert_resolved` as news."""

    name = "log"

    def send(self, delivery: Delivery, now: datetime) -> None:
        """Write one line."""
        fields = json.loads(delivery.body)["alert"]
        level = _log.warning if delivery.kind is NoticeKind.FIRING else _log.info
        level(f"alert_{delivery.kind.value}", key=delivery.key, **fields)

    def close(self) -> None:
        """Nothing to let go of."""
