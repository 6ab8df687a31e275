"""Answers that may be a little old: many browsers ask the same, and the store answers once."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Answer = TypeVar("Answer")

_MOST = 256


class Recent:
    """Keeps answers by key for some seconds. Whoever asks for what is being read waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only grow."""
        self._clock = clock
        self._lock = threading.Lock()
        self._busy: dict[Hashable, threading.Lock] = {}
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, seconds: float, read: Callable[[], Answer]) -> Answer:
        """The answer of at most `seconds` ago, else that of `read`, whose errors are not kept."""
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            kept = self._kept.get(key)
            if kept is not None and self._clock() - kept[0] < seconds:
                answer: Answer = kept[1]
                return answer
            answer = read()
            with self._lock:
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                    self._busy.clear()
                self._kept[key] = self._clock(), answer
            return answer
