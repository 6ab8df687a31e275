"""The drawn process map: its milestones and lines as plain values, which the browser draws."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards.components.pieces import empty
from dashboards.process_map import END, START, Drawing, Line
from dashboards.wording import counted, humanized, moments, percent, seconds, whole
from suture.store.reading.views import MapNode, ProcessMap, Took

_MICROS = 1_000_000
_HOT, _WARM = 0.25, 0.10
"""Shares of all time from which a line is shown as where the time goes."""


def process_map(
    found: ProcessMap, drawn: Drawing, titles: Mapping[str, str], *, of: str
) -> Component:
    """The map; `of` names what is drawn, so that another process is drawn anew."""
    if not drawn.spots:
        return empty("calm", "Nothing to draw", "No instance matches these filters.")
    return html.Div(
        [
            dcc.Store(id="process-map-data", data=_content(found, drawn, titles)),
            html.Div(id="process-map", key=of, className="pm"),
            html.Div(_legend(found, drawn), className="pm-legend"),
        ]
    )


def _content(found: ProcessMap, drawn: Drawing, titles: Mapping[str, str]) -> dict[str, Any]:
    nodes = {node.milestone: node for node in found.nodes}
    index = {spot.milestone: number for number, spot in enumerate(drawn.spots)}
    whole_time = sum(edge.micros for edge in found.edges)
    most = max((line.edge.count for line in drawn.lines), default=1)
    return {
        "nodes": [
            {
                "layer": spot.layer,
                "lane": spot.lane,
                "kind": {START: "start", END: "end"}.get(spot.milestone, "milestone"),
                **_told(nodes.get(spot.milestone), found, titles, spot.milestone),
            }
            for spot in drawn.spots
        ],
        "lines": [
            {
                "from": index[line.origin],
                "to": index[line.target],
                "between": [list(place) for place in line.between],
                "weight": round((line.edge.count / most) ** 0.5, 4),
                "label": _short(line.edge.took.median_micros / _MICROS) if line.edge.took else "",
                "heat": _heat(line, whole_time),
                "title": f"{_name(line.origin, titles)} → {_name(line.target, titles)}",
                "facts": _facts_of_line(line, found, whole_time),
            }
            for line in drawn.lines
        ],
    }


def _told(
    node: MapNode | None, found: ProcessMap, titles: Mapping[str, str], milestone: str
) -> dict[str, Any]:
    if node is None:
        said = "Instances begin here." if milestone == START else "Instances end here, so far."
        return {
            "title": _name(milestone, titles),
            "count": "",
            "share": 1,
            "facts": [[said, counted(found.instances, "instance")]],
        }
    facts = [
        ["Events", whole(node.count)],
        ["In instances", _of(node.instances, found.instances)],
    ]
    if node.attempts:
        facts.append(["Failed or rejected", whole(node.attempts)])
    facts += _times(node.next, "next")
    return {
        "title": _name(milestone, titles),
        "count": whole(node.count),
        "attempts": node.attempts,
        "share": round(node.instances / found.instances, 4) if found.instances else 0,
        "facts": facts,
    }


def _facts_of_line(line: Line, found: ProcessMap, whole_time: int) -> list[list[str]]:
    edge = line.edge
    facts = [["Times", whole(edge.count)], ["In instances", _of(edge.instances, found.instances)]]
    facts += _times(edge.took)
    if edge.took and whole_time:
        facts.append(["Of all time", percent(edge.micros / whole_time)])
    return facts


def _times(took: Took | None, to: str = "") -> list[list[str]]:
    if took is None:
        return []
    behind = f" to {to}" if to else ""
    return [
        [f"Median{behind}", seconds(took.median_micros / _MICROS)],
        [f"p95{behind}", seconds(took.p95_micros / _MICROS)],
    ]


def _short(value: float) -> str:
    """A duration in one unit: 14 h, 1.8 d, 35 min. A label has little room."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if value >= size:
            number = value / size
            return (
                f"{number:,.0f} {unit}"
                if number >= 9.95
                else f"{number:.1f}".removesuffix(".0") + f" {unit}"
            )
    return moments(value)


def _heat(line: Line, whole_time: int) -> str:
    share = line.edge.micros / whole_time if whole_time else 0.0
    return "hot" if share >= _HOT else "warm" if share >= _WARM else ""


def _of(some: int, every: int) -> str:
    return f"{whole(some)} ({percent(some / every if every else None)})"


def _name(milestone: str, titles: Mapping[str, str]) -> str:
    ends = {START: "Start", END: "End"}
    return ends.get(milestone) or titles.get(milestone) or humanized(milestone)


def _legend(found: ProcessMap, drawn: Drawing) -> list[Component]:
    said: list[Component] = [
        html.Span([html.I(className="pm-key wide"), "wider: more often"]),
        html.Span([html.I(className="pm-key warm"), "at least a tenth of all time"]),
        html.Span([html.I(className="pm-key hot"), "at least a quarter"]),
    ]
    shown = {spot.milestone for spot in drawn.spots}
    if any(node.attempts for node in found.nodes if node.milestone in shown):
        said.append(html.Span([html.I(className="pm-attempts"), "failed or rejected attempts"]))
    said.append(html.Span("Times are medians."))
    hidden = []
    if drawn.hidden_milestones:
        hidden.append(counted(drawn.hidden_milestones, "rare milestone"))
    if drawn.hidden_lines:
        hidden.append(counted(drawn.hidden_lines, "rare line"))
    if hidden:
        text = f"{' and '.join(hidden)} not drawn; what is drawn covers {percent(drawn.covered)}."
        said.append(html.Span(text, className="push"))
    return said
