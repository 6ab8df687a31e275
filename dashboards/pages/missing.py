"""Where nothing is."""

from dash import dcc, html

from dashboards.components.pieces import empty
from dashboards.pages.page import Page, View
from dashboards.routes import PREFIX


def page(view: View) -> Page:
    """The page for an address that is none."""
    return nothing("There is no such page", "The address may be mistyped, or the page has moved.")


def nothing(title: str, text: str) -> Page:
    """A page that says what is not there, and leads on."""
    home = dcc.Link("Go to the overview", href=PREFIX, className="button")
    body = empty("lost", title, [html.P(text), html.P(home, style={"marginTop": 16})])
    return Page(title=title, live=[html.Div(body, className="card")])
