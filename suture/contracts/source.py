"""Sources: who sends events or telemetry, and from when to when."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTimes:
    """One source: when something first and last happened there (heard), and came (seen).

    `kind` is events, spans, logs or metrics; `system` is that of its events, empty for telemetry.
    """

    kind: str
    source: str
    system: str
    first_heard_at: datetime
    last_heard_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
