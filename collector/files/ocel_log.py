"""What an OCEL 2.0 log holds, whatever it is written in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class OcelObject:
    """An object; `related` are the ids of objects it leads on to."""

    id: str
    type: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OcelEvent:
    """An event with its attributes as text; `objects` are the ids of those it names."""

    id: str
    type: str
    time: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BadEvent:
    """An event that cannot be read, and why."""

    reason: str


class OcelLog(Protocol):
    """A log, opened and checked as far as its structure goes. It can be read once."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def object_types(self) -> frozenset[str]:
        """The declared object types."""
        ...

    @property
    def event_types(self) -> Mapping[str, frozenset[str]]:
        """The declared event types with their attributes."""
        ...

    def objects(self) -> Iterator[tuple[str, OcelObject]]:
        """Each object and its place in the file; raises InvalidInput for a bad one."""
        ...

    def events(self) -> Iterator[tuple[str, OcelEvent | BadEvent]]:
        """Each event and its place in the file."""
        ...
