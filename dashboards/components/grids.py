"""Tables: one way to make them all, so that they look and behave alike.

Every row brings what its cells show, and the same as a card for narrow screens (see
`assets/40-grid.js`). Values are drawn by named cells; nothing in a row is ever evaluated.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
from dash.development.base_component import Component

ROW_HEIGHT = 50


def column(
    field: str,
    name: str,
    cell: str = "",
    *,
    width: int | None = None,
    grow: int | None = None,
    least: int = 0,
    right: bool = False,
    sort: bool = True,
    tall: bool = False,
    **parameters: Any,
) -> dict[str, Any]:
    """A column. `least` is the width of the table below which it is left out.

    Rows are as high as what a `tall` one holds.
    """
    made: dict[str, Any] = {
        "field": field,
        "headerName": name,
        "sortable": sort,
        "context": {"least": least},
        "comparator": {"function": "sutureCompare"},
    }
    if cell:
        made |= {"cellRenderer": cell, "cellRendererParams": parameters}
    if width:
        made |= {"width": width}
    if grow:
        made |= {"flex": grow, "minWidth": 130}
    if tall:
        made |= {"autoHeight": True, "wrapText": True}
    if right:
        made |= {"type": "rightAligned"}
    return made


def table(
    name: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    *,
    height: int = ROW_HEIGHT,
) -> Component:
    """A table as high as its rows; a row needs `id` and `card`."""
    card = {
        "field": "card",
        "headerName": "",
        "cellRenderer": "SutureCard",
        "autoHeight": True,
        "flex": 1,
        "initialHide": True,
        "sortable": False,
        "wrapText": True,
    }
    made: Component = dag.AgGrid(
        id={"type": "grid", "name": name},
        className="grid",
        columnDefs=[card, *columns],
        rowData=list(rows),
        getRowId="params.data.id",
        defaultColDef={
            "resizable": True,
            "suppressHeaderMenuButton": True,
            # Cells are drawn, never guessed at by their values.
            "cellDataType": False,
        },
        dashGridOptions={
            "theme": {"function": "sutureTheme(themeQuartz)"},
            "domLayout": "autoHeight",
            "rowHeight": height,
            "headerHeight": 40,
            "suppressCellFocus": True,
            "suppressDragLeaveHidesColumns": True,
            "suppressMovableColumns": True,
            "animateRows": False,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
            "suppressNoRowsOverlay": True,
        },
        style={"height": None, "width": "100%"},
    )
    return made
