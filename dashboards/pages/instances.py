"""Instances: a list under filters that stand in the address."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.components.fields import choice, filters, words
from dashboards.components.grids import column, table
from dashboards.components.pager import Turn, pager
from dashboards.components.pieces import chip, download, empty, moment, notice
from dashboards.pages.page import Page, View
from dashboards.periods import PERIODS
from dashboards.wording import (
    STATES,
    STATUSES,
    humanized,
    milestone_titles,
    money,
    process_title,
)
from suture.clock import rfc3339
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import VerdictState
from suture.definitions.catalog import Catalog
from suture.errors import InvalidQuery
from suture.store.reading.instances import InstanceFilter, InstanceRow

PAGE_SIZE = 50
_SHOWN_FACETS = 3
_VALUES_SECONDS = 60.0


def page(view: View) -> Page:
    """One page of the list."""
    return Page(title="Instances", head=[_head(view)], live=_live(view))


def _head(view: View) -> Component:
    title = html.Div(
        [
            html.H1("Instances"),
            html.Div(download(routes.to_export("instances", view.place)), className="push"),
        ],
        className="head",
    )
    return html.Div([title, _filters(view), html.Div(_picked(view), className="picked")])


def _filters(view: View) -> Component:
    catalog, asked = view.services.catalog, view.asked
    process = asked("process")
    fields = [
        words("object", "Object", asked("object"), placeholder="requisition:R-10044"),
        choice("process", "Process", _processes(catalog), process, wide=True),
        choice(
            "status",
            "Status",
            [(s.value, STATUSES[s].text) for s in InstanceStatus],
            asked("status"),
        ),
        choice(
            "sla_state",
            "SLA",
            [(s.value, STATES[s].text) for s in VerdictState],
            asked("sla_state"),
        ),
        choice(
            "period",
            "Started",
            [(p.name, p.title.capitalize()) for p in PERIODS if p.length],
            asked("period"),
            anything="Any time",
        ),
    ]
    for facet in _declared_facets(view):
        values = _values(view, facet, process)
        name = f"{asking.FACET}{facet}"
        fields.append(choice(name, humanized(facet), [(v, v) for v in values], asked(name)))
    return filters(fields, len(view.place.query))


def _values(view: View, facet: str, process: str | None) -> list[str]:
    services, environment = view.services, view.environment
    return services.recent.get(
        ("facet", environment, process, facet),
        _VALUES_SECONDS,
        lambda: services.instances.facet_values(facet, environment=environment, process=process),
    )


def _processes(catalog: Catalog) -> list[tuple[str, str]]:
    return [(name, process.title) for name, process in sorted(catalog.processes.items())]


def _picked(view: View) -> list[Component]:
    """Filters that links bring along and that have no field of their own."""
    place, found = view.place, []

    def gone(*names: str) -> str:
        return routes.with_query(place, page=None, **{n.replace(".", "__"): None for n in names})

    def time_range(name: str, start: str, end: str) -> None:
        if not (view.asked(start) or view.asked(end)):
            return
        try:
            since, until = asking.instant(place.query, start), asking.instant(place.query, end)
        except InvalidQuery:
            return
        text = [
            moment(since, "at") if since else "any time",
            " to ",
            moment(until, "at") if until else "now",
        ]
        found.append(chip(name, text, href=gone(start, end)))

    if sla := view.asked("sla"):
        rule = view.services.catalog.slas.get(sla)
        found.append(chip("Rule", rule.title if rule else sla, href=gone("sla")))
    time_range("Started", "from", "to")
    time_range("Judged", "judged_from", "judged_to")
    shown = set(_declared_facets(view))
    for name in place.query:
        if name.startswith(asking.FACET) and name.removeprefix(asking.FACET) not in shown:
            facet = humanized(name.removeprefix(asking.FACET))
            found.append(chip(facet, place.query[name], href=gone(name)))
    if view.asked("probable_duplicates") == "true":
        found.append(chip("With", "probable duplicates", href=gone("probable_duplicates")))
    if view.asked("environment"):
        found.append(chip("Environment", view.environment, href=gone("environment")))
    return found


def _declared_facets(view: View) -> Sequence[str]:
    return view.services.catalog.facets_of(view.asked("process") or "")


def _live(view: View) -> list[Any]:
    services = view.services
    try:
        wanted = asking.instance_filter(
            services.catalog, view.place.query, environment=view.environment, now=view.now
        )
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    total = services.instances.count(wanted, now=view.now)
    turn = Turn.asked(view.place.query, size=PAGE_SIZE, total=total)
    rows = services.instances.page(wanted, now=view.now, limit=turn.size, offset=turn.offset)
    if not rows:
        clear = dcc.Link("Remove all filters", href=routes.to("instances"))
        none = empty("instances", "No instance matches", clear if view.place.query else "")
        return [html.Div(none, className="card")]
    turns = pager(view.place, turn, "instance", back="Newer", on="Older")
    return [_table(view, wanted, rows), turns]


def _table(view: View, wanted: InstanceFilter, rows: Sequence[InstanceRow]) -> Component:
    process = view.services.catalog.processes.get(wanted.process or "")
    facets = list(process.facets[:_SHOWN_FACETS]) if process else []
    amounts = any(row.money is not None for row in rows)
    columns = [
        column("name", "Instance", "SutureName", grow=2, sort=False),
        column("status", "Status", "SuturePill", width=142),
        column("sla", "SLA", "SuturePill", width=132),
        column("milestone", "Last milestone", "SutureText", grow=2, least=900),
        column("started", "Started", "SutureTime", width=118),
        column("elapsed", "Elapsed", "SutureDuration", width=118),
        *(
            column(f"facet_{facet}", humanized(facet), "SutureText", grow=1, least=1050)
            for facet in facets
        ),
    ]
    if amounts:
        columns.append(column("money", "Amount", "", width=118, right=True, least=1000))
    return table("instances", columns, [instance_row(view.services.catalog, r, view) for r in rows])


def instance_row(catalog: Catalog, row: InstanceRow, view: View) -> Mapping[str, Any]:
    """What the table shows of an instance."""
    titles = milestone_titles(catalog, row.process)
    milestone = titles.get(row.last_milestone, humanized(row.last_milestone))
    status, state = STATUSES[row.status], STATES[row.sla_state] if row.sla_state else None
    title = process_title(catalog, row.process)
    href = routes.to_instance(row.process, row.anchor)
    scope = f" · {row.anchor.scope}" if row.anchor.scope else ""
    # Under a filter by process, its name on every line would only be noise.
    sub = row.anchor.scope if view.asked("process") else f"{title}{scope}"
    elapsed = (
        {"seconds": row.elapsed_micros(view.now) / 1_000_000}
        if row.ended_at
        else {"since": rfc3339(row.started_at)}
    )
    ran: dict[str, str] | str = {"since": rfc3339(row.started_at)}
    pills = [status, *([state] if state else [])]
    facets = {f"facet_{name}": value for name, value in row.facets.items()}
    return {
        "id": f"{row.process}|{row.anchor.encode()}",
        "name": {"text": row.anchor.id, "href": href, "sub": sub},
        "status": status,
        "sla": state,
        "milestone": milestone,
        "started": rfc3339(row.started_at),
        "elapsed": elapsed,
        "money": money(row.money),
        **facets,
        "card": {
            "title": row.anchor.id,
            "href": href,
            "pills": pills,
            "lines": [
                [f"{title}{scope}"],
                [milestone, " · started ", {"ago": rfc3339(row.started_at)}]
                + ([" · ", ran] if not row.ended_at else []),
            ],
        },
    }
