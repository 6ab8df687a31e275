"""What alerting reads of the stage before it: verdicts that became, or ceased to be, breaches.

The stage's cursor is the number of the last tick of the SLA stage that is wholly worked in. A page
holds the verdicts as they count now, whatever they were in that tick, beside the alerts about the
same instances: what is to be done follows from these two, not from what happened in between.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.contracts.alert import Alert
from suture.contracts.verdict import Verdict
from suture.store.alerts import alert_of_row, compose
from suture.store.engine import Store
from suture.store.judging import DONE, verdict_of_row
from suture.store.queries import load

ALERTED = "alerting"
"""The stage's cursor: the last tick of the SLA stage that is wholly worked in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachPage:
    """Some verdicts of one process, and all alerts about their instances, by (rule, anchor)."""

    verdicts: Sequence[Verdict]
    alerts: Mapping[tuple[str, str], Sequence[Alert]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far alerting has come.

    `alerted` is the last tick of the SLA stage that is worked in, `judged` the last one that is
    finished; `events` is how many rows there are about alerts, whoever wrote them.
    """

    alerted: int
    judged: int
    events: int


def standing(store: Store) -> Standing:
    """Where the stage stands; everything is 0 before its first run."""
    stages = {"alerted": ALERTED, "judged": DONE}
    (row,) = store.poll(load("alerts")["positions"], stages, of=["cursors", "alert_events"])
    return Standing(**{name: int(row[name]) for name in ("alerted", "judged", "events")})


def finish(store: Store, *, tick: int, at: datetime) -> None:
    """Say that alerting has worked in everything up to a tick."""
    store.insert("cursors", [{"stage": ALERTED, "stream": 0, "position": tick, "updated_at": at}])


def breach_pages(store: Store, *, after: int, upto: int, size: int) -> Iterator[BreachPage]:
    """What ticks in (after, upto] made or unmade a breach, `size` instances at a time."""
    blocks = load("alerts")
    columns = load("verdicts")["columns"]
    bounds = {"after": after, "upto": upto}
    for group in store.rows(blocks["breach_groups"], bounds):
        parameters: dict[str, Any] = {
            **bounds,
            "environment": group["environment"],
            "process": group["process"],
            "anchor_after": "",
            "limit": size,
        }
        while anchors := [row["anchor"] for row in store.rows(blocks["breach_page"], parameters)]:
            page = {**parameters, "anchor_upto": anchors[-1]}
            verdicts = store.rows(blocks["verdicts_of_page"].replace("{{verdict}}", columns), page)
            alerts: dict[tuple[str, str], list[Alert]] = {}
            for row in store.rows(compose("of_anchors", "which_of_anchors"), page):
                alert = alert_of_row(row)
                alerts.setdefault((alert.sla, alert.anchor), []).append(alert)
            yield BreachPage(
                verdicts=[
                    verdict_of_row(row, group["environment"], group["process"]) for row in verdicts
                ],
                alerts=alerts,
            )
            parameters["anchor_after"] = anchors[-1]
