"""Verdicts for whoever shows them: of one instance, as lists, as attainment, as history.

Every read can ask for what was known at an instant (`as_known_at`): the history keeps every
decision with the time it was taken, so the past is read, not recomputed. Elapsed time of a running
clock is counted up to that instant, else up to `now`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from suture.clock import from_micros, to_micros
from suture.contracts.verdict import Attainment, Verdict, VerdictState, Window
from suture.store.engine import Store
from suture.store.judging import verdict_of_row
from suture.store.paging import check_limit, decode_cursor, encode_cursor
from suture.store.queries import load

_END = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFilter:
    """Which verdicts of one rule a list or a figure is about.

    `window` keeps decided clocks that stopped (or, breached without a stop, fell due) inside it,
    and undecided ones that began before its end; cancelled ones stand in no window. `facets` must
    all have the given value.
    """

    environment: str
    process: str
    sla: str
    window: Window | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    as_known_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictPage:
    """Some verdicts, and the cursor of the next page, None after the last."""

    items: Sequence[Verdict]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttainmentReport:
    """Attainment in total and, where facets were asked for, by each combination of their values."""

    sla: str
    window: Window
    total: Attainment
    items: Sequence[Attainment]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictClock:
    """When the clock of a rule about an instance began, and stopped: None while it runs."""

    process: str
    sla: str
    anchor: str
    started_at: datetime
    stopped_at: datetime | None


def clocks_of(
    store: Store,
    *,
    environment: str,
    about: Collection[tuple[str, str, str]],
    ever: bool = False,
) -> list[VerdictClock]:
    """The clocks of some (process, rule, anchor): those that count now, or all there ever were.

    A reset starts a clock anew, so there may be several of one rule and instance. Clocks of other
    combinations of the same processes, rules and anchors may be among them.
    """
    if not about:
        return []
    processes, slas, anchors = (sorted(set(names)) for names in zip(*about, strict=True))
    rows = store.rows(
        load("verdicts")["clocks_ever" if ever else "clocks_now"],
        {"environment": environment, "processes": processes, "slas": slas, "anchors": anchors},
    )
    return [
        VerdictClock(
            process=row["process"],
            sla=row["sla"],
            anchor=row["anchor"],
            started_at=from_micros(row["started_at"]),
            stopped_at=None if row["stopped_at"] is None else from_micros(row["stopped_at"]),
        )
        for row in rows
    ]


def verdicts_of(
    store: Store,
    *,
    environment: str,
    process: str,
    anchor: str,
    now: datetime,
    as_known_at: datetime | None = None,
) -> list[Verdict]:
    """The verdicts about one instance, by rule; empty where there are none."""
    parameters = {
        "environment": environment,
        "process": process,
        "sla": "",
        "anchor": anchor,
        **_known(as_known_at),
    }
    rows = store.rows(_compose("of_anchor", as_known_at), parameters)
    return [_shown(row, environment, process, as_known_at or now) for row in rows]


def history_of(
    store: Store, *, environment: str, process: str, sla: str, anchor: str
) -> list[Verdict]:
    """Every decision of one rule about one instance, oldest first, as it was taken."""
    parameters = {"environment": environment, "process": process, "sla": sla, "anchor": anchor}
    rows = store.rows(_compose("history", None), parameters)
    return [verdict_of_row(row, environment, process) for row in rows]


def verdict_page(
    store: Store,
    chosen: VerdictFilter,
    *,
    now: datetime,
    states: Collection[VerdictState] = (),
    limit: int = 100,
    cursor: str | None = None,
) -> VerdictPage:
    """Verdicts of one rule in some states (none given: in any), latest deadline first.

    Raises InvalidQuery for a limit that is not between 1 and 1000 or a cursor of another list.
    """
    check_limit(limit)
    position, anchor = decode_cursor(cursor, (int, str)) if cursor else (_END, "")
    parameters = {
        **_parameters(chosen),
        "states": sorted(state.value for state in states),
        "cursor_position": position,
        "cursor_anchor": anchor,
        "limit": limit + 1,
    }
    rows = store.rows(_compose("page", chosen.as_known_at), parameters)
    next_cursor = None
    if len(rows) > limit:
        last = rows[limit - 1]
        next_cursor = encode_cursor(last["position"], last["anchor"])
    instant = chosen.as_known_at or now
    items = [_shown(row, chosen.environment, chosen.process, instant) for row in rows[:limit]]
    return VerdictPage(items=items, next_cursor=next_cursor)


def attainment(
    store: Store,
    chosen: VerdictFilter,
    *,
    target: float,
    window: Window,
    by: Sequence[str] = (),
) -> AttainmentReport:
    """How often one rule held in `window`, in total and by the values of the facets in `by`.

    `target` is the share that should hold. `window` replaces that of `chosen`. An instance without
    a facet stands in the group of the empty value.
    """
    parameters = {**_parameters(replace(chosen, window=window)), "by": list(by)}
    rows = store.rows(_compose("attainment", chosen.as_known_at), parameters)
    items = [_attainment(dict(zip(by, row["group"], strict=True)), [row], target) for row in rows]
    return AttainmentReport(
        sla=chosen.sla,
        window=window,
        total=_attainment({}, rows, target),
        items=items if by else (),
    )


def verdict_counts(
    store: Store, *, environment: str
) -> dict[tuple[str, str], dict[VerdictState, int]]:
    """How many verdicts stand in each state now, by (process, rule)."""
    counts: dict[tuple[str, str], dict[VerdictState, int]] = {}
    for row in store.rows(load("verdicts")["counts"], {"environment": environment}):
        group = counts.setdefault((row["process"], row["sla"]), {})
        group[VerdictState(row["state"])] = row["verdicts"]
    return counts


def _compose(name: str, as_known_at: datetime | None) -> str:
    """A query with its named pieces put in; the pieces hold no values."""
    blocks = load("verdicts")
    source = blocks["source_now" if as_known_at is None else "source_then"]
    return (
        blocks[name]
        .replace("{{filtered}}", blocks["filtered"])
        .replace("{{source}}", source)
        .replace("{{columns}}", blocks["columns"])
    )


def _parameters(chosen: VerdictFilter) -> dict[str, Any]:
    facets = sorted(chosen.facets.items())
    window = chosen.window
    return {
        "environment": chosen.environment,
        "process": chosen.process,
        "sla": chosen.sla,
        "anchor": "",
        "facet_names": [name for name, _ in facets],
        "facet_values": [value for _, value in facets],
        "window_start": to_micros(window.start) if window else None,
        "window_end": to_micros(window.end) if window else None,
        **_known(chosen.as_known_at),
    }


def _known(as_known_at: datetime | None) -> dict[str, int]:
    return {} if as_known_at is None else {"known_at": to_micros(as_known_at)}


def _shown(row: Mapping[str, Any], environment: str, process: str, instant: datetime) -> Verdict:
    verdict = verdict_of_row(row, environment, process)
    return replace(verdict, elapsed_micros=verdict.elapsed_by(instant))


def _attainment(
    by: Mapping[str, str], rows: Sequence[Mapping[str, Any]], target: float
) -> Attainment:
    return Attainment(
        by=by,
        met=sum(row["met"] for row in rows),
        breached=sum(row["breached"] for row in rows),
        pending=sum(row["pending"] for row in rows),
        unknown=sum(row["unknown"] for row in rows),
        target=target,
    )
