"""Dead letters: the whole of what was refused, for those who may see it, and another try.

What is known of a refused input is a row of `dead_letters` (see `refusals`); the input itself stays
in the spool's file for a while. A replay reads it the way the door did, by the contracts as they
are now, and puts what it becomes back into the spool: it is loaded like all else. Its time of
recording stays when it was first received, and who replayed it when is a row of its own. Identities
make that exactly once: a milestone is (source, id), and the spool notes what was replayed in the
same step.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import msgspec

from collector.cloudevents import STRUCTURED
from collector.milestones import DOOR, MilestoneReader
from collector.refusals import LOADER_DOOR, DeadLetter
from collector.spool import Entry
from collector.spool_file import reading
from collector.spool_letters import LetterSpool, Settlement
from suture.clock import Clock, from_micros
from suture.contracts.dead_letter import ActResult, LetterAction, LetterState
from suture.contracts.trace import Signal
from suture.errors import InputError, Unavailable
from suture.store import queries
from suture.store.reading.dead_letters import DeadLetter as StoredLetter

AT_ONCE = 200
"""Letters that are settled in one transaction, so that appends never wait for long."""

_GONE = "its payload is not kept any more: it cannot be replayed"
_DAMAGED = "it was damaged on the disk: what is left of it cannot be replayed"
_BEFORE = "somebody replayed or discarded it before"
_ON_TELEMETRY = (
    "a milestone on telemetry cannot be replayed by itself: correct its producer or its span"
    " contract, and send it again"
)

_STATES = {
    LetterAction.REFUSED: LetterState.OPEN,
    LetterAction.REPLAYED: LetterState.REPLAYED,
    LetterAction.DISCARDED: LetterState.DISCARDED,
}
_SHARED = {f.name for f in fields(DeadLetter)} & {f.name for f in fields(StoredLetter)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A refused input as it was sent, and when it first came.

    `items` counts what a record of the spool holds, 0 for all else and for a damaged one.
    """

    content_type: str
    content: bytes
    received_at: datetime
    items: int


class PayloadReader:
    """Reads refused input from the spool's file, from any process and beside its writers."""

    def __init__(self, spool_path: Path) -> None:
        """Read from the spool at `spool_path`, which may not exist yet."""
        self._path = spool_path

    def get(self, letter_id: str) -> Payload | None:
        """The payload of one dead letter; None where its retention is over or it never was."""
        if not self._path.exists():
            return None
        with reading(self._path) as connection:
            sql = queries.load("spool")["payload"]
            found = connection.execute(sql, {"id": letter_id}).fetchone()
        if found is None:
            return None
        received_at, content_type, items, _, payload = found
        return Payload(
            content_type=content_type,
            content=payload,
            received_at=from_micros(received_at),
            items=items,
        )


class LetterDesk:
    """Acts on dead letters: replays and discards. Safe to share between threads."""

    def __init__(
        self,
        spool_path: Path,
        milestones: Callable[[], MilestoneReader],
        clock: Clock,
        *,
        max_bytes: int | None = None,
    ) -> None:
        """Act in the spool at `spool_path`, whose cap is `max_bytes`.

        `milestones` gives the reader of milestone events by the contracts as they are now.
        """
        self._path = spool_path
        self._payloads = PayloadReader(spool_path)
        self._milestones = milestones
        self._clock = clock
        self._max_bytes = max_bytes
        self._encode = msgspec.msgpack.Encoder().encode

    def replay(
        self, letters: Sequence[StoredLetter], *, actor: str, comment: str = ""
    ) -> list[ActResult]:
        """Try letters again, and say of each what came of it.

        One that is refused again stays open, with the new reason. Raises SpoolFull or Unavailable
        when the spool takes nothing; letters before that stay replayed.
        """
        reader = self._milestones()
        return self._all(
            letters, lambda letter: self._replayed(reader, letter, actor=actor, comment=comment)
        )

    def discard(
        self, letters: Sequence[StoredLetter], *, actor: str, comment: str = ""
    ) -> list[ActResult]:
        """Say of letters that nobody needs them; the payload stays for its retention.

        Raises Unavailable when the spool takes nothing.
        """
        return self._all(
            letters,
            lambda letter: self._settlement(
                letter, LetterAction.DISCARDED, actor=actor, comment=comment
            ),
        )

    def _all(
        self,
        letters: Sequence[StoredLetter],
        decide: Callable[[StoredLetter], Settlement | ActResult],
    ) -> list[ActResult]:
        if not self._path.exists():
            raise Unavailable("the collector's data directory is not here: act where it runs")
        done: list[ActResult] = []
        with closing(LetterSpool(self._path, max_bytes=self._max_bytes)) as spool:
            for begin in range(0, len(letters), AT_ONCE):
                decided = [decide(letter) for letter in letters[begin : begin + AT_ONCE]]
                settlements = [one for one in decided if isinstance(one, Settlement)]
                applied = iter(spool.settle(settlements))
                done += _results(decided, applied)
        return done

    def _replayed(
        self, reader: MilestoneReader, letter: StoredLetter, *, actor: str, comment: str
    ) -> Settlement | ActResult:
        if letter.state is LetterState.REPLAYED:
            return _nothing(letter, _BEFORE)
        kept = self._payloads.get(letter.id)
        if kept is None:
            return _nothing(letter, _GONE)
        if letter.door == DOOR:
            return self._read_again(reader, letter, kept, actor=actor, comment=comment)
        if letter.door != LOADER_DOOR:
            return _nothing(letter, _ON_TELEMETRY)
        if not kept.items:
            return _nothing(letter, _DAMAGED)
        entry = Entry(
            signal=Signal(letter.type),
            received_at=kept.received_at,
            items=kept.items,
            payload=kept.content,
        )
        return self._settlement(
            letter, LetterAction.REPLAYED, actor=actor, comment=comment, entries=[entry]
        )

    def _read_again(
        self,
        reader: MilestoneReader,
        letter: StoredLetter,
        kept: Payload,
        *,
        actor: str,
        comment: str,
    ) -> Settlement:
        headers = {"content-type": kept.content_type or STRUCTURED}
        try:
            found = reader.read(headers, kept.content, now=self._clock.now())
        except InputError as error:
            return self._settlement(
                letter, LetterAction.REFUSED, actor=actor, comment=comment, reason=error.message
            )
        if found.refusals:
            again = found.refusals[0].letter
            return self._settlement(
                letter,
                LetterAction.REFUSED,
                actor=actor,
                comment=comment,
                reason=again.reason,
                owner=again.owner,
            )
        entry = Entry(
            signal=Signal.MILESTONES,
            received_at=kept.received_at,
            items=len(found.accepted),
            payload=self._encode(found.accepted),
        )
        return self._settlement(
            letter, LetterAction.REPLAYED, actor=actor, comment=comment, entries=[entry]
        )

    def _settlement(
        self,
        letter: StoredLetter,
        action: LetterAction,
        *,
        actor: str,
        comment: str,
        entries: Sequence[Entry] = (),
        **changed: str,
    ) -> Settlement:
        known = {name: getattr(letter, name) for name in _SHARED}
        row = DeadLetter(
            **known
            | changed
            | {
                "received_at": max(self._clock.now(), letter.last_at),
                "action": action,
                "actor": actor,
                "comment": comment,
            }
        )
        return Settlement(letter=row, entries=entries)


def _nothing(letter: StoredLetter, reason: str) -> ActResult:
    return ActResult(id=letter.id, state=letter.state, done=False, reason=reason)


def _results(
    decided: Iterable[Settlement | ActResult], applied: Iterator[bool]
) -> Iterator[ActResult]:
    for one in decided:
        if isinstance(one, ActResult):
            yield one
            continue
        letter = one.letter
        if next(applied):
            reason = letter.reason if letter.action is LetterAction.REFUSED else ""
            state = _STATES[letter.action]
            yield ActResult(id=letter.id, state=state, done=True, reason=reason)
        else:
            yield ActResult(id=letter.id, state=LetterState.OPEN, done=False, reason=_BEFORE)
