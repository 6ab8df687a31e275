"""Process map: how a process really runs. Drawn, as variants, and held against its definition."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.components.conformance import conformance_body, conformance_groups
from dashboards.components.fields import choice, filters, period_switch
from dashboards.components.pieces import (
    card,
    chip,
    crumbs,
    download,
    empty,
    fact,
    moment,
    notice,
)
from dashboards.components.process_map import process_map
from dashboards.components.variants import variant_key, variant_list
from dashboards.pages.missing import nothing
from dashboards.pages.page import Page, View
from dashboards.periods import Period, period_of
from dashboards.process_map import DETAILS, Detail, drawing
from dashboards.wording import STATUSES, counted, humanized, milestone_titles, whole
from suture.contracts.process import InstanceStatus
from suture.definitions.process import ProcessDefinition
from suture.errors import InvalidQuery
from suture.store.paging import decode_cursor, encode_cursor
from suture.store.reading.conformance import FACET, PERIODS, VERSION, Conformance
from suture.store.reading.views import ProcessMap, Variants, ViewFilter

_VARIANTS_SHOWN = 10
_GROUPS_SHOWN = 60
_VALUES_SECONDS = 60.0


def page(view: View) -> Page:
    """The map of one process over a period."""
    (name,) = view.place.arguments
    process = view.services.catalog.processes.get(name)
    if process is None:
        return nothing("There is no such process", f"No process is called {name!r}.")
    return Page(
        title=f"{process.title} · Process map",
        head=[_head(view, process)],
        live=_live(view, process),
    )


def view_filter(view: View, process: str) -> ViewFilter:
    """The filter of the address; raises InvalidQuery for a value that makes no sense."""
    query = view.place.query
    start, end = asking.instant(query, "from"), asking.instant(query, "to")
    if start is None and end is None:
        period = period_of(query.get("period"))
        window = period.window(view.now) if period.length else None
        start, end = (window.start, window.end) if window else (None, None)
    return ViewFilter(
        environment=view.environment,
        process=process,
        status=asking.one_of(InstanceStatus, query, "status"),
        facets={
            name.removeprefix(asking.FACET): value
            for name, value in query.items()
            if name.startswith(asking.FACET)
        },
        started_from=start,
        started_to=end,
    )


def _head(view: View, process: ProcessDefinition) -> Component:
    period = period_of(view.asked("period"))
    title = html.Div(
        [
            html.Div(
                [
                    crumbs(("Processes", routes.to("processes")), (process.title, None)),
                    html.H1("Process map"),
                ]
            ),
            html.Div(period_switch(period.name), className="push"),
        ],
        className="head",
    )
    return html.Div([title, _filters(view, process), html.Div(_picked(view), className="picked")])


def _filters(view: View, process: ProcessDefinition) -> Component:
    asked = view.asked
    fields = [
        choice(
            "status",
            "Status",
            [(s.value, STATUSES[s].text) for s in InstanceStatus],
            asked("status"),
        )
    ]
    for facet in view.services.catalog.facets_of(process.process):
        values = _values(view, facet, process.process)
        name = f"{asking.FACET}{facet}"
        fields.append(choice(name, humanized(facet), [(v, v) for v in values], asked(name)))
    used = sum(name == "status" or name.startswith(asking.FACET) for name in view.place.query)
    return filters(fields, used)


def _values(view: View, facet: str, process: str) -> list[str]:
    services, environment = view.services, view.environment
    return services.recent.get(
        ("facet", environment, process, facet),
        _VALUES_SECONDS,
        lambda: services.instances.facet_values(facet, environment=environment, process=process),
    )


def _picked(view: View) -> list[Component]:
    """Limits of time that a link brings along."""
    if not (view.asked("from") or view.asked("to")):
        return []
    try:
        since = asking.instant(view.place.query, "from")
        until = asking.instant(view.place.query, "to")
    except InvalidQuery:
        return []
    text = [
        moment(since, "at") if since else "any time",
        " to ",
        moment(until, "at") if until else "now",
    ]
    gone = {"from": None, "to": None, "page": None}
    return [chip("Started", text, href=routes.with_query(view.place, **gone))]


def _live(view: View, process: ProcessDefinition) -> list[Any]:
    services, now = view.services, view.now
    try:
        wanted = view_filter(view, process.process)
        after = _after(view)
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    found = services.views.map(wanted, now=now)
    if not found.instances:
        return [_nothing(view)]
    titles = milestone_titles(services.catalog, process.process)
    versions = services.catalog.versions_of(process.process)
    by = view.asked("by") if view.asked("by") in _splits(view, process) else None
    fit, groups = services.conformance.split(
        wanted, versions, [by] if by else [], now=now, limit=_GROUPS_SHOWN
    )
    variants = services.views.variants(wanted, now=now, limit=_VARIANTS_SHOWN + 1, after=after)
    parts = [
        html.Dl(
            _facts(found, variants, view, process), className="facts", style={"marginBottom": 0}
        ),
        _map_card(view, process, found, titles),
        _variants_card(view, process, variants, titles, fit, first=after is None),
        _conformance_card(view, process, by, groups, titles, fit),
    ]
    return [html.Div(parts, className="stack")]


def _nothing(view: View) -> Component:
    period: Period = period_of(view.asked("period"))
    said: list[Any] = [html.P("No instance began in this period under these filters.")]
    if period.length:
        href = routes.with_query(view.place, period="all", **{"from": None, "to": None})
        said.append(html.P(dcc.Link("Show all time", href=href, className="button")))
    return html.Div(empty("processes", "No instances", said), className="card")


def _facts(
    found: ProcessMap, variants: Variants, view: View, process: ProcessDefinition
) -> list[Component]:
    events = sum(node.count for node in found.nodes)
    kept = {n: v for n, v in view.place.query.items() if n.startswith(asking.FACET)}
    names = ("status", "period", "from", "to", "environment")
    kept |= {name: view.place.query[name] for name in names if name in view.place.query}
    kept = {"period": period_of(None).name, **kept}
    if kept["period"] == "all":
        del kept["period"]
    listed = {name.replace(".", "__"): value for name, value in kept.items()}
    href = routes.to("instances", process=process.process, **listed)
    return [
        fact("Instances", dcc.Link(whole(found.instances), href=href)),
        fact("Events", whole(events)),
        fact("Events each", f"{events / found.instances:.1f}"),
        fact("Variants", whole(variants.variants)),
        fact("Transitions", whole(sum(1 for e in found.edges if e.took))),
    ]


def _map_card(
    view: View, process: ProcessDefinition, found: ProcessMap, titles: dict[str, str]
) -> Component:
    detail = detail_of(view.asked("detail"))
    drawn = drawing(found, process.milestone_names, detail)
    body = process_map(found, drawn, titles, of=process.process)
    links = [
        dcc.Link(
            one.title,
            href=routes.with_query(view.place, detail=None if one.name == "usual" else one.name),
            className="button here" if one is detail else "button",
        )
        for one in DETAILS
    ]
    return card("What follows what", body, aside=html.Div(links, className="switch"))


def detail_of(name: str | None) -> Detail:
    """How much is drawn; the usual for a name that is none."""
    return next((one for one in DETAILS if one.name == name), DETAILS[1])


def _after(view: View) -> tuple[int, str] | None:
    if not (cursor := view.asked("page")):
        return None
    count, variant = decode_cursor(cursor, (int, str))
    return int(count), str(variant)


def _variants_card(
    view: View,
    process: ProcessDefinition,
    found: Variants,
    titles: dict[str, str],
    fit: Conformance,
    *,
    first: bool,
) -> Component:
    more = len(found.items) > _VARIANTS_SHOWN
    shown = Variants(
        items=found.items[:_VARIANTS_SHOWN], variants=found.variants, instances=found.instances
    )
    expected = {one.milestone for one in fit.milestones if one.expected}
    pager: list[Any] = []
    if not first:
        pager.append(
            dcc.Link(
                "Most frequent", href=routes.with_query(view.place, page=None), className="button"
            )
        )
    if more:
        cursor = encode_cursor(*shown.items[-1].position)
        pager.append(
            dcc.Link(
                "Rarer ones", href=routes.with_query(view.place, page=cursor), className="button"
            )
        )
    body: list[Any] = [variant_list(shown, process.process, titles, expected)]
    if pager:
        body.append(html.Div(pager, className="pager card-foot"))
    place = routes.Place(page="variants", query={**view.place.query, "process": process.process})
    aside = [variant_key(shown.items, expected), download(routes.to_export("variants", place))]
    title = counted(found.variants, "variant") if first else "Rarer variants"
    return card(title, body, aside=aside, flush=True)


def _splits(view: View, process: ProcessDefinition) -> dict[str, str]:
    """What conformance can be broken down by, with its title."""
    catalog = view.services.catalog
    return {
        **{f"{FACET}{facet}": humanized(facet) for facet in catalog.facets_of(process.process)},
        **({VERSION: "Version"} if catalog.versions_of(process.process)[1:] else {}),
        **{period: f"{humanized(period)} (UTC)" for period in PERIODS},
    }


def _conformance_card(
    view: View,
    process: ProcessDefinition,
    by: str | None,
    groups: Sequence[Conformance],
    titles: dict[str, str],
    fit: Conformance,
) -> Component:
    body: list[Any] = [conformance_body(fit, titles)]
    options = _splits(view, process)
    if by:
        body.append(conformance_groups(groups, by.removeprefix(FACET), options[by]))
    split = choice("by", "", list(options.items()), by, anything="Break down by …")
    held = ", ".join(map(str, sorted(fit.versions)))
    said = html.Span(
        f"{'versions' if fit.versions.keys() - {process.version} else 'version'} {held}"
    )
    return card("Against the definition", body, aside=[said, split], flush=True)
