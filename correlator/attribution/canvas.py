"""A stretch of time that is painted layer by layer: what is painted first stays."""

from collections.abc import Iterable
from typing import Generic, TypeVar

Colour = TypeVar("Colour")


class Canvas(Generic[Colour]):
    """Paints [start, end); every instant takes the first colour that is offered for it."""

    def __init__(self, start: int, end: int) -> None:
        """Begin with nothing painted."""
        self._free = [(start, end)] if start < end else []
        self._painted: list[tuple[int, int, Colour]] = []

    @property
    def full(self) -> bool:
        """Whether nothing is left to paint."""
        return not self._free

    def paint(self, layer: Iterable[tuple[int, int, Colour]]) -> None:
        """Offer colours for stretches that are ascending and do not overlap."""
        stretches = iter(layer)
        stretch = next(stretches, None)
        left: list[tuple[int, int]] = []
        for start, end in self._free:
            at = start
            while stretch is not None and stretch[0] < end:
                if stretch[1] > at:
                    begun, ended = max(at, stretch[0]), min(end, stretch[1])
                    if at < begun:
                        left.append((at, begun))
                    if begun < ended:
                        self._painted.append((begun, ended, stretch[2]))
                        at = ended
                if stretch[1] > end:
                    break
                stretch = next(stretches, None)
            if at < end:
                left.append((at, end))
        self._free = left

    def fill(self, colour: Colour) -> None:
        """Paint whatever is left."""
        self._painted += [(start, end, colour) for start, end in self._free]
        self._free = []

    @property
    def painted(self) -> list[tuple[int, int, Colour]]:
        """All that was painted, in the order of time."""
        return sorted(self._painted, key=lambda stretch: stretch[0])
