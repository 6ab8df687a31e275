"""What is done about dead letters, in the spool: there it is decided, once, whatever races.

A replayed letter becomes records of the spool again, in the same transaction that says so. So it is
loaded like all else, exactly once, and the platform may run or be killed meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.refusals import DeadLetter
from collector.spool import Entry, Spool
from suture.contracts.dead_letter import LetterAction, LetterState

_BECOMES = {
    LetterAction.REFUSED: LetterState.OPEN,
    LetterAction.REPLAYED: LetterState.REPLAYED,
    LetterAction.DISCARDED: LetterState.DISCARDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What happens to one letter, as a row of its log, and the records that it becomes."""

    letter: DeadLetter
    entries: Sequence[Entry] = ()


class LetterSpool(Spool):
    """A spool for whoever acts on dead letters. A connection of its own; not for two threads."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Write all of it down, in one step, and say of each whether it still applied.

        Nothing is replayed twice, nor discarded once it is replayed or discarded. Raises SpoolFull
        at the cap, Unavailable when the disk takes nothing; then none of it was done.
        """
        adding = sum(len(e.payload) for one in settlements for e in one.entries)
        with self._transaction(adding):
            self._require_room(adding)
            return [self._settle(one) for one in settlements]

    def _settle(self, settlement: Settlement) -> bool:
        letter = settlement.letter
        found = self._run("payload_state", id=letter.id).fetchone()
        if not _applies(letter.action, LetterState(found[0]) if found else None):
            return False
        self._run("set_payload_state", id=letter.id, state=_BECOMES[letter.action].value)
        self._append([*settlement.entries, self._letter_entry(letter)])
        return True


def _applies(action: LetterAction, state: LetterState | None) -> bool:
    """Whether an action still makes sense; `state` is None where no payload is kept."""
    if action is LetterAction.DISCARDED:
        return state in (None, LetterState.OPEN)
    return state in (LetterState.OPEN, LetterState.DISCARDED)
