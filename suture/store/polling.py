"""What the stages ask again and again, answered from memory for as long as nobody has written.

An idle platform would otherwise take an eighth of a core to learn twice a second that nothing is
new. The embedded engine belongs to one process, and that process writes through its store: until a
table is written to, what was read from it stands. Behind HTTP others may write at any time, so
there nothing is kept.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Rows = list[dict[str, Any]]

ANSWERS = 24
"""So many are kept: twice as many as the stages have questions, since of a backlog each is long."""

_EVERY_TABLE = ""


class Polls:
    """Answers to questions, each good until one of the tables that it is about is written to."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._writes: Counter[str] = Counter()
        self._answers: OrderedDict[tuple[str, str], tuple[list[int], Rows]] = OrderedDict()

    def note_write(self, table: str | None) -> None:
        """Say, after it, that a write to `table` was tried; None: to whichever."""
        with self._guard:
            self._writes[table or _EVERY_TABLE] += 1

    def ask(
        self,
        read: Callable[[], Rows],
        sql: str,
        parameters: Mapping[str, Any],
        tables: Sequence[str],
    ) -> Rows:
        """What `read` gives for `sql` and `parameters`, which ask about `tables` and nothing else.

        A write that ends while it reads may be in the answer or not; so the answer is good for what
        was written before, and the next one reads again.
        """
        question = sql, repr(sorted(parameters.items()))
        with self._guard:
            writes = [self._writes[table] for table in (_EVERY_TABLE, *tables)]
            before, rows = self._answers.get(question, (None, []))
            if before == writes:
                self._answers.move_to_end(question)
                return [dict(row) for row in rows]
        rows = read()
        with self._guard:
            self._answers[question] = writes, [dict(row) for row in rows]
            self._answers.move_to_end(question)
            if len(self._answers) > ANSWERS:
                self._answers.popitem(last=False)
        return rows
