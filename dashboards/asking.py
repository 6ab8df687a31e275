"""From a page's address to the filters of a list: what makes no sense is said, not guessed."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from dashboards.api.parameters import require_declared, split_object
from dashboards.keys import normalized
from dashboards.periods import period_of
from suture.clock import parse_time
from suture.contracts.alert import AlertState, Severity
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import VerdictState
from suture.definitions.catalog import Catalog
from suture.errors import InvalidQuery
from suture.store.alerts import AlertFilter
from suture.store.reading.instances import InstanceFilter

FACET = "facet."
OPEN_ALERTS = "open"
"""The usual state of alerts asked about: those that are not resolved."""

ANY = "any"
Value = TypeVar("Value", bound=StrEnum)


def instance_filter(
    catalog: Catalog, query: Mapping[str, str], *, environment: str, now: datetime
) -> InstanceFilter:
    """The filter of the list of instances; raises InvalidQuery for a value that makes no sense."""
    type_, id_ = _object(query.get("object"))
    period = period_of(query.get("period")) if query.get("period") else None
    window = period.window(now) if period and period.length else None
    start, end = instant(query, "from"), instant(query, "to")
    return InstanceFilter(
        environment=environment,
        process=query.get("process"),
        status=one_of(InstanceStatus, query, "status"),
        sla=query.get("sla"),
        sla_state=one_of(VerdictState, query, "sla_state"),
        object_type=type_,
        object_id=normalized(catalog, type_, id_) if type_ else "",
        facets={n.removeprefix(FACET): v for n, v in query.items() if n.startswith(FACET)},
        started_from=start or (window.start if window else None),
        started_to=end or (window.end if window else None),
        judged_from=instant(query, "judged_from"),
        judged_to=instant(query, "judged_to"),
        probable_duplicates=query.get("probable_duplicates") == "true",
    )


def alert_filter(catalog: Catalog, query: Mapping[str, str], *, environment: str) -> AlertFilter:
    """The filter of the list of alerts; raises InvalidQuery for a value that makes no sense.

    `state` is one of the states or `any`; without it those that are not resolved are meant.
    """
    state = query.get("state") or OPEN_ALERTS
    if state == OPEN_ALERTS:
        states = [AlertState.FIRING, AlertState.ACKNOWLEDGED]
    else:
        one = None if state == ANY else one_of(AlertState, query, "state")
        states = [one] if one else []
    process, owner = query.get("process") or None, query.get("owner") or None
    require_declared(catalog, process=process, owner=owner)
    return AlertFilter(
        environment=environment,
        states=states,
        severity=one_of(Severity, query, "severity"),
        process=process or "",
        owner=owner or "",
    )


def one_of(kind: type[Value], query: Mapping[str, str], name: str) -> Value | None:
    """A value of an enumeration; raises InvalidQuery for any other."""
    text = query.get(name)
    if not text:
        return None
    try:
        return kind(text)
    except ValueError as error:
        known = ", ".join(kind)
        raise InvalidQuery(f"{text!r} is none of {known}", field=name) from error


def instant(query: Mapping[str, str], name: str) -> datetime | None:
    """A time; raises InvalidQuery for what is none."""
    text = query.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise InvalidQuery(str(error), field=name) from error


def number(query: Mapping[str, str], name: str, *, least: int, usual: int) -> int:
    """A whole number; the usual one for what is none."""
    text = query.get(name, "")
    return max(least, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else usual


def _object(text: str | None) -> tuple[str | None, str]:
    if not text:
        return None, ""
    try:
        return split_object(text)
    except ValueError as error:
        raise InvalidQuery(str(error), field="object") from error
