"""Objects of an instance as a tree from its anchor down, each with what ties it to the tree."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import moment
from dashboards.wording import counted, humanized
from suture.contracts.objects import ObjectKey
from suture.store.reading.instances import Link

_MOST = 300
_KINDS = {
    "event": "named together in",
    "trace": "seen in one trace,",
    "operator": "tied by a person,",
}


def object_tree(
    anchor: ObjectKey, objects: Sequence[ObjectKey], links: Sequence[Link]
) -> Component:
    """Every object once below the first that leads to it; another way to it is only mentioned."""
    below: dict[ObjectKey, list[Link]] = defaultdict(list)
    for link in links:
        below[link.from_object].append(link)
    lines: list[Component] = [_line(anchor, 0, None)]
    seen = {anchor}
    waiting = [(link, 1) for link in reversed(below[anchor])]
    while waiting and len(lines) < _MOST:
        link, depth = waiting.pop()
        key = link.to_object
        lines.append(_line(key, depth, link, again=key in seen))
        if key not in seen:
            seen.add(key)
            waiting.extend((further, depth + 1) for further in reversed(below[key]))
    lines += [_line(key, 1, None) for key in objects if key not in seen][: _MOST - len(lines)]
    rest = len(objects) - len(seen)
    if len(lines) >= _MOST and rest > 0:
        lines.append(html.Li(f"{counted(rest, 'more object')} not shown", className="dim"))
    return html.Ul(lines, className="tree")


def _line(key: ObjectKey, depth: int, link: Link | None, *, again: bool = False) -> Component:
    name = dcc.Link(
        key.id, href=routes.to("instances", object=f"{key.type}:{key.id}"), className="break"
    )
    parts: list[Any] = [html.Span(f"{humanized(key.type)} ", className="type"), name]
    if key.scope:
        parts.append(html.Span(f" · {key.scope}", className="type"))
    if again:
        parts.append(html.Span(" · also reached this way", className="again small"))
    if link is not None:
        more = link.evidence_count - 1
        tail = f" · {counted(more, 'further piece')} of evidence" if more > 0 else ""
        said = [
            f"{_KINDS.get(link.kind, link.kind)} ",
            html.Span(f"{link.source} {link.id}".strip(), className="mono"),
            " · ",
            moment(link.occurred_at, "at"),
            tail,
        ]
        parts.append(html.Div(said, className="evidence"))
    return html.Li(parts, style={"--depth": depth})
