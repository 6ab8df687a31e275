"""What happens when somebody goes somewhere, waits, or does something."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from plotly.utils import PlotlyJSONEncoder

from dashboards import callers
from dashboards.acts import NOBODY_NAMED, Act, perform
from dashboards.alert_causes import part_of
from dashboards.components.letter_panel import dead_letter_panel
from dashboards.components.panels import alert_panel
from dashboards.components.stage import span_details
from dashboards.frame import NAVIGATION, badge, current
from dashboards.letters import DOS, act_on_one, actor_named, may_act
from dashboards.letters_bulk import register_bulk, said_of
from dashboards.links_acts import register_decisions
from dashboards.pages import PAGES
from dashboards.pages.missing import nothing
from dashboards.pages.page import Page, View
from dashboards.progress import progress_of
from dashboards.routes import Place
from dashboards.services import Services
from dashboards.wording import milestone_titles
from suture.contracts.access import Scope
from suture.contracts.alert import AlertState
from suture.errors import SutureError
from suture.store.alerts import alert_by_id, alert_counts, alert_log

log = structlog.get_logger(__name__)

PRESSED: dict[str, tuple[Any, str]] = {
    "row-pressed": ({"type": "grid", "name": ALL}, "cellRendererData"),
    "bulk-pressed": ({"type": "bulk", "do": ALL}, "submit_n_clicks"),
    "link-pressed": ({"type": "link-act", "do": ALL, "id": ALL}, "n_clicks"),
}
"""Stores of the frame that take over what is pressed inside a page: `on` its id, and the value."""

_BADGE_SECONDS = 0.5
_LAG_SHOWN_SECONDS = 15.0
"""A stage may be this far behind before the header says so."""


def register(dash: Dash, services: Services) -> None:
    """Add every callback to the application."""
    _in_the_browser(dash)
    _pages(dash, services)
    _spans(dash, services)
    _drawer(dash, services)
    _acts(dash, services)
    register_bulk(dash, services)
    register_decisions(dash, services)


def _in_the_browser(dash: Dash) -> None:
    add: Any = dash.clientside_callback

    def here(name: str) -> ClientsideFunction:
        return ClientsideFunction("suture", name)

    filters = {"type": "filter", "name": ALL, "usual": ALL}
    add(
        here("filter"),
        Output("url", "search"),
        Input(filters, "value"),
        State(filters, "id"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    add(
        here("scheme"),
        Output("theme", "forceColorScheme"),
        Output("scheme", "data"),
        *(Input(f"scheme-{name}", "n_clicks") for name in ("system", "light", "dark")),
    )
    add(
        here("tick"),
        Output("tick", "data"),
        Input("beat", "n_intervals"),
        # A page that has just come is not read again at once: that would draw its tables anew, and
        # what was pressed meanwhile would be lost.
        prevent_initial_call=True,
    )
    add(here("title"), Input("title", "data"))
    for store, on in PRESSED.items():
        add(here("pressed"), Output(store, "data"), Input(*on), prevent_initial_call=True)
    add(
        here("fresh"),
        Output("live", "children"),
        Input("fresh", "data"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    # With an output, since one without is not called for what comes later with a page.
    add(here("timeline"), Output("timeline", "className"), Input("timeline-data", "data"))
    add(here("processMap"), Output("process-map", "className"), Input("process-map-data", "data"))


def _pages(dash: Dash, services: Services) -> None:
    @dash.callback(
        Output("page", "children"),
        Output("title", "data"),
        Output("digest", "data"),
        Output("badge", "children"),
        Output("pulse", "children"),
        Output("drawer", "opened"),
        *(Output(f"nav-{name}", "className") for name, _, _ in NAVIGATION),
        Input("url", "pathname"),
        Input("url", "search"),
    )
    async def show(pathname: str | None, search: str | None) -> tuple[Any, ...]:
        place = Place.of(pathname, search)
        page, firing, pulse = await asyncio.gather(
            asyncio.to_thread(_page, services, place),
            asyncio.to_thread(_firing, services, place),
            asyncio.to_thread(_pulse, services),
        )
        live = html.Div(list(page.live), id="live")
        title = f"{page.title} · Suture"
        content = [*page.head, live, *page.tail]
        digest = _digest(page.live)
        return content, title, digest, badge(firing), pulse, False, *current(place.page)

    @dash.callback(
        Output("fresh", "data"),
        Output("digest", "data", allow_duplicate=True),
        Output("badge", "children", allow_duplicate=True),
        Output("pulse", "children", allow_duplicate=True),
        Input("tick", "data"),
        State("url", "pathname"),
        State("url", "search"),
        State("digest", "data"),
        prevent_initial_call=True,
    )
    async def refresh(
        _: Any, pathname: str | None, search: str | None, known: str | None
    ) -> tuple[Any, ...]:
        place = Place.of(pathname, search)
        page, firing, pulse = await asyncio.gather(
            asyncio.to_thread(_page, services, place),
            asyncio.to_thread(_firing, services, place),
            asyncio.to_thread(_pulse, services),
        )
        digest = _digest(page.live)
        if digest == known:
            return no_update, no_update, badge(firing), pulse
        fresh = {"place": (pathname or "") + (search or ""), "live": list(page.live)}
        return fresh, digest, badge(firing), pulse


def _spans(dash: Dash, services: Services) -> None:
    @dash.callback(
        Output("drawer", "opened", allow_duplicate=True),
        Output("drawer", "title", allow_duplicate=True),
        Output("drawer", "children", allow_duplicate=True),
        Input("span-picked", "data"),
        prevent_initial_call=True,
    )
    async def pick(picked: Mapping[str, str] | None) -> tuple[Any, ...]:
        if not picked:
            return no_update, no_update, no_update
        spans = await asyncio.to_thread(services.traces.spans, [picked["trace"]], attributes=True)
        found = next((span for span in spans if span.span_id == picked["span"]), None)
        if found is None:
            return no_update, no_update, no_update
        return True, found.name, span_details(found)


def _drawer(dash: Dash, services: Services) -> None:
    @dash.callback(
        Output("drawer", "opened", allow_duplicate=True),
        Output("drawer", "title", allow_duplicate=True),
        Output("drawer", "children", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("tick", "data", allow_duplicate=True),
        Input("row-pressed", "data"),
        State("actor", "data"),
        prevent_initial_call=True,
    )
    async def from_row(pressed: Mapping[str, Any] | None, actor: str | None) -> tuple[Any, ...]:
        if not pressed:
            return (no_update,) * 5
        asked, grid = pressed["value"]["value"], pressed["on"]["name"]
        name = actor or NOBODY_NAMED
        try:
            if asked["do"] == "open":
                panel = await asyncio.to_thread(_panel, services, grid, asked["id"], name)
                return True, *panel, no_update, no_update
            note = await asyncio.to_thread(_do, services, asked["do"], asked["id"], name, "")
        except SutureError as error:
            note = _note(error.message, "red")
        return no_update, no_update, no_update, [note], pressed["at"]


def _acts(dash: Dash, services: Services) -> None:
    @dash.callback(Output("actor", "data"), Input("act-name", "value"), prevent_initial_call=True)
    async def name(typed: str | None) -> Any:
        return (typed or "").strip() or NOBODY_NAMED

    @dash.callback(
        Output("drawer", "children", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("tick", "data", allow_duplicate=True),
        Input({"type": "act", "do": ALL, "id": ALL}, "n_clicks"),
        State("act-text", "value"),
        State("act-name", "value"),
        State("beat", "n_intervals"),
        prevent_initial_call=True,
    )
    async def act(
        clicks: Sequence[int | None], text: str | None, typed: str | None, beat: int | None
    ) -> tuple[Any, ...]:
        pressed = ctx.triggered_id
        # Buttons that have just come with a panel trigger this too, and nobody pressed them.
        if not pressed or not ctx.triggered[0]["value"]:
            return no_update, no_update, no_update
        actor = (typed or "").strip() or NOBODY_NAMED
        try:
            note = await asyncio.to_thread(
                _do, services, pressed["do"], pressed["id"], actor, text or ""
            )
            grid = "dead-letters" if pressed["do"] in DOS else "alerts"
            panel = await asyncio.to_thread(_panel, services, grid, pressed["id"], actor)
        except SutureError as error:
            return no_update, [_note(error.message, "red")], no_update
        return (
            panel[1],
            [note],
            {"after": pressed["do"], "beat": beat, "clicks": sum(c or 0 for c in clicks)},
        )


def _page(services: Services, place: Place) -> Page:
    view = View(services=services, place=place, now=services.now())
    try:
        return PAGES[place.page](view)
    except SutureError as error:
        log.warning("page not available", page=place.page, error=error.message)
        return nothing("This cannot be shown now", error.message)


def _firing(services: Services, place: Place) -> int:
    environment = services.environment(place.query.get("environment"))
    try:
        counts = services.recent.get(
            ("alerts", environment),
            _BADGE_SECONDS,
            lambda: alert_counts(services.store, environment=environment),
        )
        return counts[AlertState.FIRING]
    except SutureError as error:
        log.warning("alerts not counted", error=error.message)
        return 0


def _pulse(services: Services) -> list[Any]:
    try:
        progress = progress_of(services)
    except SutureError as error:
        log.warning("progress not known", error=error.message)
        return _beat("lost", "no answer")
    lag = max(stage.lag_seconds(services.now()) for stage in progress.stages)
    if lag > _LAG_SHOWN_SECONDS:
        return _beat("behind", "catching up")
    return _beat("", "up to date")


def _beat(look: str, state: str) -> list[Any]:
    """The link to the page Status under its name, with the state where it is no good one."""
    text = f"Status: {state}"
    return [
        html.Span(className=f"pulse-dot {look}".strip(), title=text),
        html.Span(text if look else "Status", className="hide-small"),
    ]


def _panel(services: Services, grid: str, id_: str, actor: str) -> tuple[str, Any]:
    """Title and content of the drawer for a row of a table."""
    if grid == "alerts":
        alert = alert_by_id(services.store, id_)
        panel = alert_panel(
            alert,
            alert_log(services.store, id_),
            actor,
            part=part_of(services, alert),
            titles=milestone_titles(services.catalog, alert.process),
        )
        return alert.title, panel
    letter = services.dead_letters.one(id_, environment=services.settings.environment)
    if letter is None:
        return "Dead letter", html.P("It is not there any more.")
    payload = services.payload(id_) if may_act() else None
    log = services.dead_letters.log(id_)
    return "Dead letter", dead_letter_panel(letter, payload, log, actor)


def _do(services: Services, do: str, id_: str, actor: str, text: str) -> dict[str, Any]:
    callers.require(Scope.OPERATE)
    if do in DOS:
        done = act_on_one(
            services,
            do,
            id_,
            environment=services.settings.environment,
            actor=actor_named(actor, NOBODY_NAMED),
            comment=text,
        )
        return _note(*said_of(do, done))
    said = perform(
        services.store, Act(do=do, alert_id=id_, actor=actor, at=services.now(), text=text)
    )
    return _note(said, "teal")


def _note(text: str, color: str) -> dict[str, Any]:
    return {"action": "show", "message": text, "color": color, "withBorder": True}


def _digest(live: Sequence[Any]) -> str:
    """The same for what looks the same, so that nothing is sent that is there already."""
    text = json.dumps(list(live), cls=PlotlyJSONEncoder, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
