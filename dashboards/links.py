"""Pairs of objects and what is said about them, for the API and the pages alike."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dashboards.api.parameters import split_object
from dashboards.keys import normalized
from dashboards.services import Services
from suture.contracts.links import LinkKey
from suture.contracts.objects import ObjectKey
from suture.definitions.catalog import Catalog
from suture.errors import InvalidQuery, NotFound
from suture.store.link_decisions import LinkDesk
from suture.store.reading.links import LinkDecision

LONGEST_REASON = 4000
"""Characters of what somebody says about a pair."""

_ACTS: Mapping[str, tuple[Callable[..., LinkDecision], str]] = {
    "accept": (LinkDesk.accept, "Linked"),
    "block": (LinkDesk.block, "Kept apart"),
    "split:from": (partial(LinkDesk.split, side="from"), "Split off"),
    "split:to": (partial(LinkDesk.split, side="to"), "Split off"),
    "undo": (LinkDesk.undo, "Undone"),
}


def link_named(id_: str, environment: str | None = None) -> LinkKey:
    """The pair that an id names; raises NotFound for what is no id, or of another `environment`."""
    try:
        key = LinkKey.parse(id_)
        ends = [ObjectKey.decode(key.from_object), ObjectKey.decode(key.to_object)]
    except ValueError as error:
        raise NotFound(f"There is no link {id_!r}.") from error
    found = {end.environment for end in ends}
    if len(found) > 1 or (environment is not None and found != {environment}):
        raise NotFound(f"There is no link {id_!r} in {environment or 'any environment'}.")
    return key


def object_named(catalog: Catalog, text: str | None) -> tuple[str, str] | None:
    """Type and normalised id of `type:id`, None of nothing; raises InvalidQuery otherwise."""
    if not text:
        return None
    try:
        type_, id_ = split_object(text)
    except ValueError as error:
        raise InvalidQuery(str(error), field="object") from error
    return type_, normalized(catalog, type_, id_)


def decide(services: Services, do: str, key: LinkKey, **said: Any) -> str:
    """Say something about a pair (`said` as for the desk), and the word that tells it was done.

    Raises InvalidQuery for an act that nobody offers, and what the desk raises.
    """
    act = _ACTS.get(do)
    if act is None:
        raise InvalidQuery(f"there is no act {do!r}")
    does, word = act
    does(services.link_desk, key, at=services.now(), **said)
    return word
