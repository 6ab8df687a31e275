"""One instance: milestones above, the spans of its traces below, on one time axis; and why."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.api.instances import MOST_CONFLICTS, MOST_UNLINKED, find_instance
from dashboards.axis import Point, axis
from dashboards.causes import explain, instance_sentence
from dashboards.components.causes import causes_card
from dashboards.components.conduct import conduct_list
from dashboards.components.conflicts import conflict_list
from dashboards.components.grids import column, table
from dashboards.components.links import unlinked_list
from dashboards.components.objects import object_tree
from dashboards.components.pieces import card, chip, crumbs, download, empty, fact, moment, pill
from dashboards.components.stage import stage
from dashboards.components.verdicts import verdict_list
from dashboards.conduct import conduct
from dashboards.pages.missing import nothing
from dashboards.pages.page import Page, View
from dashboards.timeline import segments
from dashboards.wording import (
    OUTCOMES,
    STATES,
    STATUSES,
    Label,
    counted,
    humanized,
    milestone_titles,
    money,
    process_title,
    seconds,
)
from suture.clock import rfc3339
from suture.contracts.verdict import Verdict, VerdictState
from suture.errors import NotFound
from suture.store.reading.instances import InstanceDetail, InstanceRow, Member
from suture.store.reading.traces import MAX_SPANS, Span
from suture.store.verdicts import verdicts_of


def page(view: View) -> Page:
    """The page of one instance."""
    process, id_ = view.place.arguments
    try:
        found = find_instance(
            view.services,
            process,
            id_,
            environment=view.asked("environment"),
            scope=view.asked("scope") or "",
            now=view.now,
        )
    except NotFound as error:
        return nothing("No such instance", error.message)
    verdicts = verdicts_of(
        view.services.store,
        environment=found.row.environment,
        process=process,
        anchor=found.row.anchor.encode(),
        now=view.now,
    )
    spans = view.services.traces.spans(found.trace_ids, limit=MAX_SPANS + 1)
    return Page(
        title=f"{found.row.anchor.id} · {process_title(view.services.catalog, process)}",
        head=[],
        live=[
            _head(view, found.row),
            _facts(view, found.row),
            html.Div(
                [
                    _causes(view, found, spans),
                    _timeline(view, found, verdicts, spans),
                    html.Div(
                        [_verdicts(view, found, verdicts), _objects(view, found)],
                        className="halves",
                    ),
                    _conduct(view, found),
                    *_conflicts(view, found),
                    _milestones(view, found),
                ],
                className="stack",
            ),
        ],
    )


def _head(view: View, row: InstanceRow) -> Component:
    title = process_title(view.services.catalog, row.process)
    state = STATES[row.sla_state] if row.sla_state else None
    facets = [chip(humanized(name), value) for name, value in sorted(row.facets.items()) if value]
    return html.Div(
        [
            crumbs(
                ("Instances", routes.to("instances")),
                (title, routes.to("instances", process=row.process)),
            ),
            html.Div(
                [
                    html.H1(row.anchor.id),
                    pill(STATUSES[row.status], large=True),
                    pill(state, large=True),
                    html.Div(facets, className="row"),
                ],
                className="head",
            ),
        ]
    )


def _facts(view: View, row: InstanceRow) -> Component:
    process = view.services.catalog.processes.get(row.process)
    titles = milestone_titles(view.services.catalog, row.process)
    started = "Started (inferred)" if row.start_inferred else "Started"
    took: Any = (
        seconds(row.elapsed_micros(view.now) / 1_000_000)
        if row.ended_at
        else moment(row.started_at, "since")
    )
    facts = [
        fact(started, moment(row.started_at, "at")),
        fact(
            "Ended" if row.ended_at else "Last heard of", moment(row.ended_at or row.last_at, "at")
        ),
        fact("Took" if row.ended_at else "Running for", took),
        fact("Last milestone", titles.get(row.last_milestone, humanized(row.last_milestone))),
    ]
    if row.anchor.scope:
        facts.append(fact("Scope", row.anchor.scope))
    if row.money is not None:
        facts.append(fact("Amount", money(row.money)))
    if process:
        facts.append(fact("Owner", humanized(process.owner)))
    return html.Dl(facts, className="facts")


def _causes(view: View, found: InstanceDetail, spans: list[Span]) -> Component:
    row = found.row
    attribution = view.services.attributed(row.environment, row.process, row.anchor.encode())
    stretches = segments(
        found.members, started_at=row.started_at, ended_at=row.ended_at, now=view.now
    )
    explained = explain(attribution, stretches)
    titles = milestone_titles(view.services.catalog, row.process)
    body = causes_card(
        explained,
        titles,
        sentence=instance_sentence(explained, titles),
        traces={span.span_id: span.trace_id for span in spans},
    )
    return card("Where the time went", body)


def _timeline(
    view: View, found: InstanceDetail, verdicts: list[Verdict], spans: list[Span]
) -> Component:
    titles = milestone_titles(view.services.catalog, found.row.process)
    missing = len(found.trace_ids) - len({span.trace_id for span in spans})
    note = ""
    if len(spans) > MAX_SPANS:
        note = f"Only the first {MAX_SPANS:,} spans are shown."
    elif missing > 0:
        note = f"{counted(missing, 'trace')} without spans: not sent, or past retention."
    drawn = axis(
        f"{found.row.process}|{found.row.anchor.encode()}",
        spans[:MAX_SPANS],
        milestones=[_point(member, titles) for member in found.members],
        marks=[mark for verdict in verdicts if (mark := _mark(view, verdict))],
        until=None if found.row.ended_at else view.now,
        note=note,
    )
    traces = counted(len({span.trace_id for span in spans}), "trace")
    aside = html.Span(
        f"{traces} · {counted(min(len(spans), MAX_SPANS), 'span')}", className="dim small"
    )
    return card("Timeline", stage(drawn), aside=aside, flush=True)


def _point(member: Member, titles: dict[str, str]) -> Point:
    label = OUTCOMES.get(member.outcome, Label(humanized(member.outcome), "idle"))
    reached = member.outcome == "ok"
    name = titles.get(member.milestone, humanized(member.milestone))
    return Point(
        at=member.occurred_at,
        title=name if reached else f"{name} – {label.text.lower()}",
        tone="info" if reached else label.tone,
        details=("" if reached else label.text, member.system or member.source, member.reason),
    )


def _mark(view: View, verdict: Verdict) -> Point | None:
    """Deadlines that were missed, and those that are still ahead of somebody."""
    shown = {VerdictState.BREACHED: "bad", VerdictState.AT_RISK: "warn"}
    if verdict.deadline_at is None or verdict.state not in shown:
        return None
    late = "Missed" if verdict.state is VerdictState.BREACHED else "Due"
    return Point(
        at=verdict.deadline_at,
        title=f"{late}: {humanized(verdict.sla)}",
        tone=shown[verdict.state],
    )


def _verdicts(view: View, found: InstanceDetail, verdicts: list[Verdict]) -> Component:
    if not verdicts:
        body = empty(
            "calm", "No rule applies", "No SLA of this process has started its clock here."
        )
        return card("SLA verdicts", body, flush=True)
    catalog = view.services.catalog
    body = verdict_list(verdicts, catalog, milestone_titles(catalog, found.row.process))
    return card("SLA verdicts", body, flush=True)


def _objects(view: View, found: InstanceDetail) -> Component:
    aside = html.Span(counted(len(found.objects), "object"), className="dim small")
    body: list[Any] = [object_tree(found.row.anchor, found.objects, found.links)]
    unlinked = view.services.links.among(found.row.process, found.objects, limit=MOST_UNLINKED)
    if unlinked:
        said = html.H3("Named together, and not linked", className="unlinked-title")
        body += [said, unlinked_list(unlinked)]
    return card("Objects and how they belong together", body, aside=aside, flush=True)


def _conduct(view: View, found: InstanceDetail) -> Component:
    went = conduct(found.members, [link.kind for link in found.links], found.definition)
    titles = milestone_titles(view.services.catalog, found.row.process)
    aside = html.Span(f"version {found.row.process_version}", className="dim small")
    body = conduct_list(went, found, titles)
    return card("Against the definition", body, aside=aside, flush=True)


def _conflicts(view: View, found: InstanceDetail) -> list[Component]:
    """Only where there are any: most instances have none, and nobody is to wonder about it."""
    row = found.row
    conflicts = view.services.conflicts.of_instance(
        process=row.process, anchor=row.anchor, limit=MOST_CONFLICTS
    )
    if not conflicts:
        return []
    aside = html.Span(counted(len(conflicts), "event"), className="dim small")
    titles = milestone_titles(view.services.catalog, row.process)
    body = conflict_list(conflicts, titles)
    return [card("Sent again with another content", body, aside=aside, flush=True)]


def _milestones(view: View, found: InstanceDetail) -> Component:
    titles = milestone_titles(view.services.catalog, found.row.process)
    columns = [
        column("at", "When", "SutureTime", width=196, show="at"),
        column("name", "Milestone", "SutureName", grow=2),
        column("outcome", "Outcome", "SuturePill", width=130),
        column("system", "System", "SutureText", width=140),
        column("reason", "Reason", "SutureText", grow=2, least=1000),
        column("source", "Source", "SutureName", grow=2, least=1120),
        column("recorded", "Recorded", "SutureTime", width=118, least=1240),
        column("trace", "Trace", "SutureName", width=110),
    ]
    rows = [_milestone_row(i, member, titles) for i, member in enumerate(found.members)]
    href = routes.to_export("milestones", view.place)
    process, id_ = view.place.arguments
    separator = "&" if "?" in href else "?"
    query = routes.to("", process=process, id=id_).partition("?")[2]
    return html.Div(
        [
            html.Div(
                [
                    html.H2("Milestones", className="section-title"),
                    html.Div(download(f"{href}{separator}{query}"), className="push"),
                ],
                className="head",
                style={"marginBottom": 10},
            ),
            table("milestones", columns, rows),
        ]
    )


def _milestone_row(index: int, member: Member, titles: dict[str, str]) -> dict[str, Any]:
    name = titles.get(member.milestone, humanized(member.milestone))
    outcome = OUTCOMES.get(member.outcome, Label(humanized(member.outcome), "idle"))
    about = ", ".join(f"{key.type} {key.id}" for key in member.objects)
    trace = (
        {"text": member.trace_id[:8], "href": routes.to_trace(member.trace_id)}
        if member.trace_id
        else None
    )
    reason = [[member.reason]] if member.reason else []
    return {
        "id": str(index),
        "at": rfc3339(member.occurred_at),
        "name": {"text": name, "sub": about},
        "outcome": outcome,
        "system": member.system,
        "reason": member.reason,
        "source": {"text": member.source, "sub": member.id},
        "recorded": rfc3339(member.recorded_at),
        "trace": trace,
        "card": {
            "title": name,
            "href": trace["href"] if trace else None,
            "pills": [outcome],
            "lines": [
                [{"at": rfc3339(member.occurred_at)}, f" · {member.system or member.source}"],
                *reason,
            ],
        },
    }
