"""What stands around every page: header, navigation, the drawer, and the stores in between."""

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import aria, icon
from dashboards.routes import PREFIX

NAVIGATION = (
    ("overview", "Overview", "overview"),
    ("processes", "Processes", "processes"),
    ("instances", "Instances", "instances"),
    ("alerts", "Alerts", "alerts"),
    ("traces", "Traces", "traces"),
    ("links", "Links", "links"),
    ("dead-letters", "Dead letters", "dead-letters"),
)
_LIST_OF = {
    "instance": "instances",
    "process": "processes",
    "trace": "traces",
    "link": "links",
}
_SCHEMES = (
    ("system", "As the system", "screen"),
    ("light", "Light", "sun"),
    ("dark", "Dark", "moon"),
)

_THEME = {
    "primaryColor": "cyan",
    "primaryShade": {"light": 9, "dark": 6},
    "defaultRadius": "md",
    "fontFamily": "inherit",
    "respectReducedMotion": True,
    # Text first, deepest ground last; the pages' own dark colours, so that nothing stands apart.
    "colors": {
        "dark": [
            "#e4ebf2",
            "#c3ced9",
            "#9aaaba",
            "#6f8091",
            "#384858",
            "#2b3845",
            "#1b2530",
            "#151d26",
            "#101820",
            "#0b1016",
        ],
    },
}


def frame(*, closed: bool, refresh_seconds: float) -> Component:
    """The layout, which looks for news every so often.

    `closed`: there is a session, so there is a way to leave it.
    """
    made: Component = dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Interval(id="beat", interval=refresh_seconds * 1000),
            dcc.Store(id="tick"),
            dcc.Store(id="title"),
            dcc.Store(id="digest"),
            dcc.Store(id="fresh"),
            dcc.Store(id="span-picked"),
            dcc.Store(id="act-about"),
            dcc.Store(id="row-pressed"),
            dcc.Store(id="bulk-pressed"),
            dcc.Store(id="link-pressed"),
            dcc.Store(id="actor", storage_type="local"),
            dcc.Store(id="scheme"),
            dmc.NotificationContainer(id="notes", position="bottom-right", autoClose=5000),
            html.A("Skip to the content", href="#page", className="skip"),
            _header(closed),
            html.Main(id="page", className="main", tabIndex="-1"),
            # The browser says here which zone it shows all times in.
            html.Footer(id="zone", className="zone dim small"),
            _drawer(),
        ],
        id="theme",
        theme=_THEME,
    )
    return made


def current(page: str) -> list[str]:
    """The class of each link of the navigation, in the order of NAVIGATION, on a page."""
    shown = _LIST_OF.get(page, page)
    return ["here" if name == shown else "" for name, _, _ in NAVIGATION]


def badge(firing: int) -> str:
    """What stands beside Alerts: how many nobody looks after yet, nothing where there are none."""
    if firing > 99:
        return "99+"
    return str(firing) if firing else ""


def _navigation() -> Component:
    """The links stay where they are from page to page, with the focus on them; see `current`."""
    links: list[Component] = []
    for name, title, icon_name in NAVIGATION:
        inner = [icon(icon_name), html.Span(title)]
        if name == "alerts":
            inner.append(html.Span(id="badge", className="badge-count"))
        links.append(dcc.Link(inner, href=routes.to(name), id=f"nav-{name}"))
    made: Component = html.Nav(links, id="nav", className="nav", **aria(label="Pages"))
    return made


def _header(closed: bool) -> Component:
    right = [
        dcc.Link(
            [html.Span(className="pulse-dot"), html.Span("Status", className="hide-small")],
            href=routes.to("status"),
            className="pulse push",
            id="pulse",
        ),
        _scheme_menu(),
    ]
    if closed:
        leave = html.Button(icon("leave"), className="button", title="Sign out", type="submit")
        right.append(html.Form(leave, action=f"{PREFIX}logout", method="POST"))
    return html.Header(
        html.Div(
            [
                dcc.Link([icon("brand"), html.Span("Suture")], href=PREFIX, className="brand"),
                _navigation(),
                *right,
            ],
            className="header-inner",
        ),
        className="header",
    )


def _scheme_menu() -> Component:
    items = [
        dmc.MenuItem(text, id=f"scheme-{name}", leftSection=icon(icon_name), n_clicks=0)
        for name, text, icon_name in _SCHEMES
    ]
    button = dmc.ActionIcon(
        html.Span(icon("sun"), id="scheme-icon"),
        id="scheme-menu",
        variant="subtle",
        color="gray",
        size="lg",
        **aria(label="Colour scheme"),
    )
    made: Component = dmc.Menu(
        [dmc.MenuTarget(button), dmc.MenuDropdown(items)], position="bottom-end", shadow="md"
    )
    return made


def _drawer() -> Component:
    made: Component = dmc.Drawer(
        id="drawer",
        position="right",
        size="min(520px, 100vw)",
        padding="lg",
        children=[],
        closeButtonProps={"aria-label": "Close"},
    )
    return made
