"""Identity of events that a log gives none: case, milestone, time, and the ordinal among equals."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Run = tuple[Numbers, Numbers]
"""Distinct keys in order, and how often each came."""


class Tally:
    """How many equal keys came before, over a whole file, in 16 bytes a distinct key.

    Keys are 64-bit hashes. Were two different keys ever to share one, an ordinal would begin above
    zero; identities stay distinct, since they hold the key itself.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._runs: list[Run] = []

    def ordinals(self, keys: Iterable[object]) -> Numbers:
        """For each key the number of equal ones before it, those of earlier calls included."""
        hashes = np.fromiter(map(hash, keys), dtype=np.int64)
        if not hashes.size:
            return hashes
        order = np.argsort(hashes, kind="stable")
        ranked = hashes[order]
        starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
        counts = np.diff(np.append(starts, ranked.size))
        distinct = ranked[starts]
        first = self._before(distinct) - starts
        ordinals = np.empty_like(hashes)
        ordinals[order] = np.arange(ranked.size) + np.repeat(first, counts)
        self._add(distinct, counts.astype(np.int64))
        return ordinals

    def _before(self, distinct: Numbers) -> Numbers:
        total = np.zeros_like(distinct)
        for keys, counts in self._runs:
            at = np.minimum(np.searchsorted(keys, distinct), keys.size - 1)
            total += np.where(keys[at] == distinct, counts[at], 0)
        return total

    def _add(self, keys: Numbers, counts: Numbers) -> None:
        # Runs at least double in length towards the front, so a key is merged a few times only.
        while self._runs and self._runs[-1][0].size <= 2 * keys.size:
            keys, counts = _merge(self._runs.pop(), (keys, counts))
        self._runs.append((keys, counts))


def _merge(left: Run, right: Run) -> Run:
    keys = np.concatenate((left[0], right[0]))
    counts = np.concatenate((left[1], right[1]))
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[starts], np.add.reduceat(counts, starts)


def event_id(case: str, milestone: str, time: str, ordinal: int) -> str:
    """`case|milestone|time|ordinal`: the first two by `quote_part`, the third by `time_text`."""
    return f"{case}|{milestone}|{time}|{ordinal}"
