"""Dead letters: refused inputs, what became of each, and what was done about them."""

from dataclasses import dataclass
from enum import StrEnum


class LetterAction(StrEnum):
    """What can happen to a refused input; each is a row under its id."""

    REFUSED = "refused"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class LetterState(StrEnum):
    """How a letter stands: what happened to it last."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActResult:
    """What an act on one letter came to.

    `done` says whether it was acted on: a replay that is refused again was, and leaves the letter
    open. `reason` says why it was refused again, or why nothing was done.
    """

    id: str
    state: LetterState
    done: bool
    reason: str = ""
