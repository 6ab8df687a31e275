"""The buttons by which people say what they know about a pair of objects."""

import asyncio
from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update

from dashboards import callers
from dashboards.acts import NOBODY_NAMED
from dashboards.letters import actor_named
from dashboards.links import LONGEST_REASON, decide, link_named
from dashboards.services import Services
from suture.contracts.access import Scope
from suture.errors import InvalidQuery, SutureError


def register_decisions(dash: Dash, services: Services) -> None:
    """Add the callback of these buttons."""

    @dash.callback(
        Output("link-reason", "value"),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("tick", "data", allow_duplicate=True),
        Input("link-pressed", "data"),
        State("link-reason", "value"),
        State("link-name", "value"),
        State("beat", "n_intervals"),
        prevent_initial_call=True,
    )
    async def said(
        pressed: Mapping[str, Any] | None,
        reason: str | None,
        name: str | None,
        beat: int | None,
    ) -> tuple[Any, ...]:
        if not pressed:
            return no_update, no_update, no_update
        do, id_ = pressed["on"]["do"], pressed["on"]["id"]
        try:
            word = await asyncio.to_thread(say, services, do, id_, name, reason)
        except SutureError as error:
            return no_update, [_note(error.message, "red")], no_update
        return "", [_note(word, "teal")], {"after": do, "beat": beat, "id": id_}


def say(services: Services, do: str, id_: str, name: str | None, reason: str | None) -> str:
    """Say it, and give the word that tells it was done; raises NotPermitted without the scope."""
    callers.require(Scope.OPERATE)
    key = link_named(id_)
    actor, why = actor_named((name or "")[:200], NOBODY_NAMED), (reason or "").strip()
    if len(why) > LONGEST_REASON:
        raise InvalidQuery(f"the reason is longer than {LONGEST_REASON:,} characters")
    return decide(services, do, key, actor=actor, reason=why)


def _note(text: str, color: str) -> dict[str, Any]:
    return {"action": "show", "message": text, "color": color, "withBorder": True}
