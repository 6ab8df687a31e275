"""The attribution of one instance as it stands, for whoever asks before the ticks came to it.

What is stored counts while nothing has changed since: the same change of the instance, the same
definitions, and no segment of spans that no tick has read. Else it is computed now, in the way the
ticks do it, and written by nobody: the ticks will come to it. That is bounded: so many at a time,
so many spans each, and an answer is kept until something it rests on changes. Beyond the bounds the
stored one is given, of which readers say what it does not cover.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from correlator.attribution.attribute import Planning, nothing_planned
from correlator.attribution.job import AttributionJob
from suture.contracts.attribution import Attribution
from suture.contracts.trace import segment_number
from suture.definitions.catalog import Catalog
from suture.store.attribution import AttributionTables, SpanProgress
from suture.store.engine import Store
from suture.store.reading.attribution import AttributionReader

AT_ONCE = 2
"""How many are computed at the same time; whoever else asks waits."""

PATIENCE_SECONDS = 5.0
"""How long one waits for its turn."""

MOST_SPANS = 20_000
"""Spans that are read for one instance; computing with so many takes a second or two."""

_KEPT = 64
_MOST_UNREAD = 100
"""Segments that no tick has read, of which span links are followed backwards; the latest ones."""

_log = structlog.get_logger(__name__)

NOTHING_KNOWN = Attribution(pieces=())
"""What is said where nothing was attributed: all of the time is not attributed yet."""

Key = tuple[str, str, str]
Loaded = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What was computed, and what it rests on: a change of the instance, the spans loaded."""

    attribution: Attribution
    change: int
    loaded: Loaded


class AttributionOnDemand:
    """Gives the attribution of any instance, stored or computed; safe to share between threads."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        *,
        planning: Planning = nothing_planned,
        patience_seconds: float = PATIENCE_SECONDS,
        most_spans: int = MOST_SPANS,
    ) -> None:
        """Over one store, by the definitions and the planned waits that the ticks go by."""
        self._tables = AttributionTables(store)
        self._reader = AttributionReader(store)
        self._job = AttributionJob(store, catalog, planning=planning)
        self._patience, self._most_spans = patience_seconds, most_spans
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Answer] = OrderedDict()
        self._senders_known: dict[int, int] | None = None

    def __call__(self, environment: str, process: str, anchor: str) -> Attribution | None:
        """The attribution of an instance as it stands; None where there is no such instance.

        Raises StoreUnavailable when the store does not answer.
        """
        key = (environment, process, anchor)
        # In this order: what is read later is at least as new as what was found to be needed.
        change = self._tables.change_of(environment, process, anchor)
        if not change:
            return None
        progress = self._tables.span_progress()
        stored = self._reader.stored(environment=environment, process=process, anchor=anchor)
        if (
            stored is not None
            and stored.change >= change
            and stored.rules == self._job.rules(process)
            and all(one.read >= one.loaded for one in progress)
        ):
            return stored.attribution
        loaded = tuple((one.stream, one.loaded) for one in progress)
        answer = self._known(key, change, loaded)
        if answer is None and self._turns.acquire(timeout=self._patience):
            try:
                answer = self._known(key, change, loaded) or self._compute(key, progress, loaded)
            finally:
                self._turns.release()
        if answer is not None:
            return answer.attribution
        return stored.attribution if stored is not None else NOTHING_KNOWN

    def _known(self, key: Key, change: int, loaded: Loaded) -> _Answer | None:
        with self._lock:
            answer = self._kept.get(key)
            if answer is None or answer.change < change or answer.loaded != loaded:
                return None
            self._kept.move_to_end(key)
            return answer

    def _compute(self, key: Key, progress: list[SpanProgress], loaded: Loaded) -> _Answer | None:
        self._learn_senders(progress)
        _, process, anchor = key
        unread = [
            segment_number(one.stream, sequence)
            for one in progress
            for sequence in range(max(one.read, one.loaded - _MOST_UNREAD) + 1, one.loaded + 1)
        ]
        found = self._job.compute(process, anchor, unread=unread, most_spans=self._most_spans)
        if found is None or found.attribution is None:
            _log.info("attribution_left_to_the_ticks", process=process, most_spans=self._most_spans)
            return None
        answer = _Answer(attribution=found.attribution, change=found.change, loaded=loaded)
        with self._lock:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return answer

    def _learn_senders(self, progress: list[SpanProgress]) -> None:
        """Know which services sent spans, those of segments that came since the last time too."""
        with self._lock:
            known, now = self._senders_known, {one.stream: one.loaded for one in progress}
            new = [
                segment_number(stream, sequence)
                for stream, upto in now.items()
                for sequence in range((known or {}).get(stream, 0) + 1, upto + 1)
            ]
            if known is None or len(new) > _MOST_UNREAD:
                self._job.learn_senders(None)
            elif new:
                self._job.learn_senders(new)
            self._senders_known = now
