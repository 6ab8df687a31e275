"""Names and numbers as people read them. Pure."""

import math
from datetime import timedelta
from typing import NamedTuple

from suture.contracts.alert import AlertState, Severity
from suture.contracts.dead_letter import LetterState
from suture.contracts.links import LinkState
from suture.contracts.objects import ObjectKey
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import VerdictState
from suture.definitions.catalog import Catalog
from suture.definitions.process import Cardinality, Path
from suture.definitions.values import format_duration


class Label(NamedTuple):
    """A word and the tone it is shown in: ok, info, warn, bad or idle."""

    text: str
    tone: str


STATUSES = {
    InstanceStatus.OPEN: Label("Open", "info"),
    InstanceStatus.COMPLETED: Label("Completed", "ok"),
    InstanceStatus.ENDED: Label("Ended early", "idle"),
    InstanceStatus.STALLED: Label("Stalled", "warn"),
}
STATES = {
    VerdictState.BREACHED: Label("Breached", "bad"),
    VerdictState.UNKNOWN: Label("Unknown", "unsure"),
    VerdictState.AT_RISK: Label("At risk", "warn"),
    VerdictState.PAUSED: Label("Paused", "idle"),
    VerdictState.PENDING: Label("On track", "info"),
    VerdictState.MET: Label("Met", "ok"),
    VerdictState.CANCELLED: Label("Cancelled", "idle"),
}
SEVERITIES = {
    Severity.CRITICAL: Label("Critical", "bad"),
    Severity.HIGH: Label("High", "warn"),
    Severity.MEDIUM: Label("Medium", "info"),
    Severity.LOW: Label("Low", "idle"),
}
ALERT_STATES = {
    AlertState.FIRING: Label("Firing", "bad"),
    AlertState.ACKNOWLEDGED: Label("Acknowledged", "info"),
    AlertState.RESOLVED: Label("Resolved", "idle"),
}
LETTER_STATES = {
    LetterState.OPEN: Label("Open", "warn"),
    LetterState.REPLAYED: Label("Replayed", "ok"),
    LetterState.DISCARDED: Label("Discarded", "idle"),
}
LETTER_DOORS = {
    "milestones": "Milestone events",
    "traces": "Traces",
    "logs": "Logs",
    "metrics": "Metrics",
    "loader": "While loading",
}
LINK_STATES = {
    LinkState.REFUSED: Label("Refused", "warn"),
    LinkState.UNSURE: Label("Unsure", "unsure"),
    LinkState.BLOCKED: Label("Blocked", "idle"),
}
LINKED = Label("Linked", "ok")
EVIDENCE_KINDS = {
    "operator": "A person says so",
    "event": "An event names both",
    "trace": "A trace names both",
}
OUTCOMES = {
    "ok": Label("Reached", "ok"),
    "failed": Label("Failed", "bad"),
    "rejected": Label("Rejected", "warn"),
}


_ACRONYMS = frozenset({"edi", "erp", "hl7", "hr", "id", "it", "sla"})


def humanized(name: str) -> str:
    """A technical name as words: goods_received is Goods received, erp-platform ERP platform."""
    words = name.replace("_", " ").replace("-", " ").split()
    text = " ".join(word.upper() if word in _ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:]


def process_title(catalog: Catalog, name: str) -> str:
    """A process by its declared title."""
    process = catalog.processes.get(name)
    return process.title if process else humanized(name)


def milestone_titles(catalog: Catalog, process: str) -> dict[str, str]:
    """Declared titles of a process's milestones, of all versions; a name without one as words."""
    found = (m for version in catalog.versions_of(process) for m in version.milestones)
    return {m.name: m.title or humanized(m.name) for m in found}


def object_name(key: ObjectKey) -> str:
    """An object as people name it: Purchase order P-77, with its scope where it has one."""
    scope = f" ({key.scope})" if key.scope else ""
    return f"{humanized(key.type)} {key.id}{scope}"


def path_limit(path: Path | None) -> str:
    """What a path's cardinality forbids, as half a sentence; empty where it forbids nothing."""
    if path is None or path.cardinality is Cardinality.MANY_TO_MANY:
        return ""
    source, target = humanized(path.from_type), humanized(path.to_type)
    if path.cardinality is Cardinality.ONE_TO_MANY:
        return f"{target} belongs to one {source.lower()} only"
    if path.cardinality is Cardinality.MANY_TO_ONE:
        return f"{source} has one {target.lower()} only"
    return f"{source} and {target.lower()} belong to each other only"


def whole(number: int) -> str:
    """A count with separators: 1,204."""
    return f"{number:,}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 instance, 1,204 instances."""
    return f"{whole(number)} {one if number == 1 else many or f'{one}s'}"


def percent(ratio: float | None) -> str:
    """A share with one decimal, and never rounded to 100 % while something is missing."""
    if ratio is None:
        return "–"
    if ratio < 1:
        ratio = min(ratio, 0.999)
    text = f"{math.floor(ratio * 1000 + 0.5) / 10:.1f}"
    return f"{text.removesuffix('.0')} %"


def seconds(value: float | None) -> str:
    """A duration in its two largest units: 1 d 4 h; a dash for none."""
    return "–" if value is None else format_duration(timedelta(seconds=value))


def moments(value: float, *, sign: bool = False) -> str:
    """A length of time down to microseconds: 1 h 4 min, 12.5 s, 40 ms; with `sign` also +."""
    size = abs(value)
    if size >= 60:
        text = format_duration(timedelta(seconds=size))
    elif size >= 1 or not size:
        text = f"{size:.3g} s"
    else:
        text = f"{size * 1e3:.3g} ms" if size >= 0.001 else f"{size * 1e6:.3g} µs"
    return ("\N{MINUS SIGN}" if value < 0 else "+" if sign and value else "") + text


def money(value: float | None) -> str:
    """An amount; its currency is the producer's."""
    return "" if value is None else f"{value:,.2f}"


def short(text: str, longest: int = 60) -> str:
    """A text cut to a length, with an ellipsis where something is missing."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def span_name(name: str) -> str:
    """What a span is called; a sender may leave its name out, and then there is still a link."""
    return name or "unnamed span"
