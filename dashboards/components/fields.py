"""Filters: inputs that stand in the address. What is at its usual value is not written there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash.development.base_component import Component

from dashboards.components.pieces import icon
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
    wide: bool = False,
) -> Component:
    """One of several values, or any."""
    data = [{"value": key, "label": text} for key, text in options]
    known = {entry["value"] for entry in data}
    if value and value not in known:
        data.append({"value": value, "label": value})
    return dmc.Select(
        id=field_id(name),
        label=label,
        data=data,
        value=value or None,
        placeholder=anything,
        clearable=True,
        searchable=len(data) > 8,
        size="xs",
        radius="md",
        className="wide" if wide else "",
        comboboxProps={"shadow": "md"},
    )


def words(name: str, label: str, value: str | None, *, placeholder: str) -> Component:
    """A text; it counts when it is left or Enter is pressed."""
    return dmc.TextInput(
        id=field_id(name),
        label=label,
        value=value or "",
        placeholder=placeholder,
        debounce=True,
        size="xs",
        radius="md",
        className="wide",
        leftSection=icon("search"),
    )


def period_switch(value: str) -> Component:
    """The period as a row of buttons."""
    return dmc.SegmentedControl(
        id=field_id("period", DEFAULT),
        data=[{"value": period.name, "label": period.short} for period in PERIODS],
        value=value,
        size="xs",
        radius="md",
        **{"aria-label": "Period"},
    )


def filters(fields: Sequence[Any], settings: Mapping[str, Any] | None = None) -> Component:
    """Several filters in a row."""
    return dmc.Box(list(fields), className="filters", **dict(settings or {}))
