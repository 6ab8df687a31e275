"""Acts on dead letters, for the API and the pages alike: one, or all under a filter."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dashboards import callers
from dashboards.services import Services
from suture.contracts.access import ANYBODY, Scope
from suture.contracts.dead_letter import ActResult, LetterState
from suture.errors import InvalidQuery, NotFound, Unavailable
from suture.store.reading.dead_letters import DeadLetter, DeadLetterFilter

Do = Literal["replay", "discard"]
DOS: tuple[Do, ...] = ("replay", "discard")

AT_ONCE = 500
SHOWN_WITHIN_SECONDS = 2.0
"""How long an act waits until what it did can be read: whoever acts sees it done."""
_POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkResult:
    """What acting on all under a filter came to.

    `done` were replayed or discarded, `refused` were tried and refused again, for the others
    nothing was done. `told` are results of the last two kinds, at most a hundred. `after` is where
    to go on, None when all were acted on.
    """

    matched: int
    done: int
    refused: int
    undone: int
    told: Sequence[ActResult]
    after: tuple[datetime, str] | None


def may_act() -> bool:
    """Whether who asks may act on letters, and see what was sent."""
    scopes = callers.present().scopes
    return Scope.OPERATE in scopes or Scope.ADMIN in scopes


def actor_named(given: str | None, otherwise: str) -> str:
    """Who acts: the name given, else that of the caller's key, else `otherwise`."""
    caller = callers.present()
    return (given or "").strip() or (otherwise if caller.id == ANYBODY.id else caller.name)


def act_on_one(
    services: Services, do: Do, id_: str, *, environment: str, actor: str, comment: str = ""
) -> ActResult:
    """Act on one letter; raises NotFound, or Unavailable where the spool takes nothing."""
    letter = services.dead_letters.one(id_, environment=environment)
    if letter is None:
        raise NotFound(f"There is no dead letter {id_!r}.")
    (result,) = _act(services, do, [letter], actor, comment)
    _await_shown(services, letter, result)
    return result


def act_on_all(
    services: Services,
    do: Do,
    wanted: DeadLetterFilter,
    *,
    actor: str,
    comment: str = "",
    limit: int = 10_000,
    after: tuple[datetime, str] | None = None,
) -> BulkResult:
    """Act on all letters under a filter, at most `limit`, those seen last first."""
    matched = done = refused = 0
    told: list[ActResult] = []
    last: DeadLetter | None = None
    while matched < limit:
        page = services.dead_letters.page(wanted, limit=min(AT_ONCE, limit - matched), after=after)
        if not page:
            after = None
            break
        results = _act(services, do, page, actor, comment)
        matched += len(page)
        done += sum(one.done and one.state is not LetterState.OPEN for one in results)
        refused += sum(one.done and one.state is LetterState.OPEN for one in results)
        told += [one for one in results if one.reason][: 100 - len(told)]
        last = page[-1]
        after = (last.last_seen_at, last.id)
        _await_shown(services, last, results[-1])
    return BulkResult(
        matched=matched,
        done=done,
        refused=refused,
        undone=matched - done - refused,
        told=told,
        after=after,
    )


def require_narrow(wanted: DeadLetterFilter, *, everything: bool) -> None:
    """Raise InvalidQuery for acting on all there is unless that was asked for."""
    plain = DeadLetterFilter(environment=wanted.environment)
    if not everything and replace(wanted, state=None) == plain:
        raise InvalidQuery("name what to act on: a filter, or all=true for everything", field="all")


def _act(
    services: Services, do: Do, letters: Sequence[DeadLetter], actor: str, comment: str
) -> Sequence[ActResult]:
    if services.desk is None:
        raise Unavailable("acting on dead letters needs the collector's data directory")
    act = services.desk.replay if do == "replay" else services.desk.discard
    return act(letters, actor=actor, comment=comment)


def _await_shown(services: Services, letter: DeadLetter, result: ActResult) -> None:
    """Wait, for a moment, until an act can be read from the store."""
    deadline = time.monotonic() + SHOWN_WITHIN_SECONDS
    while result.done and time.monotonic() < deadline:
        found = services.dead_letters.one(letter.id, environment=letter.environment)
        if found is None or found.last_at > letter.last_at:
            return
        time.sleep(_POLL_SECONDS)
