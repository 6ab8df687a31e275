"""Decisions about links: who may say what of which pair, and the audited row it becomes.

Decisions are only ever added. One that is taken back stays, beside the one that took it back; so
what counts follows from all of them, in whatever order they are read.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from suture.contracts.links import DecisionAction, LinkKey
from suture.contracts.objects import ObjectKey
from suture.errors import InvalidInput, NotFound
from suture.store.engine import Store
from suture.store.reading.links import LinkDecision, LinkReader

Side = Literal["from", "to"]


def counting(about: Sequence[LinkDecision]) -> LinkDecision | None:
    """Of all decisions about a pair, in their order, the one that counts."""
    undo = DecisionAction.UNDO
    kept = [one for one in about if one.undone_by is None and one.action is not undo]
    return kept[-1] if kept else None


class LinkDesk:
    """Where people decide about links."""

    def __init__(self, store: Store, reader: LinkReader) -> None:
        """Over what `reader` knows of `store`."""
        self._store = store
        self._reader = reader

    def accept(self, key: LinkKey, *, actor: str, at: datetime, reason: str = "") -> LinkDecision:
        """Link a pair whatever else names its objects.

        Raises NotFound where no process declares its path, InvalidInput where a person accepted
        another link of an object that may have only one.
        """
        self._require_path(key)
        _, rivals = self._reader.candidate(key)
        for rival in rivals:
            standing = self.standing(rival.key)
            if standing and standing.action is DecisionAction.ACCEPT:
                raise InvalidInput(
                    f"{standing.actor} accepted another link of the same object, which may have"
                    f" one only: undo the decision {standing.id} first"
                )
        return self._say(DecisionAction.ACCEPT, [key], actor=actor, at=at, reason=reason)

    def block(self, key: LinkKey, *, actor: str, at: datetime, reason: str = "") -> LinkDecision:
        """Forbid a pair, whatever names it; raises NotFound where no path is declared."""
        self._require_path(key)
        return self._say(DecisionAction.BLOCK, [key], actor=actor, at=at, reason=reason)

    def split(
        self, key: LinkKey, *, side: Side, actor: str, at: datetime, reason: str = ""
    ) -> LinkDecision:
        """Forbid every pair of the object at `side` on the path of `key`, as known by now.

        Pairs that are first named afterwards are not part of it. Raises NotFound where nothing
        names any.
        """
        self._require_path(key)
        pairs = self._reader.pairs_beside(key, side=side)
        if not pairs:
            raise NotFound("nothing links this object on that path")
        return self._say(DecisionAction.SPLIT, pairs, actor=actor, at=at, reason=reason)

    def undo(self, key: LinkKey, *, actor: str, at: datetime, reason: str = "") -> LinkDecision:
        """Take back the decision about a pair that counts; raises NotFound where none does.

        One that was made before it counts again.
        """
        standing = self.standing(key)
        if standing is None:
            raise NotFound("nobody decided about this link")
        undone = standing.id
        return self._say(
            DecisionAction.UNDO, list(standing.links), actor=actor, at=at, reason=reason, of=undone
        )

    def standing(self, key: LinkKey) -> LinkDecision | None:
        """The decision about a pair that counts; None where nobody decided, or all was undone."""
        return counting(self._reader.decisions_about(key))

    def _require_path(self, key: LinkKey) -> None:
        if self._reader.path_of(key) is None:
            raise NotFound(f"the process {key.process!r} declares no path between these objects")

    def _say(
        self,
        action: DecisionAction,
        links: Sequence[LinkKey],
        *,
        actor: str,
        at: datetime,
        reason: str,
        of: str = "",
    ) -> LinkDecision:
        decision = LinkDecision(
            id=uuid.uuid4().hex,
            at=at,
            actor=actor,
            action=action,
            process=links[0].process,
            links=tuple(links),
            undoes=of or None,
            undone_by=None,
            reason=reason,
        )
        row = {
            "id": decision.id,
            "at": at,
            "actor": actor,
            "action": action.value,
            "environment": ObjectKey.decode(links[0].from_object).environment,
            "process": decision.process,
            "from_objects": [link.from_object for link in links],
            "to_objects": [link.to_object for link in links],
            "undoes": of,
            "reason": reason,
        }
        self._store.insert("link_decisions", [row], token=decision.id)
        return decision
