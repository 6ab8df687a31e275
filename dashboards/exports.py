"""Tables as CSV files: all rows under the filters of a page, read and sent a page at a time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dashboards import asking
from dashboards.alert_causes import with_causes
from dashboards.api.instances import find_instance
from dashboards.components.links import ends, pair_text
from dashboards.pages.dead_letters import letter_filter
from dashboards.pages.links import link_filter
from dashboards.pages.page import View
from dashboards.pages.process import view_filter
from suture.clock import rfc3339
from suture.contracts.objects import ObjectKey
from suture.errors import NotFound
from suture.store.alerts import alert_page, alert_total

MOST_ROWS = 200_000
_AT_ONCE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table(NamedTuple):
    """A head and its rows. `total` is how many there are to send, where that is known before."""

    head: Sequence[str]
    rows: Iterable[Sequence[Any]]
    total: int | None = None

    @property
    def part(self) -> str:
        """For the file's name, where not all of it can be sent; empty where it can."""
        more = self.total is not None and self.total > MOST_ROWS
        return f"first-{MOST_ROWS}-of-{self.total}" if more else ""


def csv_lines(table: Table) -> Iterator[bytes]:
    """A table as CSV in UTF-8, a line at a time; what a spreadsheet would run is quoted."""
    yield _line(table.head).encode("utf-8-sig")
    for row in table.rows:
        yield _line(row).encode()


def instances(view: View) -> Table:
    """All instances under the filters; at most `MOST_ROWS`."""
    catalog = view.services.catalog
    wanted = asking.instance_filter(
        catalog, view.place.query, environment=view.environment, now=view.now
    )
    known = wanted.process in catalog.processes
    chosen = [wanted.process or ""] if known else list(catalog.processes)
    facets = sorted({facet for process in chosen for facet in catalog.facets_of(process)})
    head = [
        "process", "anchor_type", "anchor_id", "scope", "status", "sla_state", "started_at",
        "last_at", "ended_at", "elapsed_seconds", "last_milestone", "milestones", "money", *facets,
    ]  # fmt: skip

    def rows() -> Iterator[Sequence[Any]]:
        after, sent = None, 0
        while sent < MOST_ROWS:
            found = view.services.instances.page(wanted, now=view.now, limit=_AT_ONCE, after=after)
            for row in found:
                yield [
                    row.process, row.anchor.type, row.anchor.id, row.anchor.scope, row.status.value,
                    row.sla_state.value if row.sla_state else "", rfc3339(row.started_at),
                    rfc3339(row.last_at), rfc3339(row.ended_at) if row.ended_at else "",
                    row.elapsed_micros(view.now) / 1_000_000, row.last_milestone, row.members_count,
                    "" if row.money is None else row.money,
                    *(row.facets.get(f, "") for f in facets),
                ]  # fmt: skip
            if len(found) < _AT_ONCE:
                return
            after, sent = found[-1].position, sent + len(found)

    return Table(head, rows(), view.services.instances.count(wanted, now=view.now))


def milestones(view: View) -> Table:
    """The milestones of one instance, which `process` and `id` name."""
    query = view.place.query
    found = find_instance(
        view.services,
        query.get("process", ""),
        query.get("id", ""),
        environment=view.asked("environment"),
        scope=query.get("scope", ""),
        now=view.now,
    )
    head = [
        "milestone", "occurred_at", "recorded_at", "system", "source", "id", "outcome", "reason",
        "trace_id", "objects",
    ]  # fmt: skip
    rows = (
        [
            m.milestone, rfc3339(m.occurred_at), rfc3339(m.recorded_at), m.system, m.source, m.id,
            m.outcome, m.reason, m.trace_id, " ".join(f"{k.type}:{k.id}" for k in m.objects),
        ]
        for m in found.members
    )  # fmt: skip
    return Table(head, rows)


def alerts(view: View) -> Table:
    """All alerts under the filters, latest opening first; at most `MOST_ROWS`."""
    services = view.services
    wanted = asking.alert_filter(services.catalog, view.place.query, environment=view.environment)
    head = [
        "id", "state", "severity", "title", "reason", "process", "sla", "anchor_type", "anchor_id",
        "owner", "assignee", "opened_at", "breached_at", "closed_at", "cause", "step",
    ]  # fmt: skip

    def rows() -> Iterator[Sequence[Any]]:
        cursor, sent = None, 0
        while sent < MOST_ROWS:
            found = alert_page(services.store, wanted, limit=_AT_ONCE, cursor=cursor)
            for alert in with_causes(services, view.environment, found.items):
                anchor = ObjectKey.decode(alert.anchor)
                times = (alert.opened_at, alert.breached_at, alert.closed_at)
                yield [
                    alert.id, alert.state.value, alert.severity.value, alert.title, alert.reason,
                    alert.process, alert.sla, anchor.type, anchor.id, alert.owner,
                    alert.assignee or "", *(rfc3339(at) if at else "" for at in times),
                    alert.cause or "", alert.step or "",
                ]  # fmt: skip
            cursor, sent = found.next_cursor, sent + len(found.items)
            if cursor is None:
                return

    return Table(head, rows(), alert_total(services.store, wanted))


def dead_letters(view: View) -> Table:
    """All refused inputs under the filters, without their payloads."""
    wanted = letter_filter(view)
    head = [
        "id", "state", "reason", "type", "source", "event_id", "owner", "door", "count",
        "first_seen_at", "last_seen_at", "acted_by", "payload_bytes",
    ]  # fmt: skip

    def rows() -> Iterator[Sequence[Any]]:
        after, sent = None, 0
        while sent < MOST_ROWS:
            found = view.services.dead_letters.page(wanted, limit=_AT_ONCE, after=after)
            for one in found:
                yield [
                    one.id, one.state.value, one.reason, one.type, one.source, one.event_id,
                    one.owner, one.door, one.count, rfc3339(one.first_seen_at),
                    rfc3339(one.last_seen_at), one.acted_by, one.payload_bytes,
                ]  # fmt: skip
            if len(found) < _AT_ONCE:
                return
            after, sent = (found[-1].last_seen_at, found[-1].id), sent + len(found)

    return Table(head, rows())


def variants(view: View) -> Table:
    """The variants of a process under the filters of its map."""
    services, process = view.services, view.place.query.get("process", "")
    if process not in services.catalog.processes:
        raise NotFound(f"There is no process {process!r}.")
    wanted = view_filter(view, process)
    head = [
        "variant", "instances", "share", "attempted", "median_seconds", "p95_seconds", "steps",
        "milestones", "example", "example_scope",
    ]  # fmt: skip

    def rows() -> Iterator[Sequence[Any]]:
        after, sent = None, 0
        while sent < MOST_ROWS:
            found = services.views.variants(wanted, now=view.now, limit=_AT_ONCE, after=after)
            for one in found.items:
                example = one.examples[0] if one.examples else None
                yield [
                    one.id, one.count, one.count / found.instances, one.attempted,
                    one.took.median_micros / 1_000_000, one.took.p95_micros / 1_000_000,
                    len(one.milestones), " ".join(one.milestones),
                    example.id if example else "", example.scope if example else "",
                ]  # fmt: skip
            if len(found.items) < _AT_ONCE:
                return
            after, sent = found.items[-1].position, sent + len(found.items)

    return Table(head, rows())


def links(view: View) -> Table:
    """All pairs under the filters that are no link."""
    wanted = link_filter(view)
    head = [
        "id", "process", "from_type", "from_id", "from_scope", "to_type", "to_id", "to_scope",
        "state", "cardinality", "evidence_kind", "evidence_source", "evidence_id", "occurred_at",
        "evidence", "linked_instead", "instances",
    ]  # fmt: skip

    def rows() -> Iterator[Sequence[Any]]:
        after, sent = None, 0
        while sent < MOST_ROWS:
            found = view.services.links.ambiguous(**wanted, limit=_AT_ONCE, after=after)
            for one in found:
                x, y = ends(one.key)
                own = [e for c in one.candidates if c.key == one.key for e in c.evidence]
                first = own[0] if own else None
                instead = [pair_text(c.key) for c in one.candidates if c.state is None]
                yield [
                    one.key.id, one.key.process, x.type, x.id, x.scope, y.type, y.id, y.scope,
                    one.state.value, one.path.cardinality.value if one.path else "",
                    *([first.kind, first.source, first.id, rfc3339(first.occurred_at)]
                      if first else [""] * 4),
                    len(own), "; ".join(instead), one.affected,
                ]  # fmt: skip
            if len(found) < _AT_ONCE:
                return
            after, sent = found[-1].key, sent + len(found)

    return Table(head, rows())


def link_decisions(view: View) -> Table:
    """All that was decided about links, of one process or of all; a line for each pair."""
    process = link_filter(view)["process"]
    head = [
        "id", "at", "actor", "action", "process", "from_type", "from_id", "from_scope", "to_type",
        "to_id", "to_scope", "reason", "undoes", "undone_by",
    ]  # fmt: skip

    def rows() -> Iterator[Sequence[Any]]:
        before, sent = None, 0
        while sent < MOST_ROWS:
            found = view.services.links.decisions(
                environment=view.environment, process=process, limit=_AT_ONCE, before=before
            )
            for one in found:
                for x, y in map(ends, one.links):
                    yield [
                        one.id, rfc3339(one.at), one.actor, one.action.value, one.process, x.type,
                        x.id, x.scope, y.type, y.id, y.scope, one.reason, one.undoes or "",
                        one.undone_by or "",
                    ]  # fmt: skip
            if len(found) < _AT_ONCE:
                return
            before, sent = (found[-1].at, found[-1].id), sent + len(found)

    return Table(head, rows())


TABLES: Mapping[str, Callable[[View], Table]] = {
    "instances": instances,
    "milestones": milestones,
    "alerts": alerts,
    "dead-letters": dead_letters,
    "variants": variants,
    "links": links,
    "link-decisions": link_decisions,
}


def _line(values: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_safe(value) for value in values])
    return out.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
