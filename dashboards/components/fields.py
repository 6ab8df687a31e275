"""Filters: inputs that stand in the address. What is at its usual value is not written there."""

from collections.abc import Iterable, Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboards.components.pieces import aria, icon
from dashboards.periods import DEFAULT, PERIODS


def field_id(name: str, usual: str = "") -> dict[str, str]:
    """The id of a filter: its name in the address, and the value that is left out there."""
    return {"type": "filter", "name": name, "usual": usual}


def choice(
    name: str,
    label: str,
    options: Iterable[tuple[str, str]],
    value: str | None,
    *,
    anything: str = "All",
    usual: str = "",
    wide: bool = False,
) -> Component:
    """One of several values, or any; with `usual` one of them always holds."""
    data = [{"value": key, "label": text} for key, text in options]
    known = {entry["value"] for entry in data}
    if value and value not in known:
        data.append({"value": value, "label": value})
    made: Component = dmc.Select(
        id=field_id(name, usual),
        label=label or None,
        data=data,
        value=value or usual or None,
        placeholder=anything,
        clearable=not usual,
        allowDeselect=not usual,
        searchable=len(data) > 8,
        size="xs",
        radius="md",
        className="wide" if wide else "",
        comboboxProps={"shadow": "md"},
    )
    return made


def words(
    name: str, label: str, value: str | None, *, placeholder: str, wide: bool = True
) -> Component:
    """A text; it counts when it is left or Enter is pressed."""
    made: Component = dmc.TextInput(
        id=field_id(name),
        label=label,
        value=value or "",
        placeholder=placeholder,
        debounce=True,
        size="xs",
        radius="md",
        className="wide" if wide else "",
        leftSection=icon("search"),
    )
    return made


def period_switch(value: str) -> Component:
    """The period as a row of buttons."""
    made: Component = dmc.SegmentedControl(
        id=field_id("period", DEFAULT),
        data=[{"value": period.name, "label": period.short} for period in PERIODS],
        value=value,
        size="xs",
        radius="md",
        **aria(label="Period"),
    )
    return made


def filters(fields: Sequence[Component], used: int) -> Component:
    """Several filters in a row; on a phone behind a button that says how many are `used`."""
    said = f"Filters · {used}" if used else "Filters"
    button = html.Button([icon("filters"), html.Span(said)], className="button fold", type="button")
    return html.Div([button, html.Div(list(fields), className="filters")])
