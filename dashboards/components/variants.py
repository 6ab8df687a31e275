"""Variants: one line each, with its share as a bar and its sequence as chips."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import aria, icon
from dashboards.wording import counted, humanized, percent, seconds, whole
from suture.contracts.objects import ObjectKey
from suture.store.reading.views import Variant, Variants

_MICROS = 1_000_000
_MOST_STEPS = 24
_LEAST_SHOWN = 0.0005


def variant_list(
    found: Variants, process: str, titles: Mapping[str, str], expected: Collection[str]
) -> Component:
    """Some variants, most frequent first; `expected` are the milestones of the plain course."""
    most = max((one.count for one in found.items), default=1)
    return html.Ul(
        [_variant(one, found, most, process, titles, expected) for one in found.items],
        className="variants",
    )


def _variant(
    one: Variant,
    found: Variants,
    most: int,
    process: str,
    titles: Mapping[str, str],
    expected: Collection[str],
) -> Component:
    share = one.count / found.instances
    said = f"{counted(one.count, 'instance')}, {percent(share)}"
    bar = html.Div(html.Div(style={"width": f"{one.count / most * 100:.1f}%"}), className="bar")
    left = html.Div(
        [
            html.Div(
                [
                    html.Strong(whole(one.count)),
                    html.Span(_share(share), className="dim small num"),
                ],
                className="spread",
            ),
            bar,
        ],
        className="variant-share",
        **aria(label=said),
    )
    times = html.Div(
        [
            html.Div(seconds(one.took.median_micros / _MICROS), title="Median, first to last"),
            html.Div(
                [f"p95 {seconds(one.took.p95_micros / _MICROS)} · ", *_example(process, one)],
                className="dim small",
            ),
        ],
        className="variant-times",
    )
    return html.Li([left, _steps(one, titles, expected), times], className="variant")


def _share(share: float) -> str:
    return percent(share) if share >= _LEAST_SHOWN else "< 0.1 %"


def _example(process: str, one: Variant) -> list[Any]:
    if not one.examples:
        return []
    anchor: ObjectKey = one.examples[0]
    href = routes.to_instance(process, anchor)
    return [dcc.Link("example", href=href, title=f"{humanized(anchor.type)} {anchor.id}")]


def _steps(one: Variant, titles: Mapping[str, str], expected: Collection[str]) -> Component:
    """The sequence; what follows itself is one chip with a number, what comes again is marked."""
    seen: set[str] = set()
    runs = [(name, sum(1 for _ in run)) for name, run in groupby(one.milestones)]
    parts: list[Any] = []
    for name, times in runs[:_MOST_STEPS]:
        look = "again" if name in seen or times > 1 else "" if name in expected else "extra"
        inner: list[Any] = [titles.get(name) or humanized(name)]
        if times > 1:
            inner.append(html.B(f"× {times}"))
        if parts:
            parts.append(icon("next"))
        parts.append(html.Span(inner, className=f"step-chip {look}".strip()))
        seen.add(name)
    if len(runs) > _MOST_STEPS:
        parts.append(
            html.Span(f"… and {whole(len(runs) - _MOST_STEPS)} more", className="dim small")
        )
    if one.attempted:
        said = f"{whole(one.attempted)} with a failed or rejected attempt"
        parts.append(html.Span(said, className="dim small"))
    return html.Div(parts, className="steps")


def variant_key(shown: Sequence[Variant], expected: Collection[str]) -> Component | None:
    """What the colours of the chips mean, as far as they are there."""
    again = any(len(set(one.milestones)) < len(one.milestones) for one in shown)
    extra = any(set(one.milestones) - set(expected) for one in shown)
    parts: list[Any] = []
    if again:
        parts.append(html.Span("comes again", className="step-chip again"))
    if extra:
        parts.append(html.Span("not expected of every instance", className="step-chip extra"))
    return html.Div(parts, className="row") if parts else None
