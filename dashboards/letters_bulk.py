"""The buttons that act on all dead letters under the filters of the address."""

import asyncio
from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update

from dashboards import callers
from dashboards.acts import NOBODY_NAMED
from dashboards.letters import BulkResult, Do, act_on_all, actor_named
from dashboards.pages.dead_letters import letter_filter
from dashboards.pages.page import View
from dashboards.routes import Place
from dashboards.services import Services
from dashboards.wording import counted
from suture.contracts.access import Scope
from suture.contracts.dead_letter import ActResult, LetterState
from suture.errors import SutureError


def register_bulk(dash: Dash, services: Services) -> None:
    """Add the callback of these buttons."""

    @dash.callback(
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("tick", "data", allow_duplicate=True),
        Input("bulk-pressed", "data"),
        State("url", "pathname"),
        State("url", "search"),
        State("actor", "data"),
        State("beat", "n_intervals"),
        prevent_initial_call=True,
    )
    async def bulk(
        pressed: Mapping[str, Any] | None,
        pathname: str | None,
        search: str | None,
        actor: str | None,
        beat: int | None,
    ) -> tuple[Any, ...]:
        if not pressed:
            return no_update, no_update
        do = pressed["on"]["do"]
        view = View(services=services, place=Place.of(pathname, search), now=services.now())
        name = actor_named(actor, NOBODY_NAMED)
        try:
            result = await asyncio.to_thread(_act, view, do, name)
        except SutureError as error:
            return [_note(error.message, "red")], no_update
        told = {"after": do, "beat": beat, "matched": result.matched}
        return [_note(_said(do, result), "teal")], told


def said_of(do: str, result: ActResult) -> tuple[str, str]:
    """What came of acting on one letter, and its colour."""
    if result.done and result.state is not LetterState.OPEN:
        return ("Replayed" if do == "replay" else "Discarded"), "teal"
    again = "Refused again: " if result.done else "Nothing was done: "
    return f"{again}{result.reason}", "orange"


def _act(view: View, do: Do, actor: str) -> BulkResult:
    callers.require(Scope.OPERATE)
    return act_on_all(view.services, do, letter_filter(view), actor=actor)


def _said(do: str, result: BulkResult) -> str:
    parts = [f"{counted(result.done, 'letter')} {'replayed' if do == 'replay' else 'discarded'}"]
    if result.refused:
        parts.append(f"{result.refused} refused again")
    if result.undone:
        parts.append(f"nothing could be done about {result.undone}")
    return ", ".join(parts)


def _note(text: str, color: str) -> dict[str, Any]:
    return {"action": "show", "message": text, "color": color, "withBorder": True}
