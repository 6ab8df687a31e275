"""How an instance went about its process, as lines: what stands out, and its evidence."""

from collections.abc import Mapping, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import Content, pill
from dashboards.conduct import Attempt, Completeness, Conduct, OutOfOrder, Repeat
from dashboards.wording import OUTCOMES, Label, counted, humanized, percent
from suture.store.reading.instances import InstanceDetail

_SKIPPED = Label("Skipped", "warn")
_MOVED = Label("Out of order", "warn")
_REPEATED = Label("Repeated", "info")
_TWIN = Label("Probable duplicate", "warn")


def conduct_list(went: Conduct, found: InstanceDetail, titles: Mapping[str, str]) -> Component:
    """What stands out first, the evidence last."""
    lines: list[Component] = []
    if found.probable_duplicates:
        every = dcc.Link(
            "See all",
            href=routes.to("instances", process=found.row.process, probable_duplicates="true"),
        )
        detail = ["Same facets, amount and times; nothing is merged. ", every]
        lines.append(_line(_TWIN, _twins(found), detail))
    if went.skipped:
        names = ", ".join(_title(name, titles) for name in went.skipped)
        lines.append(_line(_SKIPPED, names, "Not heard of, though later ones were reached."))
    lines += [_moved(one, titles) for one in went.out_of_order]
    lines += [_repeated(one, titles) for one in went.repeats]
    lines += [_attempted(one, titles) for one in went.attempts]
    if not lines:
        lines.append(
            _line(Label("As declared", "ok"), "Nothing skipped, repeated or tried in vain.")
        )
    return html.Div([*lines, _evidence(went.evidence)], className="conduct")


def _line(label: Label | None, what: Content, detail: Content = None) -> Component:
    body = [html.Div(what, className="break")]
    if detail:
        body.append(html.Div(detail, className="dim small break"))
    return html.Div([pill(label), html.Div(body)], className="conduct-line")


def _title(name: str, titles: Mapping[str, str]) -> str:
    return titles.get(name, humanized(name))


def _twins(found: InstanceDetail) -> Sequence[Content]:
    parts: list[Content] = []
    for key in found.probable_duplicates:
        parts += [", "] if parts else []
        parts.append(dcc.Link(key.id, href=routes.to_instance(found.row.process, key)))
    return parts


def _moved(one: OutOfOrder, titles: Mapping[str, str]) -> Component:
    return _line(_MOVED, f"{_title(one.milestone, titles)} after {_title(one.after, titles)}")


def _repeated(one: Repeat, titles: Mapping[str, str]) -> Component:
    times = "Once" if one.rework == 1 else f"{one.rework} times"
    back = f"{times} after later ones had been reached." if one.rework else None
    return _line(_REPEATED, f"{_title(one.milestone, titles)} × {one.count}", back)


def _attempted(one: Attempt, titles: Mapping[str, str]) -> Component:
    label = OUTCOMES.get(one.outcome, Label(humanized(one.outcome), "idle"))
    times = f" × {one.count}" if one.count > 1 else ""
    later = "reached later" if one.reached_after else "not reached since"
    reason = f"{one.reason} – {later}" if one.reason else later.capitalize()
    return _line(label, f"{_title(one.milestone, titles)}{times}", reason)


def _evidence(known: Completeness) -> Component:
    parts = [
        f"{known.reached} of {counted(known.expected, 'milestone')} so far heard of",
        f"{known.traced} of {counted(known.events, 'event')} with a trace",
    ]
    if known.links:
        parts.append(f"{known.firm} of {counted(known.links, 'link')} by an event or operator")
    label = Label(f"Evidence {percent(known.ratio)}", "idle")
    return _line(label, "; ".join(parts))
