"""Addresses of the pages: which path is which page, and the links between them.

Pure. Every filter stands in the address, so that what one person sees can be sent to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from suture.contracts.links import LinkKey
from suture.contracts.objects import ObjectKey

PREFIX = "/ui/"
_LISTS = frozenset(
    {"instances", "processes", "alerts", "traces", "links", "dead-letters", "status"}
)
_WITH_ID = frozenset({"traces", "links"})


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where somebody is: the page's name, what its path names, and the query."""

    page: str
    arguments: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, pathname: str | None, search: str | None) -> "Place":
        """From a browser's address; a path that is no page has the page 'missing'."""
        path = (pathname or PREFIX).removeprefix(PREFIX.rstrip("/")).strip("/")
        query = dict(parse_qsl((search or "").lstrip("?")))
        parts = path.split("/") if path else []
        match parts:
            case []:
                return cls(page="overview", query=query)
            case [name] if name in _LISTS:
                return cls(page=name, query=query)
            case ["instances", process, *rest] if rest:
                id_ = unquote("/".join(rest))
                return cls(page="instance", arguments=(unquote(process), id_), query=query)
            case ["processes", process]:
                return cls(page="process", arguments=(unquote(process),), query=query)
            case [name, id_] if name in _WITH_ID:
                return cls(page=name.removesuffix("s"), arguments=(unquote(id_),), query=query)
            case _:
                return cls(page="missing", query=query)


def is_page(path: str) -> bool:
    """Whether a path below the prefix is one of the pages; it begins with a slash."""
    return Place.of(PREFIX.rstrip("/") + path, "").page != "missing"


def to(page: str, **query: str | None) -> str:
    """The address of a list; parameters that are None are left out, '__' stands for '.'."""
    given = {name.replace("__", "."): value for name, value in query.items() if value}
    path = PREFIX if page == "overview" else f"{PREFIX}{page}"
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def with_query(place: Place, **changes: str | None) -> str:
    """The address of the same page with some parameters changed, None removing one."""
    query = {**place.query, **{n.replace("__", "."): v for n, v in changes.items()}}
    kept = {name: value for name, value in query.items() if value}
    path = _path(place)
    return f"{path}?{urlencode(kept, quote_via=quote)}" if kept else path


def to_instance(process: str, anchor: ObjectKey) -> str:
    """The address of one instance."""
    path = f"{PREFIX}instances/{quote(process, safe='')}/{quote(anchor.id, safe='')}"
    return f"{path}?{urlencode({'scope': anchor.scope})}" if anchor.scope else path


def to_process(process: str, **query: str | None) -> str:
    """The address of a process's map; parameters as in `to`."""
    return with_query(Place(page="process", arguments=(process,)), **query)


def to_trace(trace_id: str, span_id: str = "") -> str:
    """The address of one trace, with a span picked."""
    path = f"{PREFIX}traces/{quote(trace_id, safe='')}"
    return f"{path}?span={quote(span_id, safe='')}" if span_id else path


def to_link(key: LinkKey) -> str:
    """The address of one pair of objects, linked or not."""
    return f"{PREFIX}links/{key.id}"


def to_export(table: str, place: Place) -> str:
    """The address of a table as a file, under the filters of a place."""
    query = urlencode(dict(place.query), quote_via=quote)
    return f"{PREFIX}export/{table}.csv" + (f"?{query}" if query else "")


def _path(place: Place) -> str:
    match place.page, place.arguments:
        case "overview", _:
            return PREFIX
        case "instance", (process, id_):
            return f"{PREFIX}instances/{quote(process, safe='')}/{quote(id_, safe='')}"
        case "process", (process,):
            return f"{PREFIX}processes/{quote(process, safe='')}"
        case ("trace" | "link") as page, (id_,):
            return f"{PREFIX}{page}s/{quote(id_, safe='')}"
        case page, _:
            return f"{PREFIX}{page}"
