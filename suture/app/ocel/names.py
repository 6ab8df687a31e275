"""What objects, events, tables and columns are called in a log. Pure.

A log knows an object by its id alone, we by type, scope and id; an event by its id, we by source
and id. Where an id is nobody else's it stays what it is. Else what it lacks stands before it:
`invoice:100`, `invoice@mercy-west:100`, `/erp/mercy-west#17`. An id that already looks like that is
treated so too, so that no two ever meet. What stands before is percent-encoded where needed.
"""

import re
from collections.abc import Collection, Iterable
from urllib.parse import quote

_PLAIN_SOURCE = "/:._-~"
_NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]+")


class ObjectNames:
    """The ids of objects in a log in which objects have these types."""

    def __init__(self, types: Collection[str]) -> None:
        """`types` are all there are."""
        self._heads = tuple(f"{quote(type_, safe='')}{end}" for type_ in types for end in ":@")

    def __call__(self, type_: str, scope: str, id_: str, shared: int) -> str:
        """The id of an object; `shared` says whether another object has the same one."""
        if not shared and not id_.startswith(self._heads):
            return id_
        within = f"@{quote(scope, safe='')}" if scope else ""
        return f"{quote(type_, safe='')}{within}:{id_}"


class EventNames:
    """The ids of events in a log in which events have these sources."""

    def __init__(self, sources: Collection[str]) -> None:
        """`sources` are all there are."""
        self._heads = tuple(f"{_source(source)}#" for source in sources)

    def __call__(self, source: str, id_: str, shared: int) -> str:
        """The id of an event; `shared` says whether one of another source has the same."""
        if not shared and not id_.startswith(self._heads):
            return id_
        return f"{_source(source)}#{id_}"


def object_pattern(type_: str) -> str:
    """A pattern whose group is the id of an object of a type as we know it."""
    head = re.escape(quote(type_, safe=""))
    return rf"(?s)^(?:{head}(?:@[^:]*)?:)?(.*)$"


def table_names(types: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """What stands for each type in the name of its table; tables know no upper and lower case."""
    return _distinct({type_: _NO_IDENTIFIER.sub("", type_) or "type" for type_ in types}, taken)


def column_names(attributes: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """The column of each attribute of one table: its name, unless another one has it."""
    return _distinct({name: name for name in attributes}, taken)


def _distinct(wanted: dict[str, str], taken: Collection[str]) -> dict[str, str]:
    used = {name.lower() for name in taken}
    found = {}
    for key, name in wanted.items():
        candidate, number = name, 2
        while candidate.lower() in used:
            candidate, number = f"{name}_{number}", number + 1
        used.add(candidate.lower())
        found[key] = candidate
    return found


def _source(source: str) -> str:
    return quote(source, safe=_PLAIN_SOURCE)
